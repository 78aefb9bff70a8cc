"""What the rows of LEAN's and LOBSTER's files mean, and that no bytes trip their readers."""

import random
from collections import Counter
from collections.abc import Iterable
from zipfile import ZipFile

import pytest

from breadboard.feeds import FILES
from breadboard.feeds.lean import LeanReader, uncounted
from breadboard.feeds.lobster import LobsterReader
from breadboard.feeds.readers import At, FrameReader
from breadboard.feeds.reading import Event, Meaning
from breadboard.model.decimals import ABSENT, price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, OrderAction, RecordKind, Side, StatusCode, Uncounted
from recordings import recording

AT = At(0, 1, 1_785_000_000_000_000_000)
DAY = Uncounted.DAY_PRICES | Uncounted.DAY_VOLUME
MIDNIGHT = 1_381_118_400_000_000_000
"""2013-10-07 in New York, in summer time."""


def read(reader: FrameReader, tag: str, *rows: str, at: At = AT) -> Meaning:
    return reader.read_document(DocumentHead(tag, "file:x", 200), "\n".join(rows).encode(), at)


def one(reader: FrameReader, tag: str, row: str) -> Event:
    meaning = read(reader, tag, row)
    assert meaning.refused is None
    return meaning.events[-1]


def test_a_trade_of_the_tapes() -> None:
    event = one(LeanReader(), "trades:IBM:2013-10-07", "34200017,1815200,283,P,20002020,0")
    assert (event.kind, event.symbol, event.flags) == (EventKind.TRADE, "IBM", Flag(0))
    assert event.ts_event == MIDNIGHT + 34_200_017 * 1_000_000
    assert (price_text(event.price), size_text(event.size, event.size_exp)) == ("181.52", "283")
    assert event.notes == {"exchange": "P", "conditions": "20002020"}


@pytest.mark.parametrize(
    ("clock", "ns"),
    [
        ("34200000.5", 34_200_000_500_000),
        ("34200000.1234", 34_200_000_123_400),  # 100 ns, as fine as LEAN's clock
        ("34200000.123456", 34_200_000_123_456),
        ("34200000.123400003", 34_200_000_123_400),  # a float's noise
        ("34200000.123399997", 34_200_000_123_400),
        ("0.30000000000000004", 300_000),
        ("34200000.000", 34_200_000_000_000),
        ("86399999.9999", 86_399_999_999_900),
    ],
)
def test_times_are_milliseconds_with_decimals(clock: str, ns: int) -> None:
    trade = one(LeanReader(), "trades:IBM:2013-10-07", f"{clock},1850000,100,N,0,0")
    quote = one(LeanReader(), "quotes:IBM:2013-10-07", f"{clock},0,0,1836300,100,Q,1,0")
    assert (trade.ts_event, quote.ts_event) == (MIDNIGHT + ns, MIDNIGHT + ns)


@pytest.mark.parametrize(
    ("size", "text"),
    [("100.5", "100.5"), ("0.00000001", "0.00000001"), ("7.0000000000", "7"), ("92233720367.99999999",) * 2],
)
def test_sizes_are_shares_and_parts_of_one(size: str, text: str) -> None:
    trade = one(LeanReader(), "trades:IBM:2013-10-07", f"34200000,1850000,{size},N,0,0")
    quote = one(LeanReader(), "quotes:IBM:2013-10-07", f"34200000,1850000,{size},0,0,Q,1,0")
    assert [size_text(event.size, event.size_exp) for event in (trade, quote)] == [text, text]


