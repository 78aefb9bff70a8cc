"""What is said to Massive, when, and how long it is left alone after which refusal."""

import json
import logging
from itertools import pairwise

import pytest

from breadboard.app.capture import planned
from breadboard.capture.planning import plan_sources
from breadboard.config import Config, FeedConfig
from breadboard.conversations import Denied, Fetch, Missing, Reconnect, Request, Send
from breadboard.environment import key_of
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.massive_session import CROWDED_WAIT_S, TOPICS_A_MESSAGE, MassiveSession
from breadboard.ports import Wish
from samples.massive import ADMITTED, CONNECTED, DENIED, QUOTE, TRADE, frame

KEY = "a secret key"


def session(*symbols: str, channels: tuple[str, ...] = ("trade",), venue: str = "massive") -> MassiveSession:
    made = FEEDS[venue].session(Wish(symbols or ("AAPL",), channels, key=KEY))
    assert isinstance(made, MassiveSession)
    return made


def status(word: str, message: str = "") -> bytes:
    return json.dumps([{"ev": "status", "status": word, "message": message}]).encode()


def sent(requests: object) -> list[dict[str, str]]:
    assert isinstance(requests, list)
    return [json.loads(request.text) for request in requests if isinstance(request, Send)]


def admitted(talk: MassiveSession) -> list[dict[str, str]]:
    talk.on_connect()
    assert sent(talk.on_frames([CONNECTED])) == [{"action": "auth", "params": KEY}]
    return sent(talk.on_frames([ADMITTED]))


def test_it_waits_for_the_greeting_then_logs_in_then_subscribes() -> None:
    talk = session("AAPL", "BRK.B", channels=("trade", "quote", "bar", "luld"))
    assert talk.url == "wss://socket.massive.com/stocks"
    assert talk.on_connect() == []
    assert sent(talk.on_frames([CONNECTED])) == [{"action": "auth", "params": KEY}]
    assert talk.on_frames([CONNECTED]) == []
    topics = [f"{kind}.{symbol}" for symbol in ("AAPL", "BRK.B") for kind in ("T", "Q", "A", "AM", "LULD")]
    assert sent(talk.on_frames([ADMITTED])) == [{"action": "subscribe", "params": ",".join(topics)}]
    assert talk.on_frames([ADMITTED, TRADE, QUOTE, frame(TRADE, QUOTE)]) == []


def test_the_table_of_conditions_is_fetched_first_and_again_where_that_may_help() -> None:
    talk = session(channels=("trade", "quote"))
    talk.on_connect()
    talk.on_frames([CONNECTED])
    (table, subscription) = talk.on_frames([ADMITTED])
    assert isinstance(table, Fetch)
    assert isinstance(subscription, Send)
    assert (table.tag, table.url) == (
        "conditions",
        "https://api.massive.com/v3/reference/conditions?asset_class=stocks&limit=1000",
    )
    assert KEY not in table.url
    (again,) = talk.on_document("conditions", 503, b"")
    assert isinstance(again, Fetch)
    assert again.delay_s > 0
    assert talk.on_document("conditions", 200, b'{"results":[],"status":"OK"}') == []
    assert talk.on_document("conditions", 401, b"{}") == []


@pytest.mark.parametrize(
    ("url", "rest_url", "asked"),
    [("", "", True), ("ws://127.0.0.1:1", "", False), ("ws://127.0.0.1:1", "http://127.0.0.1:2", True)],
)
def test_the_key_goes_to_the_venues_own_rest_interface_or_the_one_that_was_named(
    url: str, rest_url: str, asked: bool
) -> None:
    talk = FEEDS["massive"].session(Wish(("AAPL",), ("trade",), url=url, rest_url=rest_url, key=KEY))
    talk.on_connect()
    talk.on_frames([CONNECTED])
    fetches = [each for each in talk.on_frames([ADMITTED]) if isinstance(each, Fetch)]
    assert [each.url.startswith(rest_url or "https://api.massive.com/") for each in fetches] == [True] * asked


def test_who_wants_no_trades_needs_no_table() -> None:
    talk = session(channels=("quote",))
    talk.on_connect()
    talk.on_frames([CONNECTED])
    assert all(isinstance(each, Send) for each in talk.on_frames([ADMITTED]))


def test_statuses_among_other_events_of_one_frame_are_heard() -> None:
    talk = session()
    talk.on_connect()
    assert sent(talk.on_frames([frame(TRADE, CONNECTED, QUOTE)])) == [{"action": "auth", "params": KEY}]


def test_many_symbols_are_asked_for_in_several_messages() -> None:
    names = [f"S{n}" for n in range(1300)]
    messages = admitted(session(*names))
    parts = [message["params"].split(",") for message in messages]
    assert [len(part) for part in parts] == [TOPICS_A_MESSAGE, TOPICS_A_MESSAGE, 300]
    assert [topic for part in parts for topic in part] == [f"T.{name}" for name in names]


def test_a_star_is_every_stock_and_takes_the_place_of_the_others() -> None:
    assert admitted(session("AAPL", "*", channels=("trade", "quote"))) == [{"action": "subscribe", "params": "T.*,Q.*"}]


