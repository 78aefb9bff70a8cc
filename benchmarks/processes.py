"""A house as a user starts it, `breadboard up`, and what its processes take."""

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BREADBOARD = [sys.executable, "-m", "breadboard"]
SETTLE_S = 60.0
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def up(data: Path, config: Path) -> Iterator[str]:
    """Run `breadboard up` for the length of a ``with`` block; gives its address."""
    port = ["--port", str(free_port())]
    command = [*BREADBOARD, "up", "--data-dir", str(data), "--config", str(config), *port, "--json"]
    with (data.parent / "up.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"]
    finally:
        subprocess.run([*BREADBOARD, "down", "--data-dir", str(data)], check=False, capture_output=True)
        process.wait(120)
        process.stdout.close()


def pids(data: Path) -> dict[str, int]:
    """Return the processes of a running house that are measured."""
    command = [*BREADBOARD, "status", "--data-dir", str(data), "--json"]
    found = json.loads(subprocess.run(command, check=False, capture_output=True, text=True).stdout)
    return {name: pid for name, pid in found["processes"].items() if name in ("capture", "serve")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy_s() -> float:
    """Return the processor time that all processes of the machine have had."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    return (sum(fields[:3]) + sum(fields[5:8])) / TICK


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read() or b"{}")
    return found


def until(what: str, happened: Callable[[], bool], every_s: float = 0.5) -> None:
    """Wait until something has happened. Raises TimeoutError after a minute."""
    end = time.monotonic() + SETTLE_S
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {SETTLE_S:.0f} s for {what}")
        time.sleep(every_s)


def machine() -> str:
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
