"""What ClickHouse remembers of an insert that a kill interrupted: a token, and no rows."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import outputs_made as made
from breadboard.errors import StoreError
from breadboard.model.instruments import Instrument
from breadboard.store import columns, pieces, records, rows, windows
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.native import Block
from breadboard.store.rows import Quarantined
from breadboard.store.writer import StoreWriter

END = 30


def told(writer: StoreWriter, end: int = END, *more: Instrument) -> None:
    writer.write(made.outputs(0, end), made.open_bars(end), [*made.instruments(), *more])
    writer.flush()


def interrupting(monkeypatch: pytest.MonkeyPatch, *, noted: bool) -> None:
    """End each flush at its ledger row, the last of it: ``noted`` by the store, or not."""
    write = ClickHouseStore.write

    def interrupted(self: ClickHouseStore, table: str, rows: Block, token: str) -> None:
        if noted or table != "batches":
            write(self, table, rows, token)
        if table == "batches":
            raise StoreError("killed")

    monkeypatch.setattr(ClickHouseStore, "write", interrupted)


def offsets(store: ClickHouseStore, table: str) -> list[int]:
    found: list[int] = store.query(f"SELECT offset FROM {table} ORDER BY offset")["offset"].to_pylist()
    return found


@pytest.mark.parametrize("lost", ["trades", "book_deltas", "batches"])
def test_rows_whose_token_alone_survived_a_kill_are_inserted_again_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    interrupting(monkeypatch, noted=True)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        with pytest.raises(StoreError, match="killed"):
            told(StoreWriter(store, tmp_path))
        parts = store.query(f"SELECT path FROM system.parts WHERE active AND table IN ('{lost}', 'batches')")
    monkeypatch.undo()
    for path in parts["path"].to_pylist():  # as if the kill had come before the parts were in their places
        shutil.rmtree(path)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path)
        assert writer.resume().pending == ((0, END),)
        told(writer)
        assert (writer.written, store.written()) == (END, END)
        for table, turn in (("trades", 0), ("quotes", 1), ("book_deltas", 2)):
            assert offsets(store, table) == np.arange(turn, END, 3).tolist(), table


def trades(stamps: NDArray[np.int64]) -> Block:
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    found = rows.trades(made.outputs(0, 3 * len(stamps)).tape, labels)
    return Block({**found.columns, "ts_recv": columns.stamps(stamps), "offset": columns.integers(np.arange(12))})


def quarantined(stamps: NDArray[np.int64]) -> Block:
    """A table by months."""
    return records.quarantine([Quarantined(at, 0, "V", int(stamp), "odd", b"x") for at, stamp in enumerate(stamps)])


@pytest.mark.parametrize(
    ("table", "made_of", "days"), [("trades", trades, (0, 1, 2)), ("quarantine", quarantined, (0, 31, 146))]
)
def test_of_a_block_over_several_partitions_those_rows_are_missed_whose_part_a_kill_took(
    tmp_path: Path, table: str, made_of: Callable[[NDArray[np.int64]], Block], days: tuple[int, ...]
) -> None:
    block = made_of(made.START + np.repeat(days, [3, 4, 5]) * 86_400_000_000_000)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write(table, block, "once")
        assert store.missing(table, block).num_rows == 0
        found = store.query(f"SELECT path FROM system.parts WHERE active AND table = '{table}' AND rows = 4")
    (path,) = found["path"].to_pylist()
    shutil.rmtree(path)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        assert offsets(store, table) == [0, 1, 2, 7, 8, 9, 10, 11]
        assert store.missing(table, block).num_rows == 4
        for _ in range(2):
            store.write(table, block, "once")  # the token is known, and so the rows are looked for
            assert offsets(store, table) == list(range(12))
        assert store.missing(table, block).num_rows == 0


def bars(stamps: NDArray[np.int64]) -> Block:
    """A table that replaces rows, and has those of a day in a partition of their own."""
    found = np.repeat(made.final_bars(0, 150)[:1], len(stamps))
    found["ts_open"], found["offset"] = stamps, np.arange(len(stamps))
    found["interval"] = np.where(np.arange(len(stamps)) % 2, 86_400, 1)
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    return windows.bars(found, labels, np.zeros(len(stamps), np.uint8))


@pytest.mark.parametrize("lost", [0, 202408])
def test_of_a_table_that_replaces_rows_all_of_a_block_are_missed_where_any_is(tmp_path: Path, lost: int) -> None:
    block = bars(made.START + np.arange(12) * 1_000_000_000)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("bar_versions", block, "once")
        assert store.missing("bar_versions", block).num_rows == 0
        found = store.query(
            f"SELECT path FROM system.parts WHERE active AND table = 'bar_versions' AND partition = '{lost}'"
        )
    (path,) = found["path"].to_pylist()
    shutil.rmtree(path)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("bar_versions", store.missing("bar_versions", block), "again")
        assert store.query("SELECT offset FROM bars ORDER BY offset")["offset"].to_pylist() == list(range(12))
        assert store.missing("bar_versions", block).num_rows == 0


def test_a_flush_over_midnight_of_which_a_kill_took_one_day_is_written_without_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "START", 1_723_161_600_000_000_000 - 15_000_000)  # a millisecond an offset
    interrupting(monkeypatch, noted=False)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        with pytest.raises(StoreError, match="killed"):
            told(StoreWriter(store, tmp_path))
        parts = store.query(
            "SELECT path FROM system.parts WHERE active AND table = 'trades' AND partition = '2024-08-09'"
        )
    monkeypatch.undo()
    monkeypatch.setattr(made, "START", 1_723_161_600_000_000_000 - 15_000_000)
    (path,) = parts["path"].to_pylist()
    shutil.rmtree(path)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        told(StoreWriter(store, tmp_path))
        assert offsets(store, "trades") == np.arange(0, END, 3).tolist()


def test_a_part_of_a_partition_that_is_not_there_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_ROWS", 7)
    block = trades(made.START + np.arange(12))
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("trades", block.take(slice(0, 7)), "the first piece")
        assert store.missing("trades", block).num_rows == 0
    assert "7 of 12 rows of a batch are in partition 19943 of trades" in caplog.text


def test_an_instrument_that_an_interrupted_flush_did_not_know_is_written_with_it_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(monkeypatch, noted=False)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        with pytest.raises(StoreError, match="killed"):
            told(StoreWriter(store, tmp_path))
        monkeypatch.undo()
        told(StoreWriter(store, tmp_path), 2 * END, Instrument("BINANCE", "NEWUSDT"))  # the engine has gone on
        symbols = store.query("SELECT symbol FROM instruments ORDER BY id")["symbol"].to_pylist()
        assert symbols == [*made.SYMBOLS, "NEWUSDT"]
