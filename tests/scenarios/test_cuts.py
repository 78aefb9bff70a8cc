"""A client's connection is cut at random bytes while the server is busy; afterwards it holds what the server holds.

Quotes are those of the server; of trades and alerts each came exactly once and in order, or lies inside a gap that the
client was told of. ``BREADBOARD_CUTS=1000 pytest tests/scenarios/test_cuts.py -s`` for a thousand.
"""

import asyncio
import json
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from breadboard.api import wire
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Limits
from scenarios.house import say
from unit.api.market import Market, services

CUTS = int(os.environ.get("BREADBOARD_CUTS", "60"))
SEED = int(os.environ.get("BREADBOARD_SEED", "20261126"))
NAMES = [f"S{number}" for number in range(60)]
KEPT = 6_000
"""Trades that the server remembers: some seconds of this market, so that a few absences are too long."""


class Client:
    """Keeps what it is told, and where it was, over any number of connections."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.next: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        self.stream = 0
        self.got: dict[str, list[dict[str, Any]]] = {"trade": [], "alert": []}
        self.gaps: dict[str, int] = {"trade": 0, "alert": 0}
        self.resuming = False
        self.problems: list[str] = []

    async def begin(self, socket: ClientConnection, hz: float) -> None:
        """Ask for everything, and to go on where the last connection ended."""
        encode: Any = msgspec.json.encode if socket.subprotocol is None else msgspec.msgpack.encode
        self.resuming = bool(self.next)
        for asked in (
            {"op": "sub", "symbols": ["*"], "hz": hz, "channels": ["quote", "trade", "alert", "status"]},
            {"op": "hello", "resume": self.next, "stream": self.stream},
        ):
            if asked["op"] == "sub" or self.resuming:
                data = encode(asked)
                await socket.send(data.decode() if socket.subprotocol is None else data)

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message."""
        match message["type"]:
            case "subscribed":
                self.stream = message["stream"]
                self.next = self.next or dict(message["next"])
                self.begun = self.begun or dict(message["next"])
            case "resumed":
                self.resuming = False
                if message["next"] != self.next:
                    self.problems.append(f"resumed at {message['next']} and not {self.next}")
            case "snapshot" | "quote":
                self.rows |= {row["id"]: row for row in message["data"]}
            case "trade" | "alert" if not self.resuming:
                self._take(message)
            case "gap" | "error":
                self.problems.append(str(message))

    def _take(self, message: dict[str, Any]) -> None:
        kind, begin, end = message["type"], message["from"], message["next"]
        if begin != self.next[kind]:
            self.problems.append(f"{kind}: a message begins at {begin}, the last one ended at {self.next[kind]}")
        missing = message["lost"] + message.get("skipped", 0)
        if len(message["data"]) + missing != end - begin:
            self.problems.append(f"{kind}: {end - begin} numbers, {len(message['data'])} rows, {missing} missing")
        self.gaps[kind] += missing
        self.got[kind] += message["data"]
        self.next[kind] = end


@asynccontextmanager
async def cutting(port: int) -> AsyncIterator[tuple[int, list[int]]]:
    """Forward connections to a port, and cut each after so many bytes from the server as the list says last."""
    left = [0]

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, server = await asyncio.open_connection("127.0.0.1", port)

        async def out() -> None:
            with suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    server.write(data)

        sending = asyncio.create_task(out())
        with suppress(ConnectionError):
            while data := await upstream.read(1 << 14):
                writer.write(data[: left[0]])
                left[0] -= len(data)
                if left[0] <= 0:
                    break
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        for side in (writer, server):
            with suppress(ConnectionError):
                await side.drain()
            side.transport.abort()

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0)
    try:
        yield proxy.sockets[0].getsockname()[1], left
    finally:
        proxy.close()


