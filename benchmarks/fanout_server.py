"""The serving side of ``fanout``: a market of 2,500 instruments and our server; or a plain FastAPI loop, its peer.

Each is a process of its own, and so are the clients: what the process takes is what it costs to tell them.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
import uvloop
from fastapi import FastAPI, WebSocket
from numpy.typing import NDArray
from starlette.websockets import WebSocketDisconnect

from breadboard.api.app import create_app
from breadboard.api.live import LiveMarket
from breadboard.api.server import serve
from breadboard.api.services import Limits, Services
from breadboard.app import memory
from breadboard.app.serve import SWITCH_S
from breadboard.engine.latest import Latest
from breadboard.model.bars import NO_BARS
from breadboard.model.decimals import price_text
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

SYMBOLS = 2_500
STEP_S = 0.005
"""What changed goes into the market so often, a few instruments at a time, as from an engine."""
CLIENTS = 5_100
_PRICE, _TICK = 100_000_000_000, 10_000_000
_Change = Callable[[NDArray[np.int64], int], None]


class Quotes:
    """A market in which every instrument has a new best price ``hz`` times a second, evenly spread over time."""

    def __init__(self, change: _Change) -> None:
        self._change = change
        self.hz = 1.0
        self.made = np.zeros(1 << 20, np.int64)
        """By revision, which counts from 1, when it was there (monotonic ns)."""
        self.revision = 0
        threading.Thread(target=self._go_on, daemon=True).start()

    def _go_on(self) -> None:
        place, owed, due = 0, 0.0, time.monotonic()
        self._step(np.arange(SYMBOLS))
        while True:
            due += STEP_S
            time.sleep(max(0.0, due - time.monotonic()))
            owed += SYMBOLS * self.hz * STEP_S
            self._step(np.arange(place, place + int(owed)) % SYMBOLS)
            place, owed = (place + int(owed)) % SYMBOLS, owed % 1

    def _step(self, ids: NDArray[np.int64]) -> None:
        if len(ids):
            self.revision += 1
            self.made[self.revision] = time.monotonic_ns()
            self._change(ids, self.revision)


def ours(pipe: Connection) -> None:
    """Serve the market as `breadboard up` does, until told to end."""
    sys.setswitchinterval(SWITCH_S)
    live, latest, instruments, lag, stop = LiveMarket(), Latest(), Instruments(), LagBoard(), threading.Event()
    nothing: Any = None  # nobody asks the store
    for number in range(SYMBOLS):
        instruments.intern("BINANCE", f"S{number:04d}USDT")

    def change(ids: NDArray[np.int64], revision: int) -> None:
        now, count = time.time_ns(), len(ids)
        bid = _PRICE + (ids + revision) % 1_000 * _TICK
        columns = {
            "kind": np.full(count, int(EventKind.QUOTE)),
            "flags": np.full(count, int(Flag.SYNTHETIC)),
            "instrument": ids,
            "price": bid,
            "ask_price": bid + _TICK,
            **{name: np.full(count, now) for name in ("ts_event", "ts_recv")},
            **{name: np.full(count, 10**9) for name in ("size", "ask_size")},
        }
        tape = Tape.of(count, columns)
        latest.on_tape(tape)
        live.apply(Outputs(revision, revision + 1, tape, NO_BARS, (), tape.ts_recv), instruments, latest.records, now)

    quotes = Quotes(change)
    app = create_app(
        Services(live, nothing, lag, Metrics(lag), limits=Limits(ws_clients=CLIENTS, ws_joins_per_s=CLIENTS))
    )

    def ready(address: str) -> None:
        memory.set_aside()
        pipe.send(address.replace("http", "ws") + "/ws/realtime")
        threading.Thread(target=_obey, args=(pipe, quotes, stop.set), daemon=True).start()

    serve(app, "127.0.0.1", 0, ready, stop)


def peer(pipe: Connection) -> None:
    """Serve the same market as the documentation of FastAPI would: a task and ``send_json`` for each client."""
    rows: list[dict[str, Any]] = [{} for _ in range(SYMBOLS)]

    def change(ids: NDArray[np.int64], revision: int) -> None:
        now = time.time_ns() // 1_000_000
        for index in ids.tolist():
            bid = _PRICE + (index + revision) % 1_000 * _TICK
            rows[index] = {
                "id": f"S{index:04d}USDT.BINANCE",
                "ask": price_text(bid + _TICK, 2),
                "bid": price_text(bid, 2),
                "price": None,
                "time": now,
            }

    quotes, app = Quotes(change), FastAPI()
    place = {f"S{number:04d}USDT": number for number in range(SYMBOLS)}

    @app.websocket("/ws/realtime")
    async def realtime(socket: WebSocket) -> None:
        await socket.accept()
        wanted = await socket.receive_json()
        mine = [place[symbol] for symbol in wanted["symbols"]]
        period = 1 / wanted["hz"]
        try:
            while True:
                now = time.time_ns()
                data = [rows[index] for index in mine]
                await socket.send_json({"type": "quote", "seq": quotes.revision, "t": now // 1_000_000, "data": data})
                await asyncio.sleep(period)
        except (WebSocketDisconnect, RuntimeError):
            return

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))

    async def told() -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        pipe.send(f"ws://127.0.0.1:{port}/ws/realtime")
        threading.Thread(target=_obey, args=(pipe, quotes, lambda: os._exit(0)), daemon=True).start()

    async def both() -> None:
        await asyncio.gather(server.serve(), told())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(both())


def _obey(pipe: Connection, quotes: Quotes, end: Callable[[], None]) -> None:
    """Answer a number with that pace, ``made`` with when all was made, and ``look`` with what was taken.

    That is processor seconds, those of the event loop's thread, and memory.
    """
    while (word := pipe.recv()) != "end":
        if word == "look":
            loop = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
            pipe.send((time.process_time(), time.clock_gettime(loop), _rss()))
        elif word == "made":
            pipe.send(quotes.made)
        else:
            quotes.hz = float(word)
            pipe.send(word)
    end()


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
