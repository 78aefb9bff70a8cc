"""`breadboard import --format csv|parquet`: what the product writes comes back value by value, and files of others."""

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breadboard.api import export
from breadboard.api.listings import LISTINGS
from breadboard.app import house
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.config import Config
from breadboard.model.kinds import Flag
from recordings import recording
from typed import ask, brought

TICKS = {
    "trades": "select venue, symbol, toString(ts_event) at, trade_id, sequence, toString(price) p, toString(size) s,"
    " side, uncounted from trades order by venue, symbol, ts_event, trade_id, sequence, p, s",
    "quotes": "select venue, symbol, toString(ifNull(ts_event, ts_recv)) at, sequence, toString(bid_price) b,"
    " toString(bid_size) bs, toString(ask_price) a, toString(ask_size) as_ from quotes"
    " order by venue, symbol, at, sequence, b, bs, a, as_",
}
IMPORTED = {name: query.replace("ifNull(ts_event, ts_recv)", "ts_event") for name, query in TICKS.items()}
BARS = (
    "select venue, symbol, interval, toString(ts_open) at, toString(ts_close) until, toString(open) o,"
    " toString(high) h, toString(low) l, toString(close) c, toString(volume) v, toString(vwap) w, trades n from bars"
    " where state = 'final' order by venue, symbol, interval, at"
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with trades, quotes and bars of two venues, as replays leave it."""
    data = tmp_path_factory.mktemp("recorded")
    for venue, name in (("coinbase", "coinbase/COINBASE.ws.28.0"), ("binance", "binance/BINANCE.ws.1.0")):
        words = [str(recording(name)), "--venue", venue, "--format", "cryptofeed", "--data-dir", str(data), "--json"]
        assert run(["replay", *words]) in (0, 3)
    return data


@pytest.fixture(scope="module")
def exported(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as files: as ``/api/v1/history`` writes them, and (``.sql.csv``) as ``breadboard sql`` does."""
    files = tmp_path_factory.mktemp("exported")
    with house.open_store(Config(data_dir=str(recorded)), Places(recorded)) as store:
        for kind in ("trades", "quotes", "bars"):
            columns = ", ".join(f"`{name}`" for name in LISTINGS[kind].columns)
            rest = "WHERE state = 'final' ORDER BY ts_open" if kind == "bars" else "ORDER BY ts_recv, offset, `index`"
            table = store.query(f"SELECT {columns} FROM {kind} {rest}")
            for form in ("csv", "parquet"):
                (files / f"{kind}.{form}").write_bytes(b"".join(export.render(table, form)))
    return files


def rows(capsys: pytest.CaptureFixture[str], data: Path, query: str) -> list[dict[str, Any]]:
    found = ask(capsys, data, query)
    assert found, query
    return found


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_history_exports_comes_back_value_by_value(
    form: str, recorded: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    names = [str(exported / f"{kind}.{form}") for kind in ("trades", "quotes")]
    result = brought(capsys, data, *names, "--format", form)
    assert (result["quarantined"], [note for note in result["notes"] if "unused_columns" in note]) == (0, [])
    for kind in ("trades", "quotes"):
        assert rows(capsys, data, IMPORTED[kind]) == rows(capsys, recorded, TICKS[kind]), kind
        assert ask(capsys, data, f"select distinct provenance p from {kind}") == [{"p": "history"}]
    made = {json.dumps(row) for row in rows(capsys, data, BARS)}
    assert {json.dumps(row) for row in rows(capsys, recorded, BARS)} & made, "bars of the same trades are the same"

    bars = tmp_path / "bars"
    brought(capsys, bars, str(exported / f"bars.{form}"), "--format", form)
    assert rows(capsys, bars, BARS) == rows(capsys, recorded, BARS)


def test_what_sql_exports_comes_back_and_a_replay_of_it_gives_the_same_digest(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = "venue, symbol, ts_event, price, size, side, trade_id, sequence, uncounted"
    query = f"SELECT {columns} FROM trades ORDER BY ts_recv, offset"
    assert run(["sql", query, "--data-dir", str(recorded), "--format", "csv"]) == 0
    path, data = tmp_path / "trades.csv", tmp_path / "data"
    path.write_text(capsys.readouterr().out)
    result = brought(capsys, data, str(path), "--format", "csv")
    assert rows(capsys, data, IMPORTED["trades"]) == rows(capsys, recorded, TICKS["trades"])
    again = tmp_path / "again"
    replayed = ["replay", str(data / "journal"), "--format", "breadboard", "--data-dir", str(again), "--json"]
    assert run(replayed) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == result["digest"]
    assert rows(capsys, again, IMPORTED["trades"]) == rows(capsys, data, IMPORTED["trades"])


def test_what_a_data_directory_holds_is_left_out_and_the_same_file_is_refused(
    recorded: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    header, *whole = (exported / "trades.csv").read_text().splitlines()
    half, path = tmp_path / "half.csv", tmp_path / "whole.csv"
    first, bad = whole[: len(whole) // 2], "COINBASE,BTC-USD,nonsense" + "," * (header.count(",") - 2)
    half.write_text("\n".join([header, *first]))
    path.write_text("\n".join([header, *whole[:7], bad, *whole[7:]]))
    brought(capsys, data, str(half), "--format", "csv")
    result = brought(capsys, data, str(path), "--format", "csv")
    (there,) = (note["already_there"] for note in result["notes"] if "already_there" in note)
    last_known = sum(int(row.rpartition(",")[2]) & Flag.LAST_KNOWN != 0 for row in first)
    assert last_known, "what a feed tells on subscribing is no tick, and known by its number"
    assert (there, result["duplicates"]) == (len(first) - last_known, last_known)
    assert result["notes"][0]["table"]["first"].startswith("whole.csv, row 9: no price"), "rows keep their numbers"
    assert rows(capsys, data, IMPORTED["trades"]) == rows(capsys, recorded, TICKS["trades"])
    assert run(["import", str(path), "--format", "csv", "--data-dir", str(data)]) == 2
    assert "is in" in capsys.readouterr().err
    defaults = ["--timezone", "UTC", "--kind", "trades", "--columns", "size=size,price=price"]
    assert run(["import", str(path), "--format", "csv", "--data-dir", str(data), *defaults]) == 2
    assert "is in" in capsys.readouterr().err, "the same words, or none"


OTHERS = """\
when;px;q;aggressor;ref;note
2026-11-24 09:30:00.000000001;10.50;100;b;1;"a;b"
2026-11-24 09:30:00,5;10.75;0.5;sell;2;
2026-11-24 09:30:61;10.75;1;sell;3;
2026-11-24 09:31:02;-0.01;25;;4;
"""


def test_a_file_of_somebody_else_with_a_mapping_a_zone_and_a_bad_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "others.csv.gz", tmp_path / "data"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + OTHERS.replace("\n", "\r\n").encode()))
    words = [str(path), "--format", "csv", "--symbol", "abc", "--data-dir", str(data), "--json"]
    mapped = ["--columns", "ts_event=when,size=q,trade_id=ref", "--timezone", "America/New_York", "--venue", "XNAS"]
    assert run(["import", *words, *mapped]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["rows"], result["quarantined"]) == ({"abc.XNAS": 3}, 1)
    assert "has columns that are not read: note" in captured.err
    assert "1 row is not understood, first others.csv.gz, row 4: not a time" in captured.err
    assert ask(capsys, data, "select reason like 'others.csv.gz, row 4: %' r from quarantine") == [{"r": True}]
    found = rows(
        capsys,
        data,
        "select venue, symbol, toUnixTimestamp64Nano(assumeNotNull(ts_event)) - 1764000000000000000 at,"
        " toString(price) p, toString(size) s, side, trade_id from trades order by ts_event",
    )
    opened = 31_530_600_000_000_000
    each = {"venue": "XNAS", "symbol": "abc"}
    assert [{**row, "at": int(row["at"]) - opened} for row in found] == [
        each | {"at": 1, "p": "10.5", "s": "100", "side": "buy", "trade_id": 1},
        each | {"at": 500_000_000, "p": "10.75", "s": "0.5", "side": "sell", "trade_id": 2},
        each | {"at": 62_000_000_000, "p": "-0.01", "s": "25", "side": "none", "trade_id": 4},
    ]


TIMED = "ts_event,price,size"


@pytest.mark.parametrize(
    ("text", "words", "sentence", "hint"),
    [
        ("a,b,c\n1,2,3\n", "--symbol A", "has no column for price", "--columns price=a"),
        (f"{TIMED}\n", "--symbol A", "holds nothing to import", "ls -l"),
        (f"{TIMED}\nx,1,1\ny,2,2\n", "--symbol A", "no row of", "--kind trades"),
        (f"{TIMED}\n34200000,1,1\n", "--symbol A", "no row of", "--kind trades"),
        (f"{TIMED}\n12:00:00,1,1\n", "--symbol A", "--date says", "--kind trades"),
        (f"{TIMED}\n1764000000,1,1\n", "", "has no column 'symbol'", "--symbol"),
        (f"{TIMED},symbol\n1764000000,1,1,B\n", "--symbol A", "row 2: its symbol is B", "leave out --symbol A"),
        (f"{TIMED},venue\n1764000000,1,1,B\n", "--symbol A --venue C", "its venue is B", "leave out --venue C"),
        (f"{TIMED},bid\n1764000000,1,1,1\n", "--symbol A", "may be either", "--kind trades"),
        (f"{TIMED},order_id\n1764000000,1,1,1\n", "--symbol A", "may be orders", "--kind trades"),
        ("ts,price,volume,amount\n1764000000,1,1,1\n", "--symbol A", "may be the size", "--columns size=volume"),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --columns px=price", "names 'px'", "choose from: "),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --columns price=px", "no column 'px'", "--columns price="),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --columns price", "takes NAME=COLUMN", "--columns price=px"),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --timezone Mars", "no time zone 'Mars'", "--timezone"),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --venue b.c", "not 'b.c'", "--venue BINANCE"),
        (f"{TIMED}\n1764000000,1,1\n", "--symbol A --kind books", "no kind of rows 'books'", "trades quotes bars"),
        ("1764000000,1,1\n", "--symbol A", "has no header", "--columns ts_event=1,price=2,size=3"),
        ("ts,open,high,low,close\n1764000000,1,1,1,1\n", "--symbol A", "how long its bars are", "--interval 1m"),
        ("\n".join([TIMED, *(f"{1764000000 - n},1,1" for n in range(20))]), "--symbol A", "newest first", "tac)"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_before_anything_is_made(
    text: str, words: str, sentence: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "t.csv", tmp_path / "data"
    path.write_text(text)
    assert run(["import", str(path), "--format", "csv", "--data-dir", str(data), *words.split()]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert hint in told.partition("hint: ")[2]
    assert not (data / "journal").exists()


def test_wrong_bytes_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, data = tmp_path / "t.parquet", tmp_path / "data"
    pq.write_table(pa.table({"price": [1.5]}), path)
    whole = path.read_bytes()
    for content, form, hint in (
        (whole, "csv", "--format parquet"),
        (whole[: len(whole) // 2], "parquet", "file "),
        (b"ts,price,size\n", "parquet", "file "),
        ("ts,price".encode("utf-16"), "csv", "iconv -f UTF-16"),
        (gzip.compress(b"ts,price,size\n" * 9)[:-9], "csv", "gzip -dc"),
    ):
        path.write_bytes(content)
        assert run(["import", str(path), "--format", form, "--symbol", "A", "--data-dir", str(data)]) == 2
        assert hint in capsys.readouterr().err
        assert not (data / "journal").exists()


def test_parquet_has_all_digits_of_its_types_and_bars_of_several_instruments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "bars.parquet", tmp_path / "data"
    begin = datetime(2026, 11, 24, 9, 30)  # noqa: DTZ001 - a time without a zone is what this is about
    table = pa.table(
        {
            "timestamp": pa.array([begin, begin], pa.timestamp("ms")),
            "ticker": pa.array(["A", "B"]).dictionary_encode(),
            "open": pa.array([Decimal("1.000000001"), Decimal("2.5")], pa.decimal128(18, 9)),
            "high": pa.array([1.1, 2.5], pa.float64()),
            "low": pa.array([0.1, 2.5], pa.float64()),
            "close": pa.array(["1", "2.5"]),
            "volume": pa.array([9_007_199_254_740_993, 0], pa.int64()),
            "vwap": pa.array([0.7, None], pa.float64()),
        }
    )
    pq.write_table(table, path)
    zone = ("--timezone", "America/New_York", "--interval", "5m", "--stamped-at", "end", "--venue", "IQFEED")
    result = brought(capsys, data, str(path), "--format", "parquet", *zone)
    assert result["rows"] == {"A.IQFEED": 1, "B.IQFEED": 1}
    found = ask(capsys, data, BARS)
    assert [
        (row["symbol"], row["interval"], row["at"][:19], row["o"], row["h"], row["l"], row["v"]) for row in found
    ] == [
        ("A", "5m", "2026-11-24 14:25:00", "1.000000001", "1.1", "0.1", "9007199254740993"),
        ("B", "5m", "2026-11-24 14:25:00", "2.5", "2.5", "2.5", "0"),
    ]
    assert [row["w"] for row in found] == ["0.7", None]


def test_bars_of_a_market_that_never_was_stay_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, data = tmp_path / "bars.csv", tmp_path / "data"
    names = "venue,symbol,interval,ts_open,open,high,low,close,volume,state,provenance"
    path.write_text(
        f"{names}\nBINANCE,AUSDT,1m,2026-11-24T14:30:00Z,1,2,1,2,7,final,synthetic"
        "\nBINANCE,AUSDT,1m,2026-11-24T14:31:00Z,1,2,1,2,7,provisional,synthetic\n"
    )
    result = brought(capsys, data, str(path), "--format", "csv")
    assert (result["rows"], result["notes"]) == ({"AUSDT.BINANCE": 1}, [{"table": {"provisional": 1}}])
    assert ask(capsys, data, "select venue, symbol, provenance p, count() n from bars group by all") == [
        {"venue": "BINANCE", "symbol": "AUSDT", "p": "synthetic", "n": 1}
    ]
