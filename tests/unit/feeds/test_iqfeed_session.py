"""The conversations with a gateway: gentle, never twice what was refused, and told when something stops coming."""

from collections.abc import Sequence
from random import Random

import pytest

from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.conversations import Denied, Missing, Request, Send, Session
from breadboard.engine.books import Books
from breadboard.engine.orders import Orders
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.iqfeed_depth_session import Level2Session
from breadboard.feeds.iqfeed_session import Level1Session
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, GapReason, RecordKind
from breadboard.ports import Wish
from samples.iqfeed import FIELDS


def level1(*symbols: str, url: str = "", channels: Sequence[str] = ("trade", "quote")) -> Level1Session:
    session = FEEDS["iqfeed"].session(Wish(symbols or ("XYZ",), channels, url))
    assert isinstance(session, Level1Session)
    return session


def level2(*symbols: str, url: str = "") -> Level2Session:
    session = FEEDS["iqfeed"].session(Wish(symbols or ("XYZ",), ("book",), url))
    assert isinstance(session, Level2Session)
    return session


def texts(requests: Sequence[Request]) -> list[str]:
    return [request.text for request in requests if isinstance(request, Send)]


def missing(requests: Sequence[Request]) -> list[Missing]:
    """What is told as lost; that quotes go with the trades of a watch, and that it is over, is told besides."""
    found = [request for request in requests if isinstance(request, Missing) and not request.over]
    return [each for each in found if (each.reason, each.channel) != (GapReason.COUNTER, "quote")]


def begun(*symbols: str, now_s: float = 1000.0) -> Level1Session:
    """A Level 1 conversation in which everything was said and echoed."""
    session = level1(*symbols)
    session.on_connect()
    session.on_frames([FIELDS])
    session.on_time(now_s)
    return session


def update(symbol: str, contents: str, count: int, volume: int = 0, size: int = 100) -> bytes:
    return f"Q,{symbol},{contents},{count},{volume or count * 100},{size},10.5,".encode()


def summary(symbol: str, count: int | str, volume: int | str = "") -> bytes:
    return f"P,{symbol},Cbav,{count},{volume},100,10.5,".encode()


def seconds(session: Session, begin: int, end: int) -> list[list[Request]]:
    return [session.on_time(float(now)) for now in range(begin, end)]


def test_one_wish_becomes_a_connection_to_each_port() -> None:
    config = FeedConfig(venue="iqfeed", symbols=("AAPL",), url="tcp://10.0.0.9:5010?depth=9201&rate=20")
    planned = plan_sources([config], FEEDS)
    assert [(source.session.url, source.symbols, source.name) for source in planned] == [
        ("tcp://10.0.0.9:5010", ("AAPL",), "IQFEED (source 0)"),
        ("tcp://10.0.0.9:9201", ("AAPL",), "IQFEED (source 1)"),
        ("tcp://10.0.0.9:9300", (), "IQFEED admin (source 2)"),
    ]
    (book,) = plan_sources([FeedConfig(venue="iqfeed", symbols=("AAPL",), channels=("book",))], FEEDS)
    assert book.session.url == "tcp://127.0.0.1:9200"


def test_the_admin_port_has_one_connection_a_gateway_whatever_the_symbols_and_feeds() -> None:
    many = FeedConfig(venue="iqfeed", symbols=("AAPL", "MSFT"), connections=2)
    other = FeedConfig(venue="iqfeed", symbols=("IBM",), url="tcp://10.0.0.9:5009")
    numbers: dict[str, int] = {}
    planned = plan_sources([many, many, other], FEEDS, None, numbers)
    assert [source.session.url for source in planned if source.aside] == ["tcp://127.0.0.1:9300", "tcp://10.0.0.9:9300"]
    assert [source.source for source in planned] == list(range(len(planned)))
    assert sorted(name for name in numbers if "/3/" in name) == ["iqfeed/0/3/0", "iqfeed/2/3/0"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1:5009",
            "tcp://:5009",
            "tcp://h:0",
            "tcp://h:99999",
            "tcp://h:5009?depth=x",
            "tcp://h:5009?a=1",
        ),
        *("tcp://h:5009?rate=0", "tcp://h:5009?rate=1001", "tcp://h:5009?depth", "tcp://h:5009?depth=70000"),
    ],
)
def test_an_address_that_is_none_is_a_sentence_with_a_hint(url: str) -> None:
    with pytest.raises(UsageError, match="not the address of an IQFeed gateway") as error:
        level1(url=url)
    assert error.value.hint.startswith("tcp://")


