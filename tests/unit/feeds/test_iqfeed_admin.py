"""The admin port: what the gateway reports of itself, what that means, and that no secret is kept."""

import math

import msgspec
import pytest

from breadboard.conversations import Missing, Reconnect, Send
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.describe import Describer
from breadboard.feeds.iqfeed_admin import client_of, stats_of
from breadboard.feeds.iqfeed_admin_session import CONNECT_EVERY_S, AdminSession, Login
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.iqfeed_session import Level1Session
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning
from breadboard.model.kinds import EventKind, GapReason, StatusCode
from breadboard.ports import Wish
from samples.iqfeed import CLIENT, STATS

LOST = STATS.replace(b"Connected", b"Not Connected")
SECOND = 10**9
FAILED = b"S,SERVER RECONNECT FAILED"


def admin(url: str = "") -> AdminSession:
    session = FEEDS["iqfeed"].session(Wish((), ("admin",), url))
    assert isinstance(session, AdminSession)
    session.on_connect()
    return session


def queued(kilobytes: float, *, number: int = 7, name: str = "breadboard") -> bytes:
    return f"S,CLIENTSTATS,1,{number},{name},20261124 100000,495,0,100.0,1.0,{kilobytes},".encode()


def read(*lines: bytes, source: int = 2) -> list[Meaning]:
    """What lines mean that come a second apart."""
    reader = IqfeedReader()
    return [reader.read(line, At(source, 1, (1 + place) * SECOND)) for place, line in enumerate(lines)]


def codes(meaning: Meaning) -> list[tuple[EventKind, int]]:
    return [(event.kind, int(event.code or 0)) for event in meaning.events]


def test_the_admin_port_needs_no_symbols_and_shares_its_connection_with_nothing() -> None:
    assert admin().url == "tcp://127.0.0.1:9300"
    assert admin("tcp://10.0.0.9:5010?admin=9301").url == "tcp://10.0.0.9:9301"
    with pytest.raises(UsageError, match="on other ports"):
        FEEDS["iqfeed"].session(Wish(["XYZ"], ("trade", "admin")))


def test_the_gateways_reports_are_read() -> None:
    stats = stats_of(STATS.decode())
    assert stats is not None
    assert (stats.server, stats.most_symbols, stats.symbols, stats.clients) == ("66.112.148.1:60002", 500, 495, 2)
    assert (stats.silent_s, stats.reconnections, stats.attempts, stats.connected) == (0, 1, 3, True)
    assert (stats.kb_received, stats.kb_per_s_received, stats.kb_sent, stats.kb_per_s_sent) == (120.5, 1.5, 33.1, 0.2)
    lost = stats_of(LOST.decode())
    assert lost is not None
    assert not lost.connected
    assert stats_of("S,STATS,1,2") is None
    assert client_of("S,CLIENTSTATS,1,x") is None


@pytest.mark.parametrize(
    "line", [STATS.replace(b",500,", b"," + b"9" * 40 + b","), STATS.replace(b",1.5,", b",nan,"), STATS + b"\xff" * 9]
)
def test_a_report_that_cannot_be_put_into_json_is_none(line: bytes) -> None:
    session = admin()
    session.on_frames([line, CLIENT])
    facts = session.report().facts
    assert all(math.isfinite(fact) for fact in facts.values() if not isinstance(fact, str))
    assert ("symbol_limit" in facts) == line.endswith(b"\xff")
    msgspec.json.encode(session.report())


def test_what_the_gateway_reports_is_told_by_name_until_the_connection_is_a_new_one() -> None:
    session = admin()
    assert session.report().facts == {}
    session.on_frames([STATS, CLIENT, b"S,CUST,delayed,127.0.0.1,60001,abc,6.2.0.25,0,NYSE,,500,0,"])
    assert session.report().facts == {
        "server_connected": True,
        "server_silent_s": 0,
        "reconnections": 1,
        "attempted_reconnections": 3,
        "symbols_watched": 495,
        "symbol_limit": 500,
        "clients": 2,
        "kb_per_s_received": 1.5,
        "kb_per_s_sent": 0.2,
        "version": "6.2.0.25",
        "delayed": True,
        "kb_queued": 0.0,
    }
    assert session.report().troubles == []
    session.on_frames([LOST])
    assert session.report().troubles == ["the gateway is without the vendor's servers"]
    session.on_connect()
    assert session.report().facts == {}
    assert session.report().troubles == []


