"""Blocks streamed to an embedded engine: whole or not at all, and one part each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import outputs_made as made
from breadboard.errors import StoreError
from breadboard.store import columns, pieces, rows
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.native import Block, Column

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
