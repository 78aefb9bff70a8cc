"""What is said to Kraken and OKX, and how a wrong book is asked for anew: that symbol alone, and not for ever."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from breadboard.conversations import Missing, Reconnect, Request, Send, Session
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.book_watch import MOST_ASKED, MOST_STRIKES, SETTLED, SNAPSHOT_WITHIN_S
from breadboard.model.kinds import GapReason
from breadboard.ports import Wish
from samples import kraken, kraken_v2, okx

VENUES = ("kraken", "kraken-v2", "okx")
ONE = {"kraken": "XMR/USD", "kraken-v2": "BTC/USD", "okx": "BTC-USDT"}
OTHER = {"kraken": "XBT/USD", "kraken-v2": "ETH/USD", "okx": "ETH-USDT"}
RIGHT = {"kraken": kraken, "kraken-v2": kraken_v2, "okx": okx}
CHECKED: dict[str, Callable[[bytes, int], bytes]] = {
    "kraken": lambda frame, wrong: frame.replace(b'"c":"3573692177"', b'"c":"%d"' % wrong),
    "kraken-v2": lambda frame, wrong: frame.replace(b'"checksum":2485489351', b'"checksum":%d' % wrong),
    "okx": lambda frame, wrong: frame.replace(b'"checksum":0', b'"checksum":%d' % wrong),
}


def opened(venue: str) -> Session:
    session = FEEDS[venue].session(Wish([ONE[venue], OTHER[venue]], ("trade", "quote", "book"), "ws://127.0.0.1:1"))
    session.on_connect()
    return session


def said(requests: list[Request]) -> list[Any]:
    assert all(isinstance(request, Send) for request in requests)
    return [json.loads(request.text) for request in requests if isinstance(request, Send)]


def new(requests: list[Request]) -> list[Request]:
    """What is asked and told for the first time: a loss is told further every few seconds, and to its end."""
    return [each for each in requests if not (isinstance(each, Missing) and (each.over or "still" in each.detail))]


def snapshot(venue: str) -> bytes:
    found: bytes = RIGHT[venue].SNAPSHOT
    return found


def right(venue: str) -> bytes:
    found: bytes = RIGHT[venue].KEEPALIVE if venue == "okx" else RIGHT[venue].UPDATE
    return found


def wrong(venue: str) -> bytes:
    return CHECKED[venue](okx.UPDATE if venue == "okx" else right(venue), 12345)


def settled(venue: str, session: Session) -> None:
    """Let the venue send a snapshot and enough right messages after it."""
    frames = [snapshot(venue), *([okx.UPDATE] if venue == "okx" else []), *[right(venue)] * (SETTLED + 1)]
    assert session.on_frames(frames) == []


def test_kraken_v1_is_asked_channel_by_channel() -> None:
    session = FEEDS["kraken"].session(Wish(["xbt/usd", "XMR/USD"], ("trade", "quote", "book")))
    assert session.url == "wss://ws.kraken.com"
    assert said(session.on_connect()) == [
        {"event": "subscribe", "pair": ["XBT/USD", "XMR/USD"], "subscription": subscription}
        for subscription in ({"name": "trade"}, {"name": "spread"}, {"name": "book", "depth": 1000})
    ]


def test_kraken_v2_is_asked_channel_by_channel() -> None:
    session = FEEDS["kraken-v2"].session(Wish(["btc/usd"], ("trade", "quote", "book")))
    assert session.url == "wss://ws.kraken.com/v2"
    assert said(session.on_connect()) == [
        {"method": "subscribe", "params": {"symbol": ["BTC/USD"]} | parameters}
        for parameters in (
            {"channel": "trade", "snapshot": False},
            {"channel": "ticker", "event_trigger": "bbo"},
            {"channel": "book", "depth": 1000, "snapshot": True},
        )
    ]


def test_okx_is_asked_for_everything_at_once_in_messages_under_its_limit() -> None:
    session = FEEDS["okx"].session(Wish([f"COIN{n:014d}-USDT" for n in range(500)], ("trade", "quote", "book")))
    sends = [request.text for request in session.on_connect() if isinstance(request, Send)]
    assert [len(json.loads(text)["args"]) for text in sends] == [300] * 5
    assert max(map(len, sends)) < 64_000
    assert json.loads(sends[0])["args"][0] == {"channel": "trades", "instId": "COIN00000000000000-USDT"}
    keepalive = FEEDS["okx"].capabilities.keepalive
    assert keepalive is not None
    assert (keepalive.text, keepalive.every_s) == ("ping", 25.0)


@pytest.mark.parametrize("venue", VENUES)
def test_a_mismatch_asks_at_once_for_that_symbols_book_alone(venue: str) -> None:
    session = opened(venue)
    settled(venue, session)
    stop, start = session.on_frames([wrong(venue)])
    assert isinstance(stop, Send)
    assert isinstance(start, Send)
    assert all(word in stop.text for word in ("unsubscribe", "book", ONE[venue]))
    assert all(word in start.text for word in ('"subscribe"', "book", ONE[venue]))
    assert OTHER[venue] not in stop.text + start.text
    assert session.on_frames([wrong(venue), right(venue)]) == [], "it is under way"
    settled(venue, session)
    assert len(session.on_frames([wrong(venue)])) == 2, "a book that has stood may fail again"


@pytest.mark.parametrize("venue", VENUES)
def test_two_mismatches_straight_after_fresh_snapshots_end_it_with_an_alarm(
    venue: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = opened(venue)
    session.on_time(100.0)
    asked = [bool(session.on_frames([snapshot(venue), wrong(venue)])) for _ in range(6)]
    assert asked == [True] * (MOST_STRIKES - 1) + [False] * 5
    with caplog.at_level(logging.ERROR):
        (alarm,) = new(session.on_time(101.0))
    assert isinstance(alarm, Missing)
    assert (alarm.symbol, alarm.channel, alarm.reason, alarm.since_s) == (
        *(ONE[venue], "book"),
        GapReason.CHECKSUM,
        100.0,
    )
    assert ONE[venue] in caplog.text
    assert [new(session.on_time(102.0 + second)) for second in range(100)] == [[]] * 100
    session.on_connect()
    assert session.on_frames([snapshot(venue), wrong(venue)]), "another connection, another try"


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_that_was_given_up_is_missing_to_the_end_of_the_connection(venue: str) -> None:
    session: Any = opened(venue)
    session.on_time(100.0)
    for _ in range(MOST_STRIKES):
        session.on_frames([snapshot(venue), wrong(venue)])
    known_s = 100.0
    said: list[Missing] = []
    for now_s in (101.0 + second for second in range(60)):
        for each in (one for one in session.on_time(now_s) if isinstance(one, Missing) and one.symbol == ONE[venue]):
            assert each.since_s <= known_s, "no moment lies between two of its gaps"
            known_s = now_s
            said.append(each)
        assert not [one for one in session.on_frames([wrong(venue)]) if isinstance(one, Send)]
    assert len(said) > 5
    (last,) = (one for one in session.subscriptions.on_end() if one.symbol == ONE[venue])
    assert last.since_s <= known_s
    assert known_s > 150.0


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_that_is_wrong_again_and_again_is_given_up_too(venue: str) -> None:
    session = opened(venue)
    session.on_time(100.0)
    asked = 0
    for _ in range(3 * MOST_ASKED):
        settled(venue, session)
        asked += bool(session.on_frames([wrong(venue)]))
    assert asked == MOST_ASKED
    (alarm,) = new(session.on_time(101.0))
    assert isinstance(alarm, Missing)
    assert "more than 12 times" in alarm.detail


@pytest.mark.parametrize("venue", ["kraken-v2", "okx"])
def test_a_snapshot_that_is_wrong_itself_is_a_strike(venue: str) -> None:
    session = opened(venue)
    bad = (
        okx.SNAPSHOT.replace(b'"checksum":0', b'"checksum":9')
        if venue == "okx"
        else snapshot(venue).replace(b"14", b"15")
    )
    assert [bool(session.on_frames([bad])) for _ in range(4)] == [True, False, False, False]


@pytest.mark.parametrize("venue", VENUES)
def test_a_snapshot_that_does_not_come_is_asked_for_once_more_and_then_told_as_missing(venue: str) -> None:
    session = opened(venue)
    settled(venue, session)
    session.on_time(50.0)
    session.on_frames([wrong(venue)])
    found = {second: asked for second in range(60) if (asked := new(session.on_time(51.0 + second)))}
    (once, again), (never, told), (_, leave) = found.items()
    assert (once, never) == (SNAPSHOT_WITHIN_S, 2 * SNAPSHOT_WITHIN_S)
    assert len(again) == 2
    assert isinstance(told[0], Missing)
    assert told[0].reason == GapReason.SUBSCRIPTION
    assert isinstance(leave[0], Reconnect)


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_message_that_cannot_be_read_is_a_mismatch_too(venue: str) -> None:
    session = opened(venue)
    settled(venue, session)
    assert len(session.on_frames([right(venue).replace(b":", b"::", 1)])) == 2
    stranger = right(venue).replace(ONE[venue].encode(), b"NOT-MINE").replace(b":", b"::", 1)
    assert opened(venue).on_frames([stranger]) == []


@pytest.mark.parametrize("venue", VENUES)
def test_updates_before_their_snapshot_are_waited_out(venue: str) -> None:
    session = opened(venue)
    assert session.on_frames([right(venue), wrong(venue), right(venue)]) == []


def test_a_broken_link_asks_anew_though_there_is_no_checksum() -> None:
    session = opened("okx")
    assert session.on_frames([okx.SNAPSHOT, okx.KEEPALIVE]) != []


def test_okx_is_left_when_it_says_that_it_will_go() -> None:
    session = opened("okx")
    (request,) = session.on_frames([okx.NOTICE])
    assert isinstance(request, Reconnect)
    assert "service upgrade" in request.reason
    assert session.on_frames([okx.NOTICE.replace(b"64008", b"64999"), b'{"event":"notice"']) == []


@pytest.mark.parametrize(("venue", "symbol"), [("kraken", "XBTUSD"), ("kraken-v2", "BTC-USD"), ("okx", "BTC/USDT")])
def test_a_symbol_in_another_venues_spelling_is_refused_with_an_example(venue: str, symbol: str) -> None:
    with pytest.raises(UsageError) as error:
        FEEDS[venue].session(Wish([symbol], ("trade",)))
    assert symbol in str(error.value)
    assert "e.g." in (error.value.hint or "")


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_whose_first_snapshot_never_came_is_asked_for_and_then_told(venue: str) -> None:
    session = opened(venue)
    update = okx.UPDATE if venue == "okx" else right(venue)
    assert session.on_frames([update]) == []
    assert session.on_time(100.0) == []
    assert session.on_frames([update]) == []
    assert session.on_time(100.0 + SNAPSHOT_WITHIN_S - 1) == []
    assert len(said(session.on_time(100.0 + SNAPSHOT_WITHIN_S))) == 2
    told = session.on_time(100.0 + 2 * SNAPSHOT_WITHIN_S)
    missing = [each for each in told if isinstance(each, Missing)]
    assert {(each.symbol, each.channel, each.reason) for each in missing} == {
        (ONE[venue], "book", GapReason.SUBSCRIPTION)
    }
    assert any("asked for twice" in each.detail for each in missing)


@pytest.mark.parametrize("venue", VENUES)
def test_a_first_snapshot_that_comes_after_an_update_is_not_asked_for_again(venue: str) -> None:
    session = opened(venue)
    session.on_frames([okx.UPDATE if venue == "okx" else right(venue)])
    session.on_time(100.0)
    settled(venue, session)
    assert session.on_time(200.0) == []
