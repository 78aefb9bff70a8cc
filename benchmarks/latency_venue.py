"""A fake Binance that sends by the clock, whatever becomes of what it sent: an open loop.

All frames are made beforehand by the simulated exchange, and every millisecond has its share of them. Each share is
written when its millisecond has come. A receiver that does not keep up delays the writing and nothing else: what is
measured counts from the time at which a frame was due, since one that was held back would hide the very stalls that
are looked for (coordinated omission).
"""

import asyncio
import functools
import gc
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np
import uvloop
from market import Run, simulated
from numpy.typing import NDArray

from breadboard.clock import ManualClock
from breadboard.model.kinds import RecordKind
from breadboard.sim.server import Answer, Client, frame_header
from breadboard.sim.truth import Sent

VENUE = "binance-usdm"
MARKET, CLONES = 20, 15
"""Instruments of the simulated market, and how often each is there under another name. The first clone has books."""
DEPTHS_A_SECOND = 10 * MARKET
TICK_NS = 1_000_000
TRADE = b"@trade"
"""Among the first 40 bytes of a frame that tells of a trade: the end of its stream's name."""
LEAD_S = 10.0
"""How long after the frames were made the market opens, by the times that they tell."""
SENT = np.dtype([("symbol", np.int64), ("trade_id", np.int64), ("due", np.int64), ("sent", np.int64)])
"""A trade: its instrument (a place in ``symbols``), its number, when it was to be sent and when it was (wall ns)."""

Write = Callable[[bytes], None]


