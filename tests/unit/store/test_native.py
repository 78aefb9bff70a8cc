"""Every kind of column, read back from the bytes that are sent."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import native_read
from breadboard.model.decimals import ABSENT, PRICE_UNIT, size_decimal
from breadboard.store import columns
from breadboard.store.native import NOTHING, Block, Column, Texts, encode

INT64 = st.one_of(st.just(ABSENT), st.integers(-(2**63), 2**63 - 1))
LEVEL = st.tuples(st.integers(0, 2), st.integers(-(2**59), 2**59), st.integers(0, 2**63 - 1), st.integers(-18, 0))


def back(column: Column) -> list[object]:
    found: list[object] = native_read.table(Block({"column": column}))["column"].to_pylist()
    return found


@settings(deadline=None)
@given(st.lists(INT64, min_size=1), st.booleans())
def test_a_number_is_as_it_was_and_absent_is_null(values: list[int], nullable: bool) -> None:
    array = np.array(values, np.int64)
    expected = [None if nullable and one == ABSENT else one for one in values]
    assert back(columns.integers(array, nullable=nullable)) == expected
    stamps = native_read.table(Block({"column": columns.stamps(array, nullable=nullable)}))["column"]
    assert stamps.cast("int64").to_pylist() == expected
    prices = np.array([one for one in values if abs(one) < 10**18 or one == ABSENT], np.int64)
    assert back(columns.prices(prices, nullable=True)) == [
        None if one == ABSENT else Decimal(one) / PRICE_UNIT for one in prices.tolist()
    ]


@pytest.mark.parametrize("kind", ["i1", "u1", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_each_width_of_number_has_its_type_also_where_it_lies_in_records(kind: str) -> None:
    limits = np.finfo(kind) if kind.startswith("f") else np.iinfo(kind)
    rows = np.zeros(2, [("other", "i1"), ("value", kind)])
    rows["value"] = limits.min, limits.max
    assert back(columns.integers(rows["value"])) == [limits.min, limits.max]


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=40, unique=True), st.data())
def test_a_label_is_its_word_in_any_script(names: list[str], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, len(names) - 1), min_size=1))
    assert back(columns.labels(np.array(codes), names)) == [names[code] for code in codes]
    assert back(columns.words(names[code] for code in codes)) == [names[code] for code in codes]


@pytest.mark.parametrize("count", [1, 255, 256, 257, 65_536, 65_537])
def test_a_dictionary_of_any_length_has_codes_that_are_wide_enough(count: int) -> None:
    names = [f"S{number}" for number in range(count)]
    assert back(columns.labels(np.array([count - 1, 0]), names)) == [names[-1], names[0]]


@settings(deadline=None)
@given(st.lists(st.lists(LEVEL, max_size=6), min_size=1, max_size=8), st.integers(1, 2))
def test_levels_of_one_side_stay_in_their_row_and_order(rows: list[list[tuple[int, ...]]], side: int) -> None:
    levels = [level for row in rows for level in row]
    of = [np.array([level[at] for level in levels], kind) for at, kind in enumerate(("u1", "i8", "i8", "i1"))]
    end = np.cumsum([len(row) for row in rows])
    prices, sizes = columns.levels(end - [len(row) for row in rows], end, side, of)
    told = [[level for level in row if level[0] == side] for row in rows]
    assert back(prices) == [[Decimal(price) / PRICE_UNIT for _, price, _, _ in row] for row in told]
    assert back(sizes) == [[size_decimal(size, exponent) for _, _, size, exponent in row] for row in told]


@pytest.mark.parametrize(("begin", "end"), [(-1, 1), (0, 3)])
def test_levels_that_are_not_there_are_refused(begin: int, end: int) -> None:
    of = [np.ones(2, kind) for kind in ("u1", "i8", "i8", "i1")]
    with pytest.raises(IndexError, match="after 2"):
        columns.levels(np.array([begin]), np.array([end]), 1, of)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 99), max_size=4), min_size=1, max_size=9), st.data())
def test_some_rows_of_a_block_are_those_rows_of_each_column(lists: list[list[int]], data: st.DataObject) -> None:
    count = len(lists)
    block = Block(
        {
            "list": columns.lists(
                np.array([len(one) for one in lists]),
                columns.integers(np.array([one for items in lists for one in items], np.int64)),
            ),
            "maybe": columns.integers(np.where(np.arange(count) % 2, np.arange(count), ABSENT), nullable=True),
            "size": columns.in_units(np.arange(count)),
            "label": columns.labels(np.arange(count), map(str, range(count))),
            "text": Texts([f"{number} ü" for number in range(count)]),
        }
    )
    whole = native_read.table(block).to_pylist()
    places = data.draw(st.lists(st.integers(0, count - 1), min_size=1))
    assert native_read.table(block.take(np.array(places))).to_pylist() == [whole[place] for place in places]
    begin = data.draw(st.integers(0, count - 1))
    assert native_read.table(block.take(slice(begin, begin + 3))).to_pylist() == whole[begin : begin + 3]


def test_nothing_is_no_rows_and_no_columns() -> None:
    assert NOTHING.num_rows == 0
    assert encode(NOTHING) == b"\0\0"
