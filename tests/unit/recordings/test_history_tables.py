"""Tables as documents: which column is what, in whatever text, and that each row keeps its number in its file."""

import gzip
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breadboard.errors import UsageError
from breadboard.model.tables import Layout, layout_of
from breadboard.recordings.history_tables import BYTES, LONGEST, ROWS, columns_in, read_csv, read_parquet
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


def test_a_double_of_parquet_is_told_with_a_point_however_large(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {"ts": [1.764e18, 1764000000.5], "price": [1.0, 1e-7], "size": [1.0, 2e20], "id": [1.2e18, 7.0]}
    pq.write_table(pa.table(columns), path)
    ((_, body),) = read_parquet(path, "A", None, "", stamped_at_end=False)
    assert body.split(b"\n") == [
        b"1764000000000000000.0,1.0,1.0,1200000000000000000.0",
        b"1764000000.5,0.0000001,200000000000000000000.0,7.0",
    ]


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
    assert columns_in(path, Words(), parquet=True)["t.parquet"].unused == ("note",)


def refused(header: str, **said: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as error:
        found(header, **said)
    return error.value.sentence, error.value.hint


MBO = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,sequence,symbol"
)
ORDERS = "venue,symbol,ts_event,ts_recv,sequence,provenance,offset,index,order_id,action,side,price,size,flags"
DELTAS = "venue,symbol,ts_event,ts_recv,provenance,kind,sequence_first,bid_prices,bid_sizes,ask_prices,ask_sizes,flags"


def test_rows_of_orders_are_no_trades_but_where_the_user_says_so() -> None:
    assert refused(MBO) == (
        "t.csv has a column 'action': its rows may be orders, of which few are trades",
        "--kind trades   # where each row is a trade",
    )
    assert refused("ts_event,price,size,OrderID")[0].startswith("t.csv has a column 'OrderID': its rows may be orders")
    assert found(MBO, kind="trades").kind == "trades"
    assert found("ts_event,bid,ask,action").kind == "quotes"


@pytest.mark.parametrize("kind", ["", "trades", "quotes"])
@pytest.mark.parametrize(("header", "what"), [(ORDERS, "orders"), (DELTAS, "books")])
def test_our_own_orders_and_books_are_refused_whatever_is_said_of_them(header: str, what: str, kind: str) -> None:
    sentence, hint = refused(header, kind=kind, price="", size="", bid_price="", ask_price="")
    assert sentence == (
        f"t.csv is an export of our {what}, of which none can be made again: trades, quotes and bars come back"
    )
    assert hint.startswith('breadboard sql "SELECT * FROM trades')


def test_two_columns_that_may_be_one_figure_are_refused_unless_one_has_its_own_name() -> None:
    assert refused("time,price,volume,amount,symbol") == (
        "t.csv has two columns that may be the size: 'volume' and 'amount'",
        "--columns size=volume   # or size=amount",
    )
    assert found("time,price,volume,amount", size="volume").fields == ("ts_event", "price", "size", "")
    assert found("time,price,size,amount").fields == ("ts_event", "price", "size", "")
    assert found("time,price,volume,amount", size="volume", trade_id="amount").fields[3] == "trade_id"
    assert refused("time,Last,PX,size")[1] == "--columns price=Last   # or price=PX"
    assert refused("time,bid,best bid,ask")[1] == "--columns bid_price=bid   # or 'bid_price=best bid'"


def test_numbers_of_several_trades_at_once_are_no_trade_ids() -> None:
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    assert found(header).fields == ("agg_trade_id", "price", "size", "", "", "ts_event", "buyer_maker")
    assert found("id,aggregate_trade_id,ts,price,size").fields[:2] == ("trade_id", "agg_trade_id")


def test_hints_can_be_pasted_and_sentences_move_no_terminal() -> None:
    assert refused("ts_event,Deal Price,Deal Qty")[1] == ("--columns 'price=Deal Price'   # which of them it is")
    sentence, hint = refused("ts_event,price\x1b[31mX,\x1b]0;owned\x07foo")
    assert sentence.endswith(r"it has ts_event, price\x1b[31mX, \x1b]0;owned\x07foo")
    assert (sentence + hint).isprintable()
    assert found("ts,price,size,a\x1bb").unused == (r"a\x1bb",)


def test_the_header_of_a_file_is_shown_as_it_is_packed(tmp_path: Path) -> None:
    packed, parquet = tmp_path / "my t.csv.gz", tmp_path / "t.parquet"
    packed.write_bytes(gzip.compress(b"ts,price,price,size\n1,2,3,4\n"))
    with pytest.raises(UsageError) as error:
        documents(packed)
    assert error.value.hint == f"gzip -dc '{packed}' | head -n 1"
    pq.write_table(pa.table([["x"], [1.0], [2.0], [1]], ["ts_event", "price", "price", "size"]), parquet)
    with pytest.raises(UsageError) as error:
        list(read_parquet(parquet, "A", None, "", stamped_at_end=False))
    assert error.value.hint == "it has ts_event, price, price, size"


def test_a_document_of_long_rows_is_no_longer_than_a_few_mib(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    row = b"1,2,3," + b"x" * 50_000
    path.write_bytes(b"ts,price,size,note\n" + b"\n".join([row] * 300))
    told = documents(path)
    assert [layout.row for layout, _ in told] == [2, 85, 168, 251]
    assert max(len(body) for _, body in told) <= BYTES
    assert sum(len(body.split(b"\n")) for _, body in told) == 300


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.zip"])
def test_a_row_has_the_same_longest_length_whatever_it_is_packed_in(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    def write(length: int) -> None:
        text = b"ts,price,size,note\n" + b"1,2,3,".ljust(length, b"x") + b"\n"
        if name == "t.zip":
            with ZipFile(path, "w") as packed:
                packed.writestr("a.csv", text)
        else:
            path.write_bytes(gzip.compress(text) if name == "t.csv.gz" else text)

    write(LONGEST - 1)
    assert len(documents(path)[0][1]) == LONGEST - 1
    write(LONGEST + 1)
    with pytest.raises(UsageError, match=f"more than {LONGEST} bytes"):
        documents(path)


def test_a_zip_that_was_cut_is_a_damaged_zip(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr("a.csv", "ts_event,price,size\n" + "2026-11-24T09:30:00Z,1,1\n" * 500)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match="is a damaged or unreadable zip"):
        documents(path)