class _Trade(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    number: int = msgspec.field(name="t")


class _Envelope(msgspec.Struct):
    data: _Trade


def trade_of(frame: bytes) -> tuple[str, int] | None:
    """Return the symbol and number of the trade that a frame tells; None where it tells something else."""
    if TRADE not in frame[:40]:
        return None
    trade = msgspec.json.decode(frame, type=_Envelope).data
    return trade.symbol, trade.number


@dataclass
class Share:
    """What one connection is sent: bytes, and where those of each millisecond end."""

    write: Write
    data: bytes
    ends: NDArray[np.int64]


class Ahead:
    """A venue whose frames are made; implements ``sim.server.Venue``."""

    provenance = "synthetic"

    def __init__(self, rate: float, seconds: float) -> None:
        count = int(rate * seconds)
        opening = ManualClock(wall_ns=time.time_ns() + int(LEAD_S * 1e9))
        frames = int(seconds * (rate / CLONES + DEPTHS_A_SECOND)) + 2 * MARKET
        pace_ns = int(CLONES / (rate - DEPTHS_A_SECOND) * 1e9)
        run = simulated(MARKET, frames, flavour=VENUE, clock=opening, pace_ns=pace_ns)
        documents = [body for kind, body, _ in run.frames if kind is RecordKind.DOCUMENT]
        names = [msgspec.json.decode(body.partition(b"\n")[0])["tag"].partition(":")[2] for body in documents]
        self.symbols = [Run.renamed(name.encode(), clone).decode() for clone in range(CLONES) for name in names]
        self._snapshots = {
            symbol: body.partition(b"\n")[2] for symbol, body in zip(self.symbols[:MARKET], documents, strict=True)
        }
        self._frames = [
            body
            for moment in zip(*(run.clone(number) for number in range(CLONES)), strict=True)
            for number, (kind, body, _) in enumerate(moment)
            if kind is RecordKind.DATA and (number == 0 or b"@depth" not in body[:40])
        ][:count]
        self._rate = rate
        self._writes: dict[Client, Write] = {}
        self._listeners: dict[str, Client] = {}

    @property
    def streams(self) -> int:
        """Streams that somebody listens to."""
        return len(self._listeners)

    def plan(self) -> tuple[list[Share], NDArray[np.void]]:
        """Return every connection's share, and the trades among it; their ``due`` is a millisecond's number."""
        ticks = np.ceil(np.arange(1, len(self._frames) + 1) / self._rate * 1e9 / TICK_NS).astype(np.int64)
        clients = list(self._writes)
        parts: dict[Client, list[bytes]] = {client: [] for client in clients}
        sizes = {client: np.zeros(int(ticks[-1]) + 1, np.int64) for client in clients}
        place = {symbol: at for at, symbol in enumerate(self.symbols)}
        trades = []
        for tick, frame in zip(ticks.tolist(), self._frames, strict=True):
            client = self._listeners[frame[11 : frame.index(b'"', 11)].decode()]
            header = frame_header(len(frame))
            parts[client] += (header, frame)
            sizes[client][tick] += len(header) + len(frame)
            if trade := trade_of(frame):
                trades.append((place[trade[0]], trade[1], tick, 0))
        shares = [Share(self._writes[each], b"".join(parts[each]), np.cumsum(sizes[each])) for each in clients]
        return shares, np.array(trades, SENT)

    async def get(self, client: Client, path: str, query: Mapping[str, str]) -> Answer:
        """Answer with the snapshot of a book."""
        del client, path
        body = self._snapshots.get(query.get("symbol", ""))
        return Answer(200, body) if body is not None else Answer(404, b"{}")

    def refuses(self, path: str) -> Answer | None:
        """Take everybody."""
        del path
        return None

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> Sent:
        """Take a listener, and keep the way to its socket."""
        del path

        def kept(write: Write) -> Write:
            self._writes[client] = write
            return write

        client.through(kept)
        self._listeners.update(dict.fromkeys(filter(None, query.get("streams", "").split("/")), client))
        return Sent(0, keep=False)

    def said(self, client: Client, text: str) -> None:
        """Subscribe."""
        asked: dict[str, Any] = msgspec.json.decode(text)
        if asked["method"] == "SUBSCRIBE":
            self._listeners.update(dict.fromkeys(asked["params"], client))
        client.send(msgspec.json.encode({"result": None, "id": asked["id"]}))

    def closed(self, client: Client) -> None:
        """Go on: what is due to nobody is sent to nobody."""


def serve(pipe: Connection, rate: float, seconds: float) -> None:
    """Be the venue, in a process of its own.

    Sends its address and symbols; asked for ``streams``, how many are listened to. At the next word it plans, and says
    ``ready``; at the one after that it sends everything, and then tells of the trades among it (``SENT``).
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(pipe, Ahead(rate, seconds)))


async def _serve(pipe: Connection, venue: Ahead) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(venue), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pipe.send((f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}", venue.symbols))
    hear = functools.partial(loop.run_in_executor, None, pipe.recv)
    while await hear() == "streams":
        pipe.send(venue.streams)
    shares, trades = venue.plan()
    gc.collect()
    gc.freeze()
    pipe.send("ready")
    await hear()
    sent = await _send(shares)
    trades["sent"] = sent[trades["due"]]
    trades["due"] = sent[0] + trades["due"] * TICK_NS
    pipe.send(trades)
    await hear()


async def _send(shares: list[Share]) -> NDArray[np.int64]:
    """Send every millisecond's share at its time; return when each was with the kernel, the first being the start.

    A thread keeps the time, because the loop's own timers know whole milliseconds only.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    ticks = len(shares[0].ends)
    sent = np.zeros(ticks, np.int64)
    start = sent[0] = time.time_ns()
    views = [memoryview(share.data) for share in shares]
    ends = [share.ends.tolist() for share in shares]

    def write(tick: int) -> None:
        for share, view, end in zip(shares, views, ends, strict=True):
            if end[tick] > end[tick - 1]:
                share.write(view[end[tick - 1] : end[tick]])  # type: ignore[arg-type] # a transport takes any bytes
        sent[tick] = time.time_ns()
        if tick == ticks - 1:
            done.set()

    def keep_time() -> None:
        for tick in range(1, ticks):
            pause = start + tick * TICK_NS - time.time_ns()
            if pause > 0:
                time.sleep(pause / 1e9)
            loop.call_soon_threadsafe(write, tick)

    threading.Thread(target=keep_time, daemon=True).start()
    await done.wait()
    return sent