@contextmanager
def trading(market: Market, chance: random.Random) -> Iterator[dict[str, list[float]]]:
    """Have the market move without a pause; tells what there was of each sequence."""
    over, truth = threading.Event(), {"trade": list[float](), "alert": list[float]()}

    def work() -> None:
        while not over.is_set():
            rows = [market.quote(f"{chance.uniform(1, 9):.4f}", "19", symbol=chance.choice(NAMES)) for _ in range(5)]
            for _ in range(chance.randint(1, 6)):
                truth["trade"].append(len(truth["trade"]))
                rows.append(market.trade(f"{len(truth['trade'])}", symbol=chance.choice(NAMES)))
            alerts = []
            if chance.random() < 0.3:
                truth["alert"].append(float(len(truth["alert"])))
                alerts = [market.alert(truth["alert"][-1], symbol=chance.choice([*NAMES, None]))]
            market.apply(*rows, alerts=alerts)
            time.sleep(0.002)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield truth
    finally:
        over.set()
        thread.join()


async def listen(client: Client, port: int, chance: random.Random) -> None:
    """Be connected until the connection is cut."""
    form = [] if chance.random() < 0.5 else [Subprotocol("msgpack")]
    with suppress(ConnectionClosed, InvalidHandshake, InvalidMessage, ConnectionError, EOFError):
        async with connect(f"ws://127.0.0.1:{port}/ws/realtime", subprotocols=form or None, max_size=None) as socket:
            await client.begin(socket, chance.choice([0, 0, 0, 30]))
            async for data in socket:
                client.hear(json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data))


def is_level(client: Client, market: Market) -> bool:
    """Tell whether a client has all that there is."""
    held = {"trade": market.live.next_trade, "alert": market.live.next_alert}
    records = wire.unpack(market.live.records())
    rows = {one.id: wire.row(one, record) for one, record in zip(market.instruments, records, strict=True)}
    return client.next == held and client.rows == rows


@pytest.mark.timeout(max(300, CUTS * 2))
def test_a_client_whose_connection_is_cut_holds_what_the_server_holds_and_misses_nothing_unsaid() -> None:
    chance = random.Random(SEED)
    market, client = Market(trades=KEPT), Client()
    market.apply(*(market.trade("1", symbol=name) for name in NAMES))

    async def scenario(port: int) -> None:
        async with cutting(port) as (door, left):
            with trading(market, random.Random(SEED)):
                for cut in range(CUTS):
                    left[0] = int(10 ** chance.uniform(1, 5.3))  # in the handshake, in a frame, after many
                    await listen(client, door, chance)
                    if cut == CUTS // 2 or chance.random() < 0.003:  # away for longer than the server remembers
                        enough = market.live.next_trade + KEPT
                        while market.live.next_trade < enough:  # noqa: ASYNC110 - the market has no event for it
                            await asyncio.sleep(0.1)
                    if cut % 100 == 99:
                        say(f"{cut + 1} cuts: {client.next}, in gaps {client.gaps}, problems {len(client.problems)}")
            left[0] = 1 << 40
            last = asyncio.create_task(listen(client, door, chance))
            async with asyncio.timeout(60):
                while not is_level(client, market):  # noqa: ASYNC110 - the market has no event for it
                    await asyncio.sleep(0.05)
            last.cancel()
            with suppress(asyncio.CancelledError):
                await last

    with running(create_app(services(market, limits=Limits()))) as address:
        asyncio.run(scenario(int(address.rsplit(":", 1)[1])))
    say(f"seed {SEED}: {CUTS} cuts, {client.next}, in gaps {client.gaps}")
    assert client.problems == []
    for kind, told in client.got.items():
        numbers = [row["seq"] for row in told]
        assert numbers == sorted(set(numbers)), f"{kind}: out of order, or twice"
        assert len(numbers) + client.gaps[kind] == client.next[kind] - client.begun[kind], f"{kind}: a hidden gap"
        assert len(numbers) > CUTS
    assert client.gaps["trade"] > 0
    assert client.gaps["alert"] == 0
    assert [row["value"] for row in client.got["alert"]] == [float(row["seq"]) for row in client.got["alert"]]
    assert all(int(row["price"]) == row["seq"] - len(NAMES) + 1 for row in client.got["trade"])