def test_level_1_tells_whether_the_account_is_delayed_and_the_gateway_cut_off() -> None:
    session = FEEDS["iqfeed"].session(Wish(["XYZ"], ("trade",)))
    assert isinstance(session, Level1Session)
    session.on_connect()
    assert session.report().facts == {}
    session.on_frames([b"S,CUST,real_time,127.0.0.1,60001,", b"S,SERVER DISCONNECTED"])
    assert session.report().facts == {"delayed": False}
    assert session.report().troubles == ["the gateway is without the vendor's servers"]
    session.on_frames([b"S,CUST,delayed,127.0.0.1,60001,", b"S,SERVER CONNECTED"])
    assert session.report().facts == {"delayed": True}
    assert session.report().troubles == []
    session.on_frames([b"S,CUST,?"])
    assert session.report().facts == {}


def test_a_client_of_ours_for_which_more_and_more_waits_is_told_as_slow() -> None:
    session = admin()
    for waits in (0, 0, 10, 30, 70):
        session.on_frames([STATS, queued(waits), queued(waits, number=8, name="other")])
        assert bool(session.report().troubles) == (waits == 70)
        assert session.report().facts["kb_queued"] == waits
    assert session.report().troubles == ["level1 is read too slowly: 70 kB wait in the gateway, and become more"]
    session.on_frames([STATS, queued(5)])
    assert session.report().troubles == []


def test_a_client_that_left_is_forgotten() -> None:
    session = admin()
    for waits in (0, 10, 30, 70):
        session.on_frames([STATS, queued(waits)])
    assert session.report().troubles
    session.on_frames([STATS] * 5)
    assert session.report().troubles == []
    assert "kb_queued" not in session.report().facts


def test_a_gateway_that_gave_up_is_asked_to_connect_again_and_not_more_than_once_in_ten_seconds() -> None:
    session = admin()
    said = []
    for second in range(21):
        assert session.on_frames([LOST, FAILED, b"\xff\xfe", b""]) == []
        said += [second for request in session.on_time(1000.0 + second) if request == Send("S,CONNECT")]
    assert CONNECT_EVERY_S == 10
    assert said == [0, 10, 20]
    session.on_frames([STATS])
    assert [request for second in range(21, 50) for request in session.on_time(1000.0 + second)] == []


def test_a_gateway_that_only_answers_is_left() -> None:
    session = admin()
    for second in range(3):
        session.on_frames([STATS])
        assert session.on_time(1000.0 + second) == []
    asked = []
    for second in range(3, 12):
        if second % 3 == 0:
            session.on_frames([b"E,Unrecognized command: T"])
        asked += session.on_time(1000.0 + second)
    assert [type(request) for request in asked] == [Missing, Reconnect]


def test_the_login_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"IQFEED_LOGIN": "someone", "IQFEED_PASSWORD": "secret", "IQFEED_PRODUCT": "APP"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    session = admin()
    assert session.login == Login.of(given)
    said = [request.text for request in session.on_connect() if isinstance(request, Send)]
    assert "S,REGISTER CLIENT APP,APP,1.0" in said
    assert said.index("S,SET LOGINID,someone") < said.index("S,SET PASSWORD,secret") < said.index("S,CONNECT")
    assert "secret" not in repr(session)
    assert "someone" not in repr(session.login)
    for name in given:
        monkeypatch.delenv(name)
    anonymous = [request.text for request in admin().on_connect() if isinstance(request, Send)]
    assert anonymous == [*said[:2], "S,CONNECT", "S,CLIENTSTATS ON"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"S,CURRENT LOGINID,someone,", b"S,CURRENT LOGINID,***"),
        (b"S,CURRENT PASSWORD,hunter2", b"S,CURRENT PASSWORD,***"),
        (b"S,CURRENT PASSWORD,hun", b"S,CURRENT PASSWORD,***"),
        (b"E,Unrecognized command: S,SET PASSWORD,hunter2", b"E,Unrecognized command: S,SET PASSWORD,***"),
        (b"E,s,set loginid,someone,s,set password,hunter2", b"E,s,set loginid,***"),
        (STATS, STATS.replace(b"someone", b"***")),
        (STATS.replace(b"someone", b""), STATS.replace(b"someone", b"")),
        (STATS[:60], STATS[:60]),
        (CLIENT, CLIENT),
        (b"S,CURRENT PASSWORD,", b"S,CURRENT PASSWORD,"),
    ],
)
def test_what_the_gateway_repeats_of_the_account_is_masked(line: bytes, kept: bytes) -> None:
    assert admin().masked(line) == kept


