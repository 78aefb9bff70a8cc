"""Files that a page offers: nothing in them is a formula (S11), and every digit is there."""

import csv as plain
import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from breadboard.dashboard.files import arrow, csv, parquet

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")']
TABLE = pa.table(
    {
        "symbol": [*FORMULAS, "BTCUSDT", None],
        "=venue": pa.array([*FORMULAS, 'a, "b"', ""]).dictionary_encode(),
        "close": pa.array([Decimal("-67000.100000001")] * 11, pa.decimal128(18, 9)),
        "change": [-1.5] * 11,
    }
)


def test_no_text_of_a_csv_is_a_formula_and_numbers_are_as_they_were() -> None:
    lines = list(plain.DictReader(io.StringIO(csv(TABLE).decode(), newline="")))
    defused = [f"'{formula}" for formula in FORMULAS]
    assert [line["symbol"] for line in lines] == [*defused, "BTCUSDT", ""]
    assert [line["'=venue"] for line in lines] == [*defused, 'a, "b"', ""]
    assert {(line["close"], line["change"]) for line in lines} == {("-67000.100000001", "-1.5")}


def test_files_for_programs_hold_the_rows_as_they_are() -> None:
    assert pa.ipc.open_stream(arrow(TABLE)).read_all().equals(TABLE)
    assert pq.read_table(io.BytesIO(parquet(TABLE))).to_pylist() == TABLE.to_pylist()
