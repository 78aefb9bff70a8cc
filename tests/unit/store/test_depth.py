"""Depth snapshots in the store: exact digits, and which event changed a book last; also where older rows are."""

from decimal import Decimal
from pathlib import Path

import numpy as np

import outputs_made as made
from breadboard.model.depth import depth_row
from breadboard.model.kinds import BookState
from breadboard.model.outputs import Outputs
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter

COLUMNS = "offset, offset_book, toUnixTimestamp64Nano(ts_recv_book) AS recv, interval, state, bid_prices, bid_sizes"


def outputs(first: int) -> Outputs:
    """Return a batch in which the tenth row passes a boundary, after the seventh was the last to change the book."""
    rows = np.zeros(1, depth_row(3))
    row = rows[0]
    row["interval"], row["state"], row["ts_event"], row["ts_book"] = 1, BookState.LIVE, made.START, made.START - 9
    row["offset"], row["ts_recv"] = first + 10, made.START + 10
    row["offset_book"], row["ts_recv_book"] = first + 7, made.START + 7
    row["bids"], row["bid_price"][0], row["bid_size"][0] = 1, 61_685_990_000_000, 5
    plain = made.outputs(first, first + 50)
    streams = {"depth": rows}
    return Outputs(first, first + 50, plain.tape, plain.bars, (), plain.ts_journal, {}, streams)


def test_a_store_from_before_a_books_last_change_was_kept_gets_the_columns(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("ALTER TABLE depth_snapshots DROP COLUMN ts_recv_book, DROP COLUMN offset_book")
        store.command("INSERT INTO depth_snapshots (venue, symbol, ts_recv, offset) VALUES ('V', 'S', now64(9), 5)")
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer")
        writer.write(outputs(0), made.open_bars(50), made.instruments())
        writer.close()
        old, new = store.query(f"SELECT {COLUMNS} FROM depth_snapshots ORDER BY offset").to_pylist()
    assert (old["offset"], old["offset_book"], old["recv"]) == (5, None, None)
    assert (new["offset"], new["offset_book"], new["recv"]) == (10, 7, made.START + 7)
    assert (new["interval"], new["state"], new["bid_prices"]) == ("1s", "live", [Decimal("61685.99")])
    assert new["bid_sizes"] == [Decimal(5)]
