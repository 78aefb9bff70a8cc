"""Tables as documents: which column is what, in whatever text, and that each row keeps its number in its file."""

from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breadboard.errors import UsageError
from breadboard.model.tables import Layout, layout_of
from breadboard.recordings.history_tables import ROWS, read_csv, read_parquet, unused_columns
from breadboard.recordings.table_columns import Columns, Words, columns_of

PATH = Path("t.csv")


def found(header: str, **said: str) -> Columns:
    kind = said.pop("kind", "")
    return columns_of(PATH, header.split(","), Words(kind, said))


def documents(path: Path, symbol: str = "A", said: Words | None = None, day: str = "") -> list[tuple[Layout, bytes]]:
    told = []
    for tag, body in read_csv(path, symbol, None, day, stamped_at_end=False, said=said or Words()):
        layout = layout_of(tag)
        assert layout is not None
        told.append((layout, body))
    return told


@pytest.mark.parametrize(
    ("header", "kind", "fields"),
    [
        ("Timestamp,Price,Size", "trades", "ts_event price size"),
        ("id,price,qty,quote_qty,time,is_buyer_maker", "trades", "trade_id price size  ts_event buyer_maker"),
        (
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
            "trades",
            " symbol ts_event ts_recv trade_id side price size",
        ),
        ("<DATE>,<TIME>,<LAST>,<VOL>", "trades", "date clock price size"),
        (
            "ts_recv,ts_event,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00",
            "quotes",
            "ts_recv ts_event bid_price ask_price bid_size ask_size",
        ),
        ("time,bestBid,bestBidQty,bestAsk,bestAskQty", "quotes", "ts_event bid_price bid_size ask_price ask_size"),
        ("Date,Open,High,Low,Close,Adj Close,Volume", "bars", "ts_event open high low close  volume"),
        (
            "open_time,open,high,low,close,volume,close_time,count",
            "bars",
            "ts_event open high low close volume ts_close trades",
        ),
        ("t,o,h,l,c,v,vw,n", "bars", "ts_event open high low close volume vwap trades"),
        ("ts_event,price,last,size,volume", "trades", "ts_event price  size "),
    ],
)  # fmt: skip
def test_usual_names_are_known(header: str, kind: str, fields: str) -> None:
    columns = found(header)
    assert (columns.kind, columns.fields) == (kind, tuple(fields.split(" ")))
    names = header.split(",")
    assert columns.unused == tuple(name for name, field in zip(names, columns.fields, strict=True) if not field)


def test_our_own_flags_are_read_of_our_own_files_alone() -> None:
    own = found(
        "venue,symbol,ts_event,ts_recv,sequence,offset,index,provenance,trade_id,price,size,side,uncounted,flags"
    )
    assert {"flags", "uncounted", "provenance"} <= set(own.fields)
    assert own.unused == ()
    assert found("ts_event,price,size,flags").unused == ("flags",)


def test_what_the_user_says_goes_before_names() -> None:
    assert found("ts,price,px2,size", price="px2").fields == ("ts_event", "", "price", "size")
    assert found("ts,bid,ask,last,size", price="", size="").kind == "quotes"
    assert found("ts,bid,ask,last,size", kind="trades").fields == ("ts_event", "", "", "price", "size")
    assert found("1764000000,7,2.5", ts_event="1", price="3", size="2").fields == ("ts_event", "size", "price")
    assert found("1764000000,7,2.5", ts_event="1", price="3", size="2").headless
    with pytest.raises(UsageError, match="3 columns, and --columns price=4"):
        found("1764000000,7,2.5", ts_event="1", price="4", size="2")
    with pytest.raises(UsageError, match="two columns 'price'"):
        found("ts,price,price,size")
    with pytest.raises(UsageError, match="two meanings"):
        found("ts,price,x", price="x", size="x")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_cells_stand_apart_in_any_of_four_ways(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f'"ts"{delimiter}"price"{delimiter}size\n1{delimiter}2{delimiter}3\n')
    ((layout, body),) = documents(path)
    assert (layout.delimiter, layout.columns, layout.row) == (delimiter, ("ts_event", "price", "size"), 2)
    assert body == f"1{delimiter}2{delimiter}3".encode()


def test_rows_keep_their_numbers_over_empty_lines_and_documents(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"r{number}" for number in range(2, 12_003)]
    for gone in (3, 4, 6_000):
        rows[gone - 2] = ""
    text = "\n".join(["ts,price,size", *rows]) + "\n" * (ROWS + 7) + "r17011"
    path.write_text(text)
    told = {layout.row + place: row for layout, body in documents(path) for place, row in enumerate(body.split(b"\n"))}
    lines = dict(enumerate(text.encode().split(b"\n"), 1))
    assert {number: row for number, row in told.items() if row} == {
        number: row for number, row in lines.items() if row and number > 1
    }
    assert all(len(body.split(b"\n")) <= ROWS for _, body in documents(path))


def test_each_file_of_a_zip_has_its_own_header(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr("a.csv", "ts,price,size\n1,2,3\n")
        packed.writestr("b.csv", "size;px;ts\n3;2;1\n")
        packed.writestr("__MACOSX/._a.csv", "x")
    told = documents(path)
    assert [(layout.file, layout.columns, body) for layout, body in told] == [
        ("t.zip:a.csv", ("ts_event", "price", "size"), b"1,2,3"),
        ("t.zip:b.csv", ("size", "price", "ts_event"), b"3;2;1"),
    ]


def test_a_layout_says_all_that_the_user_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,price,size\n09:30:00,2,3\n")
    ((layout, _),) = documents(path, said=Words(venue="XNAS", zone="America/New_York"), day="2026-11-24")
    assert (layout.symbol, layout.venue, layout.zone, layout.day) == ("A", "XNAS", "America/New_York", "2026-11-24")
    with pytest.raises(UsageError, match="--date takes a day"):
        documents(path, day="24.11.2026")


def test_rows_of_parquet_are_text_with_all_digits(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {
        "ts": pa.array([1_764_000_000_123_456_789, None], pa.timestamp("ns", "Europe/Berlin")),
        "price": pa.array([0.1, 1e-9], pa.float64()),
        "size": pa.array([0.1, 16_777_216], pa.float32()),
        "id": pa.array([2**63 - 1, None], pa.uint64()),
        "note": pa.array([[1], [2]]),
        "side": pa.array([b"buy", None], pa.binary()),
        "symbol": pa.array(['say "A,B"', "C\nD"]),
    }
    pq.write_table(pa.table(columns), path)
    ((tag, body),) = read_parquet(path, "", None, "", stamped_at_end=False)
    layout = layout_of(tag)
    assert layout is not None
    assert layout.columns == ("ts_event", "price", "size", "trade_id", "side", "symbol")
    assert body.split(b"\n") == [
        b'2025-11-24 16:00:00.123456789Z,0.1,0.1,9223372036854775807,buy,"say ""A,B"""',
        b",0.000000001,16777216,,,C D",
    ]
    assert unused_columns(path, Words(), parquet=True) == ("note",)
