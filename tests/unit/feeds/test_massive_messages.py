"""What Massive's frames mean: exact digits, several events a frame, and what one bad event does not cost."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds import FEEDS
from breadboard.feeds.massive_messages import MassiveReader
from breadboard.feeds.massive_seen import REMEMBERED
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning
from breadboard.model.decimals import ABSENT, size_decimal
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, RecordKind, Side, StatusCode
from samples.massive import (
    ADMITTED,
    BANDS,
    CONFIRMED,
    CONNECTED,
    DENIED,
    HALT,
    IMBALANCE,
    MINUTE,
    QUOTE,
    SECOND,
    TRADE,
    frame,
)

AT = At(source=0, epoch=1, ts_recv=1_700_000_000_000_000_000)


def read(raw: bytes, reader: MassiveReader | None = None, at: At = AT) -> Meaning:
    return (reader or MassiveReader()).read(raw, at)


def one(raw: bytes) -> Event:
    meaning = read(raw)
    assert meaning.refused is None
    (event,) = meaning.events
    return event


def test_a_trade_in_exact_digits() -> None:
    event = one(TRADE)
    assert (event.kind, event.symbol, event.side, event.flags) == (EventKind.TRADE, "MSFT", Side.NONE, Flag(0))
    assert (event.price, size_decimal(event.size, event.size_exp)) == (114_125_000_000, Decimal(100))
    assert (event.trade_id, event.sequence, event.ts_event) == (12_345, 3_681_328, 1_536_036_818_784_000_000)
    assert event.notes == {
        "conditions": [0, 12],
        "exchange": "FINRA",
        "tape": "C",
        "id": "12345",
        "trf": 202,
        "trf_ts": 1_536_036_818_780_000_000,
    }


def test_a_quote_in_exact_digits_its_sizes_as_sent() -> None:
    event = one(QUOTE)
    assert (event.kind, event.price, event.ask_price) == (EventKind.QUOTE, 114_125_000_000, 114_128_000_000)
    assert [size_decimal(event.size, event.size_exp), size_decimal(event.ask_size, event.ask_size_exp)] == [100, 160]
    assert (event.sequence, event.ts_event) == (50_385_480, 1_536_036_818_784_000_000)
    assert (event.notes["bid_exchange"], event.notes["ask_exchange"]) == ("FINRA", "EDGA")
    assert (event.notes["conditions"], event.notes["indicators"]) == ([0], [604])
    assert "round lots" in event.notes["size_unit"]


@pytest.mark.parametrize(
    ("digits", "units"),
    [
        ("0.0001", 100_000),
        ("123456.789012345", 123_456_789_012_345),
        ("114.10", 114_100_000_000),
        ("7", 7_000_000_000),
        ("9223372035.123456789", 9_223_372_035_123_456_789),
    ],
)
def test_prices_go_from_digits_to_integers(digits: str, units: int) -> None:
    assert one(TRADE.replace(b"114.125", digits.encode())).price == units


@pytest.mark.parametrize("key", ["bp", "bs", "ap", "as"])
@pytest.mark.parametrize("how", ["left out", "zero", "null"])
def test_a_side_without_a_price_or_a_size_is_absent_never_zero(key: str, how: str) -> None:
    value = {"bp": b"114.125", "bs": b"100", "ap": b"114.128", "as": b"160"}[key]
    said = b'"%b":%b' % (key.encode(), value)
    assert said in QUOTE
    other = {"left out": b'"unused":0', "zero": b'"%b":0' % key.encode(), "null": b'"%b":null' % key.encode()}[how]
    event = one(QUOTE.replace(said, other))
    bid, ask = (event.price, event.size), (event.ask_price, event.ask_size)
    gone, there = (bid, ask) if key.startswith("b") else (ask, bid)
    assert gone == (ABSENT, ABSENT)
    assert ABSENT not in there


@pytest.mark.parametrize("digits", [b"1536036818784", b"1536036818784000", b"1536036818784000000"])
def test_times_are_read_by_their_size(digits: bytes) -> None:
    assert one(TRADE.replace(b'"t":1536036818784', b'"t":' + digits)).ts_event == 1_536_036_818_784_000_000


def test_fractions_of_a_share_are_taken_from_where_they_are_exact() -> None:
    event = one(TRADE.replace(b'"s":100', b'"s":0,"ds":"0.123456789"'))
    assert size_decimal(event.size, event.size_exp) == Decimal("0.123456789")


@pytest.mark.parametrize("identifier", [b"52983525034825x", b"00012", b"", b"9223372036854775808"])
def test_an_id_that_is_no_number_is_in_the_notes_alone(identifier: bytes) -> None:
    event = one(TRADE.replace(b'"12345"', b'"%b"' % identifier))
    assert (event.trade_id, event.notes["id"]) == (ABSENT, identifier.decode())


def test_bands_have_the_lower_in_price_and_the_upper_in_ask_price() -> None:
    event = one(frame(BANDS))
    assert (event.kind, event.code, event.symbol) == (EventKind.STATUS, StatusCode.BANDS, "MSFT")
    assert (event.price, event.ask_price, event.sequence) == (198_110_000_000, 218_960_000_000, 290_317)
    assert event.ts_event == 1_601_316_752_683_746_000  # microseconds in the document's example
    assert event.notes == {"indicators": [21], "tape": "C"}


def test_a_halt_and_a_resumption_are_told_beside_their_bands() -> None:
    assert one(frame(HALT)).code is StatusCode.HALTED
    both = read(frame(BANDS.replace(b"[21]", b"[18]"))).events
    assert [(e.code, e.price) for e in both] == [
        (StatusCode.RESUMED, ABSENT),
        (StatusCode.BANDS, 198_110_000_000),
    ]


def test_other_indicators_without_bands_are_ignored_by_name_and_nothing_at_all_is_refused() -> None:
    bare = BANDS.replace(b'"h":218.96,"l":198.11,', b"")
    assert bare != BANDS
    meaning = read(frame(bare.replace(b"[21]", b"[1]")))
    assert (meaning.events, meaning.ignored, meaning.refused) == ((), "LULD", None)
    assert one(frame(bare.replace(b"[21]", b"[1,17]"))).code is StatusCode.HALTED
    assert read(frame(bare.replace(b"[21]", b"[]"))).refused == "event 0: an LULD event without bands or indicators"


def test_bars_of_the_vendor_keep_their_window_and_digits() -> None:
    second, minute = read(frame(SECOND, MINUTE)).bars
    assert (second.symbol, second.interval_s, second.ts_open) == ("SPCE", 1, 1_610_144_868_000_000_000)
    assert (minute.symbol, minute.interval_s, minute.ts_open) == ("GTE", 60, 1_610_144_640_000_000_000)
    assert (minute.open, minute.high, minute.low, minute.close) == (448_800_000, 448_900_000, 448_600_000, 448_600_000)
    assert (size_decimal(minute.volume, minute.volume_exp), minute.vwap) == (Decimal(4110), 0.4488)


def test_a_frame_of_several_events_has_a_row_each_in_the_order_of_the_wire() -> None:
    raw = frame(QUOTE, TRADE, SECOND, HALT, IMBALANCE)
    decoded = FEEDS["massive"].decoder(Instruments()).decode(Frames.of([raw], [1], kind=RecordKind.DATA))
    assert (decoded.data, decoded.control, decoded.quarantined) == (1, 0, ())
    assert decoded.tape.kind.tolist() == [EventKind.QUOTE, EventKind.TRADE, EventKind.STATUS]
    assert decoded.tape.index.tolist() == [0, 1, 2]
    assert len(decoded.bars) == 1
    assert decoded.ignored == {"NOI": 1}


@pytest.mark.parametrize(
    ("bad", "symbol", "channel"),
    [
        (TRADE[1:-1].replace(b"114.125", b"-1.5"), "MSFT", "trade"),
        (TRADE[1:-1].replace(b'"MSFT"', b"7"), None, "trade"),
        (QUOTE[1:-1].replace(b'"bp":114.125', b'"bp":"114.125"'), "MSFT", "quote"),
        (b'{"ev":"T","sym":"MSFT","p":1,"p":2}', None, None),
        (b"17", None, None),
    ],
)
def test_an_event_that_cannot_be_read_is_a_gap_of_its_symbol_and_channel_or_of_any(
    bad: bytes, symbol: str | None, channel: str | None
) -> None:
    *others, told = read(frame(QUOTE, bad, bad, TRADE), at=At(3, 1, 1_700_000_000_000_000_000, before=5)).events
    assert [event.kind for event in others] == [EventKind.QUOTE, EventKind.TRADE]
    assert (told.kind, told.symbol, told.code, bool(told.flags & Flag.FEED_WIDE)) == (
        *(EventKind.GAP, symbol, GapReason.QUARANTINE),
        symbol is None,
    )
    gap = told.gap
    assert gap is not None
    assert (gap.source, gap.symbol, gap.channel) == (3, symbol, channel)
    assert (gap.ts_from, gap.ts_to) == (5, 1_700_000_000_000_000_000)


@pytest.mark.parametrize("bad", [b'{"ev":"XT","pair":"BTC-USD"}', SECOND.replace(b'"v":200', b'"v":-200')])
def test_what_is_neither_trade_nor_quote_leaves_no_gap(bad: bytes) -> None:
    meaning = read(frame(QUOTE, bad))
    assert ([event.kind for event in meaning.events], meaning.refused is None) == ([EventKind.QUOTE], False)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"ev":"T","sym":"MSFT","p":1,"p":2}', "the key 'p' is given twice"),
        (b'{"ev":"T","sym":"MSFT","p":NaN}', "NaN is not a number"),
        (b'{"ev":"T","extra":[{"deep":-Infinity}]}', "-Infinity is not a number"),
        (b'{"ev":"XT","pair":"BTC-USD"}', "unknown message type 'XT'"),
        (b'{"sym":"MSFT"}', "a message without a type"),
        (b'{"ev":7}', "unknown message type '7'"),
        (b"17", "not a JSON object but int"),
        (TRADE[1:-1].replace(b"114.125", b'"114.125"'), "p is not a number"),
        (TRADE[1:-1].replace(b"114.125", b"true"), "p is not a number"),
        (TRADE[1:-1].replace(b"114.125", b"-1.5"), "an impossible price: -1.5"),
        (TRADE[1:-1].replace(b'"p":114.125,', b""), "no p"),
        (TRADE[1:-1].replace(b'"s":100,', b""), "no s"),
        (TRADE[1:-1].replace(b'"s":100,', b'"s":0,'), "a trade of size 0"),
        (TRADE[1:-1].replace(b'"t":1536036818784,', b""), "no t"),
        (TRADE[1:-1].replace(b'"t":1536036818784', b'"t":1536036818'), "a time outside 2000 to 2100"),
        (TRADE[1:-1].replace(b'"i":"12345"', b'"i":12345'), "i is not text"),
        (TRADE[1:-1].replace(b"[0,12]", b'["0"]'), "c is not a list of whole numbers"),
        (TRADE[1:-1].replace(b"3681328", b"1.5"), "q is not a whole number"),
        (SECOND.replace(b'"vw":25.3981', b'"vw":1e999'), "an impossible average price: 1e999"),
        (SECOND.replace(b'"v":200', b'"v":-200'), "a negative size: -200"),
        (b'{"ev":"status","status":"on_fire"}', "unknown status 'on_fire'"),
    ],
)
def test_a_bad_event_is_refused_and_its_neighbours_are_kept(bad: bytes, reason: str) -> None:
    raw = frame(QUOTE, bad, TRADE.replace(b"12345", b"12346"))
    meaning = read(raw)
    assert meaning.refused is not None
    assert meaning.refused.startswith("event 1: ")
    assert reason in meaning.refused
    assert [event.kind for event in meaning.events if event.gap is None] == [EventKind.QUOTE, EventKind.TRADE]
    decoded = FEEDS["massive"].decoder(Instruments()).decode(Frames.of([raw, TRADE], [1, 2], kind=RecordKind.DATA))
    assert (decoded.data, decoded.control, [offset for offset, _ in decoded.quarantined]) == (1, 0, [0])
    assert decoded.tape.offset[decoded.tape.kind != EventKind.GAP].tolist() == [0, 0, 1]


@pytest.mark.parametrize("raw", [b"[]", b"{}", b"null", b"[" * 100_000, b"\xff", b"[1" + b"0" * 5000 + b"]", b"[{]"])
def test_what_is_no_array_of_events_is_refused_whole(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(raw)


def test_a_frame_of_more_events_than_can_be_numbered_is_refused_and_costs_nothing_else() -> None:
    small = b'{"ev":"LULD","T":"A","i":[17],"t":1601316752683}'
    raw = frame(*[small] * 65_536)
    assert len(raw) < FEEDS["massive"].capabilities.frame_cap
    decoded = FEEDS["massive"].decoder(Instruments()).decode(Frames.of([raw, TRADE], [1, 2], kind=RecordKind.DATA))
    assert "65536 events" in decoded.quarantined[0][1]
    assert decoded.tape.offset.tolist() == [1]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("auth_success", StatusCode.LOGGED_IN),
        ("auth_failed", StatusCode.NOT_ENTITLED),
        ("auth_timeout", StatusCode.NOT_ENTITLED),
        ("auth_required", StatusCode.NOT_ENTITLED),
        ("max_connections", StatusCode.VENUE_ERROR),
        ("force_disconnect", StatusCode.VENUE_ERROR),
        ("slow_consumer", StatusCode.VENUE_ERROR),
    ],
)
def test_what_the_venue_says_of_the_connection_is_on_the_tape(status: str, code: StatusCode) -> None:
    meaning = read(b'[{"ev":"status","status":"%b","message":"so it is"}]' % status.encode())
    assert meaning.control
    (event,) = meaning.events
    assert (event.code, event.symbol, event.flags) == (code, None, Flag.FEED_WIDE)


def test_greetings_and_confirmations_are_conversation() -> None:
    for raw in (CONNECTED, CONFIRMED):
        meaning = read(raw)
        assert (meaning.control, meaning.events) == (True, ())
    assert read(ADMITTED).control


def test_a_refused_topic_is_told_by_its_name() -> None:
    (event,) = read(DENIED).events
    assert (event.code, event.symbol, event.notes["topic"]) == (StatusCode.NOT_ENTITLED, "AAPL", "LULD.AAPL")
    (event,) = read(b'[{"ev":"status","status":"error","message":"subscription is invalid: T.NOSUCH"}]').events
    assert (event.code, event.symbol, event.flags) == (StatusCode.REFUSED, "NOSUCH", Flag(0))
    (event,) = read(b'[{"ev":"status","status":"error","message":"not entitled: T.*"}]').events
    assert (event.code, event.symbol, event.flags) == (StatusCode.NOT_ENTITLED, None, Flag.FEED_WIDE)


def trades(numbers: list[int], symbol: str = "MSFT") -> bytes:
    made = [
        TRADE.replace(b"12345", b"%d" % n).replace(b"3681328", b"%d" % (3 * n)).replace(b"MSFT", symbol.encode())
        for n in numbers
    ]
    return frame(*made)


def repeated(meaning: Meaning) -> list[bool]:
    return [bool(event.flags & Flag.DUPLICATE) for event in meaning.events]


def test_a_thousand_trades_sent_again_after_each_of_a_hundred_reconnects_are_all_duplicates() -> None:
    reader = MassiveReader()
    numbers = list(range(1, 1001))
    assert not any(repeated(read(trades(numbers), reader)))
    for epoch in range(2, 102):
        again = read(trades(numbers[-1000:]), reader, At(0, epoch, 1))
        assert all(repeated(again)), f"connection {epoch}"
        new = numbers[-1] + 1
        assert repeated(read(trades([new]), reader, At(0, epoch, 2))) == [False]
        numbers.append(new)


def test_what_differs_in_exchange_facility_id_day_source_or_symbol_is_another_trade() -> None:
    reader = MassiveReader()
    read(TRADE, reader)
    others = [
        TRADE.replace(b'"x":4', b'"x":12'),
        TRADE.replace(b'"trfi":202', b'"trfi":201'),
        TRADE.replace(b'"12345"', b'"12346"'),
        TRADE.replace(b'"t":1536036818784', b'"t":%d' % (1_536_036_818_784 + 86_400_000)),
        TRADE.replace(b"MSFT", b"AAPL"),
    ]
    for other in others:
        assert repeated(read(other, reader)) == [False]
    assert repeated(read(TRADE, reader, At(1, 1, 1))) == [False]
    assert repeated(read(TRADE, reader)) == [True]
    microseconds = TRADE.replace(b'"t":1536036818784', b'"t":1536036818784000')
    assert repeated(read(microseconds, reader)) == [True]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(order=st.lists(st.integers(1, 400), max_size=400), cut=st.integers(0, 400))
def test_duplicates_are_those_seen_before_whatever_the_order_and_however_it_is_restored(
    order: list[int], cut: int
) -> None:
    reader, seen = MassiveReader(), set[int]()
    for place, number in enumerate(order):
        if place == cut:
            state = reader.snapshot()
            reader = MassiveReader()
            reader.restore(state)
            assert reader.snapshot() == state
        assert repeated(read(trades([number]), reader)) == [number in seen]
        seen.add(number)


def test_memory_is_bounded_by_symbol_and_not_by_the_day() -> None:
    reader = MassiveReader()
    sizes = []
    for begin in range(1, 10 * REMEMBERED, 500):
        read(trades(list(range(begin, begin + 500))), reader)
        sizes.append(len(reader.snapshot()))
    assert max(sizes) < 2 * REMEMBERED * 8 + 100
    assert any(later < earlier for earlier, later in pairwise(sizes))


def test_after_hours_and_the_next_morning_are_two_days_though_london_has_one_date_for_both() -> None:
    reader = MassiveReader()
    evening = TRADE.replace(b'"t":1536036818784', b'"t":1767315600000')  # 2026-01-02 01:00 UTC, 20:00 in New York
    morning = TRADE.replace(b'"t":1536036818784', b'"t":1767344400000')  # 09:00 UTC: ids and numbers have begun anew
    assert repeated(read(evening, reader)) == [False]
    assert repeated(read(morning, reader)) == [False]
    assert repeated(read(morning, reader)) == [True]
    assert repeated(read(evening, reader)) == [True]


def test_the_readers_memory_is_the_decoders() -> None:
    decoder: Any = FEEDS["massive"].decoder(Instruments())
    frames = Frames.of([TRADE, TRADE], [1, 2], kind=RecordKind.DATA)
    flags = decoder.decode(frames).tape.flags
    assert np.array_equal(flags, [0, Flag.DUPLICATE])