@pytest.mark.parametrize(
    ("conditions", "priced"),
    [
        (0x1, True),  # regular
        (0x20000020, False),  # a sweep in the session
        (0x20002020, True),  # and out of it
        (0x40, False),  # the opening print
        (0x80, False),  # the closing print
        (0x102000, True),  # an average price in extended hours
        (0x20100000, False),  # and in the session
        (0x100000, True),
        (0x2000000, True),
    ],
)
def test_which_prints_move_a_price_is_a_table(conditions: int, priced: bool) -> None:
    assert uncounted(conditions).within_day == (Uncounted(0) if priced else Uncounted.PRICES)
    outside, auction = bool(conditions & (1 << 10 | 1 << 13)), bool(conditions & (1 << 6 | 1 << 7))
    assert (Uncounted.DAY_PRICES in uncounted(conditions)) is (outside or not (priced or auction))
    event = one(LeanReader(), "trades:IBM:2013-10-07", f"34200017,1815200,283,P,{conditions:x},0")
    assert bool(event.flags & Flag.VOLUME_ONLY) is not priced
    assert event.code == uncounted(conditions)


@pytest.mark.parametrize(
    ("clock", "conditions", "denied"),
    [
        ("34200000", "0", Uncounted(0)),  # the session's first ms
        ("57599999", "0", Uncounted(0)),  # its last
        ("34199999", "0", DAY),
        ("57600000", "0", DAY),
        ("60824000", "4800", DAY),  # sold out of sequence: told at 16:53, no price of the close
        ("34253453", "40", Uncounted.PRICES | Uncounted.JOINS),  # the opening auction
        ("57664221", "80", Uncounted.PRICES | Uncounted.JOINS),  # the closing auction is after the session's end
        ("57664221", "280", Uncounted.PRICES.everywhere | Uncounted.JOINS),  # and derivatively priced
        ("34203945", "2000", Uncounted.DAY_PRICES),  # extended hours by its bit, within the session by its time
        ("57603945", "1000000", Uncounted.ALL.everywhere),  # the exchange's official close repeats its auction
        ("34203945", "4000000", Uncounted.ALL.everywhere),  # and the official open
        ("57603945", "1002000", Uncounted.ALL.everywhere),
    ],
)
def test_the_day_has_the_prints_of_the_session_and_its_auctions(clock: str, conditions: str, denied: Uncounted) -> None:
    event = one(LeanReader(), "trades:IBM:2013-10-07", f"{clock},1820100,151665,N,{conditions},0")
    assert event.code == denied


@pytest.mark.parametrize(
    ("day", "clock", "conditions", "denied"),
    [
        ("2013-12-24", "46799999", "0", Uncounted(0)),  # the last ms before 13:00 on Christmas Eve
        ("2013-12-24", "46800000", "0", DAY),
        ("2013-12-24", "46801000", "80", Uncounted.PRICES | Uncounted.JOINS),  # the closing auction, after the bell
        ("2013-12-24", "48600000", "0", DAY),
        ("2013-12-24", "57540000", "400", DAY),  # Form T
        ("2013-11-29", "46800000", "0", DAY),  # after Thanksgiving
        ("2013-07-03", "46800000", "0", DAY),
        ("2013-12-23", "46800000", "0", Uncounted(0)),  # a whole day
        ("2003-12-24", "46800000", "0", DAY),  # more than twenty years ago
        ("2013-12-25", "46800000", "0", Uncounted(0)),  # a holiday; a year that the calendar does not know:
        ("2098-12-24", "57599999", "0", Uncounted(0)),
        ("2013-03-10", "57599999", "0", Uncounted(0)),  # a Sunday of 23 hours
    ],
)
def test_the_session_of_a_half_day_ends_at_13(day: str, clock: str, conditions: str, denied: Uncounted) -> None:
    event = one(LeanReader(), f"trades:IBM:{day}", f"{clock},1820100,500,N,{conditions},0")
    assert event.code == denied


def test_the_prices_and_volume_of_a_half_day_are_those_of_its_session_and_auctions() -> None:
    rows = [
        "34200000,1010000,10,N,0,0",
        "46740000,1020000,10,N,0,0",
        "46801000,1030000,500,N,80,0",
        "48600000,1500000,100,N,0,0",
        "50400000,990000,9000,N,400,0",
        "57540000,1070000,40,N,0,0",
    ]
    assert day_of(rows, "2013-12-24") == [1010000, 1030000, 1010000, 1030000]
    assert volumes_of(rows, "2013-12-24")[1] == 520


