"""From tape columns to what the store's engine is told, exactly."""

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import native_read
import outputs_made as made
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT, size_decimal
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, Uncounted
from breadboard.model.tape import Tape
from breadboard.store import columns, native, records, rows, windows
from breadboard.store.newest import Newest, Words
from breadboard.store.origins import Origins
from breadboard.telemetry.lag import LagRow

SIZE = st.integers(0, 2**63 - 1), st.integers(-18, 0)


def labels(known: Instruments | None = None) -> rows.Labels:
    made_labels = rows.Labels()
    made_labels.refresh(list(known or made.instruments()))
    return made_labels


def words(tape: Tape) -> Words:
    """Return the last words of a tape, where nothing is known from before."""
    newest = Newest({})
    newest.refresh(list(made.instruments()))
    return newest.words(tape)


def values(column: native.Column) -> list[Any]:
    found: list[Any] = native_read.table(native.Block({"value": column}))["value"].to_pylist()
    return found


@settings(deadline=None)
@given(st.lists(st.tuples(*SIZE), min_size=1, max_size=50))
def test_a_size_is_exact_whatever_its_mantissa_and_exponent(pairs: list[tuple[int, int]]) -> None:
    mantissa, exponent = np.array([m for m, _ in pairs]), np.array([e for _, e in pairs], np.int8)
    assert values(columns.sizes(mantissa, exponent)) == [size_decimal(*pair) for pair in pairs]


@settings(deadline=None)
@given(st.integers(0, 10**18), st.integers(0, 10**18 - 1))
def test_a_volume_is_whole_units_and_a_fraction(whole: int, fraction: int) -> None:
    (found,) = values(columns.volumes(np.array([whole]), np.array([fraction])))
    assert found == Decimal(f"{whole}.{fraction:018d}")


def test_what_the_venue_did_not_say_is_null() -> None:
    tape = Tape.of(2, {"kind": [2, 2], "instrument": [0, 1], "price": [5 * 10**9, ABSENT], "size": [7, ABSENT]})
    table = native_read.table(rows.quotes(tape, labels()))
    assert table["bid_price"].to_pylist() == [Decimal(5), None]
    assert table["bid_size"].to_pylist() == [Decimal("0.00000007"), None]
    for name in ("ask_price", "ask_size", "ts_event", "sequence"):
        assert table[name].to_pylist() == [None, None], name


def test_a_trade_without_a_size_has_none_and_not_0() -> None:
    tape = Tape.of(2, {"kind": [1, 1], "instrument": [0, 0], "price": [1, 2], "size": [7, ABSENT]})
    table = native_read.table(rows.trades(tape, labels()))
    assert table["size"].to_pylist() == [Decimal("0.00000007"), None]
    assert table.schema.field("size").nullable  # or the store would be told of a column that cannot be NULL


def test_a_duplicate_trade_is_left_out_and_provenance_comes_from_the_row() -> None:
    flags = [0, Flag.DUPLICATE, Flag.SYNTHETIC, Flag.REPLAYED, Flag.REPLAYED | Flag.SYNTHETIC]
    tape = Tape.of(5, {"kind": [1] * 5, "instrument": [0] * 5, "offset": range(5), "flags": flags, "price": [1] * 5})
    table = native_read.table(rows.trades(tape, labels()))
    assert table["offset"].to_pylist() == [0, 2, 3, 4]
    assert table["provenance"].to_pylist() == ["live", "synthetic", "replay", "synthetic"]


def test_levels_are_split_by_side_in_the_venues_order() -> None:
    tape = Tape.of(
        3,
        {"kind": [3, 1, 4], "instrument": [0, 0, 1], "level_begin": [0, 3, 3], "level_end": [3, 3, 5]},
        {
            "level_side": [1, 2, 1, 2, 2],
            "level_price": [10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9, 5 * 10**9],
            "level_size": [0, 1, 2, 3, 4],
            "level_size_exp": [0] * 5,
        },
    )
    table = native_read.table(rows.book_deltas(tape, labels()))
    assert table["kind"].to_pylist() == ["delta", "snapshot"]
    assert table["bid_prices"].to_pylist() == [[1, 3], []]
    assert table["bid_sizes"].to_pylist() == [[0, 2], []]
    assert table["ask_prices"].to_pylist() == [[2], [4, 5]]
    assert table["ask_sizes"].to_pylist() == [[1], [3, 4]]


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_latest_rows_are_the_last_of_each_instrument(first: int, count: int) -> None:
    tape = made.outputs(first, first + count).tape
    table = native_read.table(rows.latest(tape, labels(), words(tape))).to_pylist()
    expected = {}
    for place in range(count):
        kind = {EventKind.TRADE: "trade", EventKind.QUOTE: "quote"}.get(EventKind(tape.kind[place]))
        if kind:
            expected[kind, made.SYMBOLS[tape.instrument[place]]] = int(tape.offset[place])
    assert {(row["kind"], row["symbol"]): row["offset"] for row in table} == expected