@pytest.mark.parametrize(("given", "spelled"), [("aapl", "AAPL"), ("BACpB", "BACpB"), ("brk.b", "BRK.B")])
def test_small_letters_inside_a_ticker_are_the_venues(given: str, spelled: str) -> None:
    assert list(session(given).symbols) == [spelled]


def test_the_delayed_feed_lives_on_its_own_host() -> None:
    assert session(venue="massive-delayed").url == "wss://delayed.massive.com/stocks"
    assert FEEDS["massive-delayed"].capabilities.completeness == "delayed"


def test_a_denied_login_is_tried_again_later_and_later() -> None:
    talk = session()
    waits = []
    for _ in range(9):
        talk.on_connect()
        talk.on_frames([CONNECTED])
        (request,) = talk.on_frames([status("auth_failed", "authentication failed")])
        assert isinstance(request, Reconnect)
        assert KEY not in request.reason
        waits.append(request.wait_s)
    assert waits[:3] == [60.0, 120.0, 240.0]
    assert waits[-1] == 3600.0


def test_only_a_connection_that_lived_makes_a_denial_forgotten() -> None:
    talk = session()
    talk.on_connect()
    talk.on_frames([status("auth_failed")])
    talk.on_connect()
    talk.on_frames([CONNECTED, ADMITTED])
    for second in range(9):
        talk.on_time(500.0 + second)
    (request,) = talk.on_frames([status("auth_required")])
    assert isinstance(request, Reconnect)
    assert request.wait_s == 120.0
    talk.on_connect()
    talk.on_frames([CONNECTED, ADMITTED])
    for second in range(12):
        talk.on_time(1000.0 + second)
    (request,) = talk.on_frames([status("auth_failed")])
    assert isinstance(request, Reconnect)
    assert request.wait_s == 60.0


@pytest.mark.parametrize("word", ["max_connections", "force_disconnect"])
def test_one_connection_too_many_waits_a_minute_even_after_the_login(word: str) -> None:
    talk = session()
    admitted(talk)
    (request,) = talk.on_frames([status(word, "Maximum number of websocket connections exceeded.")])
    assert isinstance(request, Reconnect)
    assert request.wait_s >= CROWDED_WAIT_S >= 60.0


def test_a_slow_consumer_comes_back_without_a_penalty() -> None:
    talk = session()
    admitted(talk)
    (request,) = talk.on_frames([status("slow_consumer")])
    assert request == Reconnect("the venue says: slow_consumer ")


def test_a_venue_that_does_not_greet_or_answer_the_login_is_left() -> None:
    talk = session()
    talk.on_connect()
    assert [talk.on_time(100.0 + s) for s in (0, 5, 10)] == [[], [], []]
    assert isinstance(talk.on_time(111.0)[0], Reconnect)
    talk.on_connect()
    talk.on_frames([CONNECTED])
    assert talk.on_time(200.0) == []
    (request,) = talk.on_time(211.0)
    assert isinstance(request, Reconnect)
    assert "answer the login" in request.reason


def told(talk: MassiveSession, begin: int, end: int, *frames: bytes) -> list[tuple[int, Request]]:
    """What is asked and told from second to second, while these frames come in each."""
    requests: list[tuple[int, Request]] = []
    for second in range(begin, end):
        talk.on_frames(list(frames))
        requests += [(second, request) for request in talk.on_time(float(second))]
    return requests


def gaps(requests: list[tuple[int, Request]]) -> list[tuple[str | None, str | None, float, int, bool]]:
    """Symbol, channel, from, to, and whether it is over, of each gap."""
    found = [(second, each) for second, each in requests if isinstance(each, Missing)]
    return [(each.symbol, each.channel, each.since_s, second, each.over) for second, each in found]


def confirmed(*topics: str) -> list[bytes]:
    return [status("success", f"subscribed to: {topic}") for topic in topics]


def test_a_topic_that_is_never_confirmed_is_missing_by_name_and_asked_for_again_until_it_is() -> None:
    talk = session("AAPL", "MSFT", channels=("trade", "luld"))
    admitted(talk)
    talk.on_frames(confirmed("T.AAPL", "T.MSFT"))
    assert talk.on_frames([DENIED]) == [Denied("AAPL", "luld", "not authorized to subscribe to: LULD.AAPL")]
    requests = told(talk, 50, 3650)
    found = gaps(requests)
    assert {(symbol, channel) for symbol, channel, *_ in found} == {("MSFT", "luld")}
    assert found[0][2:4] == (50.0, 81), "it has half a minute"
    assert all(one[3] == other[2] for one, other in pairwise(found)), "without a hole"
    assert found[-1][3] > 3580
    assert talk.subscriptions.missing() == ["MSFT luld"]
    again = sent([each for _, each in requests])
    assert again[:2] == [{"action": action, "params": "LULD.MSFT"} for action in ("unsubscribe", "subscribe")]
    assert 4 <= len(again) < 30, "ever more seldom"
    assert any(isinstance(each, Reconnect) for _, each in requests)
    talk.on_frames([status("success", "unsubscribed to: LULD.MSFT")])
    assert gaps(told(talk, 3650, 3652)) == [], "that is no confirmation"
    talk.on_frames(confirmed("LULD.MSFT"))
    (over,) = gaps(told(talk, 3652, 3660))
    assert (over[:2], over[4]) == (("MSFT", "luld"), True)
    assert talk.subscriptions.missing() == []


