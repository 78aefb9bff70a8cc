"""Which stream the numbers are of that a client goes on from: both kinds of stream talk by way of ``Conversation``."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.client import AsyncClient, Client, Gap, Row, Status, Trade
from breadboard.client import stream as streaming
from breadboard.client.conversation import Conversation
from breadboard.client.messages import wanted
from unit.api.market import Market, services
from unit.client.relay import Relay, relaying

CHANNELS = ("trade", "alert", "status")
ALERT = {"id": "a1", "rule": "up", "ts_recv": 7, "sentence": "It rose."}


def talking(*channels: str) -> Conversation:
    """Return what has heard trades up to 3643, and alerts up to 2, of stream 9, and lost that connection."""
    talk = Conversation(*wanted("*", channels, 0, None, None))
    talk.opened()
    take(talk, type="subscribed", stream=9, next={"trade": 3642, "alert": 2})
    take(talk, type="trade", **{"from": 3642}, next=3644, data=trades(3642, 3643))
    take(talk, type="alert", **{"from": 2}, next=3, data=[ALERT])
    return talk


def take(talk: Conversation, **message: Any) -> list[Row]:  # noqa: ANN401 - any JSON
    return list(talk.take(msgspec.json.encode(message)))


def trades(*numbers: int) -> list[dict[str, Any]]:
    return [{"seq": number, "price": str(number), "ts_recv": number} for number in numbers]


def hellos(talk: Conversation) -> list[dict[str, Any]]:
    """Return what is said on a new connection of what came before."""
    return [msgspec.json.decode(said) for said in talk.opened()[1:]]


def lost(talk: Conversation, channel: str, **now: int) -> list[Row]:
    """Return what is told where a server, stream 10, does not have what was missed."""
    return take(talk, type="gap", channel=channel, reason="another stream", next=now, stream=10)


def test_numbers_that_no_answer_has_renewed_are_of_the_stream_that_gave_them() -> None:
    talk = talking("trade")
    old = [{"op": "hello", "resume": 3644, "stream": 9}]
    assert hellos(talk) == old
    take(talk, type="subscribed", stream=10, next={"trade": 4100})
    assert take(talk, type="trade", **{"from": 4100}, next=4101, data=trades(4100)) == []
    take(talk, type="status", t=1, next={"trade": 4101}, stream=10)
    assert hellos(talk) == old, "cut before the answer"
    assert hellos(talk) == old, "cut before anything was said"
    take(talk, type="subscribed", stream=10, next={"trade": 4200})
    (gap,) = lost(talk, "trade", trade=4200)
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.ts_from, gap.ts_to) == ("trade", 3643, None)
    assert hellos(talk) == [{"op": "hello", "resume": 4200, "stream": 10}]


def test_numbers_are_of_the_new_stream_once_their_trades_go_on_there() -> None:
    talk = talking("trade")
    talk.opened()
    take(talk, type="subscribed", stream=9, next={"trade": 4100})
    take(talk, type="resumed", next={"trade": 3644}, stream=9)
    assert hellos(talk) == [{"op": "hello", "resume": 3644, "stream": 9}]
    take(talk, type="subscribed", stream=10, next={"trade": 5})
    lost(talk, "trade", trade=5)
    (trade,) = take(talk, type="trade", **{"from": 5}, next=6, data=trades(5))
    assert isinstance(trade, Trade)
    assert trade.seq == 5
    assert hellos(talk) == [{"op": "hello", "resume": 6, "stream": 10}]
    take(talk, type="subscribed", stream=10, next={"trade": 8})
    take(talk, type="resumed", next={"trade": 6}, stream=10)
    take(talk, type="trade", **{"from": 6}, next=9, data=trades(6, 7, 8))
    assert hellos(talk) == [{"op": "hello", "resume": 9, "stream": 10}]


def test_where_one_channel_was_answered_and_another_was_not_each_is_asked_of_its_own_stream() -> None:
    talk = talking("trade", "alert")
    assert hellos(talk) == [{"op": "hello", "resume": {"trade": 3644, "alert": 3}, "stream": 9}]
    take(talk, type="subscribed", stream=10, next={"trade": 4100, "alert": 1})
    lost(talk, "trade", trade=4100, alert=1)  # that of the alerts is cut
    apart = [{"op": "hello", "resume": 4100, "stream": 10}, {"op": "hello", "resume": {"alert": 3}, "stream": 9}]
    assert hellos(talk) == apart
    take(talk, type="subscribed", stream=10, next={"trade": 4200, "alert": 4})
    take(talk, type="resumed", next={"trade": 4100}, stream=10)
    (gap,) = lost(talk, "alert", trade=4200, alert=4)
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.ts_from) == ("alert", 7)
    assert hellos(talk) == [{"op": "hello", "resume": {"trade": 4100, "alert": 4}, "stream": 10}]


def test_a_channel_that_was_refused_beside_one_that_goes_on_is_of_the_same_stream_again() -> None:
    talk = talking("trade", "alert")
    talk.opened()
    take(talk, type="subscribed", stream=10, next={"trade": 4, "alert": 9})
    lost(talk, "trade", trade=4, alert=9)
    take(talk, type="resumed", next={"alert": 3}, stream=10)
    assert hellos(talk) == [{"op": "hello", "resume": {"trade": 4, "alert": 3}, "stream": 10}]


@contextmanager
def restarting(monkeypatch: pytest.MonkeyPatch, answers: int) -> Iterator[tuple[Market, Market, Relay, str]]:
    """A server, the one that follows it, and a wire that breaks once: where the next ``gap`` after so many comes."""
    monkeypatch.setattr(streaming, "FIRST_PAUSE_S", 0.01)
    left, take = [answers, 0], Conversation.take

    def broken(talk: Conversation, data: str | bytes) -> Any:  # noqa: ANN401 - rows
        if b'"type":"gap"' in (data if isinstance(data, bytes) else data.encode()):
            left[0] -= 1
            if left[0] == -1:
                raise ConnectionResetError
        return take(talk, data)

    monkeypatch.setattr(Conversation, "take", broken)
    market, again = Market(), Market()
    again.live.session = market.live.session + 1
    for each, count in ((market, 3), (again, 30)):
        each.apply(*(each.trade("1") for _ in range(count)), alerts=[each.alert(n) for n in range(1, count)])
    with (
        running(create_app(services(market))) as first,
        running(create_app(services(again))) as second,
        relaying(first) as relay,
    ):
        yield market, again, relay, second


def summary(rows: Sequence[Row]) -> list[str]:
    """Return what is missing of which channel, and the prices of what is not."""
    return [
        f"{row.channel}: {row.reason}" if isinstance(row, Gap) else str(getattr(row, "price", None)) for row in rows
    ]


TOLD = ["2", "trade: these numbers are of another stream", "alert: these numbers are of another stream", "42"]


@pytest.mark.parametrize("answers", [0, 1])
def test_a_wire_that_breaks_before_the_gap_after_a_restart_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    with (
        restarting(monkeypatch, answers) as (market, again, relay, second),
        Client(relay.address) as client,
        client.stream("BTCUSDT", CHANNELS, hz=0) as stream,
    ):
        assert isinstance(next(stream), Status)
        market.apply(market.trade("2"))
        news = (row for row in stream if not isinstance(row, Status))
        rows = [next(news)]
        relay.turn(second)
        relay.cut()
        rows += [next(news), next(news)]
        again.apply(again.trade("42"))
        rows.append(next(news))
    assert summary(rows) == TOLD
    assert relay.connections >= 3


@pytest.mark.parametrize("answers", [0, 1])
def test_nor_does_it_on_an_event_loop(monkeypatch: pytest.MonkeyPatch, answers: int) -> None:
    async def listen(market: Market, again: Market, relay: Relay, second: str) -> Sequence[Row]:
        async with AsyncClient(relay.address) as client, client.stream("BTCUSDT", CHANNELS, hz=0) as stream:
            assert isinstance(await anext(stream), Status)
            market.apply(market.trade("2"))
            news = (row async for row in stream if not isinstance(row, Status))
            rows = [await anext(news)]
            relay.turn(second)
            relay.cut()
            rows += [await anext(news), await anext(news)]
            again.apply(again.trade("42"))
            return [*rows, await anext(news)]

    with restarting(monkeypatch, answers) as (market, again, relay, second):
        assert summary(asyncio.run(listen(market, again, relay, second))) == TOLD
        assert relay.connections >= 3
