"""Files that are exported: nothing in them is a formula (S11), and their names are ours (S12)."""

import csv
import io
import json
import socket

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outputs_made as made
from breadboard.api.export import rows
from breadboard.errors import QueryRefused
from breadboard.store import formats
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
    assert list(line)[-7:] == ["is_crossed", *levels.split(", "), "ts_recv_book", "offset_book"]  # new ones are last
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


@pytest.mark.parametrize(
    "query",
    [
        "select map(symbol, price) as m, [map(symbol, ts_recv)] as l from trades order by offset limit 2",
        "select tuple(symbol, price, ts_recv) as t, [tuple(price, ts_recv)] as l from trades order by offset limit 2",
        "select toStartOfMinute(ts_recv) as m, toDate(ts_recv), toDateTime64(ts_recv, 3, 'Europe/Berlin') from trades",
        "select toInt128('170141183460469231731687303715884105727') as big, [toUInt256(7)] as l, true as y, null as n",
        "select toFloat32(0.29856667) as f, [toFloat32(0.1)] as l, 1.0 as one, nan as none, 1e300 as much",
        "select 'a,b' as t, 'é' as m, -5 as n, toDecimal64('-1.50', 9) as d, unhex('ff41') as bytes, now() where 0",
        "select 'a,b' as t, 'é' as m, -5 as n, toDecimal64('-1.50', 9) as d, unhex('ff41') as bytes",
        "select toFixedString('abc', 5) as f, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') as id, toIPv4('1.2.3.4')",
    ],
)
def test_the_command_gives_the_same_text_as_the_api(house: Stored, query: str) -> None:
    def asked(form: str) -> httpx.Response:
        answer = house.client.post("/api/v1/sql", json={"query": query, "format": form})
        assert answer.status_code == 200
        return answer

    def told(form: str) -> bytes:
        return b"".join(formats.render(house.store.ask(query), form))

    api, command = asked("json").json(), json.loads(told("json"))
    assert (api["columns"], api["data"]) == (command["meta"], command["data"])
    assert asked("csv").content.replace(b"\r\n", b"\n") == told("csv")
    assert b"b'" not in told("csv")


def test_only_a_file_of_the_api_is_made_harmless_for_spreadsheets_and_numbers_are_in_neither(house: Stored) -> None:
    query = (
        "select '=1+1' as `@t`, '@ESM19' as s, '-5' as m, -5 as n, -toInt128(5) as w, sum(toInt256(-5)) as ww, "
        "toDecimal64('-1.50', 9) as d"
    )
    filed = house.client.post("/api/v1/sql", json={"query": query, "format": "csv"})
    assert filed.text.splitlines() == ["'@t,s,m,n,w,ww,d", "'=1+1,'@ESM19,'-5,-5,-5,-5,-1.5"]
    told = b"".join(formats.render(house.store.ask(query), "csv")).decode()
    assert told.splitlines() == ["@t,s,m,n,w,ww,d", "=1+1,@ESM19,-5,-5,-5,-5,-1.5"]


def test_times_tuples_and_wide_integers_are_told_as_the_documentation_says(house: Stored) -> None:
    query = (
        "select map(symbol, price) as m, tuple(symbol, ts_recv) as t, toStartOfMinute(ts_recv) as at, "
        "toInt128('170141183460469231731687303715884105727') as big from trades where offset = 3"
    )
    moment = "2024-08-08T23:54:13.003000009Z"
    shown = house.client.post("/api/v1/sql", json={"query": query}).json()
    assert shown["data"] == [
        {
            "m": [["BTCUSDT", "60007.57"]],
            "t": {"1": "BTCUSDT", "2": moment},
            "at": "2024-08-08T23:54:00.000000000Z",
            "big": "170141183460469231731687303715884105727",
        }
    ]
    assert shown["columns"][2:] == [{"name": "at", "type": "timestamp[s, tz=UTC]"}, {"name": "big", "type": "string"}]
    filed = house.client.post("/api/v1/sql", json={"query": query, "format": "parquet"}).content
    (row,) = pq.read_table(io.BytesIO(filed)).to_pylist()
    assert row["at"].isoformat() == "2024-08-08T23:54:00+00:00"


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
def test_a_client_that_knows_no_chunks_is_told_how_long_an_answer_is(house: Stored, form: str) -> None:
    query = "select number, repeat('=abc', 60) as p, toDateTime(number) as t from numbers(150000)"
    question = {"query": query, "format": form}
    body = json.dumps(question).encode()
    url = house.client.base_url
    head = f"POST /api/v1/sql HTTP/1.0\r\nHost: {url.host}:{url.port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((url.host, url.port), timeout=60) as line:
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b"".join(iter(lambda: line.recv(1 << 16), b""))
    top, _, answer = got.partition(b"\r\n\r\n")
    assert f"content-length: {len(answer)}" in top.decode().lower().split("\r\n")
    chunked = house.client.post("/api/v1/sql", json=question)
    assert (chunked.headers["transfer-encoding"], chunked.content) == ("chunked", answer)


def test_rows_by_name_are_not_made_of_two_columns_of_one_name() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(QueryRefused, match="two columns are called 'a'"):
        rows(table)
