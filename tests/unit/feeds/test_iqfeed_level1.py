"""What Level 1 lines mean: by the announced names, exact, and nothing invented."""

import json
import random
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds import FEEDS
from breadboard.feeds.describe import Describer
from breadboard.feeds.iqfeed_fields import DEFAULT_61, SELECTED
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.kinds import EventKind, Flag, GapReason, RecordKind, Side, StatusCode
from feed_samples import decode, decode_frames
from recordings import recording
from samples.iqfeed import BOTH, CORRECTION, FIELDS, PLAIN, QUOTE, SUMMARY, TRADE, VOLUME

RECV = 1_795_534_200_500_000_000
"""2026-11-24 10:30:00.5 in New York."""
AT = At(0, 1, RECV)
SECOND = 1_000_000_000
TRADED = RECV - 500_000_000 + 123_456_000


def said(*lines: bytes, at: At = AT) -> list[Event]:
    """The events of the last line, after the others."""
    reader = IqfeedReader()
    return list([reader.read(line, at) for line in lines][-1].events)


def wanted(expected: Any, found: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether two values are the same, digits counted and not their spelling."""
    if expected == found:
        return True
    try:
        return Decimal(str(expected)) == Decimal(str(found))
    except InvalidOperation:
        return False


def golden() -> list[dict[str, Any]]:
    path = recording("iqfeed/lines_with_expected.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_twenty_single_lines_say_all_that_is_expected_of_them() -> None:
    lines = golden()
    assert len(lines) == 20
    for line in lines:
        events = Describer(FEEDS["iqfeed"])(line["line"].encode("latin-1"))
        assert events, line["line"]
        assert all(event["kind"] != "quarantined" for event in events), line["line"]
        for name, value in line["expected"].items():
            assert any(name in event and wanted(value, event[name]) for event in events), (line["line"], name, events)


def test_they_say_the_same_when_one_reader_hears_them_all() -> None:
    describe = Describer(FEEDS["iqfeed"])
    for line in golden():
        raw = line["line"].encode("latin-1")
        alone, together = Describer(FEEDS["iqfeed"])(raw), describe(raw)
        assert [event["kind"] for event in together] == [event["kind"] for event in alone]
        for name, value in line["expected"].items():
            assert any(name in event and wanted(value, event[name]) for event in together), (line["line"], name)


def test_a_trade_is_a_trade_only_by_its_letter() -> None:
    (trade,) = said(FIELDS, TRADE)
    assert (trade.kind, trade.symbol, trade.price, trade.size) == (EventKind.TRADE, "XYZ", 10_500_000_000, 100 * 10**8)
    assert (trade.side, trade.trade_id, trade.flags, trade.ts_event) == (Side.BUY, 4711, Flag(0), TRADED)
    assert [event.kind for event in said(FIELDS, QUOTE)] == [EventKind.QUOTE]
    assert [event.kind for event in said(FIELDS, BOTH)] == [EventKind.TRADE, EventKind.QUOTE]
    assert said(FIELDS, VOLUME) == []
    reader = IqfeedReader()
    reader.read(FIELDS, AT)
    assert reader.read(VOLUME, AT).ignored == "Q without trade or quote"


def test_basis_other_is_left_out_of_bars_and_extended_hours_are_not() -> None:
    for letter, flags in (("C", Flag(0)), ("E", Flag(0)), ("O", Flag.INELIGIBLE)):
        (trade,) = said(FIELDS, TRADE.replace(b",Cv,", b",v" + letter.encode() + b","))
        assert trade.flags == flags


def test_spreads_trade_and_are_quoted_below_zero_and_trade_at_0_where_the_bid_is_below() -> None:
    below = BOTH.replace(b"10.5000", b"-37.63").replace(b"10.4900", b"-37.7").replace(b"10.5100", b"-37.6")
    decoded, _ = decode("iqfeed", [FIELDS, below, below.replace(b"-37.63", b"0")])
    assert (decoded.quarantined, decoded.tape.kind.tolist()) == ((), [EventKind.TRADE, EventKind.QUOTE] * 2)
    assert decoded.tape.price.tolist() == [-37_630_000_000, -37_700_000_000, 0, -37_700_000_000]
    assert decoded.tape.ask_price.tolist()[1] == -37_600_000_000
    (none,) = said(FIELDS, QUOTE.replace(b"10.4900", b"0"))
    assert (none.price, none.ask_price) == (ABSENT, 10_510_000_000), "a side at 0 is one that is not there"
    decoded, _ = decode("iqfeed", [FIELDS, TRADE.replace(b"10.5000", b"0")])
    assert decoded.quarantined == ((1, "an impossible price: '0'"),)
    (taken_back,) = said(CORRECTION.replace(b"10.5000", b"-0.05"))
    assert taken_back.price == -50_000_000


def test_a_quote_has_the_time_of_the_side_that_moved() -> None:
    (quote,) = said(FIELDS, QUOTE)
    assert quote.ts_event == RECV - 500_000_000 - SECOND + 1000
    (quote,) = said(FIELDS, QUOTE.replace(b",ba,", b",a,"))
    assert quote.ts_event == RECV - 500_000_000 - 2 * SECOND
    assert (quote.price, quote.size, quote.ask_price, quote.ask_size) == (
        *(10_490_000_000, 200 * 10**8),
        *(10_510_000_000, 300 * 10**8),
    )


@pytest.mark.parametrize("empty", [b",,", b"0.0000,0", b"0,"])
def test_a_missing_side_is_absent_and_never_nothing(empty: bytes) -> None:
    (quote,) = said(FIELDS, QUOTE.replace(b"10.4900,200", empty.removeprefix(b",")))
    assert (quote.price, quote.size, quote.ask_price) == (ABSENT, ABSENT, 10_510_000_000)


@pytest.mark.parametrize("beside", [b"", b",Most Recent Trade Time,Bid Time"])
def test_protocols_before_6_name_their_times_with_ms_behind(beside: bytes) -> None:
    names = b"Symbol,Most Recent Trade,Most Recent Trade Size,Most Recent Trade TimeMS,Most Recent Trade Date,"
    announced = b"S,CURRENT UPDATE FIELDNAMES," + names + b"Bid,Ask,Bid TimeMS,Ask TimeMS,Message Contents" + beside
    update = b"Q,XYZ,10.5,100,10:30:00.123,11/24/2026,10.49,10.51,10:29:59.500,10:29:58.000,Cb"
    seconds = b",10:30:00,10:29:59" if beside else b""
    assert IqfeedReader().read(announced, AT).unknown == ()
    frames = Frames.of([announced, *[update + seconds] * 40], [RECV] * 41, kind=RecordKind.DATA)
    decoded, _ = decode_frames("iqfeed", frames)
    second = RECV - 500_000_000
    assert decoded.tape.kind.tolist() == [EventKind.TRADE, EventKind.QUOTE] * 40
    assert decoded.tape.ts_event.tolist() == [second + 123_000_000, second - 500_000_000] * 40, "the finer of two"
    (trade, _) = said(announced.replace(b"Most Recent Trade TimeMS", b"Last TimeMS"), update + seconds)
    assert trade.ts_event == second + (0 if beside else 123_000_000), "the name of its own first"


def test_without_a_date_the_nearest_one_is_taken_and_without_a_receipt_none() -> None:
    (trade, quote) = said(PLAIN)
    assert (trade.ts_event, quote.ts_event) == (TRADED, ABSENT), "no time of the quote was selected"
    (trade, _) = said(PLAIN, at=At(0, 1, 0))
    assert trade.ts_event == ABSENT
    midnight = RECV + (13 * 3600 + 1800) * SECOND - 500_000_000  # New York's
    (trade, _) = said(PLAIN.replace(b"10:30:00.123456", b"23:59:59.900000"), at=At(0, 1, midnight + SECOND))
    assert trade.ts_event == midnight - 100_000_000


def test_a_summary_is_what_is_held_and_its_trade_is_not_told_twice() -> None:
    quote, trade = said(FIELDS, SUMMARY)
    assert (quote.kind, quote.flags, quote.ts_event) == (EventKind.QUOTE, Flag.SNAPSHOT, ABSENT)
    assert (trade.kind, trade.flags, trade.ts_event) == (EventKind.TRADE, Flag.LAST_KNOWN, TRADED)
    assert [event.kind for event in said(FIELDS, SUMMARY, SUMMARY)] == [EventKind.QUOTE]
    again = SUMMARY.replace(b"4711", b"4712")
    assert [event.kind for event in said(FIELDS, SUMMARY, again)] == [EventKind.QUOTE, EventKind.TRADE]
    assert [event.kind for event in said(FIELDS, TRADE.replace(b"XYZ", b"ABC"), SUMMARY)] == [EventKind.QUOTE]


def test_corrections_name_the_print_they_are_about() -> None:
    (gone,) = said(CORRECTION)
    assert (gone.kind, gone.flags, gone.trade_id, gone.ts_event) == (EventKind.TRADE, Flag.WITHDRAWN, 4711, TRADED)
    (late,) = said(CORRECTION.replace(b",D,", b",I,"))
    assert late.flags == Flag.LATE_PRINT
    with pytest.raises(ValueError, match="kind of correction"):
        said(CORRECTION.replace(b",D,", b",X,"))


def test_a_delayed_account_marks_every_row_from_there_on() -> None:
    delayed = b"S,CUST,delayed,127.0.0.1,60001,abc,6.2.0.25,0,NYSE,,500,0,"
    assert all(Flag.DELAYED in event.flags for event in said(FIELDS, delayed, BOTH))
    assert not any(
        Flag.DELAYED in event.flags for event in said(FIELDS, delayed, delayed.replace(b"delayed", b"real_time"), BOTH)
    )
    assert said(delayed, b"T,20261124 10:30:00")[0].ts_event == ABSENT, (
        "its clock would close bars before their trades come"
    )
    assert all(Flag.DELAYED in event.flags for event in said(FIELDS, BOTH.replace(b",0,4,", b",15,4,")))


def test_the_gateways_clock_and_words() -> None:
    (beat,) = said(b"T,20261124 10:30:00")
    assert (beat.code, beat.ts_event, beat.flags) == (StatusCode.HEARTBEAT, RECV - 500_000_000, Flag.FEED_WIDE)
    (refused,) = said(b"S,SYMBOL LIMIT REACHED,QRS,")
    assert (refused.code, refused.symbol) == (StatusCode.REFUSED, "QRS")
    (refused,) = said(b"n,NOPE")
    assert (refused.code, refused.symbol) == (StatusCode.REFUSED, "NOPE")
    (error,) = said(b"E,!SYNTAX_ERROR!,")
    assert error.code == StatusCode.VENUE_ERROR
    assert said(b"S,PROVENANCE,synthetic,") == said(b"S,SOMETHING NEW,1") == []


def test_lost_servers_are_a_gap_from_the_last_sign_of_life_and_another_until_they_are_back() -> None:
    reader = IqfeedReader()
    assert reader.read(b"S,SERVER CONNECTED", AT).events == ()
    reader.read(b"T,20261124 10:30:00", AT)
    gap, stale = reader.read(b"S,SERVER DISCONNECTED", At(0, 1, RECV + 5 * SECOND)).events
    assert gap.gap is not None
    assert (gap.gap.reason, gap.gap.ts_from, gap.gap.ts_to) == (GapReason.DISCONNECT, RECV, RECV + 5 * SECOND)
    assert stale.code == StatusCode.STALE
    assert reader.read(b"S,SERVER RECONNECT FAILED", At(0, 1, RECV + 6 * SECOND)).events == ()
    gap, up = reader.read(b"S,SERVER CONNECTED", At(0, 1, RECV + 9 * SECOND)).events
    assert gap.gap is not None
    assert (gap.gap.ts_from, gap.gap.ts_to) == (RECV + 5 * SECOND, RECV + 9 * SECOND)
    assert up.code == StatusCode.FEED_UP


def test_field_names_are_those_of_the_connection_and_are_forgotten_with_it() -> None:
    reader = IqfeedReader()
    reader.read(FIELDS, AT)
    reader.read(b"S,CURRENT UPDATE FIELDNAMES,Symbol,Message Contents,Bid,Bid Size,", At(1, 1, RECV))
    assert len(reader.read(TRADE, AT).events) == 1
    (quote,) = reader.read(b"Q,XYZ,b,10.5,100,", At(1, 1, RECV)).events
    assert (quote.price, quote.ask_price) == (10_500_000_000, ABSENT)
    with pytest.raises(ValueError, match="fields where 18 were announced"):
        reader.read(TRADE, At(0, 2, RECV))
    assert len(reader.read(PLAIN, At(0, 2, RECV)).events) == 2


NAMES = b"S,CURRENT UPDATE FIELDNAMES,Symbol,"


def test_without_message_contents_a_line_is_the_quote_as_of_then_and_no_trade() -> None:
    sides = NAMES + b"Bid,Ask,Bid Size,Ask Size,Bid Time,Most Recent Trade,Most Recent Trade Size,"
    (quote,) = said(sides, b"Q,AAPL,1.1,1.2,100,200,10:29:59.000000,1.15,300,")
    assert (quote.kind, quote.symbol, quote.flags) == (EventKind.QUOTE, "AAPL", Flag(0))
    assert (quote.price, quote.size) == (1_100_000_000, 100 * 10**8)
    assert (quote.ask_price, quote.ask_size) == (1_200_000_000, 200 * 10**8)
    assert quote.ts_event == ABSENT, "it may not be this side that moved, and a time of yesterday has no date"
    reader = IqfeedReader()
    reader.read(NAMES + b"Most Recent Trade,Most Recent Trade Size,", AT)
    blind = reader.read(b"Q,AAPL,1.1,100,", AT)
    assert (blind.events, blind.ignored) == ((), "Q without Message Contents")


def test_without_bid_and_ask_there_is_no_quote_and_not_one_of_two_missing_sides() -> None:
    names = NAMES + b"Message Contents,Most Recent Trade,Most Recent Trade Size,"
    assert [event.kind for event in said(names, b"Q,AAPL,Cba,1.1,100,")] == [EventKind.TRADE]
    assert said(names, b"Q,AAPL,ba,1.1,100,") == []
    assert [event.kind for event in said(names, b"P,AAPL,Cba,1.1,100,")] == [EventKind.TRADE]
    reader = IqfeedReader()
    reader.read(names, AT)
    assert reader.read(b"P,AAPL,,,,", AT).ignored == "P without trade or quote"


@pytest.mark.parametrize(("letter", "name"), [("C", b"Last"), ("E", b"Extended Trade")])
def test_a_trade_is_told_under_the_other_names_of_its_letter(letter: str, name: bytes) -> None:
    echo = NAMES + b"%b,%b Size,%b Time,%b Date,Message Contents," % (name, name, name, name)
    line = b"Q,AAPL,1.1,100,10:30:00.123456,11/24/2026,%b,"
    (trade,) = said(echo, line % letter.encode())
    assert (trade.price, trade.size, trade.ts_event) == (1_100_000_000, 100 * 10**8, TRADED)
    for other in {"C", "E", "O"} - {letter}:
        alternative = {"C": " or Last", "E": " or Extended Trade", "O": ""}[other]
        with pytest.raises(ValueError, match=f"^a trade without Most Recent Trade{alternative}$"):
            said(echo, line % other.encode())
    both = NAMES + b"%b,Most Recent Trade,Most Recent Trade Size,Message Contents," % name
    (trade,) = said(both, b"Q,AAPL,1.1,1.2,100,%b," % letter.encode())
    assert trade.price == 1_200_000_000
    held = said(echo + b"Bid,", b"P,AAPL,1.1,100,10:30:00.123456,11/24/2026,C,1.0,")
    assert [event.kind for event in held] == [EventKind.QUOTE], (
        "which of its trades is held, and its TickID, is not told"
    )


def test_a_trade_told_under_another_name_is_not_told_again_by_a_summary() -> None:
    names = NAMES + b"Message Contents,Most Recent Trade,Most Recent Trade Size,TickID,Last,Last Time,Bid,Ask,"
    line = b",AAPL,C,1.1,100,4711,1.1,10:30:00.123456,1.0,1.2,"
    for fast in (False, True):
        decoded, _ = decode("iqfeed", [names, b"Q" + line, b"P" + line, b"P" + line], fast=fast)
        kinds = decoded.tape.kind[decoded.tape.kind != EventKind.STATUS].tolist()
        assert kinds == [EventKind.TRADE, EventKind.QUOTE, EventKind.QUOTE]


def test_a_trade_without_a_field_is_refused_by_the_name_of_the_field() -> None:
    for line, name in (
        (TRADE.replace(b"10.5000", b""), "Most Recent Trade or Last"),
        (TRADE.replace(b",100,10.5", b",,10.5"), "Most Recent Trade Size or Last Size"),
    ):
        decoded, _ = decode("iqfeed", [FIELDS, line])
        assert decoded.quarantined == ((1, f"a trade without {name}"),)


VALUES = {
    "Symbol": "XYZ",
    "Message Contents": "Cb",
    "Most Recent Trade": "10.5000",
    "Most Recent Trade Size": "100",
    "Most Recent Trade Time": "10:30:00.123456",
    "Most Recent Trade Date": "11/24/2026",
    "Most Recent Trade Aggressor": "2",
    "TickID": "77",
    "Bid": "10.4900",
    "Bid Size": "300",
    "Bid Time": "10:30:00.000000",
    "Ask": "10.5100",
    "Ask Size": "400",
    "Ask Time": "10:29:00.000000",
}
NEEDED = ["Message Contents", "Most Recent Trade", "Most Recent Trade Size", "Bid"]


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(
        st.sampled_from(sorted({*SELECTED, *DEFAULT_61, "VWAP", "Range"} - {*NEEDED, "Symbol"})), unique=True
    ),
    symbol=st.booleans(),
    comma=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_line_is_read_by_the_names_in_whatever_order_they_are_announced(
    names: list[str], symbol: bool, comma: bool, seed: int
) -> None:
    chosen = [*names, *NEEDED]
    random.Random(seed).shuffle(chosen)
    end = "," if comma else ""
    echo = f"S,CURRENT UPDATE FIELDNAMES,{'Symbol,' if symbol else ''}{','.join(chosen)}{end}"
    line = f"Q,XYZ,{','.join(VALUES.get(name, '') for name in chosen)}{end}"
    trade, quote = said(echo.encode(), line.encode())
    assert (trade.price, trade.size, quote.price) == (10_500_000_000, 100 * 10**8, 10_490_000_000)
    assert trade.side == (Side.SELL if "Most Recent Trade Aggressor" in names else Side.NONE)
    assert trade.trade_id == (77 if "TickID" in names else ABSENT)
    assert quote.ask_price == (10_510_000_000 if "Ask" in names else ABSENT)
    assert quote.ask_size == (400 * 10**8 if {"Ask", "Ask Size"} <= set(names) else ABSENT)
    assert quote.ts_event == (RECV - 500_000_000 if "Bid Time" in names else ABSENT)
    assert trade.ts_event == (TRADED if "Most Recent Trade Time" in names else ABSENT)


@pytest.mark.parametrize(
    "line",
    [
        TRADE.replace(b"10.5000", b""),
        TRADE.replace(b"10.5000", b"0"),
        TRADE.replace(b"10.5000", b"ten"),
        TRADE.replace(b",100,10.5", b",0,10.5"),
        TRADE.replace(b"10:30:00.123456", b"10:30"),
        TRADE.replace(b"11/24/2026", b"13/24/2026"),
        TRADE.replace(b"4711", b"47x"),
        TRADE.replace(b"XYZ", b""),
        TRADE[:-20],
        b"X,XYZ,1",
        b"",
        b",",
        b"Q",
        b"S,CURRENT UPDATE FIELDNAMES,Bid,Bid,",
        b"S,CURRENT UPDATE FIELDNAMES,",
        b"T,yesterday",
        b"T",
        b"n",
        b"n,A B",
    ],
)
def test_what_cannot_be_understood_is_quarantined(line: bytes) -> None:
    reader = IqfeedReader()
    reader.read(FIELDS, AT)
    with pytest.raises(ValueError):  # noqa: PT011 - each has a sentence of its own
        reader.read(line, AT)


def test_a_field_that_nobody_knows_is_told_and_changes_nothing() -> None:
    echo = FIELDS + b"Halt Reason,"
    assert said(echo, TRADE + b"M1,") == said(FIELDS, TRADE) == said(FIELDS, TRADE + b"M1,")
    assert said(FIELDS) == said(echo) == []
    reader = IqfeedReader()
    assert reader.read(echo, AT).unknown == ("Halt Reason",)
    assert reader.read(FIELDS, AT).unknown == reader.read(TRADE, AT).unknown == ()
    assert reader.read(TRADE + b"M1,", AT).unknown == ("Q of 24 fields",)


def test_official_opens_and_closes_have_no_size() -> None:
    (official,) = said(FIELDS, TRADE.replace(b",Cv,", b",O,").replace(b",100,10.5", b",0,10.5"))
    assert (official.size, official.flags) == (0, Flag.INELIGIBLE)


def test_nobody_pays_for_notes_that_nobody_asked_for() -> None:
    decoded, _ = decode("iqfeed", [FIELDS, TRADE, QUOTE, CORRECTION, b"n,NOPE"])
    assert decoded.notes == {(4, 0): {"type": "n", "meaning": "symbol not found"}}, "of STATUS rows they are kept"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_lines_are_read_or_refused_and_trip_nothing(data: st.DataObject) -> None:
    from samples.iqfeed import SAMPLE

    reader = IqfeedReader()
    for _ in range(6):
        line = bytearray(data.draw(st.sampled_from(SAMPLE.frames)))
        for _ in range(data.draw(st.integers(0, 3))):
            place = data.draw(st.integers(0, len(line)))
            line[place : place + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=5))
        at = At(0, 1, data.draw(st.sampled_from((0, RECV, RECV + 3600 * SECOND))), data.draw(st.booleans()))
        try:
            assert isinstance(reader.read(bytes(line), at), Meaning)
        except ValueError:
            reader.lost_book(bytes(line), at)
    other = IqfeedReader()
    other.restore(reader.snapshot())
    assert other.snapshot() == reader.snapshot()