def test_bars_are_confirmed_by_both_of_their_topics_and_asked_for_by_both() -> None:
    talk = session(channels=("bar",))
    admitted(talk)
    talk.on_frames(confirmed("A.AAPL"))
    assert sent([each for _, each in told(talk, 0, 40)])[1] == {"action": "subscribe", "params": "A.AAPL,AM.AAPL"}
    talk.on_frames(confirmed("AM.AAPL"))
    assert not any(each[4] for each in gaps(told(talk, 40, 42))), "A was asked for as well"
    talk.on_frames(confirmed("A.AAPL"))
    assert [each[4] for each in gaps(told(talk, 42, 44))] == [True]


def test_many_topics_that_are_never_confirmed_are_one_gap() -> None:
    talk = session(*(f"S{n}" for n in range(100)))
    admitted(talk)
    (gap,) = gaps(told(talk, 50, 82))
    assert gap == (None, "trade", 50.0, 81, False)


@pytest.mark.parametrize("channels", [("trade",), ("trade", "quote", "luld")])
def test_every_stock_together_falling_silent_in_regular_hours_is_found(channels: tuple[str, ...]) -> None:
    talk = session("*", channels=channels)
    admitted(talk)
    talk.subscriptions.on_phase("regular")
    talk.on_frames(confirmed("T.*", "Q.*", "LULD.*"))
    assert told(talk, 0, 3600, frame(TRADE, TRADE, QUOTE)) == []
    requests = told(talk, 3600, 3700)
    assert (None, 3598.0) in [(symbol, since) for symbol, _, since, *_ in gaps(requests)]
    assert any(isinstance(each, Reconnect) for _, each in requests)


def test_one_channel_of_every_stock_together_is_asked_for_again_by_its_topic_and_missing_of_every_symbol() -> None:
    talk = session("*", channels=("trade", "quote"))
    admitted(talk)
    talk.subscriptions.on_phase("regular")
    talk.on_frames(confirmed("T.*", "Q.*"))
    assert told(talk, 0, 3600, frame(TRADE), frame(QUOTE)) == []
    requests = told(talk, 3600, 3660, frame(QUOTE))
    assert {(symbol, channel) for symbol, channel, *_ in gaps(requests)} == {(None, "trade")}
    assert {"action": "subscribe", "params": "T.*"} in sent([each for _, each in requests])
    assert [(each.symbol, each.channel, each.over) for each in talk.subscriptions.on_end()] == [(None, "trade", True)]


def test_without_a_key_the_error_names_the_variable() -> None:
    with pytest.raises(UsageError, match="MASSIVE_API_KEY") as error:
        FEEDS["massive"].session(Wish(["AAPL"], ["trade"]))
    assert error.value.hint == "export MASSIVE_API_KEY=…"


def test_the_key_is_in_no_repr_and_no_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    talk = session()
    requests = talk.on_connect() + talk.on_frames([CONNECTED]) + talk.on_frames([ADMITTED])
    assert KEY not in repr(talk) + repr(requests) + talk.url + caplog.text
    assert any(isinstance(request, Send) and KEY in request.text for request in requests)


def test_a_key_comes_from_the_configuration_then_the_environment_then_its_former_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
    feed = FeedConfig(venue="massive", symbols=("AAPL",))
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert key_of(feed, *names) == ""
    monkeypatch.setenv("POLYGON_API_KEY", "former")
    assert key_of(feed, *names) == "former"
    (source,) = planned(Config(feeds=(feed,)))
    assert isinstance(source.session, MassiveSession)
    assert source.session.key == "former"
    monkeypatch.setenv("MASSIVE_API_KEY", "new")
    assert key_of(feed, *names) == "new"
    assert key_of(FeedConfig(venue="massive", symbols=("AAPL",), key="own"), *names) == "own"


def test_capture_never_plans_two_connections_with_one_key() -> None:
    many = tuple(f"S{n}" for n in range(9000))
    assert len(plan_sources([FeedConfig(venue="massive", symbols=many, key="k")], FEEDS)) == 1
    twice = [FeedConfig(venue="massive", symbols=(name,), key="k") for name in ("AAPL", "MSFT")]
    with pytest.raises(UsageError, match="one connection a key"):
        plan_sources(twice, FEEDS)
    other_key = [twice[0], FeedConfig(venue="massive", symbols=("MSFT",), key="another")]
    other_host = [twice[0], FeedConfig(venue="massive-delayed", symbols=("AAPL",), key="k")]
    assert len(plan_sources(other_key, FEEDS)) == len(plan_sources(other_host, FEEDS)) == 2