def test_books_with_trades_are_two_sources() -> None:
    with pytest.raises(UsageError, match="on other ports"):
        FEEDS["iqfeed"].session(Wish(["XYZ"], ("trade", "book")))


def test_the_fields_come_before_the_watches_and_those_come_gently() -> None:
    symbols = [f"S{number}" for number in range(120)]
    session = level1(*symbols)
    said = texts(session.on_connect())
    assert said[:2] == ["S,SET PROTOCOL,6.2", "S,SET CLIENT NAME,breadboard"]
    assert said[2].startswith("S,SELECT UPDATE FIELDS,Message Contents,Number of Trades Today,Total Volume,")
    watches = [line for line in said if line.startswith("w")]
    assert len(said) == 50
    watches += [line for requests in seconds(session, 1, 4) for line in texts(requests) if line.startswith("w")]
    assert watches == [f"w{name}" for name in symbols]


def test_a_gentler_rate_can_be_asked_for() -> None:
    session = level1(*(f"S{number}" for number in range(30)), url="tcp://127.0.0.1:1?rate=10")
    assert len(session.on_connect()) == 10
    assert all(len(requests) <= 10 for requests in seconds(session, 1, 200))
    assert [texts(level1("A", channels=("trade",)).on_connect())[-1]] == ["tA"], "trades alone"


def test_every_symbol_is_refreshed_once_a_minute_and_the_refreshes_are_spread() -> None:
    symbols = [f"S{number}" for number in range(495)]
    session = begun(*symbols)
    seconds(session, 1001, 1020)
    turns = [[line for line in texts(each) if line.startswith("f")] for each in seconds(session, 1020, 1080)]
    assert max(map(len, turns)) <= 9
    asked = [line for turn in turns for line in turn]
    assert len(asked) == 495
    assert len(set(asked)) == 495


def test_nothing_is_alarming_about_a_count_that_agrees() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", 10)])
    for count in range(11, 20):
        assert session.on_frames([update("XYZ", "Cv", count), update("XYZ", "ba", count)]) == []
    assert session.on_frames([summary("XYZ", 19)]) == []
    assert session.on_frames([summary("XYZ", 19)]) == [], "quiet, or halted"


def test_a_count_that_moved_further_than_the_trades_is_asked_again_and_then_told() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", 10), update("XYZ", "Cv", 11)])
    session.on_time(1030.0)
    assert session.on_frames([summary("XYZ", 14)]) == [], "a doubt is no alarm"
    assert texts(session.on_time(1031.0))[0] == "fXYZ"
    requests = session.on_frames([summary("XYZ", 14)])
    (told,) = missing(requests)
    assert (told.symbol, told.channel, told.reason, told.since_s) == ("XYZ", "trade", GapReason.COUNTER, 1000.0)
    assert told.detail == "the venue counts 4 more trades, 1 came"
    assert texts(session.on_time(1032.0))[:2] == ["rXYZ", "wXYZ"]
    assert missing(session.on_frames([summary("XYZ", 20)])) == [], "the renewed watch counts anew"
    assert session.on_frames([summary("XYZ", 20)]) == []


def test_trades_that_were_only_on_their_way_end_the_doubt() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", 10)])
    session.on_frames([summary("XYZ", 12), update("XYZ", "Cv", 11), update("XYZ", "O", 12)])
    assert session.on_frames([summary("XYZ", 12)]) == []


