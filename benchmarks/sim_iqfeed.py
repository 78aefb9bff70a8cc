"""How many lines a second the simulated IQFeed gateway makes and sends: python benchmarks/sim_iqfeed.py [seconds].

The simulator is a process of its own; this one watches 495 symbols on Level 1 and Level 2 and only counts lines. At a
rate of 0 the clients set the pace; the other cases hold the pace that is asked for and tell what share of a core
that takes.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SELECT = (
    "S,SELECT UPDATE FIELDS,Most Recent Trade,Most Recent Trade Size,Most Recent Trade Time,Most Recent Trade Date,"
    "Most Recent Trade Market Center,Most Recent Trade Conditions,Most Recent Trade Aggressor,TickID,Total Volume,"
    "Number of Trades Today,Bid,Bid Size,Bid Time,Ask,Ask Size,Ask Time,Message Contents"
)


def opened(port: int, commands: Sequence[str]) -> socket.socket:
    """Connect and say the commands."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall("".join(f"{command}\r\n" for command in ("S,SET PROTOCOL,6.2", *commands)).encode())
    return connection


def counted(connections: Sequence[socket.socket], seconds: float) -> int:
    """Read for a while; return how many lines came."""
    lines, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for each in select.select(connections, [], [], 0.1)[0]:
            lines += each.recv(1 << 20).count(b"\n")
    return lines


def cpu_s(process: int) -> float:
    """Return the processor time that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(case: str, words: Sequence[str], seconds: float, *, depth: bool = True) -> None:
    """Run one case and print its JSON line."""
    command = [sys.executable, "-m", "breadboard", "sim", "iqfeed", "--port", "0", "--symbol-limit", "2600", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as simulator:
        assert simulator.stdout is not None
        told: Mapping[str, object] = json.loads(simulator.stdout.readline())
        ports, symbols = told["ports"], told["symbols"]
        assert isinstance(ports, dict)
        assert isinstance(symbols, list)
        connections = [opened(ports["level1"], [SELECT, *(f"w{symbol}" for symbol in symbols)])]
        if depth:
            connections.append(opened(ports["depth"], [f"WOR,{symbol}" for symbol in symbols]))
        counted(connections, 1.0)
        cpu, begun = cpu_s(simulator.pid), time.monotonic()
        lines = counted(connections, seconds)
        took, used = time.monotonic() - begun, cpu_s(simulator.pid) - cpu
        status = Path(f"/proc/{simulator.pid}/status").read_text(encoding="ascii").splitlines()
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        simulator.terminate()
    row = {
        "case": case,
        "lines_per_s": round(lines / took),
        "lines_per_cpu_s": round(lines / used) if used else None,
        "core": round(used / took, 3),
        "rss_mb": round(memory / 1024),
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    small = ["--profile", "smallcaps"]
    measured("flood, level 1 and 2, 495 symbols", [*small, "--rate", "0"], seconds)
    measured("flood, level 1 alone, 495 symbols", [*small, "--rate", "0"], seconds, depth=False)
    measured("60,000 asked for", [*small, "--rate", "60000"], seconds)
    for activity in ("peak", "average", "dead"):
        measured(f"small caps, {activity}", [*small, "--activity", activity], seconds)
    measured("2,500 symbols at one message a second", [], seconds)


if __name__ == "__main__":
    main()
