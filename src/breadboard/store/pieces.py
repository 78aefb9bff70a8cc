"""How a block falls into the partitions of its table, and is cut where an insert would be too long or too wide."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.store.ddl import Table
from breadboard.store.native import Block, Fixed

BLOCK_ROWS: Final = 500_000
"""A longer insert is cut, so that the engine never cuts it for us."""
MAX_PARTITIONS: Final = 100
"""ClickHouse refuses an insert into more partitions than this (``max_partitions_per_insert_block``)."""
_DAY_NS: Final = 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000
_LONG: Final = "interval IN ('1h', '1d')"
"""By which bars of an hour and more are in one partition for good, number 0."""


def pieces(table: Table, rows: Block) -> list[Block]:
    """Cut an insert where it is long or spans too many partitions; the same rows are always cut the same way."""
    if rows.num_rows == 0:
        return []
    cut: list[Block] = []
    for at in range(0, rows.num_rows, BLOCK_ROWS):
        piece = rows if rows.num_rows <= BLOCK_ROWS else rows.take(slice(at, at + BLOCK_ROWS))
        cut += _narrow(table, piece)
    return cut


def partitions(table: Table, rows: Block) -> NDArray[np.int64]:
    """Return the partition of each row, as the number that SQL makes of it: ``toInt64(toDate(…))``, ``toYYYYMM(…)``.

    Zeros for a table that has no partitions. Times are of 1970 or later, as SQL's are.
    """
    stamps = _stamps(table, rows)
    if stamps is None:
        return np.zeros(rows.num_rows, np.int64)
    days = stamps // _DAY_NS
    if table.partition.startswith("toDate"):
        return days
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    numbers: NDArray[np.int64] = (1970 + months // 12) * 100 + months % 12 + 1
    if _LONG in table.partition:
        until = rows.columns["ts_close"]
        assert isinstance(until, Fixed)
        numbers[until.values - stamps >= _HOUR_NS] = 0
    return numbers


def parts(table: Table, piece: Block) -> int:
    """Return how many parts a piece becomes: one in each partition into which it falls."""
    stamps = _stamps(table, piece)
    same = stamps is None or int(stamps.min()) // _DAY_NS == int(stamps.max()) // _DAY_NS
    if same and _LONG not in table.partition:
        return 1
    return len(np.unique(partitions(table, piece)))


def _stamps(table: Table, rows: Block) -> NDArray[np.int64] | None:
    """Return the times (ns) by which a table's rows are parted."""
    column = re.search(r"\((\w+)\)", table.partition)
    if column is None:
        return None
    stamps = rows.columns[column[1]]
    assert isinstance(stamps, Fixed)
    values: NDArray[np.int64] = stamps.values
    return values


def _narrow(table: Table, piece: Block) -> list[Block]:
    stamps = _stamps(table, piece)
    # A partition is a day or more: where there are not so many days, there is nothing to count.
    if stamps is None or (int(stamps.max()) - int(stamps.min())) // _DAY_NS + 1 < MAX_PARTITIONS:
        return [piece]
    _, group = np.unique(partitions(table, piece), return_inverse=True)
    if int(group.max()) < MAX_PARTITIONS:
        return [piece]
    share = group // (MAX_PARTITIONS // 2 - 1)
    return [piece.take(np.flatnonzero(share == part)) for part in range(int(share.max()) + 1)]