def test_a_new_day_a_correction_and_a_new_watch_are_no_loss() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", 5_000)])
    assert session.on_frames([summary("XYZ", 0), summary("XYZ", 0)]) == [], "the count begins anew"
    session.on_frames([b"C,XYZ,I,11/24/2026,10:30:00.000000,10.5,100,77,01,11,"])
    assert session.on_frames([summary("XYZ", 3), summary("XYZ", 3)]) == []
    session.on_frames([b"S,SERVER DISCONNECTED", b"S,SERVER CONNECTED"])
    assert session.on_frames([summary("XYZ", 50), summary("XYZ", 50)]) == [], "the gateway's own gap tells of it"


def test_what_was_missed_while_the_servers_were_away_is_not_told_again_with_the_next_trade() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", 10), b"S,SERVER DISCONNECTED", b"S,SERVER CONNECTED"])
    session.on_frames([summary("XYZ", 10)])  # what the gateway still holds
    session.on_frames([update("XYZ", "Cv", 13)])
    assert session.on_frames([summary("XYZ", 13), summary("XYZ", 13)]) == []
    session.on_frames([update("XYZ", "Cv", 15)])
    assert len(missing(session.on_frames([summary("XYZ", 15), summary("XYZ", 15)]))) == 1


def test_the_watches_are_audited_soon_after_the_servers_came_back() -> None:
    session = begun("XYZ")
    session.on_frames([b"S,SERVER DISCONNECTED", b"S,SERVER CONNECTED"])
    requests = [request for each in seconds(session, 1001, 1022) for request in each]
    assert "S,REQUEST WATCHES" in texts(requests)


def test_volume_is_asked_where_trades_are_not_counted() -> None:
    session = begun("XYZ")
    session.on_frames([summary("XYZ", "", 1000)])
    session.on_frames([update("XYZ", "Cv", 0, 1100).replace(b",0,1100,", b",,1100,")])
    assert session.on_frames([summary("XYZ", "", 1100)]) == []
    session.on_frames([summary("XYZ", "", 1300)])
    (told,) = missing(session.on_frames([summary("XYZ", "", 1300)]))
    assert told.detail == "the venue counts 200 more of volume, 0 came"


def test_counts_are_not_trusted_until_the_fields_are_known() -> None:
    session = level1("XYZ")
    session.on_connect()
    session.on_time(1000.0)
    lines = [summary("XYZ", 10), summary("XYZ", 90), summary("XYZ", 90)]
    assert session.on_frames(lines) == []
    session.on_frames([b"S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,Last,Number of Trades Today,"])
    assert session.on_frames(lines) == []


def test_a_random_day_without_a_loss_raises_no_alarm_and_one_with_a_loss_does() -> None:
    for seed in range(20):
        chance, count, lost = Random(seed), 0, 0
        session = begun("XYZ")
        session.on_frames([summary("XYZ", 0)])
        alarms: list[Missing] = []
        for second in range(1001, 2000):
            if second < 1400 and chance.random() < 0.002:
                count = 0  # a new day
            for _ in range(chance.choice((0, 0, 1, 3))):
                count += 1
                if seed % 2 and second > 1500 and not lost:
                    lost += 1
                    continue
                session.on_frames([update("XYZ", chance.choice(("Cv", "Ovb", "Ev")), count)])
            for line in texts(session.on_time(float(second))):
                if line in {"fXYZ", "wXYZ"}:
                    alarms += missing(session.on_frames([summary("XYZ", count)]))
        assert len(alarms) == lost, f"seed {seed}"


def test_a_symbol_the_gateway_no_longer_watches_is_told_and_watched_again_alone() -> None:
    session = begun("ABC", "XYZ", "QRS")
    requests = [request for each in seconds(session, 1001, 1062) for request in each]
    assert texts(requests).count("S,REQUEST WATCHES") == 1
    requests = session.on_frames([b"S,WATCHES,ABC,QRS,"])
    assert [(each.symbol, each.channel, each.since_s) for each in missing(requests)] == [
        ("XYZ", "trade", 1000.0),
        ("XYZ", "quote", 1000.0),
    ]
    assert {each.reason for each in missing(requests)} == {GapReason.SUBSCRIPTION}
    watches = [line for line in texts(session.on_time(1062.0)) if line.startswith("w")]
    assert watches == ["wXYZ"]
    assert session.on_frames([b"S,WATCHES,ABC,QRS,"]) == [], "its new watch has hardly been asked for"
    session.on_time(1080.0)
    (told, _) = missing(session.on_frames([b"S,WATCHES,ABC,QRS,"]))
    assert told.since_s == 1062.0, "since the last audit, not since the beginning"


