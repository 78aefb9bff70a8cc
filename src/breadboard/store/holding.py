"""Which rows of a block that was inserted under a token before a table does not have, as far as they can be counted.

ClickHouse notes a token before the part of the insert is in its place (``MergeTreeSink``: the deduplication log first,
the renaming after it). A kill between the two leaves a token without rows, and the same insert is then ignored for
good: who inserts again after a kill has to look. A block over several partitions becomes a part in each, and the kill
may fall between them: they are counted apart. In a table that replaces rows, what it has already may come again, so
a block of which anything is missing is missing as a whole.

Not found: one of several parts of one partition, into which a block of more than 500,000 rows is cut. It is told of; of
one piece after the other (``piece``) it is found, too.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from breadboard.store.ddl import Table
from breadboard.store.native import NOTHING, Block, Fixed
from breadboard.store.pieces import partitions

log = logging.getLogger(__name__)

_BOUNDS: Final = {"offset": "{}", "first": "{}", "end": "{}", "id": "{}"} | dict.fromkeys(
    ("ts_recv", "ts_open"), "fromUnixTimestamp64Nano({}, 'UTC')"
)
"""By column, how SQL says a value of it: what rows lie by. Times let whole partitions be passed over."""


def question(table: Table, block: Block) -> tuple[str, dict[str, Any]]:
    """Return SQL, and its parameters, that counts (``n``) rows within a block's bounds, by partition (``part``)."""
    texts, params = [], dict[str, Any]()
    for name, form in _BOUNDS.items():
        column = block.columns.get(name)
        if isinstance(column, Fixed) and (column.absent is None or not column.absent.any()):  # no NULL is in bounds
            params[f"{name}_low"], params[f"{name}_high"] = int(column.values.min()), int(column.values.max())
            low, high = (form.format(f"{{{name}_{which}:Int64}}") for which in ("low", "high"))
            texts.append(f"`{name}` >= {low} AND `{name}` <= {high}")
    part, where = 0 if table.replaces else table.partition or 0, " AND ".join(texts) or "1"
    sql = f"SELECT toInt64({part}) AS part, count() AS n FROM {table.name} WHERE {where} GROUP BY part"  # noqa: S608 - our words
    return sql, params


def missing(table: Table, block: Block, found: Mapping[int, int], *, piece: bool = False) -> Block:
    """Return the rows of a block that are not there, by what was found: how many rows in each partition.

    A ``piece`` is one part in a partition, so it is there or not: fewer rows than it has are those of its neighbours.
    """
    if table.replaces:
        return block if sum(found.values()) < block.num_rows else NOTHING
    of, held = partitions(table, block), list[int]()
    for part, count in zip(*(each.tolist() for each in np.unique(of, return_counts=True)), strict=True):
        there = found.get(part, 0)
        if 0 < there < count and not piece:
            log.warning("%s of %s rows of a batch are in partition %s of %s", there, count, part, table.name)
        if there >= count or (there and not piece):
            held.append(part)
    return block.take(np.flatnonzero(~np.isin(of, held)))
