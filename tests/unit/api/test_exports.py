"""Files that are exported: nothing in them is a formula (S11), and their names are ours (S12)."""

import csv
import io
import json

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outputs_made as made
from breadboard.api.export import rows
from breadboard.errors import QueryRefused
from unit.api.stored import Stored, house

__all__ = ["house"]

AT = f"fromUnixTimestamp64Nano({made.START}, 'UTC')"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")']


def test_of_five_hundred_formulas_in_stored_texts_none_reaches_a_spreadsheet_as_one(house: Stored) -> None:
    texts = [f"{formula}{number}" for number in range(56) for formula in FORMULAS][:500]
    rows = []
    for number, text in enumerate(texts):
        quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
        place = f"'BINANCE', 'BTCUSDT', {AT}, {AT}, {number}, 0, 'live', 'id{number}'"
        rows.append(f"({place}, '{quoted}', 'rise', -1.5, '{quoted}')")
    columns = "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, alert_id, rule, kind, value, message"
    house.insert("alerts", columns, *rows)
    answer = house.get("alerts?format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="alerts.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [line["message"] for line in lines] == [f"'{text}" for text in texts]
    assert [line["rule"] for line in lines] == [f"'{text}" for text in texts]
    assert {line["value"] for line in lines} == {"-1.5"}


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
@pytest.mark.parametrize("symbol", ["../../etc/passwd", "..%2f..%2fetc", "a.csv", "CON", "%2e%2e/x", "x" * 64])
def test_the_name_of_an_export_is_ours_whatever_is_asked_for(house: Stored, form: str, symbol: str) -> None:
    answer = house.get(f"gaps?symbol={symbol}&format={form}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="gaps.{form}"'


def test_a_list_in_a_csv_file_is_json_as_any_reader_of_it_knows(house: Stored) -> None:
    place = f"'BINANCE', 'BTCUSDT', {AT}, {AT}, 1, 0, 'live', '1s', 'live', [100.5, 99], [1, 2.25], [], []"
    columns = "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, interval, state"
    levels = "bid_prices, bid_sizes, ask_prices, ask_sizes"
    house.insert("depth_snapshots", f"{columns}, {levels}", f"({place})")
    answer = house.get("history?symbol=BTCUSDT&kind=books&format=csv")
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (line["bid_prices"], line["bid_sizes"]) == ('["100.5","99"]', '["1","2.25"]')
    assert json.loads(line["ask_prices"]) == []
    shown = house.client.post("/api/v1/sql", json={"query": "select [1, 2] as numbers", "format": "csv"})
    assert shown.text.splitlines() == ["numbers", '"[1,2]"']


def test_a_share_has_the_same_digits_in_every_form(house: Stored) -> None:
    asked = (
        "select toFloat32(0.697) as share, toFloat32(1) as whole, 2.0 as twice, 1e20 as much, nan as none, [share] as l"
    )
    told = house.client.post("/api/v1/sql", json={"query": asked, "format": "json"}).json()["data"]
    assert told == [{"share": 0.697, "whole": 1, "twice": 2, "much": 1e20, "none": None, "l": [0.697]}]
    shown = house.client.post("/api/v1/sql", json={"query": asked, "format": "csv"})
    assert shown.text.splitlines() == ["share,whole,twice,much,none,l", "0.697,1,2,1e+20,,[0.697]"]
    place = f"'BINANCE', 'BTCUSDT', '1h', {AT}, {AT} + 3600, 0, 'closed', 'live'"
    columns = "venue, symbol, interval, ts_open, ts_close, version, state, provenance"
    for number, share in enumerate(("0.697", "1")):
        later = place.replace(AT, f"({AT} + {3600 * number})")
        house.insert("bar_versions", f"{columns}, completeness", f"({later}, {share})")
    page = "history?symbol=BTCUSDT.BINANCE&kind=bars&interval=1h&columns=completeness"
    rows = [str(row["completeness"]) for row in house.get(page).json()["data"]]
    lines = csv.DictReader(io.StringIO(house.get(f"{page}&format=csv").text, newline=""))
    assert rows == [line["completeness"] for line in lines] == ["0.697", "1"]


def test_two_columns_of_one_name_are_refused_in_json_and_in_no_other_form(house: Stored) -> None:
    def asked(query: str, form: str) -> httpx.Response:
        return house.client.post("/api/v1/sql", json={"query": query, "format": form})

    for query, name in (
        ("select 1, 1", "1"),
        ("select symbol, symbol from trades limit 1", "symbol"),
        ("select 1, 1 where 0", "1"),
    ):
        refused = asked(query, "json")
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert refused.json()["detail"] == f"two columns are called '{name}', and JSON tells columns by name"
        assert refused.json()["hint"].startswith("SELECT … AS another")
    both = "select symbol, symbol from trades order by offset limit 1"
    (symbol,) = asked("select symbol from trades order by offset limit 1", "json").json()["data"][0].values()
    assert symbol
    assert asked(both, "csv").text.splitlines() == ["symbol,symbol", f"{symbol},{symbol}"]
    streamed = pa.ipc.open_stream(asked(both, "arrow").content).read_all()
    filed = pq.ParquetFile(io.BytesIO(asked(both, "parquet").content)).read()
    for table in (streamed, filed):
        assert [column.to_pylist() for column in table.columns] == [[symbol], [symbol]]
    assert asked("select 1, 1 as one", "json").json()["data"] == [{"1": 1, "one": 1}]


def test_rows_by_name_are_not_made_of_two_columns_of_one_name() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(QueryRefused, match="two columns are called 'a'"):
        rows(table)