def test_what_was_refused_is_never_asked_for_again_nor_missed() -> None:
    session = begun("ABC", "XYZ", "QRS")
    denied = session.on_frames([b"n,ABC", b"S,SYMBOL LIMIT REACHED,QRS", b"n,NOBODYS"])
    assert denied == [Denied("ABC", None, "symbol not found"), Denied("QRS", None, "symbol limit reached")]
    requests = [request for each in seconds(session, 1001, 1200) for request in each]
    assert not [line for line in texts(requests) if line[1:] in {"ABC", "QRS"}]
    assert session.on_frames([b"S,WATCHES,XYZ,"]) == []


def test_nothing_is_audited_while_the_gateway_has_no_servers() -> None:
    session = begun("XYZ")
    session.on_frames([b"S,SERVER DISCONNECTED"])
    assert [request for each in seconds(session, 1001, 1300) for request in each] == []
    session.on_frames([b"S,SERVER CONNECTED"])
    assert any(seconds(session, 1300, 1400))


ORDER = b"4,XYZ,,NSDQ,B,10.4900,300,,4,10:30:00.000001,2026-11-24,"


def test_depth_is_asked_for_by_orders_and_a_future_without_them_by_levels() -> None:
    session = level2("XYZ", "@ES#")
    assert texts(session.on_connect()) == ["S,SET PROTOCOL,6.2", "S,SET CLIENT NAME,breadboard", "WOR,XYZ", "WOR,@ES#"]
    assert session.on_frames([b"q,@ES#", b"n,XYZ"]) == [Denied("XYZ", "book", "no such symbol, or no depth for it")]
    assert texts(session.on_time(1.0)) == ["WPL,@ES#"]
    session.on_frames([b"q,@ES#"])
    assert [missing(each) + texts(each) for each in seconds(session, 2, 5)] == [[]] * 3


def talk(session: Level2Session, minutes: int, *symbols: str, begin: int = 0) -> list[Request]:
    """Let symbols speak once in each minute, and the gateway's clock go on."""
    requests: list[Request] = []
    for minute in range(begin, begin + minutes):
        clock = f"20261124 10:{minute:02d}:00".encode()
        lines = [ORDER.replace(b"XYZ", name.encode()) for name in symbols]
        session.on_frames([b"T," + clock, *lines])
        requests += session.on_time(1000.0 + 60 * (minute + 1))
    return requests


def silenced() -> Level2Session:
    """A conversation in which XYZ was lively for ten minutes and then was silent for two, while others spoke on."""
    session = level2("XYZ", "ABC", "DEF")
    session.on_connect()
    session.on_time(1000.0)
    assert talk(session, 10, "XYZ", "ABC", "DEF") == []
    requests = talk(session, 2, "ABC", "DEF", begin=10)
    assert texts(requests) == ["ROR,XYZ", "WOR,XYZ"]
    assert missing(requests) == [], "silence proves nothing"
    return session


def test_orders_younger_than_the_silence_prove_that_something_was_kept_from_us() -> None:
    session = silenced()
    young = ORDER.replace(b"4,", b"6,", 1).replace(b"10:30:00", b"10:10:31")
    (told,) = session.on_frames([young, young])
    assert isinstance(told, Missing)
    assert told.over, "the summary has renewed the book"
    assert (told.symbol, told.channel, told.reason) == ("XYZ", "book", GapReason.SUBSCRIPTION)
    assert told.since_s == 1600.0
    assert "silent since 20261124 10:09:00" in told.detail


def test_orders_older_than_the_silence_prove_that_it_was_quiet() -> None:
    session = silenced()
    old = ORDER.replace(b"4,", b"6,", 1).replace(b"10:30:00", b"10:08:59")
    assert session.on_frames([old, old.replace(b"10:08:59", b"")]) == []
    assert session.on_frames([ORDER.replace(b"10:30:00", b"10:12:01")]) == [], "it speaks by itself again"


