"""What rows of tables mean, whoever wrote them, and that no bytes trip their reader."""

from decimal import Decimal

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


def test_a_time_that_is_twice_on_its_day_is_refused_and_no_row_before_tells_which_it_is() -> None:
    zone, columns = "America/New_York", ("ts_event", "price", "size")
    layout = Layout("trades", columns, "t.csv", 2, symbol="A", zone=zone)
    stamps = ("00:59:59", "01:00:00", "01:30:00-0500", "01:59:59", "02:00:00")
    meaning = read(layout, *(f"2026-11-01 {stamp},1,1" for stamp in stamps))
    assert [event.ts_event for event in meaning.events] == [
        ns_of(f"2026-11-01T{utc}Z", "UTC") for utc in ("04:59:59", "06:30:00", "07:00:00")
    ]
    assert meaning.refused == (
        "t.csv, row 3: 2026-11-01T01:00 is twice on that day in America/New_York: give an offset (+01:00), or UTC;"
        " 5: 2026-11-01T01:59 is twice on that day in America/New_York: give an offset (+01:00), or UTC"
    )


def test_a_day_whose_cell_of_the_time_of_day_is_empty_is_not_midnight() -> None:
    layout = Layout("trades", ("date", "clock", "price", "size"), "t.csv", 2, symbol="A")
    meaning = read(layout, "2025-11-24,160000,1,1", "2025-11-24,,1,1", "2025-11-24,nan,1,1")
    assert [event.ts_event for event in meaning.events] == [T]
    assert meaning.refused == "t.csv, row 3: no time of day; 4: no time of day"
    assert one(Layout("trades", ("date", "price", "size"), "t.csv", 2, symbol="A"), "2025-11-24,1,1").ts_event < T


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
        (f"{T},1,1,0,7", "not a side (buy or sell, 1 or -1): '0'"),  # beside 1 it is a sell, beside -1 none
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


def test_a_trade_numbered_as_an_aggregate_is_marked_as_one() -> None:
    columns = ("ts_event", "price", "size", "agg_trade_id")
    event = one(Layout("trades", columns, "t.csv", 2, symbol="BTCUSDT", venue="BINANCE"), f"{T},1,1,7")
    assert (event.trade_id, event.flags) == (7, Flag.AGGREGATED)
    both = Layout("trades", (*columns, "trade_id"), "t.csv", 2, symbol="BTCUSDT", venue="BINANCE")
    assert (one(both, f"{T},1,1,7,9").trade_id, one(both, f"{T},1,1,7,9").flags) == (9, Flag(0))


def test_an_id_that_was_a_float_beyond_its_digits_is_none() -> None:
    meaning = read(TRADES, f"{T},1,1,,9007199254740991.0", f"{T},1,1,,9007199254740992.0", f"{T},1,1,,9007199254740993")
    assert [event.trade_id for event in meaning.events] == [2**53 - 1, ABSENT, 2**53 + 1]
    assert meaning.notes["unnumbered"] == 1


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
    ("vwap", "value", "left_out"),
    [("100.12345678901234", 100.12345678901234, 0), ("1e2", 100.0, 0), ("-0.5", -0.5, 0), ("", None, 0)]
    + [(text, None, 1) for text in ("inf", "1e999", "1_000", "x", "100.5 USD")],
)
def test_a_bar_is_not_lost_for_its_vwap(vwap: str, value: float | None, left_out: int) -> None:
    layout = Layout("bars", ("ts_event", "open", "high", "low", "close", "vwap"), "b.csv", 2, symbol="A", interval_s=60)
    meaning = read(layout, f"{T},100,101,99,100,{vwap}")
    assert (meaning.refused, meaning.bars[0].vwap) == (None, value)
    assert meaning.notes.get("without_vwap", 0) == left_out


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1m", 60), ("1T", 60), ("60s", 60), ("1H", 3600), ("D", 86_400), ("1wk", 604_800)]
)
def test_lengths_of_bars(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1M", "1mo", "0s", "m5", "1.5m", "99999999d", "5", "60"])
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
