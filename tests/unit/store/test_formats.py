"""Answers in the forms people and programs read."""

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.errors import QueryRefused, UsageError
from breadboard.store.cells import decimal_text
from breadboard.store.formats import render

BATCH = pa.record_batch(
    {
        "symbol": pa.array(["BTC,USDT", 'a"b\x1b[2J']).dictionary_encode(),
        "price": pa.array([Decimal("60007.570000000"), Decimal("0.000000001")], pa.decimal128(18, 9)),
        "ts": pa.array([1_723_161_253_000_000_009, None], pa.timestamp("ns", "UTC")),
        "levels": pa.array([[Decimal("1.50")], []], pa.list_(pa.decimal128(18, 2))),
        "ratio": pa.array([float("nan"), 0.5]),
    }
)


def text(form: str) -> str:
    return b"".join(render([BATCH], form)).decode()


def test_json_is_one_object_with_exact_digits_and_nanoseconds() -> None:
    found = json.loads(text("json"))
    assert found["rows"] == 2
    assert found["meta"][1] == {"name": "price", "type": "decimal128(18, 9)"}
    assert found["data"][0] == {
        "symbol": "BTC,USDT",
        "price": "60007.57",
        "ts": "2024-08-08T23:54:13.000000009Z",
        "levels": ["1.5"],
        "ratio": None,
    }
    assert found["data"][1]["price"] == "0.000000001"


def test_csv_quotes_what_needs_it_and_leaves_null_empty() -> None:
    rows = list(csv.reader(io.StringIO(text("csv"))))
    assert rows[1] == ["BTC,USDT", "60007.57", "2024-08-08T23:54:13.000000009Z", '["1.5"]', ""]
    assert rows[2][2] == ""


def test_csv_is_for_programs_and_has_texts_as_they_are() -> None:
    """IQFeed's futures begin with an at sign, and who joins by symbol must find them."""
    batch = pa.record_batch({"@a": ["@ESM19", "=1+1", None], "n": [-5, 0, 1]})
    assert b"".join(render([batch], "csv")) == b"@a,n\n@ESM19,-5\n=1+1,0\n,1\n"


def test_a_table_aligns_numbers_and_cannot_move_the_cursor() -> None:
    lines = text("table").splitlines()
    assert "\x1b" not in text("table")
    assert lines[2].index("60007.57") + len("60007.57") == lines[3].index("0.000000001") + len("0.000000001")


def test_arrow_comes_back_equal() -> None:
    assert pa.ipc.open_stream(b"".join(render([BATCH], "arrow"))).read_all()["price"].to_pylist() == (
        BATCH["price"].to_pylist()
    )


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="xml"):
        render([BATCH], "xml")


DOUBLES = pa.RecordBatch.from_arrays([pa.array([1]), pa.array(["a"]), pa.array([True])], names=["1", "1", "x"])


def test_json_refuses_two_columns_of_one_name_before_its_first_byte() -> None:
    with pytest.raises(QueryRefused, match="two columns are called '1', and JSON tells columns by name") as refused:
        render([DOUBLES], "json")
    assert refused.value.exit_code == 2
    assert refused.value.hint == "SELECT … AS another   # or csv or arrow, which tell them by place"
    triple = pa.RecordBatch.from_arrays([pa.array([1])] * 4, names=["x" * 61, "y", "x" * 61, "x" * 61])
    with pytest.raises(QueryRefused, match=f"^3 columns are called '{'x' * 59}…', and"):
        render([triple], "json")


def test_other_forms_have_two_columns_of_one_name_by_their_place() -> None:
    assert b"".join(render([DOUBLES], "csv")) == b"1,1,x\n1,a,true\n"
    lines = b"".join(render([DOUBLES], "table")).decode().splitlines()
    assert [line.split() for line in (lines[0], lines[2])] == [["1", "1", "x"], ["1", "a", "true"]]
    told = pa.ipc.open_stream(b"".join(render([DOUBLES], "arrow"))).read_all()
    assert told.schema.names == ["1", "1", "x"]
    assert [column.to_pylist() for column in told.columns] == [[1], ["a"], [True]]


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=18))
def test_decimal_text_is_the_same_number_in_plain_digits(value: Decimal) -> None:
    found = decimal_text(value)
    assert Decimal(found) == value
    assert "E" not in found
    assert "." not in found or found[-1] not in "0."
