"""What is said to Kraken and OKX, and how a wrong book is asked for anew: that symbol alone, and not for ever."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from breadboard.conversations import Denied, Missing, Reconnect, Request, Send, Session
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


CHANNELS = {"kraken": ("trade", "spread", "book"), "kraken-v2": ("trade", "ticker", "book")}
CHANNELS |= {"okx": ("trades", "tickers", "books")}
MADE = {
    "kraken": '{"channelID":9,"channelName":"%s","event":"subscriptionStatus","pair":"%s","status":"subscribed",'
    '"subscription":{"depth":1000,"name":"%s"}}',
    "kraken-v2": '{"method":"subscribe","result":{"channel":"%s","snapshot":true,"symbol":"%s"},"success":true,'
    '"time_in":"2026-10-06T08:04:55.000000Z","time_out":"2026-10-06T08:04:55.000100Z"}',
    "okx": '{"event":"subscribe","arg":{"channel":"%s","instId":"%s"},"connId":"a4d3ae55"}',
}
REFUSED = {
    "kraken": '{"errorMessage":"%s","event":"subscriptionStatus","pair":"%s","status":"error",'
    '"subscription":{"name":"%s"}}',
    "kraken-v2": '{"error":"%s","method":"subscribe","success":false,"symbol":"%s","time_in":"2026-10-06T08:04:55Z"}',
    "okx": '{"event":"error","code":"%s","msg":"Wrong URL or channel:%s,instId:%s doesn\'t exist.","connId":"a4"}',
}
"""Of OKX, whose text names the channel, with the code."""


def made(venue: str, channel: str, symbol: str) -> bytes:
    words = (f"{channel}-1000", symbol, channel) if venue == "kraken" else (channel, symbol)
    return (MADE[venue] % words).encode()


def opened(venue: str) -> Session:
    """Return a session of which the venue has acknowledged everything."""
    session = FEEDS[venue].session(Wish([ONE[venue], OTHER[venue]], ("trade", "quote", "book"), "ws://127.0.0.1:1"))
    session.on_connect()
    symbols = (ONE[venue], OTHER[venue])
    assert session.on_frames([made(venue, name, symbol) for name in CHANNELS[venue] for symbol in symbols]) == []
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
def test_what_the_venue_never_acknowledges_is_told_and_asked_for_again_until_it_does(venue: str) -> None:
    session = FEEDS[venue].session(Wish([ONE[venue], OTHER[venue]], ("trade", "quote"), "ws://127.0.0.1:1"))
    session.on_connect()
    trade, quote, _ = CHANNELS[venue]
    refused = ("60014", trade, ONE[venue]) if venue == "okx" else ("Exceeded msg rate", ONE[venue], trade)
    passing = REFUSED[venue] % refused[: REFUSED[venue].count("%s")]
    there = [(trade, OTHER[venue]), (quote, ONE[venue]), (quote, OTHER[venue])]
    assert session.on_frames([made(venue, *pair) for pair in there] + [passing.encode()]) == []
    told = {second: found for second in range(32) if (found := session.on_time(1000.0 + second))}
    assert list(told) == [31]
    missing, *again = told[31]
    assert missing == Missing(ONE[venue], "trade", GapReason.SUBSCRIPTION, 1000.0, "not acknowledged for 31 s")
    stop, start = said(again)
    assert "unsubscribe" in stop.values()
    assert ONE[venue] in json.dumps(start)
    assert OTHER[venue] not in json.dumps([stop, start])
    session.on_frames([made(venue, trade, ONE[venue])])
    (over,) = session.on_time(1032.0)
    assert isinstance(over, Missing)
    assert (over.symbol, over.channel, over.since_s, over.over) == (ONE[venue], "trade", 1031.0, True)
    assert [request for second in range(33, 300) for request in session.on_time(1000.0 + second)] == []


@pytest.mark.parametrize("venue", VENUES)
def test_a_symbol_that_the_venue_does_not_have_is_named_once_and_not_waited_for(venue: str) -> None:
    session = FEEDS[venue].session(Wish([ONE[venue], OTHER[venue]], ("trade", "quote"), "ws://127.0.0.1:1"))
    session.on_connect()
    for channel in CHANNELS[venue][:2]:
        words = (
            ("60018", channel, ONE[venue]) if venue == "okx" else ("Currency pair not supported", ONE[venue], channel)
        )
        no = REFUSED[venue] % words[: REFUSED[venue].count("%s")]
        (denied,) = session.on_frames([no.encode(), made(venue, channel, OTHER[venue])])
        assert isinstance(denied, Denied)
        assert (denied.symbol, denied.channel) == (ONE[venue], None)
    assert [request for second in range(300) for request in session.on_time(1000.0 + second)] == []


def test_what_is_subscribed_already_is_made() -> None:
    session = FEEDS["kraken"].session(Wish(["XBT/USD"], ("trade",), "ws://127.0.0.1:1"))
    session.on_connect()
    assert session.on_frames([(REFUSED["kraken"] % ("Already subscribed", "XBT/USD", "trade")).encode()]) == []
    assert [request for second in range(300) for request in session.on_time(1000.0 + second)] == []


def test_an_answer_of_kraken_v2_is_no_data_of_what_it_names() -> None:
    session = FEEDS["kraken-v2"].session(Wish(["BTC/USD"], ("trade",), "ws://127.0.0.1:1"))
    session.on_connect()
    ended = made("kraken-v2", "trade", "BTC/USD").replace(b'"subscribe"', b'"unsubscribe"')
    told = []
    for second in range(32):
        session.on_frames([ended])
        told += session.on_time(1000.0 + second)
    assert [each.detail for each in told if isinstance(each, Missing)] == ["not acknowledged for 31 s"]


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