def test_what_is_taken_back_or_suspicious_is_not_the_latest() -> None:
    tape = Tape.of(
        5,
        {
            "kind": [EventKind.TRADE, EventKind.TRADE, EventKind.TRADE, EventKind.QUOTE, EventKind.QUOTE],
            "flags": [0, Flag.WITHDRAWN, Flag.VOLUME_ONLY, 0, Flag.INELIGIBLE],
            "code": [0, 0, Uncounted.PRICES, 0, 0],
            "instrument": [0] * 5,
            "offset": [1, 2, 3, 4, 5],
        },
    )
    found = native_read.table(rows.latest(tape, labels(), words(tape))).to_pylist()
    assert [(row["kind"], row["offset"], row["price"]) for row in found] == [("trade", 2, None), ("quote", 4, None)]
    assert words(tape).undone.max() == 1
    tape.flags[1] |= Flag.DUPLICATE
    assert native_read.table(rows.latest(tape, labels(), words(tape)))["offset"].to_pylist() == [1, 4]
    assert words(tape).undone.max() == -1


def test_a_bar_is_exact_and_its_version_is_of_its_offset_whatever_its_state() -> None:
    bars = np.concatenate([made.final_bars(100, 101), made.open_bars(101), np.zeros(1, BAR)])
    bars["offset"][1] = 100
    table = native_read.table(windows.bars(bars, labels(), np.array([0, 2, 1], np.uint8))).to_pylist()
    assert [row["version"] for row in table] == [403, 403, 3]
    first = table[0]
    assert (first["interval"], first["state"], first["provenance"]) == ("1s", "final", "live")
    assert (first["volume"], first["vwap"]) == (Decimal("2.5"), Decimal(60_001))
    assert first["ts_close"].value - first["ts_open"].value == 10**9
    assert table[2]["vwap"] is None, "a bar without volume has no average price"


def test_a_feed_wide_gap_finds_its_venue_from_the_tape() -> None:
    outputs = made.outputs(0, 4)
    found = ((0, -1, Gap(0, GapReason.RESTART, 5, 9)),)
    table = native_read.table(records.gaps(found, list(made.instruments()), Origins({}), outputs.tape)).to_pylist()
    assert (table[0]["venue"], table[0]["symbol"], table[0]["reason"]) == ("BINANCE", "", "restart")
    assert (table[0]["ts_from"].value, table[0]["ts_to"].value, table[0]["sequence_from"]) == (5, 9, None)


def test_the_gaps_of_an_offset_are_numbered_from_0_whatever_is_flushed_with_them() -> None:
    outputs, known = made.outputs(0, 12), list(made.instruments())
    found = [(offset, offset % 3, Gap(0, GapReason.SEQUENCE, 5, 9)) for offset in (2, 2, 5, 9, 9, 9)]

    def indexes(first: int, end: int) -> list[tuple[int, int]]:
        block = records.gaps(found[first:end], known, Origins({}), outputs.tape)
        return [(row["offset"], row["index"]) for row in native_read.table(block).to_pylist()]

    whole = [(2, 0), (2, 1), (5, 0), (9, 0), (9, 1), (9, 2)]
    assert indexes(0, 6) == whole
    assert indexes(0, 2) + indexes(2, 3) + indexes(3, 6) == whole


def test_a_lag_is_a_row_of_its_own_hop_and_provenance_and_may_be_negative() -> None:
    row = LagRow("BINANCE", "binance-0", "network", "replay", 7, 100, -1.5, 2.0, 3.25, -1_060.000001, 1.5)
    (found,) = native_read.table(records.lag([row], 42)).to_pylist()
    assert (found["venue"], found["hop"], found["provenance"], found["offset"]) == ("BINANCE", "network", "replay", 42)
    assert [found[f"{name}_ns"] for name in ("min", "p50", "p99", "max")] == [
        -1_060_000_001,
        -1_500_000,
        2_000_000,
        3_250_000,
    ]
    assert (found["ts_recv"].value, found["count"]) == (7, 100)
