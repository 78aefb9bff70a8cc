"""The least that a process like ours can do between a venue's socket and a client's: what the machine allows.

A relay takes the frames, writes them to a file, waits for its fdatasync and passes the trades on; nothing is decoded,
no book is kept, nothing is stored or encoded. Its client notes when each came. Both are processes of their own, in
Python and with the libraries of capture and the serving process, and have the machine for themselves. What they need
is the time of ``send``, ``receive``, ``durable``, ``push`` and ``client`` without any of our work.
"""

import asyncio
import gc
import os
import socket
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, cast

import msgspec
import numpy as np
import uvloop
from latency_client import PATIENCE_S
from latency_venue import MARKET, TRADE, trade_of
from numpy.typing import NDArray
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from breadboard.app.serve import SWITCH_S
from breadboard.feeds.binance_session import CHANNELS, STREAMS_A_MESSAGE

FOUND: Final = np.dtype([("symbol", np.int64), ("trade_id", np.int64), ("client", np.int64)])
"""A trade as it came: its instrument (a place in the symbols), its number, and when it was there (wall ns)."""
_READ_BYTES: Final = 1 << 20


def streams(symbols: list[str]) -> tuple[list[str], list[str]]:
    """Return what is asked for on each of two connections: everything where there are books, and the rest."""
    every, some = list(CHANNELS.values()), [CHANNELS["trade"], CHANNELS["quote"]]
    return (
        [f"{symbol.lower()}@{name}" for symbol in symbols[:MARKET] for name in every],
        [f"{symbol.lower()}@{name}" for symbol in symbols[MARKET:] for name in some],
    )


class _Relay(WSListener):
    """One connection to the venue; what a read brought goes on together."""

    def __init__(self, commit: "_Commit") -> None:
        self._commit = commit
        self._frames: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Keep a frame until the last of a read (picows)."""
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        else:
            self._frames.append(frame.get_payload_as_bytes())
        if frame.last_in_buffer and self._frames:
            self._commit.take(self._frames)
            self._frames = []


class _Commit:
    """Writes what waits, syncs it and passes it on, over and over, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._waiting: list[bytes] = []
        self._work = threading.Condition()
        self.client: asyncio.Transport | None = None
        threading.Thread(target=self._run, args=(asyncio.get_running_loop(),), daemon=True).start()

    def take(self, frames: list[bytes]) -> None:
        """Take frames from the loop's thread."""
        with self._work:
            self._waiting += frames
            self._work.notify()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._waiting)
                frames, self._waiting = self._waiting, []
            os.write(self._file, b"\n".join(frames))
            os.fdatasync(self._file)
            loop.call_soon_threadsafe(self._pass_on, [frame for frame in frames if TRADE in frame[:40]])

    def _pass_on(self, trades: list[bytes]) -> None:
        if self.client is not None and trades:
            self.client.write(b"\n".join((*trades, b"")))


class _Door(asyncio.Protocol):
    """The relay's way to its client."""

    def __init__(self, commit: _Commit) -> None:
        self._commit = commit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client (asyncio)."""
        self._commit.client = cast("asyncio.Transport", transport)


def relay(pipe: Connection, url: str, symbols: list[str], file: Path) -> None:
    """Be the relay, in a process of its own: send the port for its client, subscribe at the next word, end with one."""
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_relay(pipe, url, symbols, file))


async def _relay(pipe: Connection, url: str, symbols: list[str], file: Path) -> None:
    loop, commit = asyncio.get_running_loop(), _Commit(file)
    server = await loop.create_server(lambda: _Door(commit), "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, pipe.recv)
    for names in streams(symbols):
        transport, _ = await ws_connect(lambda: _Relay(commit), f"{url}/stream", enable_auto_pong=False)
        for number, begin in enumerate(range(0, len(names), STREAMS_A_MESSAGE), 1):
            asked = {"method": "SUBSCRIBE", "params": names[begin : begin + STREAMS_A_MESSAGE], "id": number}
            transport.send(WSMsgType.TEXT, msgspec.json.encode(asked))
    gc.disable()
    await loop.run_in_executor(None, pipe.recv)


def listen(pipe: Connection, port: int, symbols: list[str]) -> None:
    """Be the relay's client, in a process of its own: say when it listens; told how many trades to expect, send them.

    They are ``FOUND`` rows.
    """
    line = socket.create_connection(("127.0.0.1", port))
    line.settimeout(0.1)
    heard: list[tuple[int, bytes]] = []
    gc.disable()
    pipe.send("ready")
    expected, trades, until = -1, 0, float("inf")
    while trades != expected and time.monotonic() < until:
        try:
            data = line.recv(_READ_BYTES)
        except TimeoutError:
            data = b""
        else:
            if not data:
                break  # the relay is gone
            heard.append((time.time_ns(), data))
            trades += data.count(b"\n")
        if expected < 0 and not data and pipe.poll():
            expected, until = pipe.recv(), time.monotonic() + PATIENCE_S
    pipe.send(_found(heard, symbols))


def _found(heard: list[tuple[int, bytes]], symbols: list[str]) -> NDArray[np.void]:
    """Return the trades among what was heard; a frame is there when its last byte is."""
    place = {symbol: at for at, symbol in enumerate(symbols)}
    rows: list[tuple[int, int, int]] = []
    rest = b""
    for now, data in heard:
        *whole, rest = (rest + data).split(b"\n")
        rows += [(place[trade[0]], trade[1], now) for frame in whole if (trade := trade_of(frame))]
    return np.array(rows, FOUND)
