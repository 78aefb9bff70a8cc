"""A value has one text, whoever writes it: the API, the command, JSON or CSV."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from breadboard.store import cells as cells_module
from breadboard.store.cells import DIGITS, cells, csv_rows, flat_columns

PRICE = pa.decimal128(18, 9)
NANOS = 1_795_877_862_133_488_769
TUPLE = pa.struct([("1", pa.string()), ("2", PRICE), ("3", pa.timestamp("ns", "UTC"))])


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.array([[("SOL", Decimal("163.2")), ("SOL", None)], None, []], pa.map_(pa.string(), PRICE)), [
            [["SOL", "163.2"], ["SOL", None]], None, [],
        ]),
        (pa.array([("SOL", Decimal("1E-9"), NANOS), None], TUPLE), [
            {"1": "SOL", "2": "0.000000001", "3": "2026-11-28T14:57:42.133488769Z"}, None,
        ]),
        (pa.array([[("SOL", Decimal(1), NANOS)], []], pa.list_(TUPLE)), [
            [{"1": "SOL", "2": "1", "3": "2026-11-28T14:57:42.133488769Z"}], [],
        ]),
        (pa.array([5, None], pa.timestamp("s", "UTC")), ["1970-01-01T00:00:05.000000000Z", None]),
        (pa.array([-1], pa.timestamp("ms", "Europe/Berlin")), ["1969-12-31T23:59:59.999000000Z"]),
        (pa.array([10_413_792_000_000], pa.timestamp("ms", "UTC")), ["2300-01-01T00:00:00.000000000Z"]),
        (pa.array([date(1930, 1, 2), None], pa.date32()), ["1930-01-02", None]),
        (pa.array([0.29856667, None], pa.float32()), [0.29856667, None]),
        (pa.array([[0.1, None]], pa.list_(pa.float32())), [[0.1, None]]),
        (pa.array([b"ab\xff", None], pa.binary()), ["ab\\xff", None]),
        (pa.array([b"ab\0"], pa.binary(3)), ["ab\0"]),
        (pa.array([UUID(int=7).bytes], pa.uuid()), [str(UUID(int=7))]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([True, None]), [True, None]),
        (pa.array([None]), [None]),
        (pa.array([{}, None, {}], pa.struct([])), [{}, None, {}]),
        (pa.array([[{}, {}], []], pa.list_(pa.struct([]))), [[{}, {}], []]),
    ],
    ids=lambda one: str(one.type) if isinstance(one, pa.Array) else "",
)  # fmt: skip
def test_each_type_has_its_values_as_json_also_of_a_part_of_a_column(column: pa.Array, told: list[object]) -> None:
    assert cells(column) == told
    assert cells(pa.chunked_array([column, column])) == told * 2
    assert cells(column.slice(len(column) - 1)) == told[-1:]


def test_bytes_that_are_no_text_are_told_in_a_column_of_texts() -> None:
    column = pa.array([b"\xffA", b"plain"], pa.binary())
    claimed = pa.Array.from_buffers(pa.string(), 2, column.buffers())
    assert cells(claimed) == ["\\xffA", "plain"]


def test_a_line_of_text_has_numbers_as_json_has_them_and_no_formula_in_a_csv_file() -> None:
    table = pa.table(
        {
            "text": ["=1+1", "-5", None],
            "number": [-5, 0, None],
            "half": [1.0, float("nan"), -0.5],
            "price": pa.array([Decimal("-1.50"), None, Decimal(2)], PRICE),
            "yes": [True, False, None],
            "list": pa.array([[1.0], [], None], pa.list_(pa.float32())),
        }
    )
    assert list(zip(*flat_columns(table), strict=True)) == [
        ("=1+1", -5, "1", "-1.5", "true", "[1.0]"),
        ("-5", 0, None, None, "false", "[]"),
        (None, None, "-0.5", "2", None, None),
    ]
    assert [row[:2] for row in csv_rows(table)] == [("'=1+1", -5), ("'-5", 0), (None, None)]
    digits = pa.schema([pa.field("wide", pa.string(), metadata=DIGITS), pa.field("text", pa.string())])
    wide = pa.table({"wide": [str(-(2**127)), None], "text": ["-5", "5"]}, digits)
    assert list(csv_rows(wide)) == [("-170141183460469231731687303715884105728", "'-5"), (None, "5")]


def test_a_column_is_asked_once_what_its_cells_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[pa.DataType] = []

    def is_number(kind: pa.DataType) -> bool:
        asked.append(kind)
        return bool(pa.types.is_integer(kind))

    monkeypatch.setattr(cells_module, "is_number", is_number)
    assert flat_columns(pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})) == [[1, 2, 3], ["x", "y", "z"]]
    assert asked == [pa.int64(), pa.string()]
