"""What rows and times of tables mean, whoever wrote them, and that no bytes trip their reader."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.feeds import by_name
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused, VendorBar
from breadboard.feeds.table_rows import seconds_of
from breadboard.feeds.table_times import ns_of
from breadboard.feeds.tables import TableReader
from breadboard.model.decimals import ABSENT, price_text, size_decimal, size_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, SequenceRule, Side, Uncounted
from breadboard.model.tables import Layout

S = 10**9
AT = At(0, 1, 1_785_000_000 * S)
T = 1_764_000_000 * S
"""2025-11-24T16:00:00Z."""
TRADES = Layout("trades", ("ts_event", "price", "size", "side", "trade_id"), "t.csv", 2, symbol="ABC", venue="XNAS")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(layout: Layout, *rows: str) -> Meaning:
    return TableReader().read_document(DocumentHead(layout.tag, "file:t.csv", 200), "\n".join(rows).encode(), AT)


def one(layout: Layout, row: str) -> Event:
    meaning = read(layout, row)
    assert meaning.refused is None, meaning.refused
    return meaning.events[0]


def bar(row: str, *columns: str, interval_s: int = 0, at_end: bool = False) -> VendorBar:
    names = ("ts_event", "open", "high", "low", "close", *columns)
    meaning = read(Layout("bars", names, "b.csv", 2, symbol="A", interval_s=interval_s, at_end=at_end), row)
    assert meaning.refused is None, meaning.refused
    return meaning.bars[0]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1764000000", T),
        ("1764000000.25", T + S // 4),
        ("1764000000123", T + 123_000_000),
        ("1764000000123456", T + 123_456_000),
        ("1764000000123456.789", T + 123_456_789),
        ("1764000000123456789", T + 123_456_789),
        ("2025-11-24T16:00:00Z", T),
        ("2025-11-24T16:00:00.123456789Z", T + 123_456_789),
        ("2025-11-24 16:00:00,5 UTC", T + S // 2),
        ("2025-11-24 11:00:00-05:00", T),
        ("2025-11-24T21:30+0530", T),
        ("20251124 16:00:00", T),
        ("2025.11.24 16:00", T),
        ("2025/11/24", T - 16 * 3600 * S),
        ("2025-11-24", T - 16 * 3600 * S),
    ],
)
def test_a_time_is_what_it_says_to_the_nanosecond(text: str, ns: int) -> None:
    assert ns_of(text, "UTC") == ns


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0",
            "34200000",
            "5",
            "1764000000000000000000",
            "45000.5",
            "1.7e9",
            "-1764000000",
            "11/24/2025",
            "24.11.2025",
        ),
        *("2025-13-01", "2025-02-30", "2025-11-24T25:00:00Z", "2025-11-24T16:00:60Z", "1764000000.1234567891"),
        *("2025-11-24T16:00:00.1234567891Z", "1600-01-01", "16:00:00", "noon", "2025-11-24T16:00:00+9999"),
    ],
)
def test_what_may_be_another_time_or_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        ns_of(text, "UTC")


def test_a_time_of_day_has_the_day_that_the_user_says_and_its_zone() -> None:
    assert ns_of("11:00:00.5", "America/New_York", "2025-11-24") == T + S // 2
    assert ns_of("2025-11-24 11:00", "America/New_York", "2025-11-24") == T
    with pytest.raises(Refused, match="is not of 2025-11-24"):
        ns_of("2025-11-25 11:00", "America/New_York", "2025-11-24")


def test_in_the_hour_that_comes_twice_the_row_before_tells() -> None:
    zone, text = "America/New_York", "2025-11-02 01:30:00"
    first = ns_of(text, zone)
    assert first == ns_of("2025-11-02 05:30:00Z", zone)
    assert ns_of(text, zone, near=first + 3500 * S) == first + 3600 * S
    assert ns_of("2025-03-09 02:30:00", zone) in (ns_of("2025-03-09 07:30Z", zone), ns_of("2025-03-09 06:30Z", zone))


@given(
    ns=st.integers(160_000_000 * S, 4_000_000_000 * S),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
)
def test_a_time_in_any_spelling_is_the_same(ns: int, zone: str) -> None:
    whole, rest = divmod(ns, S)
    at = EPOCH + timedelta(seconds=whole)
    local = at.astimezone(ZoneInfo(zone))
    aware = f"{at:%Y-%m-%dT%H:%M:%S}.{rest:09}"
    assert ns_of(f"{aware}Z", zone) == ns_of(f"{ns}", zone) == ns_of(f"{whole}.{rest:09}", zone) == ns
    assert ns_of(f"{local:%Y-%m-%d %H:%M:%S}.{rest:09}{local:%z}", "UTC") == ns
    assert ns_of(f"{local:%Y-%m-%d %H:%M:%S}.{rest:09}", zone, near=ns) == ns


@given(
    price=st.decimals(Decimal("1e-9"), 9_000_000_000, places=9),
    size=st.decimals(Decimal("1e-8"), 90_000_000_000, places=8),
    side=st.sampled_from([("buy", Side.BUY), ("S", Side.SELL), ("bid", Side.BUY), ("-1", Side.SELL), ("", Side.NONE)]),
    number=st.integers(0, 2**63 - 1),
    quoted=st.booleans(),
)
def test_a_row_is_read_to_the_last_digit(
    price: Decimal, size: Decimal, side: tuple[str, Side], number: int, quoted: bool
) -> None:
    cells = [f"{T}", format(price, "f"), format(size, "f"), side[0], f"{number}"]
    row = ",".join(f'"{cell}"' for cell in cells) if quoted else " , ".join(cells)
    event = one(TRADES, row)
    assert (event.kind, event.symbol, event.ts_event) == (EventKind.TRADE, "ABC.XNAS", T)
    assert (Decimal(price_text(event.price)), size_decimal(event.size, event.size_exp)) == (price, size)
    assert (event.side, event.trade_id) == (side[1], number)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{T},1,1,buy", "4 cells where there are 5 columns"),
        (f"{T},1,234,1,buy,7", "6 cells where there are 5 columns"),
        (f"{T},1.0000000001,1,buy,7", "finer than 1e-9"),
        (f'{T},"1,5",1,buy,7', "not a decimal number"),
        (f"{T},,1,buy,7", "no price"),
        (f"{T},0,1,buy,7", "an impossible price"),
        (f"{T},1,0,buy,7", "a trade of size 0"),
        (f"{T},1,-1,buy,7", "a negative size"),
        (f"{T},1,1,maybe,7", "not a side"),
        (",1,1,buy,7", "no time"),
        (f'{T},1,1,"buy,7', "not a row of cells"),
    ],
)
def test_a_row_that_means_nothing_is_told_with_its_number_and_costs_no_other(row: str, reason: str) -> None:
    good = f"{T},1.5,2,sell,8"
    meaning = read(TRADES, good, "", row, good)
    assert len(meaning.events) == 2
    assert meaning.refused is not None
    assert meaning.refused.startswith("t.csv, row 4: ")
    assert reason in meaning.refused
    assert (meaning.notes["bad"], meaning.notes["rows"]) == (1, {"ABC.XNAS": 2})


def test_thousands_of_bad_rows_make_one_bounded_reason() -> None:
    meaning = read(TRADES, *["bad"] * 5000)
    assert meaning.refused is not None
    assert len(meaning.refused) < 1000
    assert meaning.refused.endswith(" more")
    assert meaning.notes["bad"] == 5000


def test_what_is_missing_is_absent_and_what_is_odd_is_remarked() -> None:
    event = one(TRADES, f"{T},1.5,NaN,,uuid-7")
    assert (event.size, event.side, event.trade_id) == (ABSENT, Side.NONE, ABSENT)
    meaning = read(TRADES, f"{T},1,1,,uuid-7", f"{T - 1},1,1,,7.0")
    assert (meaning.notes["unnumbered"], meaning.notes["out_of_order"]) == (1, 1)
    assert meaning.events[1].trade_id == 7
    maker = Layout("trades", ("ts_recv", "price", "size", "buyer_maker"), "t.csv", 2, symbol="A")
    meaning = read(maker, f"{T},1,1,true", f"{T},1,1,False")
    assert [event.side for event in meaning.events] == [Side.SELL, Side.BUY]
    assert meaning.notes["by_receipt"] == 2


def test_flags_are_those_of_our_own_files_alone() -> None:
    own = Layout(
        "trades",
        ("ts_event", "symbol", "venue", "price", "size", "uncounted", "flags", "provenance"),
        "t.csv",
        2,
    )
    event = one(own, f"{T},BTC-USD,COINBASE,1,0,open_close high_low,{1 | 8 | 16384},synthetic")
    assert event.symbol == "BTC-USD.COINBASE"
    assert event.flags == Flag.AGGREGATED | Flag.VOLUME_ONLY | Flag.SYNTHETIC
    assert event.code == Uncounted.PRICES
    others = Layout("trades", ("ts_event", "price", "size", "flags"), "t.csv", 2, symbol="A")
    assert one(others, f"{T},1,1,128").flags == Flag(0)


def test_a_side_of_a_quote_that_is_empty_is_absent() -> None:
    names = ("ts_event", "bid_price", "bid_size", "ask_price", "ask_size")
    layout = Layout("quotes", names, "q.csv", 2, symbol="A")
    event = one(layout, f"{T},,,0.0000654,12.5")
    assert (event.kind, event.price, event.size) == (EventKind.QUOTE, ABSENT, ABSENT)
    assert (price_text(event.ask_price), size_text(event.ask_size, event.ask_size_exp)) == ("0.0000654", "12.5")
    assert one(layout, f"{T},5,0,0,7").price == ABSENT


def test_a_bar_is_as_long_as_it_says_or_as_its_end_or_the_user() -> None:
    told = bar(f"{T},2,3,1,2.5,1m", "interval")
    assert (told.interval_s, told.ts_open, told.volume, told.trades, told.vwap) == (60, T, 0, 0, None)
    assert bar(f"{T},2,3,1,2.5,{(T + 300 * S) // 10**6 - 1}", "ts_close").interval_s == 300  # Binance's last ms
    ended = bar(f"{T},2,3,1,2.5,7,2.25", "volume", "vwap", interval_s=5, at_end=True)
    assert (ended.ts_open, size_text(ended.volume, ended.volume_exp), ended.vwap) == (T - 5 * S, "7", 2.25)
    names = ("ts_event", "open", "high", "low", "close", "interval", "state", "provenance")
    meaning = read(
        Layout("bars", names, "b.csv", 2, symbol="A"), f"{T},1,1,1,1,1d,provisional,live", f"{T},1,2,2,1,1d,,"
    )
    assert (len(meaning.bars), meaning.notes["provisional"]) == (0, 1)
    assert meaning.refused == "b.csv, row 3: a bar whose open or close lies outside its low and high"


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1m", 60), ("1T", 60), ("60", 60), ("1H", 3600), ("D", 86_400), ("1wk", 604_800)]
)
def test_lengths_of_bars(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1M", "1mo", "0s", "m5", "1.5m", "99999999d"])
def test_what_is_no_length_of_bars_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        seconds_of(text)


def test_rows_name_any_venue_and_its_books_stay_numbered_as_they_are() -> None:
    layout = Layout("trades", ("ts_event", "symbol", "venue", "price", "size"), "t.csv", 2)
    body = f"{T},BTCUSDT,BINANCE,1,1\n{T},BRK.B,XNYS,1,1".encode()
    frame = b'{"tag":%s,"url":"file:t.csv","status":200}\n' % msgspec.json.encode(layout.tag) + body
    instruments = Instruments()
    decoded = by_name("file").decoder(instruments).decode(Frames.of([frame], [0], kind=RecordKind.DOCUMENT))
    assert [(one.venue, one.symbol, one.sequence_rule) for one in instruments] == [
        ("BINANCE", "BTCUSDT", SequenceRule.OVERLAP),
        ("XNYS", "BRK.B", SequenceRule.NONE),
    ]
    assert decoded.tape.instrument.tolist() == [0, 1]


@given(tag=st.text(max_size=60), body=st.binary(max_size=200))
def test_no_bytes_trip_the_reader(tag: str, body: bytes) -> None:
    for head in (DocumentHead(tag, "", 200), DocumentHead(f"table:{tag}", "", 200), DocumentHead(TRADES.tag, "", 200)):
        try:
            TableReader().read_document(head, body, AT)
        except ValueError:
            continue


@given(cells=st.lists(st.text(max_size=12), min_size=3, max_size=7))
def test_no_row_trips_the_reader(cells: list[str]) -> None:
    for kind in ("trades", "quotes", "bars"):
        for delimiter in (",", ";"):
            names = ("ts_event", "price", "size", "side", "bid_price", "open", "flags")[: len(cells)]
            meaning = read(Layout(kind, names, "t.csv", 2, delimiter=delimiter, symbol="A"), delimiter.join(cells))
            assert len(meaning.events) + len(meaning.bars) + meaning.notes.get("bad", 0) >= 0
