"""The WebSocket, over real sockets: a real server, real clients, and one that does not read."""

import asyncio
import json
import math
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from breadboard.api import fanout as fanout_module
from breadboard.api import wire
from breadboard.api.app import create_app
from breadboard.api.fanout import Fanout, rest_s
from breadboard.api.requests import Hello, Subscribe
from breadboard.api.server import running
from breadboard.api.services import Limits, Services
from breadboard.api.sockets import Sockets
from breadboard.api.subscriber import Subscriber
from breadboard.api.turns import Alarms
from breadboard.telemetry.lag import WINDOW_NS
from unit.api.market import Market, services

Message = dict[str, Any]


class Client:
    """A client that keeps what it was told, as a page does."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.rows: dict[str, Message] = {}
        self.trades: list[Message] = []
        self.messages: list[Message] = []

    async def ask(self, **request: object) -> None:
        """Send one request."""
        await self.socket.send(json.dumps(request))

    async def until(self, kind: str, timeout_s: float = 5.0) -> Message:
        """Take messages up to and with the next one of this type."""
        async with asyncio.timeout(timeout_s):
            while True:
                data = await self.socket.recv()
                message = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
                self.messages.append(message)
                if message["type"] in ("snapshot", "quote"):
                    self.rows |= {row["id"]: row for row in message["data"]}
                if message["type"] == "trade":
                    self.trades.append(message)
                if message["type"] == kind:
                    return dict(message)


@asynccontextmanager
async def client(address: str, **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401 - whatever connect takes
    """Connect a client."""
    async with connect(address.replace("http", "ws") + "/ws/realtime", **options) as socket:
        yield Client(socket)


def serve(test: Any, limits: Limits | None = None, *, trades: int = 1 << 12) -> None:  # noqa: ANN401 - a coroutine function
    """Run ``test(market, address, services)`` against a real server."""
    market = Market(trades=trades)
    everything = services(market, limits=limits)
    with running(create_app(everything)) as address:
        asyncio.run(test(market, address, everything))


def test_a_snapshot_comes_first_and_then_only_what_changes() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.trade("2", symbol="ETHUSDT"), market.trade("3", symbol="LTCUSDT"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["btcusdt", "ETHUSDT.BINANCE", "NOPE"], channels=["quote"], hz=30)
            told = await one.until("subscribed")
            assert told["symbols"] == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
            assert told["unknown"] == ["NOPE"]
            snapshot = await one.until("snapshot")
            assert {row["id"]: row["price"] for row in snapshot["data"]} == {
                "BTCUSDT.BINANCE": "1.00",
                "ETHUSDT.BINANCE": "2.00",
            }
            market.apply(market.trade("2.5", symbol="ETHUSDT"), market.trade("9", symbol="LTCUSDT"))
            quote = await one.until("quote")
            assert [(row["symbol"], row["price"]) for row in quote["data"]] == [("ETHUSDT", "2.50")]
            assert quote["seq"] > snapshot["seq"]
            assert quote["data"][0]["ts_recv"] <= quote["ts_deliver"]

    serve(scenario)


@pytest.mark.parametrize("rest", [0.0, 0.004])
def test_after_a_storm_the_client_holds_what_the_server_holds(rest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout_module, "rest_s", lambda _: rest)
    rng = random.Random(20261120)

    async def scenario(market: Market, address: str, everything: Services) -> None:
        names = [f"S{number}" for number in range(40)]
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote", "status"], hz=30)
            for _ in range(300):
                rows = [market.quote(f"{rng.uniform(1, 9):.4f}", f"{rng.uniform(9, 19):.3f}", symbol=rng.choice(names))]
                rows.append(market.trade(f"{rng.uniform(1, 19):.2f}", f"{rng.random():.5f}", symbol=rng.choice(names)))
                market.apply(*rows)
                await asyncio.sleep(0.001)
            while (status := await one.until("status"))["next"]["quote"] <= market.live.revision:
                pass
            records = wire.unpack(market.live.records())
            held = {one.id: wire.row(one, record) for one, record in zip(market.instruments, records, strict=True)}
            assert one.rows == held
            delivered = sum(len(m["data"]) for m in one.messages if m["type"] in ("quote", "snapshot"))
            assert delivered + status["conflated"] <= 600
            assert status["conflated"] > 0
            assert f"ws_conflated_updates_total {status['conflated']}.0" in everything.metrics.exposition().decode()

    serve(scenario)


def test_the_newest_value_wins_and_what_it_replaced_is_counted() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["quote", "status"], hz=1)
            await one.until("snapshot")
            await one.until("status")
            market.apply(*(market.trade(str(price)) for price in range(2, 102)))
            assert (await one.until("quote"))["data"][0]["price"] == "101.00"
            assert (await one.until("status"))["conflated"] == 99

    serve(scenario)


def test_messages_are_no_more_frequent_than_asked() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["quote"], hz=5)
            await one.until("snapshot")
            started = time.monotonic()
            quotes = 0
            while (elapsed := time.monotonic() - started) < 1.5:
                market.apply(market.trade("2"))
                try:
                    await one.until("quote", 0.004)
                    quotes += 1
                except TimeoutError:
                    continue
            assert 1 <= quotes <= elapsed * 5 + 2

    serve(scenario)


def test_trades_come_in_order_without_a_hole_and_only_those_asked_for() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.trade("1", symbol="OTHER"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["trade"], hz=30)
            start = (await one.until("subscribed"))["next"]["trade"]
            for price in range(500):
                market.apply(market.trade(str(price + 1)), market.trade("7", symbol="OTHER"))
                if price % 10 == 0:
                    await asyncio.sleep(0.002)
            while not one.trades or one.trades[-1]["next"] < market.live.next_trade:
                await one.until("trade")
            edges = [start] + [edge for message in one.trades for edge in (message["from"], message["next"])]
            assert edges[1::2] == edges[:-1:2]
            got = [trade for message in one.trades for trade in message["data"]]
            skipped = sum(message["skipped"] for message in one.trades)
            assert all(trade["symbol"] == "BTCUSDT" for trade in got)
            assert [trade["seq"] for trade in got] == sorted(trade["seq"] for trade in got)
            assert len(got) + skipped == 500
            assert all(message["lost"] == 0 for message in one.trades)

    serve(scenario)


def test_more_than_two_hundred_trades_at_once_say_how_many_are_left_out() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["trade", "status"], hz=10)
            await one.until("subscribed")
            market.apply(*(market.trade(str(price)) for price in range(1, 1001)))
            message = await one.until("trade")
            assert (len(message["data"]), message["skipped"], message["lost"]) == (200, 800, 0)
            assert message["data"][-1]["price"] == "1000"
            while (await one.until("status"))["dropped"] != 800:
                pass

    serve(scenario)


FOUR_PACED_S = 3 / 30
"""Between five messages to a client with a pace lie three whole turns of the fastest at least."""


def fastest(heard: list[float]) -> float:
    """Return the least time from a message to the fourth after it: a slow machine has moments in which it is not."""
    return min(later - sooner for sooner, later in zip(heard, heard[4:], strict=False))


def test_a_client_without_a_pace_gets_every_trade_at_once() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.trade("1", symbol="OTHER"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["trade", "status"], hz=0)
            told = await one.until("subscribed")
            assert told["hz"] == 0
            await one.until("status")
            heard = []
            for price in range(2, 22):
                market.apply(market.trade(str(price)))
                await one.until("trade")
                heard.append(time.monotonic())
            assert fastest(heard) < FOUR_PACED_S
            rows = [market.trade(str(price), symbol=name) for price in range(3000) for name in ("BTCUSDT", "OTHER")]
            market.apply(*rows)
            while one.trades[-1]["next"] < market.live.next_trade:
                await one.until("trade")
            edges = [told["next"]["trade"]] + [edge for each in one.trades for edge in (each["from"], each["next"])]
            assert edges[1::2] == edges[:-1:2]
            assert [trade["price"] for each in one.trades for trade in each["data"]] == [
                *map(str, range(2, 22)),
                *map(str, range(3000)),
            ]
            assert {trade["symbol"] for each in one.trades for trade in each["data"]} == {"BTCUSDT"}
            assert max(len(each["data"]) for each in one.trades) == 1000
            assert all((each["skipped"], each["lost"]) == (0, 0) for each in one.trades)
            assert (await one.until("status"))["dropped"] == 0

    serve(scenario, trades=1 << 13)


def test_a_client_without_a_pace_gets_its_quotes_at_once() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["quote"], hz=0)
            await one.until("snapshot")
            heard = []
            for price in range(2, 42):
                market.apply(market.trade(str(price)))
                assert (await one.until("quote"))["data"][0]["price"] == f"{price}.00"
                heard.append(time.monotonic())
            assert fastest(heard) < FOUR_PACED_S

    serve(scenario)


class Ear:
    """A socket of a client that is no process: takes messages while it has room."""

    def __init__(self) -> None:
        self.has_room = True
        self.heard: list[bytes] = []

    def push(self, message: bytes) -> bool:
        """Take a message, or do not."""
        if self.has_room:
            self.heard.append(message)
        return self.has_room


def joined(fanout: Fanout, **wanted: Any) -> tuple[Subscriber, Ear]:  # noqa: ANN401 - whatever a Subscribe has
    """Return a client of all instruments that has read the answer to what it asked, and its ear."""
    ear = Ear()
    one = Subscriber(fanout, "json", ear.push)
    fanout.add(one)
    one.ask(Subscribe(("*",), **wanted))
    ear.heard.clear()
    return one, ear


def test_what_came_while_a_message_was_under_way_is_told_when_it_has_left() -> None:
    market = Market()
    fanout = Fanout(services(market))
    market.apply(market.trade("1"))
    one, ear = joined(fanout, channels=("trade",), hz=0)
    ear.has_room = False
    market.apply(market.trade("2"))
    fanout.tick(time.monotonic())
    market.apply(market.trade("3"))
    fanout.tick(time.monotonic())
    assert (one.wake.is_set(), ear.heard) == (True, [])
    assert one.stuck is not None
    assert b'"price":"2"' in one.stuck
    ear.has_room = True
    fanout.looking = False
    one.sent()
    assert fanout.looking
    fanout.tick(time.monotonic())
    assert b'"price":"3"' in b"".join(ear.heard)
    assert one.stuck is None


def crowd(fanout: Fanout, size: int) -> tuple[list[Subscriber], list[int]]:
    """Return clients of all trades without a pace, and the numbers of those that are told something, in order."""
    told: list[int] = []
    clients = []

    def hear(number: int, _message: bytes) -> bool:
        told.append(number)
        return True

    for number in range(size):
        one = Subscriber(fanout, "json", partial(hear, number))
        fanout.add(one)
        one.ask(Subscribe(("*",), channels=("trade",), hz=0))
        clients.append(one)
    told.clear()
    return clients, told


def places(fanout: Fanout, client: Subscriber) -> int:
    """Return in how many places a client waits."""
    idle = any(client in waiting for waiting in fanout._idle._of.values())
    return [client in fanout._due, idle, client in fanout._slots._set].count(True)


def test_where_there_is_no_time_for_all_who_are_due_nobody_comes_twice_before_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout_module, "TURNS_S", -1.0)  # one at a time
    market = Market()
    fanout = Fanout(services(market))
    clients, told = crowd(fanout, 5)
    market.apply(market.trade("2"))
    fanout.tick(time.monotonic())
    assert len(told) == 1
    market.apply(market.trade("3"))  # who was told is due again, behind the others
    waiting = [client for number, client in enumerate(clients) if number not in told]
    waiting[0].ask(Hello({}))  # it has all news now
    assert [places(fanout, client) for client in waiting] == [1] * 4
    assert waiting[0] not in fanout._due
    fanout.remove(waiting[1])
    gone, asked = clients.index(waiting[1]), clients.index(waiting[0])
    for _ in range(2):
        fanout.tick(time.monotonic())
    rest = {0, 1, 2, 3, 4} - {gone, asked}
    assert [set(told) - {asked}, gone in told] == [rest, False]
    for _ in range(8):
        fanout.tick(time.monotonic())
    assert [places(fanout, client) for client in clients] == [0 if number == gone else 1 for number in range(5)]
    assert gone not in told


def test_those_for_whom_there_was_no_time_need_nothing_more_to_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout_module, "TURNS_S", -1.0)

    async def run() -> None:
        market = Market()
        fanout = Fanout(services(market))
        _, told = crowd(fanout, 30)
        running = asyncio.create_task(fanout.run())
        fanout._beats = Alarms()  # each would make a pass too
        await asyncio.sleep(0.05)
        told.clear()
        market.apply(market.trade("2"))
        for _ in range(200):
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert sorted(told) == list(range(30))

    asyncio.run(run())


def test_a_pass_that_fails_is_not_the_last_and_the_next_is_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        market = Market()
        fanout = Fanout(services(market))
        (one, *_), _ = crowd(fanout, 3)
        fanout._due[one] = None  # somebody is left over

        def fails(_: float) -> None:
            passes.append(1)
            raise ValueError("broken")

        monkeypatch.setattr(fanout, "tick", fails)
        running = asyncio.create_task(fanout.run())
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(passes) < 10
        before = len(passes)
        await asyncio.sleep(2.2)  # by then everybody was to be told the time
        assert before < len(passes) < before + 60
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())


def test_what_a_client_goes_on_with_comes_after_it_was_told_that_it_does() -> None:
    market = Market()
    fanout = Fanout(services(market))
    for price in ("1", "2", "3"):
        market.apply(market.trade(price))
    ear = Ear()
    one = Subscriber(fanout, "json", lambda message: b'"snapshot"' not in message and ear.push(message))
    fanout.add(one)
    one.ask(Subscribe(("*",), channels=("quote", "trade"), hz=0))
    assert one.stuck is not None  # the snapshot fills the socket
    one.ask(Hello({"trade": 1}))
    one.sent()
    fanout.tick(time.monotonic())
    told = [msgspec.json.decode(message) for message in ear.heard]
    kinds = [each["type"] for each in told if each["type"] != "status"]
    assert kinds == ["subscribed", "resumed", "trade"]
    assert [trade["price"] for each in told if each["type"] == "trade" for trade in each["data"]] == ["2", "3"]


def test_a_client_that_asks_for_something_else_is_not_put_where_it_was_before() -> None:
    market = Market()
    fanout = Fanout(services(market))
    market.apply(market.trade("1"))
    one, ear = joined(fanout, channels=("quote", "trade"), hz=0)
    ear.has_room = False
    market.apply(market.trade("2"))
    fanout.tick(time.monotonic())
    one.ask(Hello({"trade": 0}))
    one.ask(Subscribe(("*",), channels=("quote",), hz=0))
    ear.has_room = True
    one.sent()
    fanout.tick(time.monotonic())
    kinds = [msgspec.json.decode(message)["type"] for message in ear.heard]
    assert "subscribed" in kinds
    assert "resumed" not in kinds


@pytest.mark.parametrize("began", [3.0, 16_902.0, 1_000_003.0])
def test_clients_of_one_pace_are_told_one_after_the_other(began: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout_module, "TURNS_S", math.inf)
    market = Market()
    fanout = Fanout(services(market))
    moment = [began - 1.5]
    fanout.clock = lambda: moment[0]
    market.apply(market.trade("1"))
    ears = [joined(fanout, channels=("quote",), hz=10)[1] for _ in range(100)]
    told = []
    for step in range(100):
        market.apply(market.trade(str(step + 2)))
        moment[0] = began + step / 500
        fanout.tick(moment[0])
        told.append(sum(len(ear.heard) for ear in ears))
        for ear in ears:
            ear.heard.clear()
    assert told[0] == 100  # their slots were free
    assert sum(told[50:100]) == 100  # in a tenth of a second, each once
    assert max(told[50:100]) <= 4  # two on average; moments are told apart by the millisecond, half of a step


def test_news_that_nobody_can_be_told_yet_wakes_nobody_and_comes_with_the_next_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes = 0
    tick = Fanout.tick

    def counted(self: Fanout, now: float) -> None:
        nonlocal passes
        passes += 1
        tick(self, now)

    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote"], hz=1)
            await one.until("snapshot")
            before = passes
            for price in range(2, 302):
                market.apply(market.trade(str(price)))
                await asyncio.sleep(0.001)
            while one.rows["BTCUSDT.BINANCE"]["price"] != "301.00":
                await one.until("quote")
            assert passes - before < 100  # some four a second

    monkeypatch.setattr(Fanout, "tick", counted)
    serve(scenario)


def test_rows_are_copied_only_for_clients_that_look_at_rows() -> None:
    market = Market()
    fanout = Fanout(services(market))
    _, trades = joined(fanout, channels=("trade",), hz=0)
    market.apply(market.trade("1"))
    fanout.tick(time.monotonic())
    assert (fanout.mirror.revision, len(trades.heard)) == (0, 1)
    _, quotes = joined(fanout, channels=("quote",), hz=0)
    market.apply(market.trade("2"))
    fanout.tick(time.monotonic())
    assert fanout.mirror.revision == market.live.revision == 2
    assert b'"price":"2.00"' in b"".join(quotes.heard)


def test_messages_of_every_length_arrive_whole() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        async with client(address, max_size=None) as one:
            for count in (1, 2, 40, 300):  # of less and of more than 65,536 bytes
                symbols = [f"S{number}" for number in range(count)]
                market.apply(*(market.quote("1.5", "2.5", symbol=symbol) for symbol in symbols))
                fields = ["price"] if count == 1 else None
                await one.ask(op="sub", symbols=symbols, channels=["quote"], fields=fields)
                told = (await one.until("snapshot"))["data"]
                records = wire.unpack(market.live.records(list(range(count))))
                held = [wire.row(each, record) for each, record in zip(market.instruments, records, strict=False)]
                assert told == ([{"id": "S0.BINANCE", "price": None}] if count == 1 else held)

    serve(scenario)


def test_a_pass_over_few_clients_is_followed_by_a_short_rest_and_one_over_many_by_a_bounded_one() -> None:
    assert rest_s(0.0001) == pytest.approx(0.0004)
    assert rest_s(0.05) == 0.002


def test_after_a_rest_there_is_a_pass_only_where_something_happened_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout_module, "rest_s", lambda _: 0.002)

    async def scenario() -> None:
        fanout, passes = Fanout(services(Market())), list[float]()
        monkeypatch.setattr(fanout, "tick", passes.append)
        task = asyncio.create_task(fanout.run())
        await asyncio.sleep(0.2)
        assert 0 < len(passes) < 20  # a few by the second, and not one after each rest
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_after_a_pass_that_fails_the_time_is_told_also_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    tick, armed, failed = Fanout.tick, list[bool](), list[float]()

    def failing(self: Fanout, now: float) -> None:
        if armed and not failed:
            failed.append(now)
            raise RuntimeError("once")
        tick(self, now)

    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote", "status"])
            await one.until("snapshot")
            armed.append(True)
            while not failed:  # noqa: ASYNC110 - the pass is on the server's thread
                await asyncio.sleep(0.01)
            told = [await one.until("status") for _ in range(2)]  # the first may have been on its way
            assert told[0]["t"] < told[1]["t"]

    monkeypatch.setattr(Fanout, "tick", failing)
    serve(scenario)


@pytest.mark.parametrize(("closing", "disconnected"), [(True, False), (False, True)])
def test_nothing_is_pushed_into_a_socket_that_is_gone(closing: bool, disconnected: bool) -> None:
    written: list[bytes] = []
    gone: Any = object.__new__(Sockets)
    gone.writable, gone.close_sent, gone.disconnected = asyncio.Event(), False, disconnected
    gone.conn = SimpleNamespace(state=State.OPEN)
    gone.transport = SimpleNamespace(is_closing=lambda: closing, write=written.append)
    gone.writable.set()
    assert not gone.push(b"{}", text=True)
    assert written == []


def test_a_pace_that_is_no_number_is_the_slowest_and_disturbs_nobody() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address, subprotocols=[Subprotocol("msgpack")]) as odd, client(address) as one:
            await odd.socket.send(msgspec.msgpack.encode({"op": "sub", "symbols": ["*"], "hz": float("nan")}))
            assert (await odd.until("subscribed"))["hz"] == 1.0
            await one.ask(op="sub", symbols=["*"], channels=["quote"], hz=0)
            await one.until("snapshot")
            market.apply(market.trade("2"))
            assert (await one.until("quote"))["data"][0]["price"] == "2.00"

    serve(scenario)


def test_a_pass_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tick, failed = Fanout.tick, list[float]()

    def failing(self: Fanout, now: float) -> None:
        if self.clients and not failed:
            failed.append(now)
            raise RuntimeError("once")
        tick(self, now)

    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote"], hz=0)
            await one.until("snapshot")
            market.apply(market.trade("2"))
            assert (await one.until("quote"))["data"][0]["price"] == "2.00"

    monkeypatch.setattr(Fanout, "tick", failing)
    serve(scenario)
    assert failed
    assert "once" in caplog.text


def test_a_client_that_comes_back_gets_the_trades_it_missed_or_is_told_of_the_gap() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["trade"])
            told = await one.until("subscribed")
        market.apply(*(market.trade(str(price)) for price in range(2, 12)))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["trade"])
            await one.ask(op="hello", resume=told["next"]["trade"], stream=told["stream"])
            await one.until("resumed")
            assert [trade["price"] for trade in (await one.until("trade"))["data"]] == [str(p) for p in range(2, 12)]
            await one.ask(op="hello", resume=3, stream=told["stream"] - 1)
            assert (await one.until("gap"))["reason"] == "these numbers are of another stream"
            await one.ask(op="hello", resume=10_000)
            assert (await one.until("gap"))["next"] == {"trade": 11, "alert": 0}
        market.apply(*(market.trade(str(price)) for price in range(50)))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["trade"])
            await one.ask(op="hello", resume=0, stream=told["stream"])
            message = await one.until("trade")
            assert (message["from"], message["lost"], len(message["data"])) == (0, 45, 16)

    serve(scenario, trades=16)


def test_instruments_that_appear_later_join_a_subscription_to_all() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote"], hz=30)
            assert (await one.until("snapshot"))["data"] == []
            market.apply(market.trade("1", symbol="NEW"))
            assert [row["symbol"] for row in (await one.until("quote"))["data"]] == ["NEW"]
            await one.ask(op="unsub", symbols=["*"])
            assert (await one.until("unsubscribed"))["symbols"] == []
            market.apply(market.trade("2", symbol="NEW"))
            with pytest.raises(TimeoutError):
                await one.until("quote", 0.3)

    serve(scenario)


def test_the_status_is_a_heartbeat_with_provenance_and_the_next_numbers() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["status", "trade"])
            started = time.monotonic()
            first, second, third = [await one.until("status") for _ in range(3)]
            assert 0.5 < time.monotonic() - started < 4
            assert first["t"] <= second["t"] <= third["t"]
            assert (third["provenance"], third["feed"], third["next"]["trade"]) == ("synthetic", "live", 1)

    serve(scenario)


BAD = [
    "{",
    "[]",
    "null",
    '{"op":"fly"}',
    '{"op":"sub"}',
    '{"op":"sub","symbols":"BTCUSDT"}',
    '{"op":"sub","symbols":["A"],"hz":"fast"}',
    '{"op":"sub","symbols":["A"],"more":1}',
    '{"op":"hello","resume":1.5}',
    "[" * 5000,
    '{"op":"sub","symbols":[' + ",".join(['"A"'] * 11) + "]}",
]


def test_a_bad_message_is_answered_and_the_conversation_goes_on() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            for bad in BAD:
                await one.socket.send(bad)
                error = await one.until("error")
                assert error["error"], bad
                assert json.loads(error["hint"])["op"] == "sub"
            await one.ask(op="sub", symbols=["*"], channels=["quote"])
            assert len((await one.until("snapshot"))["data"]) == 1

    serve(scenario, Limits(ws_symbols=10))


def test_channels_that_are_not_pushed_are_answered_honestly_and_hz_is_bounded() -> None:
    async def scenario(_market: Market, address: str, _: Services) -> None:
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["book", "alert", "gossip", "quote"], hz=1000)
            told = await one.until("subscribed")
            assert (told["channels"], told["hz"]) == (["quote", "alert", "book"], 30.0)
            assert told["unavailable"] == {"gossip": "no such channel"}

    serve(scenario)


def test_a_client_may_choose_fields_and_gets_no_others() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.quote("1", "2"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote"], fields=["price", "bid"])
            assert (await one.until("subscribed"))["fields"] == ["id", "bid", "price"]
            assert (await one.until("snapshot"))["data"] == [{"id": "BTCUSDT.BINANCE", "bid": "1.00", "price": "1.00"}]
            market.apply(market.trade("3"))
            assert (await one.until("quote"))["data"] == [{"id": "BTCUSDT.BINANCE", "bid": "1.00", "price": "3.00"}]

    serve(scenario)


def test_a_field_that_no_row_has_is_an_error_and_what_was_wanted_before_goes_on() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote"], fields=["price"])
            await one.until("snapshot")
            await one.ask(op="sub", symbols=["*"], channels=["quote"], fields=["bid", "nonsense"])
            wrong = await one.until("error")
            assert wrong["error"] == "fields: the rows of quote have no 'nonsense'"
            market.apply(market.trade("3"))
            assert (await one.until("quote"))["data"] == [{"id": "BTCUSDT.BINANCE", "price": "3.00"}]
            await one.ask(**msgspec.json.decode(wrong["hint"]))
            assert set((await one.until("subscribed"))["fields"]) == wire.FIELDS

    serve(scenario)


@pytest.mark.parametrize("hz", [0, 10])
def test_a_message_of_trades_begins_where_the_last_one_ended_whatever_others_traded_between(hz: int) -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.trade("1", symbol="ETHUSDT"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["BTCUSDT"], channels=["quote", "trade", "status"], hz=hz)
            at = (await one.until("subscribed"))["next"]["trade"]
            for price in ("2", "3"):
                market.apply(market.trade(price, symbol="ETHUSDT"))
                while (await one.until("status"))["next"]["trade"] == at:  # it has looked at the other's
                    pass
                market.apply(market.trade(price))
                told = await one.until("trade")
                assert (told["from"], [trade["price"] for trade in told["data"]]) == (at, [price])
                at = told["next"]

    serve(scenario)


def test_the_fields_a_client_may_choose_are_those_of_a_row() -> None:
    market = Market()
    market.apply(market.trade("1"))
    (record,) = wire.unpack(market.live.records())
    assert set(wire.row(market.instruments[0], record)) == wire.FIELDS


def test_messagepack_says_the_same_as_json() -> None:
    async def scenario(market: Market, address: str, _: Services) -> None:
        market.apply(market.trade("1"), market.quote("2", None, symbol="ETHUSDT"))
        async with client(address) as plain, client(address, subprotocols=[Subprotocol("msgpack")]) as packed:
            await plain.ask(op="sub", symbols=["*"], channels=["quote", "trade"])
            request = {"op": "sub", "symbols": ["*"], "channels": ["quote", "trade"]}
            await packed.socket.send(msgspec.msgpack.encode(request))
            for one in (plain, packed):
                await one.until("snapshot")
            assert plain.rows == packed.rows
            assert len(plain.rows) == 2
            market.apply(market.trade("3"))
            assert (await plain.until("trade"))["data"] == (await packed.until("trade"))["data"]

    serve(scenario)


def test_too_many_messages_end_the_conversation() -> None:
    async def scenario(_market: Market, address: str, _: Services) -> None:
        async with client(address) as one:
            for _attempt in range(100):
                with suppress(ConnectionClosed):
                    await one.socket.send("{}")
            async with asyncio.timeout(60):
                with suppress(ConnectionClosed):
                    while True:  # a client that does not read its replies does not see the close behind them
                        await one.socket.recv()
            assert one.socket.close_code == 1008

    serve(scenario)


def test_delivery_lag_reaches_the_board() -> None:
    async def scenario(market: Market, address: str, everything: Services) -> None:
        everything.lag.rows(0)
        market.apply(market.trade("1"))
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["quote", "status"])
            await one.until("snapshot")  # may be old, and is no delivery of anything new
            market.apply(market.trade("2"))
            await one.until("quote")
            await one.until("status")
            await one.until("status")
        (row,) = [row for row in everything.lag.rows(WINDOW_NS) if row.hop == "deliver"]
        assert (row.venue, row.feed, row.count) == ("BINANCE", "binance-0", 1)
        assert row.min_ms >= 0

    serve(scenario)


def rss() -> int:
    """Return this process's resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_client_that_does_not_read_is_cut_and_memory_stays_flat() -> None:
    async def scenario(market: Market, address: str, everything: Services) -> None:
        names = [f"S{number}" for number in range(500)]
        market.apply(*(market.trade("1", symbol=name) for name in names))
        port = int(address.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            f"GET /ws/realtime HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b"101" in await reader.readline()
        payload = b'{"op":"sub","symbols":["*"],"hz":30,"channels":["quote"]}'
        writer.write(bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload)
        async with client(address) as healthy:
            await healthy.ask(op="sub", symbols=["S1"], channels=["quote", "status"], hz=30)
            await healthy.until("snapshot")
            before = rss()
            deadline = time.monotonic() + 60
            while (b"breadboard_ws_clients 2.0" in everything.metrics.exposition()) and time.monotonic() < deadline:
                market.apply(*(market.trade(f"{time.monotonic():.6f}", symbol=name) for name in names))
                await healthy.until("quote")
            text = everything.metrics.exposition().decode()
            assert "breadboard_ws_slow_clients_total 1.0" in text
            assert "breadboard_ws_clients 1.0" in text
            assert rss() - before < 40 << 20
            market.apply(market.trade("5", symbol="S1"))
            assert (await healthy.until("quote"))["data"][0]["symbol"] == "S1"
        async with asyncio.timeout(60):
            with suppress(ConnectionError):
                while await reader.read(1 << 20):
                    pass
        writer.transport.abort()

    serve(scenario, Limits(ws_stall_s=0.5))
