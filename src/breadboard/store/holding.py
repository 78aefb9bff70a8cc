"""Which rows of a block that was inserted under a token before a table does not have, as far as their bounds tell.

ClickHouse notes a token before the part of the insert is in its place (``MergeTreeSink``: the deduplication log first,
the renaming after it). A kill between the two leaves a token without rows, and the same insert is then ignored for
good: who inserts again after a kill has to look. A block over several partitions becomes a part in each, and the kill
may fall between them: each is looked for.
"""

from collections.abc import Collection
from typing import Any, Final

import numpy as np

from breadboard.store.ddl import Table
from breadboard.store.native import Block, Fixed
from breadboard.store.pieces import partitions

_BOUNDS: Final = {"offset": "{}", "first": "{}", "end": "{}", "id": "{}"} | dict.fromkeys(
    ("ts_recv", "ts_open"), "fromUnixTimestamp64Nano({}, 'UTC')"
)
"""By column, how SQL says a value of it: what rows lie by. Times let whole partitions be passed over."""


def question(table: Table, block: Block) -> tuple[str, dict[str, Any]]:
    """Return SQL, and its parameters, that tells in which partitions (``part``) rows lie within a block's bounds."""
    texts, params = [], dict[str, Any]()
    for name, form in _BOUNDS.items():
        column = block.columns.get(name)
        if isinstance(column, Fixed):
            params[f"{name}_low"], params[f"{name}_high"] = int(column.values.min()), int(column.values.max())
            low, high = (form.format(f"{{{name}_{which}:Int64}}") for which in ("low", "high"))
            texts.append(f"`{name}` >= {low} AND `{name}` <= {high}")
    where = " AND ".join(texts) or "1"
    return f"SELECT DISTINCT toInt64({table.partition or 0}) AS part FROM {table.name} WHERE {where}", params  # noqa: S608 - our words


def missing(table: Table, block: Block, found: Collection[int]) -> Block:
    """Return the rows of a block whose partition is not among those that were found."""
    return block.take(np.flatnonzero(~np.isin(partitions(table, block), list(found))))
