"""Whether a table has the rows of a block that was inserted under a token before, as far as their bounds tell.

ClickHouse notes a token before the part of the insert is in its place (``MergeTreeSink``: the deduplication log first,
the renaming after it). A kill between the two leaves a token without rows, and the same insert is then ignored for
good: who inserts again after a kill has to look. Of a block over several partitions, each a part with a token, one that
is there stands for all: where a kill fell between them, the audit tells.
"""

from typing import Any, Final

from breadboard.store.native import Block, Fixed

_BOUNDS: Final = {"offset": "{}", "first": "{}", "end": "{}", "id": "{}"} | dict.fromkeys(
    ("ts_recv", "ts_open"), "fromUnixTimestamp64Nano({}, 'UTC')"
)
"""By column, how SQL says a value of it: what rows lie by. Times let whole partitions be passed over."""


def question(table: str, block: Block) -> tuple[str, dict[str, Any]]:
    """Return SQL, and its parameters, that counts (``n``) the rows of a table within the bounds of a block's."""
    texts, params = [], dict[str, Any]()
    for name, form in _BOUNDS.items():
        column = block.columns.get(name)
        if isinstance(column, Fixed):
            params[f"{name}_low"], params[f"{name}_high"] = int(column.values.min()), int(column.values.max())
            low, high = (form.format(f"{{{name}_{which}:Int64}}") for which in ("low", "high"))
            texts.append(f"`{name}` >= {low} AND `{name}` <= {high}")
    return f"SELECT count() AS n FROM {table} WHERE {' AND '.join(texts) or '1'}", params  # noqa: S608 - our words