def day_of(rows: Iterable[str], day: str = "2013-10-07") -> list[int]:
    """Open, high, low and close of the prints that count for them, first and last by their times."""
    events = read(LeanReader(), f"trades:IBM:{day}", *rows).events
    counted = [event for event in events if not Uncounted(event.code or 0) & Uncounted.DAY_PRICES]
    prices = [event.price // 100_000 for event in sorted(counted, key=lambda event: event.ts_event)]
    return [prices[0], max(prices), min(prices), prices[-1]]


def test_the_closes_and_highs_of_a_week_are_the_vendors() -> None:
    with ZipFile(recording("us_equities/daily/ibm.zip")) as packed:
        vendors = dict(line.split(",", 1) for line in packed.read("ibm.csv").decode().splitlines())
    same = [0, 0, 0, 0]
    for day in ("07", "08", "09", "10", "11"):
        path = recording(f"us_equities/tick/ibm/201310{day}_trade.zip")
        with ZipFile(path) as packed:
            ours = day_of(packed.read(packed.namelist()[0]).decode().splitlines())
        theirs = [int(each) for each in vendors[f"201310{day} 00:00"].split(",")[:4]]
        same = [count + (mine == other) for count, mine, other in zip(same, ours, theirs, strict=True)]
    assert same == [2, 3, 4, 5], "open, high, low, close of five days; theirs opens with the auction, told later"


def test_the_volume_of_minutes_is_the_vendors_but_for_the_auctions_and_the_days_is_near() -> None:
    with ZipFile(recording("us_equities/daily/ibm.zip")) as packed:
        days = dict(line.split(",", 1) for line in packed.read("ibm.csv").decode().splitlines())
    same, minutes, off = 0, 0, []
    for day in ("07", "08", "09", "10", "11"):
        with ZipFile(recording(f"us_equities/minute/ibm/201310{day}_trade.zip")) as packed:
            bars = [line.split(",") for line in packed.read(packed.namelist()[0]).decode().splitlines()]
        with ZipFile(recording(f"us_equities/tick/ibm/201310{day}_trade.zip")) as packed:
            ours, whole = volumes_of(packed.read(packed.namelist()[0]).decode().splitlines())
        same += sum(ours[int(bar[0])] == int(bar[5]) for bar in bars)
        minutes += len(bars)
        theirs = int(days[f"201310{day} 00:00"].rpartition(",")[2])
        off.append(round(100 * (whole - theirs) / theirs, 2))
    assert (same, minutes) == (2142, 2155)
    assert off == [-0.08, 1.04, 0.0, 0.31, -0.19], (
        "percent; 1.3 to 3.1 with what was traded before and after the session"
    )


def volumes_of(rows: Iterable[str], date: str = "2013-10-07") -> tuple[Counter[int], int]:
    """Shares by minute (ms after midnight) and of the day, of the prints that count for them."""
    minutes, day = Counter[int](), 0
    for row in rows:
        event = one(LeanReader(), f"trades:IBM:{date}", row)
        denied, size = Uncounted(event.code or 0), event.size // 10**8
        if not denied & Uncounted.VOLUME:
            minutes[int(row.split(",")[0]) // 60_000 * 60_000] += size
        if not denied & Uncounted.DAY_VOLUME:
            day += size
    return minutes, day


def test_a_suspicious_print_is_in_no_bar() -> None:
    event = one(LeanReader(), "trades:IBM:2013-10-07", "34200017,1815200,283,P,1,1")
    assert (event.flags, event.code) == (Flag.INELIGIBLE, Uncounted.ALL.everywhere)


def test_a_quote_has_the_side_that_its_row_tells() -> None:
    event = one(LeanReader(), "quotes:IBM:2013-10-07", "14400054,0,0,1836300,100,Q,1,0")
    assert (event.kind, event.price, event.size) == (EventKind.QUOTE, ABSENT, ABSENT)
    assert (price_text(event.ask_price), size_text(event.ask_size)) == ("183.63", "100")


def test_messages_of_an_order_book() -> None:
    rows = (
        "34200.01745946,1,206833312,18,5853300,1",
        "34200.1,2,206833312,3,5853300,1",
        "34200.2,4,206833312,5,5853300,1",
        "34200.3,5,0,7,5853400,-1",
        "34200.4,3,206833312,10,5853300,1",
        "34200.5,6,-1,9000,5853500,-1",
        "34201,7,0,0,-1,-1",
    )
    events = read(LobsterReader(), "messages:AAPL:2013-10-07", *rows).events
    order, trade, status = EventKind.ORDER, EventKind.TRADE, EventKind.STATUS
    told = [(event.kind, event.code, event.side, event.order_id) for event in events]
    assert told == [
        (order, OrderAction.CLEAR, Side.NONE, ABSENT),
        (order, OrderAction.ADD, Side.BUY, 206833312),
        (order, OrderAction.REDUCE, Side.BUY, 206833312),
        (order, OrderAction.FILL, Side.BUY, 206833312),
        (trade, None, Side.SELL, 206833312),
        (trade, None, Side.BUY, ABSENT),
        (order, OrderAction.DELETE, Side.BUY, 206833312),
        (trade, None, Side.NONE, ABSENT),
        (status, StatusCode.HALTED, Side.NONE, ABSENT),
    ]
    assert events[1].ts_event == MIDNIGHT + 34_200_017_459_460
    assert [(price_text(e.price), size_text(e.size)) for e in events[3:5]] == [("585.33", "5")] * 2
    assert (events[5].notes, events[7].notes) == ({"hidden": True}, {"cross": True})


def test_a_book_begins_with_the_first_document_of_a_connection_and_after_a_restore_it_goes_on() -> None:
    reader, row = LobsterReader(), "34200.1,1,1,18,5853300,1"
    tag = "messages:AAPL:2013-10-07"
    assert len(read(reader, tag, row).events) == 2
    assert len(read(reader, tag, row).events) == 1
    assert len(read(reader, "messages:MSFT:2013-10-07", row).events) == 2
    again = LobsterReader()
    again.restore(reader.snapshot())
    assert again.snapshot() == reader.snapshot()
    assert len(read(again, tag, row).events) == 1
    assert len(read(again, tag, row, at=At(0, 2, 0)).events) == 2, "another import"


@pytest.mark.parametrize(
    ("tag", "row", "reason"),
    [
        ("trades:IBM:2013-10-07", "34200017,0,283,P,1,0", "a price of 0"),
        ("trades:IBM:2013-10-07", "86400000,1,283,P,1,0", "after the day's end"),
        ("trades:IBM:2013-10-07", "34200017,1815200,283,P,xyz,0", "no hex number"),
        ("trades:IBM:2013-10-07", "34200017,1815200,283,P,-1,0", "no hex number"),
        ("trades:IBM:2013-10-07", "34200017,1815200.5,283,P,1,0", "not a whole number"),
        ("trades:IBM:2013-10-07", "34200017,1815200,2.123456789,P,1,0", "not a number of at most 8 decimals"),
        ("trades:IBM:2013-10-07", "34200017,1815200,92233720368,P,1,0", "a number beyond belief"),
        ("trades:IBM:2013-10-07", "34200017,1815200,-1.5,P,1,0", "not a number of at most 8 decimals: '-1.5'"),
        ("trades:IBM:2013-10-07", "34200017,1815200,1e3,P,1,0", "not a number"),
        ("trades:IBM:2013-10-07", "34200017.5.5,1815200,283,P,1,0", "not a number"),
        ("trades:IBM:2013-10-07", ".5,1815200,283,P,1,0", "not a number"),
        ("trades:IBM:2013-10-07", "86399999.9999999,1,283,P,1,0", "after the day's end"),
        ("trades:IBM:2013-10-07", "34200017,1815200,283", "a trade of 3 fields"),
        ("quotes:IBM:2013-10-07", "34200017,1,2,3", "a quote of 4 fields"),
        ("messages:A:2013-10-07", "34200.1,8,1,18,5853300,1", "unknown type"),
        ("messages:A:2013-10-07", "34200.1,1,1,0,5853300,1", "impossible size"),
        ("messages:A:2013-10-07", "34200.1,1,1,1,5853300,2", "without a side"),
        ("messages:A:2013-10-07", "34200.1,7,0,0,3,-1", "a halt of unknown kind"),
        ("messages:A:2013-10-07", "34200.1,1,1,1", "a message of 4 fields"),
        ("messages:A:2013-10-07", "34200.1234567891,1,1,1,1,1", "not a time of day"),
        ("messages:A:2013-10-07", "٣.1,1,1,1,1,1", "not a time of day"),
    ],
)
def test_a_row_that_means_nothing_is_told_and_costs_no_other(tag: str, row: str, reason: str) -> None:
    reader = LobsterReader() if tag.startswith("messages") else LeanReader()
    good = "34200.1,1,7,18,5853300,1" if tag.startswith("messages") else "34200017,1815200,283,1815300,5,P,1,0"
    good = "34200017,1815200,283,P,1,0" if tag.startswith("trades") else good
    meaning = read(reader, tag, row, good)
    assert meaning.refused is not None
    assert meaning.refused.startswith("row 1: ")
    assert reason in meaning.refused
    told = [event for event in meaning.events if event.code is not OrderAction.CLEAR]
    if tag.startswith("messages"):  # it may have changed an order: the book is not believed from there on
        assert (told[0].kind, told[0].code) == (EventKind.GAP, GapReason.QUARANTINE)
    assert len(told) == (2 if tag.startswith("messages") else 1)


@pytest.mark.parametrize("name", list(FILES))
def test_ten_thousand_spoiled_documents_trip_nobody(name: str) -> None:
    rng = random.Random(7)
    tags = ("messages:A:2013-10-07",) if name == "lobster" else ("trades:A:2013-10-07", "quotes:A:2013-10-07")
    rows = {
        "messages": b"34200.017459617,4,16113575,18,5853300,1\n34300.1,7,0,0,-1,-1",
        "trades": b"34200017,1815200,283,P,20002020,0\n34200018,1815200,1,N,1,0",
        "quotes": b"14400054,0,0,1836300,100,Q,1,0\n14400241,1800100,300,0,0,P,1,0",
    }
    decoder = FILES[name].decoder(Instruments())
    spoils = (b"", b",", b"-", b"9" * 25, b"\x00", b"\xff", b"e5", b"\n")
    count = 0
    for _ in range(100):
        bodies = []
        for _ in range(100):
            tag = rng.choice(tags)
            body = bytearray(rows[tag.partition(":")[0]])
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(body) + 1)
                body[at : at + rng.randrange(3)] = rng.choice(spoils)
            bodies.append(b'{"tag":"%s","url":"file:x","status":200}\n' % tag.encode() + bytes(body))
        decoded = decoder.decode(Frames.of(bodies, [AT.ts_recv] * 100, kind=RecordKind.DOCUMENT))
        count += decoded.data + decoded.control + len(decoded.quarantined)
        assert not any("the decoder failed" in reason for _, reason in decoded.quarantined)
        timed = decoded.tape.ts_event[decoded.tape.kind != EventKind.GAP]
        timed = timed[timed != ABSENT]
        assert ((timed >= MIDNIGHT) & (timed < MIDNIGHT + 86_400_000_000_000)).all()
    assert count == 10_000
