"""What a question costs over twenty million rows, through the real HTTP server, and how many a second it answers.

``breadboard bench query --json``. The store is made from a seed (``query_market``) in a temporary directory. The peer
is the engine itself: the same SQL straight to it, without HTTP, JSON and what we say beside the rows.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import query_market as market
from processes import cpu_s

from breadboard.api.paging import Wanted, statement
from breadboard.store.clickhouse import ClickHouseStore

ONE_BY_ONE = 100
CLIENTS = 32
POPULARITY = 1.1
"""Of the mixed load: instruments are looked at with the frequencies of a Zipf law."""

Case = dict[str, Any]


class Wire(asyncio.Protocol):
    """A connection that is kept: one request at a time, and as little work as can be."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came; an answer that is whole goes to who waits for it."""
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._waiting is None:
            return
        lines = bytes(self._buffer[:head]).lower()
        size = int(lines.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) >= head + 4 + size:
            self._waiting.set_result(int(lines[9:12]))
            self._buffer.clear()

    async def get(self, path: str) -> int:
        """Ask, and return the status."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return await self._waiting


def questions() -> dict[str, Callable[[int], str]]:
    """Return, by case, the path of its n-th question: each of another instrument, so that none was answered before."""

    def name(number: int) -> str:
        return f"S{number * 37 % market.INSTRUMENTS:04d}.{market.VENUE}"

    day = f"start={market.OPEN}&end={market.OPEN + market.SESSION}"
    moment = market.OPEN + market.SESSION // 2
    return {
        "latest_2500": lambda _: "/api/v1/stocks",
        "asof_one": lambda number: f"/api/v1/asof?symbol={name(number)}&ts={moment + number * market.SECOND}",
        "day_of_minutes": lambda number: f"/api/v1/history?symbol={name(number)}&interval=1m&{day}",
        "five_years_of_days": lambda number: f"/api/v1/history?symbol={name(number)}&interval=1d&limit=2000",
        "five_years_drawn": lambda number: (
            f"/api/v1/history?symbol={name(number)}&interval=1d&limit=2000&columns=ts_open,open,high,low,close,volume"
        ),
    }


def mixed(count: int, seed: int) -> list[str]:
    """Return what dashboards ask: mostly one instrument or a watchlist as it is now, and history of what is popular."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, market.INSTRUMENTS + 1) ** POPULARITY
    chosen = rng.choice(market.INSTRUMENTS, count, p=weights / weights.sum())
    day = f"start={market.OPEN}&end={market.OPEN + market.SESSION}"
    made = []
    for share, number in zip(rng.random(count), chosen.tolist(), strict=True):
        one = f"S{number:04d}.{market.VENUE}"
        if share < 0.5:
            made.append(f"/api/v1/stocks/{one}")
        elif share < 0.65:
            names = ",".join(f"S{(number + step) % market.INSTRUMENTS:04d}" for step in range(20))
            made.append(f"/api/v1/stocks?symbols={names}")
        elif share < 0.75:
            made.append(f"/api/v1/history?symbol={one}&interval=1m&{day}")
        elif share < 0.85:
            made.append(f"/api/v1/history?symbol={one}&interval=1d&limit=2000&end={market.OPEN}")
        elif share < 0.9:
            made.append(f"/api/v1/asof?symbol={one}&ts={market.OPEN + market.SESSION // 2}")
        elif share < 0.95:
            made.append("/api/v1/feeds")
        else:
            made.append("/api/v1/alerts?limit=100")
    return made


async def connected(address: str, count: int) -> list[Wire]:
    place = urlsplit(address)
    host, port = place.hostname or "", place.port or 80
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Wire, host, port))[1] for _ in range(count)]


async def one_by_one(address: str, pid: int) -> list[Case]:
    (wire,) = await connected(address, 1)
    cases: list[Case] = []
    for case, path in questions().items():
        for number in range(5):
            await wire.get(path(5000 + number))
        took, cpu = [], cpu_s(pid)
        for number in range(ONE_BY_ONE):
            begin = time.perf_counter()
            status = await wire.get(path(number))
            took.append((time.perf_counter() - begin) * 1000)
            assert status == 200, (case, status)
        spent = (cpu_s(pid) - cpu) / ONE_BY_ONE * 1000
        cases.append({"case": case, "value": round(statistics.median(took), 2), "unit": "ms", **_tail(took, spent)})
    return cases


async def sustained(address: str, pid: int, seconds: float) -> Case:
    wires = await connected(address, CLIENTS)
    paths = [mixed(20_000, seed) for seed in range(CLIENTS)]
    took: list[float] = []
    refused = 0
    end = time.perf_counter() + seconds

    async def client(wire: Wire, asked: list[str]) -> None:
        nonlocal refused
        for path in asked:
            begin = time.perf_counter()
            if begin > end:
                return
            refused += await wire.get(path) != 200
            took.append((time.perf_counter() - begin) * 1000)

    cpu, begun = cpu_s(pid), time.perf_counter()
    await asyncio.gather(*map(client, wires, paths))
    rate = len(took) / (time.perf_counter() - begun)
    spent = (cpu_s(pid) - cpu) / len(took) * 1000
    return {
        "case": "mixed",
        "value": round(rate),
        "unit": "requests/s",
        **_tail(took, spent),
        "clients": CLIENTS,
        "not_200": refused,
    }


def straight(directory: Path) -> dict[str, float]:
    """Return the medians, in ms, of the same SQL asked of the engine by itself."""
    found: dict[str, float] = {}
    with ClickHouseStore.open(f"chdb://{directory}/store") as store:
        for case, start, interval in (("day_of_minutes", market.OPEN, "1m"), ("five_years_of_days", 0, "1d")):
            took = []
            for number in range(ONE_BY_ONE // 4):
                symbol = f"S{number * 41 % market.INSTRUMENTS:04d}"
                end = market.OPEN + market.SESSION
                wanted = Wanted("bars", symbol, market.VENUE, start, end, 2000, only=(("interval", interval),))
                begin = time.perf_counter()
                store.query(*statement(wanted))
                took.append((time.perf_counter() - begin) * 1000)
            found[case] = round(statistics.median(took), 2)
    return found


@contextmanager
def serving(directory: Path) -> Iterator[tuple[str, int]]:
    """Serve the store in a process of its own; gives address and process."""
    program = [sys.executable, str(Path(__file__).with_name("query_market.py")), str(directory)]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"], process.pid
    finally:
        process.communicate()


def run(seconds: float = 10.0, share: float = 1.0) -> dict[str, Any]:
    """Make the store, ask the engine by itself, then the server. ``share`` of the rows is for a quick try."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        made = market.make(directory, share)
        alone = straight(directory)
        with serving(directory) as (address, pid):
            cases = asyncio.run(one_by_one(address, pid))
            cases.append(asyncio.run(sustained(address, pid, seconds)))
    return {
        "name": "query",
        "machine": {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "rows": made["rows"],
        "made_s": made["seconds"],
        "cases": cases,
        "engine_alone_ms": alone,
        "peers": {f"chdb {case}": round(_of(cases, case) / ms, 2) for case, ms in alone.items()},
    }


def _of(cases: list[Case], name: str) -> float:
    return float(next(case["value"] for case in cases if case["case"] == name))


def _tail(took: list[float], cpu_ms: float) -> dict[str, float]:
    return {
        "p50_ms": round(float(np.quantile(took, 0.5)), 2),
        "p99_ms": round(float(np.quantile(took, 0.99)), 2),
        "max_ms": round(max(took), 2),
        "cpu_ms": round(cpu_ms, 2),
    }


if __name__ == "__main__":
    print(json.dumps(run()))
