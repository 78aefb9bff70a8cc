"""Pages of stored rows: each row once, in order, with every digit; in four formats."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patient
from breadboard.api.app import create_app
from breadboard.api.instants import iso
from breadboard.api.listings import LISTINGS
from breadboard.api.paging import Wanted, page, page_of_json, statement
from breadboard.api.routes.history import names_of
from breadboard.api.server import running
from breadboard.clock import ManualClock
from breadboard.model.instruments import Instruments
from breadboard.model.tape import Tape
from breadboard.ports import Store
from breadboard.store import rows
from breadboard.store.clickhouse import ClickHouseStore
from unit.api.market import Market, MemoryStore, services

START = 1_700_000_000_000_000_000


def trades(stamps: list[int], *, symbol: str = "BTCUSDT") -> pa.Table:
    """Return stored trades at these times; three in a row share an offset."""
    count = len(stamps)
    return pa.table(
        {
            "venue": ["BINANCE"] * count,
            "symbol": [symbol] * count,
            "ts_event": pa.array([None] * count, pa.timestamp("ns", "UTC")),
            "ts_recv": pa.array([START + stamp for stamp in stamps], pa.timestamp("ns", "UTC")),
            "sequence": pa.array([None] * count, pa.int64()),
            "trade_id": pa.array(range(count), pa.int64()),
            "price": pa.array([Decimal("67000.10") + number for number in range(count)], pa.decimal128(18, 9)),
            "size": pa.array([Decimal("0.00000001")] * count, pa.decimal128(38, 18)),
            "side": ["buy"] * count,
            "uncounted": [""] * count,
            "provenance": ["synthetic"] * count,
            "offset": pa.array([number // 3 for number in range(count)], pa.int64()),
            "index": pa.array([number % 3 for number in range(count)], pa.uint16()),
        }
    )


def pages(store: Store, limit: int, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the fields of Wanted
    """Return all rows, page after page."""
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        found = page(
            store,
            Wanted.of("trades", symbol="BTCUSDT", limit=limit, cursor=cursor, **more),
        )
        rows += found.rows.select(["ts_recv", "offset", "index", "trade_id"]).to_pylist()
        assert found.rows.num_rows <= limit
        assert len(rows) <= 200, "a page begins where the one before began"
        cursor = found.cursor
        if cursor is None:
            return rows
        assert found.rows.num_rows == limit


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 12))
def test_paging_visits_every_row_exactly_once_and_in_order(stamps: list[int], limit: int) -> None:
    store = MemoryStore({"trades": pa.concat_tables([trades(stamps), trades(stamps, symbol="OTHER")])})
    rows = pages(store, limit)
    assert sorted(row["trade_id"] for row in rows) == list(range(len(stamps)))
    keys = [(row["ts_recv"], row["offset"], row["index"]) for row in rows]
    assert keys == sorted(keys)


def test_a_row_stored_between_two_pages_moves_none_of_the_others() -> None:
    store = MemoryStore({"trades": trades([0, 1, 2, 3])})
    first = page(store, Wanted.of("trades", symbol="BTCUSDT", limit=2))
    store.write("trades", trades([0]), "late")
    second = page(store, Wanted.of("trades", symbol="BTCUSDT", limit=2, cursor=first.cursor))
    assert second.rows["trade_id"].to_pylist() == [2, 3]


@pytest.mark.parametrize("symbol", ["BTCUSDT", 'A"B\\C', "Ä/€\t{"])
@pytest.mark.parametrize("venue", ["BINANCE", None])
def test_what_all_rows_have_alike_is_not_asked_for_and_told_all_the_same(symbol: str, venue: str | None) -> None:
    store = MemoryStore({"trades": trades([0, 1, 2], symbol=symbol)})
    wanted = Wanted.of("trades", symbol=symbol, venue=venue, limit=2)
    asked = page_of_json(store, wanted)
    (sql, _), *_ = store.questions
    assert ("`symbol`" in sql.partition(" FROM ")[0]) == (venue is None), "it comes after the venue"
    told = msgspec.json.decode(b"[%b]" % asked.rows)
    whole = [msgspec.json.decode(line) for line in store.lines(*statement(wanted)).splitlines()]
    assert told == whole[:2]
    assert [list(row)[:3] for row in told] == [["venue", "symbol", "ts_event"]] * 2
    assert asked.cursor == page(store, wanted).cursor


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(LISTINGS["trades"].columns)), st.integers(1, 6), st.sampled_from(["BINANCE", None]))
def test_a_page_of_some_columns_has_them_and_what_names_its_rows(
    columns: set[str], limit: int, venue: str | None
) -> None:
    store = MemoryStore({"trades": trades([0, 0, 1, 2, 2])})
    everything = Wanted.of("trades", symbol="BTCUSDT", venue=venue, limit=limit)
    whole = msgspec.json.decode(b"[%b]" % page_of_json(store, everything).rows)
    some = replace(everything, columns=tuple(sorted(columns)))
    kept = columns | {"ts_recv", "offset", "index"} | ({"venue"} if venue is None else set())
    found, table = page_of_json(store, some), page(store, some)
    assert msgspec.json.decode(b"[%b]" % found.rows) == [
        {name: value for name, value in row.items() if name in kept} for row in whole
    ]
    assert table.rows.column_names == [name for name in LISTINGS["trades"].columns if name in kept]
    assert found.cursor == table.cursor == page(store, everything).cursor


def test_no_word_of_the_client_is_in_the_text_of_a_query() -> None:
    evil = "x' OR 1=1 --"
    sql, params = statement(
        Wanted.of("trades", symbol=evil, venue=evil, start="2026-11-20", limit=10, only={"side": evil})
    )
    assert "OR 1" not in sql
    assert (params["symbol"], params["venue"], params["side"], params["limit"]) == (evil, evil, evil, 11)
    assert params["start"] == 1_795_132_800_000_000_000


@pytest.mark.parametrize(
    ("symbol", "venue", "names"),
    [
        ("BRK.B", None, ("BRK.B", None)),
        ("brk.b.yahoo", None, ("BRK.B", "YAHOO")),
        ("brk.b", "yahoo", ("BRK.B", "YAHOO")),
        ("btc/usd", None, ("BTC/USD", None)),
        ("BTCUSD.BITSTAMP", None, ("btcusd", "BITSTAMP")),
        ("btcusd", None, ("btcusd", None)),
        ("BTCUSD", None, ("BTCUSD", None)),
        ("ETHUSDT.binance", None, ("ETHUSDT", "BINANCE")),
    ],
)
def test_a_symbol_is_taken_as_the_venue_spells_it_with_its_own_dots(
    symbol: str, venue: str | None, names: tuple[str, str | None]
) -> None:
    market = Market(ManualClock())
    seen = {"YAHOO": "BRK.B", "KRAKEN_V2": "BTC/USD", "BITSTAMP": "btcusd", "BYBIT_INVERSE": "BTCUSD"}
    market.apply(*(market.trade("1", symbol=name, venue=place) for place, name in seen.items()))
    assert names_of(market.live, symbol, venue) == names


class House:
    """A served store of ten trades."""

    def __init__(self) -> None:
        self.store = MemoryStore({"trades": trades(list(range(10)))})
        self.client: httpx.Client

    def get(self, query: str) -> httpx.Response:
        """Ask for trades."""
        return self.client.get(f"/api/v1/history?symbol=BTCUSDT&kind=trades&{query}")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    house = House()
    market = Market(ManualClock())
    market.apply(market.trade("1"))
    app = create_app(services(market, house.store))
    with running(app) as address, patient.Client(base_url=address) as house.client:
        yield house


def test_json_has_exact_decimals_nanoseconds_and_the_next_cursor(house: House) -> None:
    body = house.get("limit=3").json()
    assert body["count"] == 3
    first = body["data"][0]
    assert (first["price"], first["size"], first["ts_event"]) == ("67000.1", "0.00000001", None)
    assert [row["ts_recv"][-12:] for row in body["data"]] == ["0.000000000Z", "0.000000001Z", "0.000000002Z"]
    following = house.get(f"limit=100&cursor={body['next']}").json()
    assert [row["trade_id"] for row in following["data"]] == list(range(3, 10))
    assert following["next"] is None


def test_csv_arrow_and_parquet_hold_the_same_rows(house: House) -> None:
    answers = {form: house.get(f"limit=5&format={form}") for form in ("csv", "arrow", "parquet")}
    assert {answer.headers["x-next-cursor"] for answer in answers.values()} == {house.get("limit=5").json()["next"]}
    lines = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    arrow = pa.ipc.open_stream(answers["arrow"].content).read_all()
    parquet = pq.read_table(io.BytesIO(answers["parquet"].content))
    assert [int(line["trade_id"]) for line in lines] == arrow["trade_id"].to_pylist() == [0, 1, 2, 3, 4]
    assert lines[1]["price"] == "67001.1"
    assert parquet["price"].to_pylist() == arrow["price"].to_pylist()
    assert answers["csv"].headers["content-disposition"] == 'attachment; filename="trades.csv"'


def test_a_file_of_some_columns_has_no_others(house: House) -> None:
    answer = house.get("limit=2&format=csv&columns=size,price")
    assert answer.text.splitlines()[:2] == [
        "venue,ts_recv,offset,index,price,size",
        "BINANCE,2023-11-14T22:13:20.000000000Z,0,0,67000.1,0.00000001",
    ]
    assert answer.headers["x-next-cursor"] == house.get("limit=2").json()["next"]


def test_start_is_inclusive_end_is_not_and_both_may_be_iso_or_nanoseconds(house: House) -> None:
    rows = house.get(f"start={START + 2}&end={START + 5}").json()["data"]
    assert [row["trade_id"] for row in rows] == [2, 3, 4]
    assert house.get("start=2023-11-14T22:13:20Z").json()["count"] == 10
    assert house.get("start=2023-11-14T22:13:21%2B00:00").json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("cursor=abc", "the cursor is none of ours"),
        ("cursor=WyJiYXJzIiwxLFsiQiJdXQ", "the cursor belongs to 'bars' and not to 'trades'"),
        ("start=yesterday", "'yesterday' is no time"),
        ("start=2026-13-01", "'2026-13-01' is no time"),
        ("limit=0", "limit: "),
        ("limit=100001", "limit: "),
        ("format=xml", "format: "),
        ("columns=price,prize", "columns: trades have no 'prize'"),
        ("columns=price,", "columns: "),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(house: House, query: str, told: str) -> None:
    answer = house.get(query)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_text_cell_that_is_a_formula_is_defused_and_a_negative_number_is_not(house: House) -> None:
    house.store.tables["cells"] = pa.table(
        {"word": ["=1+1", "@x", "plain"], "number": pa.array([Decimal("-1.50"), None, Decimal(3)], pa.decimal128(9, 2))}
    )
    question = {"query": "select word, number from cells", "format": "csv"}
    answer = house.client.post("/api/v1/sql", json=question)
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["word", "number"],
        ["'=1+1", "-1.5"],
        ["'@x", ""],
        ["plain", "3"],
    ]


def test_sql_answers_in_every_format_over_several_batches(house: House) -> None:
    house.store.tables["many"] = pa.table({"n": list(range(250))})
    answers = {
        form: house.client.post("/api/v1/sql", json={"query": "select n from many", "format": form})
        for form in ("json", "csv", "arrow", "parquet")
    }
    body = json.loads(answers["json"].content)
    assert body["columns"] == [{"name": "n", "type": "int64"}]
    assert (body["count"], body["data"][249]) == (250, {"n": 249})
    assert len(answers["csv"].text.splitlines()) == 251
    assert pa.ipc.open_stream(answers["arrow"].content).read_all()["n"].to_pylist() == list(range(250))
    assert pq.read_table(io.BytesIO(answers["parquet"].content)).num_rows == 250


@pytest.mark.parametrize("path", ["gaps", "alerts", "features", "anomalies", "opportunities"])
def test_what_was_concluded_is_an_empty_page_where_there_is_none(house: House, path: str) -> None:
    through = {"offset": 0, "ts_engine": None}
    expected: dict[str, Any] = {"data": [], "next": None, "count": 0, "complete_through": through}
    assert house.client.get(f"/api/v1/{path}").json() == expected


@pytest.mark.parametrize(
    ("asked", "status", "ids"),
    [
        ("symbol=BTCUSDT", 200, None),
        ("symbol=BTCUSDT.BINANCE&start=2001-01-01&end=2001-01-02", 200, None),
        ("symbol=GONE", 200, None),
        ("symbol=GONE.KRAKEN", 200, None),
        ("symbol=BTCUSDT.BINANCE&venue=BINANCE", 200, None),
        ("symbol=gone.kraken&venue=Kraken", 404, ["GONE.KRAKEN"]),
        ("symbol=GONE.KRAKEN&venue=kraken", 200, None),
        ("symbol=BTCUSDT.BINANCE&venue=KRAKEN", 404, ["BTCUSDT.BINANCE"]),
        ("symbol=BTCUSD.BINANCE", 404, ["BTCUSDT.BINANCE"]),
        ("symbol=btcusdt&venue=KRAKEN", 404, ["BTCUSDT.BINANCE"]),
        ("symbol=GONE.BINANCE", 404, ["GONE.KRAKEN"]),
        ("symbol=gon", 404, ["GONE.KRAKEN"]),
        ("symbol=UNKNOWN.X", 404, []),
    ],
)
def test_a_name_that_no_instrument_has_is_404_with_what_may_have_been_meant_and_no_empty_page(
    house: House, asked: str, status: int, ids: list[str] | None
) -> None:
    house.store.tables["instruments"] = pa.table({"venue": ["KRAKEN"], "symbol": ["GONE"]})
    answer = house.client.get(f"/api/v1/history?{asked}")
    assert (answer.status_code, answer.json().get("ids")) == (status, ids)
    if ids is not None:
        assert answer.headers["content-type"] == "application/problem+json"
        first = f"GET /api/v1/history?symbol={ids[0]}" if ids else "GET /api/v1/stocks names what is seen now"
        assert answer.json()["hint"] == first
        assert "has been seen or stored" in answer.json()["detail"]


def test_the_real_store_answers_the_same_questions(tmp_path: Path) -> None:
    rng = np.random.default_rng(20261120)
    instruments = Instruments()
    instruments.intern("BINANCE", "BTCUSDT")
    count = 50
    tape = Tape.of(
        count,
        {
            "kind": np.where(np.arange(count) % 5 == 4, 2, 1),
            "instrument": np.zeros(count),
            "offset": np.arange(count) // 4,
            "index": np.arange(count) % 4,
            "ts_recv": START + np.sort(rng.integers(0, 8, count)),
            "price": np.arange(1, count + 1) * 10_000_000,
            "size": np.full(count, 1),
            "trade_id": np.arange(count),
        },
    )
    with ClickHouseStore.open(f"chdb://{tmp_path}") as store:
        named = rows.Labels()
        named.refresh(list(instruments))
        store.write("trades", rows.trades(tape, named), "a")
        store.command("INSERT INTO instruments (venue, symbol) VALUES ('BINANCE', 'BTCUSDT')")
        store.write("quotes", rows.quotes(tape, named), "a")
        wanted = tape.trade_id[tape.kind == 1].tolist()
        for limit in (1, 7, 100):
            assert [row["trade_id"] for row in pages(store, limit, venue="BINANCE")] == wanted
        inside = pages(store, 3, start=str(START + 2), end=str(START + 5))
        stamps = tape.ts_recv[tape.kind == 1]
        assert len(inside) == int(((stamps >= START + 2) & (stamps < START + 5)).sum())
        for kind in ("quotes", "bars", "gaps", "alerts"):
            interval = "1m" if kind == "bars" else None
            found = page(store, Wanted.of(kind, symbol="BTCUSDT", limit=3, only={"interval": interval}))
            assert found.rows.num_rows == (3 if kind == "quotes" else 0)
        app = create_app(services(Market(ManualClock()), store))
        with running(app) as address:
            path = f"{address}/api/v1/history?symbol=BTCUSDT.BINANCE&kind=trades&limit=2"
            (_, second) = patient.get(f"{path}&columns=price").json()["data"]
            assert second == {"ts_recv": iso(int(stamps[1])), "offset": 0, "index": 1, "price": "0.02"}
            found = patient.get(path).json()["data"]
            assert [(row["price"], row["size"], row["ts_event"]) for row in found] == [
                ("0.01", "0.00000001", None),
                ("0.02", "0.00000001", None),
            ]
            refused = patient.post(f"{address}/api/v1/sql", json={"query": "SELECT * FROM file('/etc/hostname')"})
            assert refused.status_code == 400
            asked = patient.post(f"{address}/api/v1/sql", json={"query": "SELECT count() AS n FROM trades"})
            assert asked.json()["data"] == [{"n": 40}]
