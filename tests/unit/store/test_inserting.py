"""Blocks streamed to an embedded engine: whole or not at all, one part each, and an error where they are not taken."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import outputs_made as made
from breadboard.errors import StoreError
from breadboard.store import audit, columns, holding, pieces, rows, schema, upkeep, windows
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.native import Block, Column
from breadboard.store.writer import StoreWriter

PARTS = "SELECT count() AS parts, sum(rows) AS rows FROM system.parts WHERE active AND table = 'trades'"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ClickHouseStore]:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as opened:
        opened.command("SYSTEM STOP MERGES")
        yield opened


def trades(count: int) -> Block:
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    return rows.trades(made.outputs(0, 3 * count).tape, labels)


def parts(store: ClickHouseStore) -> tuple[int, int]:
    (found,) = store.query(PARTS).to_pylist()
    return found["parts"], found["rows"]


def test_a_block_is_one_part_a_day_however_long_it_may_be(store: ClickHouseStore) -> None:
    block = trades(pieces.BLOCK_ROWS)
    for _ in range(2):  # a token counts once
        store.write("trades", block, "long")
        days = store.query("SELECT uniqExact(toDate(ts_recv)) FROM trades").column(0)[0].as_py()
        assert parts(store) == (days, pieces.BLOCK_ROWS) == (2, pieces.BLOCK_ROWS)


def test_a_longer_insert_is_cut_and_every_row_is_there_once(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_ROWS", 7)
    for _ in range(2):
        store.write("trades", trades(20), "cut")
    assert parts(store) == (3, 20)
    assert sorted(store.query("SELECT trade_id FROM trades")["trade_id"].to_pylist()) == list(range(0, 60, 3))


@pytest.mark.parametrize(
    "column",
    [
        {"nothing": columns.integers(np.arange(5))},  # the statement is refused
        {"price": columns.labels(np.zeros(5, np.uint8), ["x"])},  # its values are
        {"venue": columns.labels(np.full(5, 9), ["x"])},  # a label that is not in the dictionary
    ],
)
def test_what_the_engine_refuses_leaves_nothing_and_what_follows_is_taken(
    store: ClickHouseStore, column: dict[str, Column]
) -> None:
    good = trades(5)
    with pytest.raises(StoreError, match="writing 5 rows to trades: ") as caught:
        store.write("trades", Block({**good.columns, **column}), "token")
    assert "\n" not in caught.value.sentence
    assert parts(store) == (0, 0)
    store.write("trades", good, "token")
    assert parts(store) == (1, 5)


def test_columns_of_different_length_are_never_sent(store: ClickHouseStore) -> None:
    block = trades(5)
    with pytest.raises(ValueError, match="column price has 4 rows, the block 5"):
        store.write("trades", Block({**block.columns, "price": columns.prices(np.arange(4))}), "token")
    assert parts(store) == (0, 0)


@contextlib.contextmanager
def refusing(store: ClickHouseStore, table: str, condition: str = "0") -> Iterator[None]:
    """Have the engine refuse rows as it writes them. As of a full disk, the stream of blocks says nothing of it."""
    store.command(f"ALTER TABLE {table} ADD CONSTRAINT refusing CHECK {condition}")
    yield
    store.command(f"ALTER TABLE {table} DROP CONSTRAINT refusing")


def test_what_the_engine_refuses_in_silence_is_an_error_and_is_taken_under_the_same_token(
    store: ClickHouseStore,
) -> None:
    block = trades(5)
    with refusing(store, "trades"):
        for _ in range(2):
            with pytest.raises(StoreError, match="writing 5 rows to trades: the engine took them and does") as caught:
                store.write("trades", block, "token")
            assert caught.value.transient
            assert "is violated" in caught.value.sentence
            assert "\n" not in caught.value.sentence
            assert "df -h" in caught.value.hint
    assert parts(store) == (0, 0)
    for _ in range(2):
        store.write("trades", block, "token")
        assert parts(store) == (1, 5)


def test_what_was_refused_once_and_taken_at_once_is_taken_once(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, block = store._inserter.insert, trades(5)
    refusals = [False]

    def refused_once(*given: Any) -> bool:  # noqa: ANN401 - whatever it takes
        return refusals.pop() if refusals else taken(*given)

    monkeypatch.setattr(store._inserter, "insert", refused_once)
    for _ in range(3):
        store.write("trades", block, "token")
        assert parts(store) == (1, 5)


@pytest.mark.parametrize(
    ("intervals", "days", "several"),
    [((60, 86_400), 1, 2), ((86_400,), 400, 1), ((60,), 1, 1), ((1, 3_600), 40, 3)],
)
def test_bars_become_as_many_parts_as_are_counted(
    store: ClickHouseStore, intervals: tuple[int, ...], days: int, several: int
) -> None:
    found = made.final_bars(0, 150)[:1].repeat(len(intervals) * days)
    found["interval"] = np.tile(intervals, days)
    found["ts_open"] = (19_700 + np.repeat(np.arange(days), len(intervals))) * 86_400_000_000_000
    found["ts_close"] = found["ts_open"] + found["interval"].astype(np.int64) * 1_000_000_000
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    block = windows.bars(found, labels, np.zeros(len(found), np.uint8))
    assert pieces.parts(schema.TABLES["bar_versions"], block) == several
    store.command("SYSTEM STOP MERGES bar_versions")
    store.write("bar_versions", block, "bars")
    query = "SELECT count() AS n FROM system.parts WHERE active AND table = 'bar_versions' AND database = 'default'"
    assert store._writer.command(query) == several


def test_of_an_insert_that_is_cut_the_pieces_that_were_refused_in_silence_are_inserted_the_next_time(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_ROWS", 7)
    block = trades(20)
    offsets = np.minimum(np.arange(20), 12)  # the second piece ends at the offset with which the third begins
    block = Block({**block.columns, "offset": columns.integers(offsets)})
    with refusing(store, "trades", "trade_id < 21 OR trade_id >= 42"), pytest.raises(StoreError, match="to trades"):
        store.write("trades", block, "cut")
    store.write("trades", block.take(slice(14, 20)), "cut:2")
    store.write("trades", block, "cut")
    assert sorted(store.query("SELECT trade_id FROM trades")["trade_id"].to_pylist()) == list(range(0, 60, 3))


def test_a_row_of_the_ledger_is_only_written_of_rows_that_are_there(store: ClickHouseStore, tmp_path: Path) -> None:
    writer = StoreWriter(store, tmp_path)
    writer.write(made.outputs(0, 30), made.open_bars(30), made.instruments())
    for table in ("trades", "batches"):
        with refusing(store, table), pytest.raises(StoreError, match=f"rows to {table}: "):
            writer.flush()
        assert (writer.written, store.written()) == (0, 0)
    assert (writer.flush(), store.written()) == (30, 30)
    for table, turn in (("trades", 0), ("quotes", 1), ("book_deltas", 2)):
        found = store.query(f"SELECT offset FROM {table} ORDER BY offset")["offset"].to_pylist()
        assert found == list(range(turn, 30, 3)), table


def test_nothing_is_looked_for_where_all_is_well(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def question(*_: object) -> None:
        pytest.fail("rows were counted")

    monkeypatch.setattr(holding, "question", question)
    for number in range(3):
        store.write("trades", trades(pieces.BLOCK_ROWS // 2), f"of two days: {number}")
        store.write("bar_versions", made_bars(), f"{number}")


def made_bars() -> Block:
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    found = made.final_bars(0, 150)
    return windows.bars(found, labels, np.zeros(len(found), np.uint8))


def test_on_a_disk_with_hardly_any_room_no_store_is_opened_and_it_opens_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "ROOM", 1 << 60)
    with pytest.raises(StoreError, match="MiB are free, and less than") as caught:
        ClickHouseStore.open(f"chdb://{tmp_path}/small")
    assert caught.value.transient
    assert f"df -h {tmp_path}/small" in caught.value.hint
    monkeypatch.undo()
    ClickHouseStore.open(f"chdb://{tmp_path}/small").close()


def test_on_a_full_disk_nothing_is_lost_and_what_was_refused_is_taken_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with ClickHouseStore.open(f"chdb://{disk}/store") as store:
            writer = StoreWriter(store, tmp_path)
            writer.write(made.outputs(0, 3000), made.open_bars(3000), made.instruments())
            with (disk / "fill").open("wb", buffering=0) as fill, contextlib.suppress(OSError):
                while True:
                    fill.write(bytes(1 << 16))
            for _ in range(2):
                with pytest.raises(StoreError, match="not enough space") as caught:
                    writer.flush()
                assert caught.value.transient
                assert str(disk) in caught.value.hint
            assert store.written() == 0
            (disk / "fill").unlink()
            assert (writer.flush(), store.written()) == (3000, 3000)
            assert audit.audit(store).ok
    finally:
        subprocess.run(["umount", disk], check=True)
