"""Thousands of WebSocket clients in one process, each with its own instruments; they note what came when.

A client that stands for a person's screen reads what there is and no more: it does not look into rows, it counts them.
"""

import asyncio
import gc
import time
from array import array
from multiprocessing.connection import Connection
from random import Random
from typing import Final

import msgspec
import numpy as np
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

CAME: Final = ("client", "seq", "rows", "at")
"""Of each message: whose it is, which revision of the market it tells, how many rows, when it was here (mono ns)."""
AT_ONCE: Final = 10
_QUOTE: Final = b'{"type":"quote","seq":'


class Screen(WSListener):
    """One client."""

    def __init__(self, number: int, came: "array[int]") -> None:
        self._number = number
        self._came = came
        self.transport: WSTransport | None = None
        self.closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the way to the socket (picows)."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Note a message (picows)."""
        now = time.monotonic_ns()
        payload: bytes = frame.get_payload_as_bytes()
        if payload.startswith(_QUOTE):
            seq = int(payload[len(_QUOTE) : payload.index(b",", len(_QUOTE))])
            self._came.extend((self._number, seq, payload.count(b"{") - 1, now))
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note that the server has ended it (picows)."""
        del transport
        self.closed = True

    def stop_reading(self) -> None:
        """Take nothing from the socket any more."""
        assert self.transport is not None
        self.transport.underlying_transport.pause_reading()


def swarm(pipe: Connection, url: str, symbols: int, fields: tuple[str, ...] | None) -> None:
    """Be many clients, until told to end; see ``_swarm`` for the words that are understood."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_swarm(pipe, url, symbols, fields))


async def _swarm(pipe: Connection, url: str, symbols: int, fields: tuple[str, ...] | None) -> None:
    """``("join", clients, wanted, hz)`` connects, ``("watch", seconds)`` tells it, ``("stop", clients)`` mutes."""
    loop, came, screens, chance = asyncio.get_running_loop(), array("q"), list[Screen](), Random(1)

    async def join(wanted: int, hz: float) -> None:
        screen = Screen(len(screens), came)
        screens.append(screen)
        names = [f"S{number:04d}USDT" for number in chance.sample(range(symbols), wanted)]
        asked = {"op": "sub", "symbols": names, "hz": hz, "channels": ["quote"], "fields": fields}
        transport, _ = await ws_connect(lambda: screen, url, enable_auto_pong=False, websocket_handshake_timeout=60)
        transport.send(WSMsgType.TEXT, msgspec.json.encode(asked))

    while (word := await loop.run_in_executor(None, pipe.recv)) != "end":
        match word:
            case ("join", clients, wanted, hz):
                for begin in range(0, clients, AT_ONCE):
                    await asyncio.gather(*(join(wanted, hz) for _ in range(min(AT_ONCE, clients - begin))))
                gc.collect()
                gc.freeze()
                pipe.send(len(screens))
            case ("watch", seconds):
                del came[:]
                await asyncio.sleep(seconds)
                pipe.send(np.array(came, np.int64).reshape(-1, len(CAME)))
            case ("stop", clients):
                for screen in screens[:clients]:
                    screen.stop_reading()
                pipe.send(clients)
            case _:
                raise ValueError(f"no such word: {word}")