def test_a_report_is_a_sign_of_life_and_news_only_where_the_servers_are_lost_or_found() -> None:
    alive, lost, still, found, again = read(STATS, LOST, LOST, STATS, STATS)
    heartbeat = [(EventKind.STATUS, StatusCode.HEARTBEAT)]
    gap = (EventKind.GAP, GapReason.DISCONNECT)
    assert codes(alive) == codes(again) == heartbeat
    assert codes(lost) == [gap, (EventKind.STATUS, StatusCode.STALE)]
    assert codes(still) == []
    assert codes(found) == [gap, (EventKind.STATUS, StatusCode.FEED_UP)]
    assert all(meaning.control for meaning in (alive, lost, still, found, again))
    first, second = (meaning.events[0].gap for meaning in (lost, found))
    assert first is not None
    assert second is not None
    assert (first.source, first.ts_from, first.ts_to) == (2, SECOND, 2 * SECOND)
    assert (second.source, second.ts_from, second.ts_to) == (2, 2 * SECOND, 4 * SECOND)


def test_a_report_and_the_words_of_the_other_ports_mean_one_outage() -> None:
    for lost, found in ((b"S,SERVER DISCONNECTED", STATS), (LOST, b"S,SERVER CONNECTED"), (FAILED, STATS)):
        meanings = read(lost, LOST, b"S,SERVER DISCONNECTED", found, b"S,SERVER CONNECTED")
        assert [len(meaning.events) for meaning in meanings] == [2, 0, 0, 2, 0]


def test_the_clock_of_a_gateway_that_is_cut_off_is_no_sign_that_the_feed_lives() -> None:
    clock = b"T,20261124 10:30:00"
    assert [
        codes(meaning) for meaning in read(clock, b"S,SERVER DISCONNECTED", clock, b"S,SERVER CONNECTED", clock)
    ] == [
        [(EventKind.STATUS, StatusCode.HEARTBEAT)],
        [(EventKind.GAP, GapReason.DISCONNECT), (EventKind.STATUS, StatusCode.STALE)],
        [],
        [(EventKind.GAP, GapReason.DISCONNECT), (EventKind.STATUS, StatusCode.FEED_UP)],
        [(EventKind.STATUS, StatusCode.HEARTBEAT)],
    ]


def test_people_are_told_by_name_what_a_report_says_but_not_whose_account_it_is() -> None:
    describe = Describer(FEEDS["iqfeed"], "admin")
    (alive,) = describe(STATS)
    assert (alive["kind"], alive["code"], alive["attempted_reconnections"]) == ("status", "heartbeat", 3)
    assert "someone" not in str(alive)
    gap, stale = describe(LOST)
    assert (gap["kind"], gap["reason"]) == ("gap", "disconnect")
    assert (stale["kind"], stale["code"], stale["server_connected"]) == ("status", "stale", False)
    assert [(row["kind"], row["client"], row["port"]) for row in Describer(FEEDS["iqfeed"])(CLIENT)] == [
        ("control", "breadboard", "level1")
    ]
    (cut,) = describe(STATS[:80])
    assert cut == {"kind": "quarantined", "reason": "a report of the gateway that is cut"}


def test_a_state_that_nobody_knows_is_told_as_new_and_changes_nothing() -> None:
    lost, strange, found = read(LOST, STATS.replace(b"Connected", b"Reconnecting"), STATS)
    assert (strange.unknown, strange.events, strange.control) == (("STATS Reconnecting",), (), True)
    assert [len(meaning.events) for meaning in (lost, found)] == [2, 2]
