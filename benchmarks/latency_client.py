"""A client of ``/ws/realtime`` that wants every trade at once, and an eye on how far the journal is durable.

It keeps messages as they are, each with the time at which it was there, and reads them when all is over.
"""

import asyncio
import gc
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np
import uvloop
from numpy.typing import NDArray
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from breadboard.journal.head import Head

WANTED = {"op": "sub", "symbols": ["*"], "hz": 0, "channels": ["trade"]}
SCREEN = {"op": "sub", "symbols": ["*"], "hz": 10, "channels": ["quote"], "fields": ["price", "bid", "ask", "ts_recv"]}
"""What a screen wants: the newest row of every instrument, ten times a second."""
SEEN = np.dtype([(name, np.int64) for name in (
    "symbol", "trade_id", "ts_recv", "durable", "ts_read", "ts_engine", "ts_deliver", "client",
)])  # fmt: skip
"""A trade as it came: its instrument (a place in the symbols), its number, and when it was where (wall ns)."""


PATIENCE_S = 20.0
"""How long after the last was sent a trade may still come."""


class _Row(msgspec.Struct):
    symbol: str
    trade_id: int
    ts_recv: int
    ts_read: int
    ts_engine: int
    offset: int


class _Trades(msgspec.Struct, tag_field="type", tag="trade"):
    ts_deliver: int
    next: int
    skipped: int
    lost: int
    data: list[_Row]


class _Quote(msgspec.Struct):
    ts_recv: int


class _Quotes(msgspec.Struct, tag_field="type", tag="quote"):
    ts_deliver: int
    data: list[_Quote]


class Ears(WSListener):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Keep a message (picows)."""
        now = time.time_ns()
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        else:
            self.heard.append((now, frame.get_payload_as_bytes()))


class Eye:
    """Notes when HEAD moved, and how far."""

    def __init__(self, directory: Path) -> None:
        head = Head.find(directory / "HEAD")
        assert head is not None
        self._head = head
        self._seen: list[tuple[int, int]] = [(0, head.durable)]
        self._over = False
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._over:
            last = self._seen[-1][1]
            self._head.wait(last, 0.1)
            durable = self._head.durable
            if durable > last:
                self._seen.append((time.time_ns(), durable))

    def when(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when each offset was durable, as far as this process was told in time."""
        self._over = True
        seen = np.array(self._seen)
        times: NDArray[np.int64] = seen[np.searchsorted(seen[:, 1], offsets, side="right"), 0]
        return times


def listen(pipe: Connection, address: str, journal: Path, symbols: list[str]) -> None:
    """Listen until as many trades are here as the other end says there were.

    Then send them, how many the server left out, and how old the rows of a screen were.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_listen(pipe, address.replace("http", "ws") + "/ws/realtime", Eye(journal), symbols))


async def _listen(pipe: Connection, url: str, eye: Eye, symbols: list[str]) -> None:
    ears, screen = Ears(), Ears()
    for each, wanted in ((ears, WANTED), (screen, SCREEN)):
        transport, _ = await ws_connect(lambda each=each: each, url, enable_auto_pong=False)
        transport.send(WSMsgType.TEXT, msgspec.json.encode(wanted))
    gc.disable()
    pipe.send("ready")
    expected = await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    await _all_of(ears, expected)
    place = {symbol: at for at, symbol in enumerate(symbols)}
    messages = [
        (now, msgspec.json.decode(data, type=_Trades))
        for now, data in ears.heard
        if data.startswith(b'{"type":"trade"')
    ]
    rows = [
        (place[row.symbol], row.trade_id, row.ts_recv, row.offset, row.ts_read, row.ts_engine, message.ts_deliver, now)
        for now, message in messages
        for row in message.data
    ]
    seen = np.array(rows, SEEN)
    seen["durable"] = eye.when(seen["durable"])  # offsets until now
    missing = sum(message.skipped + message.lost for _, message in messages)
    pipe.send((seen, missing, _ages(screen)))


async def _all_of(ears: Ears, expected: int) -> None:
    """Wait until so many trades have come, but not for ever: they are numbered from 0 in a house that is new."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        trades = (data for _, data in reversed(ears.heard) if data.startswith(b'{"type":"trade"'))
        newest = next(trades, None)
        if newest is not None and msgspec.json.decode(newest, type=_Trades).next >= expected:
            return
        await asyncio.sleep(0.1)


def _ages(screen: Ears) -> NDArray[np.int64]:
    """Return how old each row of a screen was when it came (ns since its receipt)."""
    messages = [(now, data) for now, data in screen.heard if data.startswith(b'{"type":"quote"')]
    return np.array(
        [now - row.ts_recv for now, data in messages for row in msgspec.json.decode(data, type=_Quotes).data]
    )