def test_a_thin_symbol_and_a_silent_market_are_left_alone() -> None:
    session = level2("XYZ", "ABC", "DEF")
    session.on_connect()
    session.on_time(1000.0)
    assert talk(session, 3, "XYZ", "ABC", "DEF") == talk(session, 9, "ABC", "DEF", begin=3) == []
    assert talk(session, 12, begin=12) == [], "nobody speaks"
    assert talk(level2("XYZ"), 1) == []


def test_a_silent_symbol_is_asked_for_again_once_in_ten_minutes() -> None:
    session = silenced()
    assert talk(session, 30, "ABC", "DEF", begin=12) == []


RECV = 1_795_534_200_000_000_000
BROKEN = ORDER.replace(b"10.4900", b"10.4812345678912")


def test_a_book_of_which_a_line_cannot_be_read_is_asked_for_again_and_ever_more_seldom() -> None:
    session = level2("XYZ", "ABC", "@ES#")
    session.on_connect()
    session.on_frames([b"q,@ES#"])
    session.on_time(1000.0)
    session.on_frames([ORDER, ORDER.replace(b"XYZ", b"ABC"), BROKEN, BROKEN.replace(b"XYZ", b"IBM")])
    assert texts(session.on_time(1001.0)) == ["ROR,XYZ", "WOR,XYZ"], "a line of a symbol that nobody wants is none"
    assert not any((session.on_frames([ORDER]), texts(session.on_time(float(now))))[1] for now in range(1002, 1100))
    session.on_frames([b"8,@ES#,B,5000.25,many,3,2,10:30:00.000001,2026-11-24,"])
    assert texts(session.on_time(1100.0)) == ["RPL,@ES#", "WPL,@ES#"], "by levels, as it was asked for"
    asked = []
    for second in range(1400, 1480):
        session.on_frames([b"S,CLEAR DEPTH,XYZ,neither,", ORDER])
        asked += [second] * ("WOR,XYZ" in texts(session.on_time(float(second))))
    assert asked == [1400, 1405, 1415, 1435, 1475]
    session.on_frames([BROKEN])
    session.on_connect()
    assert texts(session.on_time(3000.0)) == [], "on a new connection every book begins anew"
    session.on_frames([b"n,XYZ", BROKEN])
    assert texts(session.on_time(3001.0)) == [], "what was refused is never asked for again"


def test_a_summary_of_which_a_line_cannot_be_read_is_asked_for_when_it_is_surely_over() -> None:
    session = level2()
    session.on_connect()
    session.on_time(1000.0)
    session.on_frames([BROKEN.replace(b"4,", b"6,", 1), ORDER.replace(b"4,", b"6,", 1)])
    asked = []
    for second in range(1001, 1040):
        session.on_frames([ORDER])
        asked += [second] * ("WOR,XYZ" in texts(session.on_time(float(second))))
    assert asked == [1013]


def test_the_book_lives_again_with_what_is_asked_for_after_a_line_that_cannot_be_read() -> None:
    session, instruments = level2(), Instruments()
    decoder = FEEDS["iqfeed"].decoder(instruments)
    books, orders = Books(lambda which: instruments[which].sequence_rule), Orders()
    summary_line, asked = ORDER.replace(b"4,", b"6,", 1), list[str]()

    def take(*frames: bytes, second: int) -> BookState:
        requests = [*session.on_frames(frames), *session.on_time(1000.0 + second)]
        asked.extend(texts(requests))
        decoded = decoder.decode(Frames.of(frames, [RECV + second * 10**9] * len(frames), kind=RecordKind.DATA))
        books.on_tape(orders.on_tape(decoded.tape))
        return books.view(0).state

    session.on_connect()
    assert take(b"S,CURRENT PROTOCOL,6.2,", summary_line, second=0) is BookState.LIVE
    assert take(ORDER, second=100) is BookState.LIVE
    assert asked == []
    assert take(BROKEN, ORDER, second=101) is BookState.STALE
    assert asked == ["ROR,XYZ", "WOR,XYZ"]
    assert take(summary_line, second=102) is BookState.LIVE
