"""495 small caps over a simulated IQFeed gateway, Level 1 and Level 2: what is lost, and what it costs.

``breadboard bench smallcaps --seconds 600 --rate 13000 --json``. The simulator, capture and the serving process are
processes of their own, as a user runs them (``breadboard sim iqfeed`` and ``breadboard up``), with books, bars, store
and API. At the end the market is paused, so that what was sent and what was recorded can be compared to the byte: the
count and the CRC-32 of every line of every connection, then trades and volume of every symbol in the store against
what the simulator knows it sent. What may mislead: simulator and Breadboard share the machine's two cores.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from zlib import crc32

from processes import BREADBOARD, cpu_s, get, machine, pids, until, up

from breadboard.journal import Reader
from breadboard.model.kinds import Flag, RecordKind

Case = dict[str, Any]
SYMBOLS = 495
PAGE = os.sysconf("SC_PAGE_SIZE")


def run(recording: Path | None, seconds: float, rate: float = 13_000.0) -> dict[str, Any]:
    """Run the small caps for ``seconds`` at ``rate`` lines a second and return the report."""
    del recording
    with tempfile.TemporaryDirectory(prefix="smallcaps-") as directory, _simulator(rate) as (sim_pid, told):
        root = Path(directory)
        data, config = root / "data", root / "config.toml"

        def truth() -> dict[str, Any]:
            return get(told["rest_url"] + "/_sim/truth")

        symbols = sorted(truth()["symbols"])
        config.write_text(
            f"[[feeds]]\nvenue = 'iqfeed'\nurl = '{told['url']}'\nsubscribe_per_s = 500\n"
            f"symbols = {json.dumps(symbols)}\n"
        )
        with up(data, config) as address:
            until("every symbol to be watched", lambda: len(truth()["subscriptions"]) >= 2 * len(symbols))
            watched = _Watched({"simulator": sim_pid} | pids(data))
            started, before = time.monotonic(), _frames(truth())
            watched.look_for(seconds)
            took, sent = time.monotonic() - started, _frames(truth()) - before
            lag = _lag(address)
            get(told["rest_url"] + "/_sim/pause")
            paused = time.monotonic()
            until("all that was sent to be recorded", lambda: _frames(truth()) == _recorded(data))
            drained = time.monotonic() - paused
            final = truth()
        lost = _compared(data, final)
        differences = _stored(data, final)
    cases: list[Case] = [
        {"case": "lines_per_s", "value": round(sent / took), "unit": "lines/s", "asked": rate, "seconds": round(took)},
        {"case": "lines_sent", "value": _frames(final), "unit": "lines", "connections": lost["connections"]},
        {"case": "lines_lost", "value": lost["lost"], "unit": "lines", "crc32_equal": lost["equal"]},
        {
            "case": "symbols_with_wrong_trades_or_volume",
            "value": len(differences),
            "unit": "symbols",
            "which": differences[:5],
        },
        {"case": "drained_after_pause", "value": round(drained, 2), "unit": "s"},
        *({"case": f"lag_{hop}", **values, "unit": "ms"} for hop, values in lag.items()),
        *watched.cases(),
    ]
    return {"name": "smallcaps", "machine": machine(), "symbols": len(symbols), "cases": cases}


@contextmanager
def _simulator(rate: float) -> Iterator[tuple[int, dict[str, Any]]]:
    words = ["sim", "iqfeed", "--symbols", str(SYMBOLS), "--profile", "smallcaps", "--activity", "peak"]
    command = [*BREADBOARD, *words, "--rate", str(rate), "--port", "0", "--symbol-limit", "1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.pid, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


class _Watched:
    """Processes looked at once a second: CPU and memory."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._cpu: dict[str, list[float]] = {name: [] for name in pids}
        self._rss: dict[str, list[float]] = {name: [] for name in pids}

    def look_for(self, seconds: float) -> None:
        """Look until the time is up."""
        end, last = time.monotonic() + seconds, {name: cpu_s(pid) for name, pid in self._pids.items()}
        while time.monotonic() < end:
            time.sleep(1.0)
            for name, pid in self._pids.items():
                now = cpu_s(pid)
                self._cpu[name].append(now - last[name])
                last[name] = now
                self._rss[name].append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20)

    def cases(self) -> Iterator[Case]:
        """Yield what each process took."""
        for name in self._pids:
            cpu, rss = self._cpu[name], self._rss[name]
            yield {"case": f"cpu_{name}", "value": round(100 * median(cpu)), "unit": "% of a core"}
            tenth = max(1, len(rss) // 10)
            grown = median(rss[-tenth:]) - median(rss[tenth : 2 * tenth] or rss[:1])
            yield {"case": f"rss_{name}", "value": round(max(rss)), "unit": "MiB at most", "growth_mib": round(grown)}


def _frames(truth: dict[str, Any]) -> int:
    return sum(connection["frames"] for connection in truth["connections"])


def _recorded(data: Path) -> int:
    status = json.loads((data / "run" / "capture.json").read_text())
    return sum(source["frames"] for source in status["sources"])


def _lag(address: str) -> dict[str, dict[str, float]]:
    """Return the lag of the hops behind the socket over the last ten seconds, in ms."""
    hops = get(f"{address}/api/v1/lag")
    found: dict[str, dict[str, float]] = {}
    for row in hops["data"]:
        if row["hop"] in ("journal", "engine", "store") and row.get("venue") == "IQFEED":
            found[row["hop"]] = {"value": row["p50_ms"], "p99": row["p99_ms"]}
    return found


def _compared(data: Path, truth: dict[str, Any]) -> dict[str, Any]:
    """Hold the journal against the lines sent, connection by connection: count and CRC-32.

    A paused gateway still says the time each second, so the journal goes on for as long as `breadboard down` takes:
    only as many lines as the truth knew of are compared.
    """
    sent = [(connection["frames"], connection["crc32"]) for connection in truth["connections"] if connection["frames"]]
    sizes = {size for size, _ in sent}
    beginnings: set[tuple[int, int]] = set()
    counts: dict[tuple[int, int], int] = {}
    sums: dict[tuple[int, int], int] = {}
    reader = Reader.open(data / "journal")
    while (frames := reader.read(50_000)) is not None:
        rows = frames.take(frames.kind == RecordKind.DATA)
        for line, source, epoch in zip(rows.frames(), rows.source.tolist(), rows.epoch.tolist(), strict=True):
            key = (source, epoch)
            counts[key] = counts.get(key, 0) + 1
            sums[key] = crc32(line + b"\r\n", sums.get(key, 0))
            if counts[key] in sizes:
                beginnings.add((counts[key], sums[key]))
    reader.close()
    kept = [*sorted(counts.values(), reverse=True), *[0] * len(sent)]
    lost = sum(max(size - got, 0) for (size, _), got in zip(sorted(sent, reverse=True), kept, strict=False))
    return {"lost": lost, "equal": set(sent) <= beginnings, "connections": len(sent)}


def _stored(data: Path, truth: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the symbols whose trades or volume in the store are not what was sent."""
    known = f"bitAnd(flags, {int(Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.LATE_PRINT)}) = 0"
    query = f"select symbol, count() as trades, sum(size) as volume from trades where {known} group by symbol"
    words = ["sql", query, "--data-dir", str(data), "--format", "json"]
    answer = subprocess.run([*BREADBOARD, *words], check=True, capture_output=True, text=True).stdout
    stored = {row["symbol"]: (int(row["trades"]), int(float(row["volume"]))) for row in json.loads(answer)["data"]}
    sent = {
        each["symbol"]: (each["trades"], each["volume"])
        for each in truth["subscriptions"]
        if each["service"] == "level1"
    }
    return [
        {"symbol": symbol, "sent": told, "stored": stored.get(symbol, (0, 0))}
        for symbol, told in sent.items()
        if stored.get(symbol, (0, 0)) != told
    ]
