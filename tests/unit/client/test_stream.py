"""Streams: what a caller is told over connections that break, fall silent, or are refused."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pytest

from breadboard.api.app import create_app
from breadboard.api.requests import CHANNELS
from breadboard.api.server import running
from breadboard.client import (
    Alert,
    AsyncClient,
    Book,
    Client,
    Gap,
    Lag,
    NotAllowed,
    Refused,
    Row,
    Status,
    StreamRefused,
    Tick,
    Trade,
    Unreachable,
    Unreadable,
)
from breadboard.client import stream as streaming
from breadboard.client.conversation import Conversation
from breadboard.client.messages import wanted
from breadboard.client.stream import Stream
from breadboard.model.kinds import Flag
from unit.api.market import Market, services
from unit.client.fake import Fake, serving
from unit.client.relay import Relay, relaying

SECRET = "bb_0123456789"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(streaming, "LONGEST_PAUSE_S", 0.05)


@contextmanager
def house(trades: int = 1 << 12) -> Iterator[tuple[Market, Relay]]:
    """A server over a market, behind a wire that can be cut."""
    market = Market(trades=trades)
    market.apply(market.trade("1"), market.quote("1", "2", symbol="ETHUSDT"))
    with running(create_app(services(market))) as address, relaying(address) as relay:
        yield market, relay


def test_ticks_come_first_all_and_then_as_they_change() -> None:
    with house() as (market, relay), Client(relay.address) as client, client.stream("*", hz=30) as stream:
        first = list(islice(stream, 2))
        assert all(isinstance(row, Tick) for row in first)
        assert {row.id for row in first if isinstance(row, Tick)} == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE"}
        market.apply(market.trade("2.50"))
        row = next(stream)
        assert isinstance(row, Tick)
        assert (row.id, row.price, row.provenance) == ("BTCUSDT.BINANCE", Decimal("2.50"), "synthetic")


def test_what_was_asked_for_is_what_the_server_hears() -> None:
    with house() as (_, relay), Client(relay.address) as client:
        with client.stream(["BTCUSDT", "NOPE"], fields=["price"], hz=5) as stream:
            row = next(stream)
            assert stream.subscribed is not None
            assert (stream.subscribed.unknown, stream.subscribed.hz) == (("NOPE",), 5.0)
            assert isinstance(row, Tick)
            assert (row.price, row.bid, row.symbol) == (Decimal(1), None, "")
        with client.stream("*", "status") as stream:
            status = next(stream)
            assert isinstance(status, Status)
            assert (status.feed, status.provenance) == ("live", "synthetic")


def _book(_venue: str, _symbol: str, _depth: int, /, *, wait: bool = True) -> dict[str, Any] | None:
    del wait
    return {"state": "live", "sequence": 7, "ts_event": 5, "bids": [["0.5", "1"]], "asks": [["0.7", "2"]]}


def test_whatever_our_server_tells_on_any_channel_is_a_row_of_its_kind() -> None:
    market = Market()
    market.apply(market.trade("1"), market.quote("0.5", "0.7"))
    house = services(market, book=_book)
    house.lag.add("BINANCE", "binance-0", "network", "synthetic", np.array([1_000_000, 2_000_000]))
    house.lag.rows(market.live.now(), ending=True)
    wanted: dict[str, type[Row]] = dict(zip(CHANNELS, (Tick, Trade, Alert, Book, Status, Lag), strict=True))
    found: dict[type[Row], Row] = {}
    with (
        running(create_app(house)) as address,
        Client(address) as client,
        client.stream("*", CHANNELS, hz=0) as stream,
    ):
        while stream.subscribed is None:
            next(stream)
        market.apply(market.trade("2"), alerts=[market.alert(1.5)])
        until = time.monotonic() + 60
        while len(found) < len(wanted) and time.monotonic() < until:
            found.setdefault(type(row := next(stream)), row)
    told = {channel for channel, kind in wanted.items() if any(issubclass(seen, kind) for seen in found)}
    assert told == set(CHANNELS)
    trade, book, alert = found[Trade], found[Book], found[Alert]
    assert isinstance(trade, Trade)
    assert (trade.exchange, trade.symbol, trade.venue) == ("BINANCE", "BTCUSDT", None)
    assert (trade.uncounted, trade.flags) == ("", Flag.SYNTHETIC)
    assert isinstance(book, Book)
    assert (book.id, book.symbol, book.venue) == ("BTCUSDT.BINANCE", None, None)
    assert isinstance(alert, Alert)
    assert (alert.value, type(alert.gapped), alert.gapped) == (1.5, int, 0)


@contextmanager
def listening(
    channels: str | tuple[str, ...] = ("trade", "status"), hz: float = 0, *, trades: int = 1 << 12
) -> Iterator[tuple[Market, Relay, Stream]]:
    """A house, and a stream of BTCUSDT from it."""
    with (
        house(trades) as (market, relay),
        Client(relay.address) as client,
        client.stream("BTCUSDT", channels, hz) as stream,
    ):
        yield market, relay, stream


def feed(market: Market, relay: Relay, count: int, cuts: int) -> None:
    """Trade so often, and cut the wire so often meanwhile."""
    rng = random.Random(1)
    when = set(rng.sample(range(5, count - 5), cuts))
    for price in range(1, count + 1):
        market.apply(market.trade(str(price)), market.trade("7", symbol="OTHER"))
        if price in when:
            relay.cut()
        time.sleep(rng.random() * 0.006)


def test_over_many_cuts_every_trade_comes_once_and_in_order() -> None:
    count, cuts = 600, 30
    with listening() as (market, relay, stream):
        while stream.subscribed is None:
            next(stream)
        worker = threading.Thread(target=feed, args=(market, relay, count, cuts))
        worker.start()
        got: list[Trade] = []
        while not got or got[-1].price != count:
            row = next(stream)
            assert not isinstance(row, Gap), row
            if isinstance(row, Trade):
                got.append(row)
        worker.join()
        assert [int(trade.price) for trade in got] == list(range(1, count + 1))
        assert relay.connections > cuts / 3  # some cuts fall into the pause after another


def test_the_same_holds_on_an_event_loop() -> None:
    async def listen(market: Market, relay: Relay) -> list[int]:
        async with AsyncClient(relay.address) as client, client.stream("BTCUSDT", ["trade", "status"], hz=0) as stream:
            while stream.subscribed is None:
                await anext(stream)
            worker = asyncio.create_task(asyncio.to_thread(feed, market, relay, 400, 10))
            got: list[int] = []
            async for row in stream:
                assert not isinstance(row, Gap), row
                if isinstance(row, Trade):
                    got.append(int(row.price))
                if got and got[-1] == 400:
                    break
            await worker
            return got

    with house() as (market, relay):
        assert asyncio.run(listen(market, relay)) == list(range(1, 401))
        assert relay.connections > 3


def test_what_the_server_no_longer_has_is_a_gap_in_its_place() -> None:
    with listening(trades=64) as (market, relay, stream):
        next(stream)
        market.apply(market.trade("5"))
        before = next(row for row in stream if isinstance(row, Trade))
        relay.hush()
        relay.cut()
        for price in range(100, 300):
            market.apply(market.trade(str(price)))
        relay.talk()
        gaps, rest = list[Gap](), list[Trade]()
        while not rest or rest[-1].price != Decimal(299):
            row = next(stream)
            gaps += [row] if isinstance(row, Gap) and not rest else []
            rest += [row] if isinstance(row, Trade) else []
    (gap,) = gaps
    assert (gap.channel, gap.missing) == ("trade", 200 - len(rest))
    assert [int(trade.price) for trade in rest] == list(range(300 - len(rest), 300))
    assert (gap.ts_from, gap.ts_to) == (before.ts_recv, rest[0].ts_recv)


def test_more_trades_than_the_pace_takes_are_a_gap_that_says_how_many() -> None:
    with listening("trade", 1) as (market, _, stream):

        def trade_once_it_listens() -> None:
            until = time.monotonic() + 60
            while stream.subscribed is None and time.monotonic() < until:
                time.sleep(0.01)
            market.apply(*(market.trade(str(n)) for n in range(1, 1001)))

        worker = threading.Thread(target=trade_once_it_listens)
        worker.start()
        gap, trade = next(stream), next(stream)
        worker.join()
    assert isinstance(gap, Gap)
    assert isinstance(trade, Trade)
    assert (gap.missing, trade.price) == (800, Decimal(801))
    assert "hz=0" in gap.reason


def test_a_server_that_was_started_anew_is_a_gap_and_its_trades_follow() -> None:
    market, again = Market(), Market()
    for each in (market, again):
        each.apply(each.trade("1"))
    again.live.session = market.live.session + 1
    with (
        running(create_app(services(market))) as first,
        running(create_app(services(again))) as second,
        relaying(first) as relay,
        Client(relay.address) as client,
        client.stream("BTCUSDT", ["trade", "status"], hz=0) as stream,
    ):
        next(stream)
        relay.turn(second)
        relay.cut()
        gap = next(row for row in stream if not isinstance(row, Status))
        again.apply(again.trade("42"))
        trade = next(row for row in stream if isinstance(row, Trade))
    assert isinstance(gap, Gap)
    assert "another stream" in gap.reason
    assert trade.price == Decimal(42)


def test_a_connection_that_falls_silent_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SILENCE_S", 1.5)
    with listening() as (market, relay, stream):
        next(stream)
        relay.hush()
        threading.Timer(2.0, relay.talk).start()
        market.apply(market.trade("5"))
        trade = next(row for row in stream if isinstance(row, Trade))
        assert trade.price == Decimal(5)
        assert relay.connections > 1


def test_a_first_connection_that_fails_is_said_at_once() -> None:
    refusal = pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer")
    with Client("http://127.0.0.1:9") as client, client.stream() as stream, refusal:
        next(stream)


def test_a_channel_that_is_not_pushed_is_refused_with_where_to_ask() -> None:
    refusal = pytest.raises(StreamRefused, match="'nonsense' is not to be had: no such channel")
    with listening(("nonsense",)) as (_, _, stream), refusal:
        next(stream)


def test_with_a_key_each_connection_takes_a_ticket() -> None:
    ticket = {"ticket": "t/1", "expires": None}
    with serving(Fake({"POST /tickets": (200, ticket)})) as fake, Client(fake.address, SECRET) as client:
        with client.stream() as stream, pytest.raises(Refused):
            next(stream)
        assert [asked[:3] for asked in fake.asked] == [
            ("POST", "/tickets", {}),
            ("GET", "/ws/realtime", {"ticket": "t/1"}),
        ]
        fake.answers = {"POST /tickets": (401, {"detail": "that key has expired"})}
        with client.stream() as stream, pytest.raises(NotAllowed, match="that key has expired"):
            next(stream)


def told(talk: Conversation, **message: Any) -> list[Row]:  # noqa: ANN401 - any JSON
    return list(talk.take(msgspec.json.encode(message)))


def trades(*numbers: int) -> list[dict[str, Any]]:
    return [{"seq": number, "price": str(number), "ts_recv": number} for number in numbers]


def sequence(rows: list[Row]) -> list[int | None]:
    return [row.seq for row in rows if isinstance(row, Trade)]


def test_trades_pushed_before_the_server_goes_back_come_once_and_in_their_place() -> None:
    talk = Conversation(*wanted("*", "trade", 0, None, None))
    assert len(talk.opened()) == 1
    told(talk, type="subscribed", stream=9, next={"trade": 5})
    assert sequence(told(talk, type="trade", **{"from": 5}, next=7, data=trades(5, 6))) == [5, 6]
    sub, hello = talk.opened()
    assert '"op":"sub"' in sub
    assert msgspec.json.decode(hello) == {"op": "hello", "resume": 7, "stream": 9}
    told(talk, type="subscribed", stream=9, next={"trade": 9})
    assert told(talk, type="trade", **{"from": 9}, next=10, data=trades(9)) == []
    told(talk, type="resumed", next={"trade": 7}, stream=9)
    assert sequence(told(talk, type="trade", **{"from": 7}, next=11, data=trades(7, 8, 9, 10))) == [7, 8, 9, 10]
    assert sequence(told(talk, type="trade", **{"from": 10}, next=12, data=trades(10, 11))) == [11]


def test_trades_pushed_before_the_server_says_that_it_cannot_go_back_follow_the_gap() -> None:
    talk = Conversation(*wanted("*", "trade", 0, None, None))
    talk.opened()
    told(talk, type="subscribed", stream=9, next={"trade": 500})
    talk.opened()
    told(talk, type="subscribed", stream=10, next={"trade": 3})
    assert told(talk, type="trade", **{"from": 3}, next=4, data=trades(3)) == []
    gap, *rest = told(talk, type="gap", channel="trade", reason="another stream", next={"trade": 4}, stream=10)
    assert isinstance(gap, Gap)
    assert sequence(rest) == [3]
    assert msgspec.json.decode(talk.opened()[1]) == {"op": "hello", "resume": 4, "stream": 10}


def test_after_a_gap_trades_begin_where_the_server_said_when_we_subscribed() -> None:
    talk = Conversation(*wanted("*", "trade", 0, None, None))
    talk.opened()
    told(talk, type="subscribed", stream=9, next={"trade": 500})
    talk.opened()
    told(talk, type="subscribed", stream=10, next={"trade": 3})
    told(talk, type="gap", channel="trade", reason="another stream", next={"trade": 5}, stream=10)
    assert sequence(told(talk, type="trade", **{"from": 3}, next=6, data=trades(3, 4, 5))) == [3, 4, 5]


def test_alerts_go_on_where_they_ended_beside_trades_that_cannot() -> None:
    talk = Conversation(*wanted("*", ["trade", "alert"], 0, None, None))
    talk.opened()
    told(talk, type="subscribed", stream=9, next={"trade": 500, "alert": 2})
    alert = {"id": "a1", "rule": "up", "ts_recv": 7, "sentence": "It rose."}
    (first,) = told(talk, type="alert", **{"from": 2}, next=3, lost=0, data=[alert])
    assert isinstance(first, Alert)
    assert (first.key, first.says) == ("a1", "It rose.")
    hello = msgspec.json.decode(talk.opened()[1])
    assert hello["resume"] == {"trade": 500, "alert": 3}
    told(talk, type="subscribed", stream=9, next={"trade": 4, "alert": 9})
    assert told(talk, type="alert", **{"from": 9}, next=10, lost=0, data=[alert]) == []
    (gap,) = told(talk, type="gap", channel="trade", reason="not yet", next={"trade": 4, "alert": 9}, stream=9)
    assert isinstance(gap, Gap)
    told(talk, type="resumed", next={"alert": 3}, stream=9)
    assert sequence(told(talk, type="trade", **{"from": 4}, next=5, data=trades(4))) == [4]
    (gap, second) = told(talk, type="alert", **{"from": 3}, next=10, lost=6, data=[alert])
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.missing, gap.ts_from) == ("alert", 6, 7)
    assert isinstance(second, Alert)
    assert told(talk, type="alert", **{"from": 9}, next=10, lost=0, data=[alert]) == []


def test_a_heartbeat_moves_the_place_to_go_on_from() -> None:
    talk = Conversation(*wanted("*", "trade", 0, None, None))
    talk.opened()
    told(talk, type="subscribed", stream=9, next={"trade": 5})
    assert told(talk, type="status", t=1, next={"trade": 90}) == []
    assert msgspec.json.decode(talk.opened()[1])["resume"] == 90


def test_a_message_of_a_newer_server_is_passed_over_and_a_broken_one_is_not() -> None:
    talk = Conversation(*wanted("*", ["quote", "status"], 10, None, None))
    assert told(talk, type="novelty", data=[1]) == []
    (status,) = told(talk, type="status", t=1, feed="live", surprise=1)
    assert isinstance(status, Status)
    with pytest.raises(Unreadable, match="not as this client knows it"):
        told(talk, type="quote", data=[{"id": 7}])
    with pytest.raises(StreamRefused, match="no sense"):
        told(talk, type="error", error="no sense", hint="")
