"""When merges of parts had better wait: while rows come in faster than they can be merged and written at once."""

from typing import Final

from breadboard.model.recent import Recent

WINDOW_S: Final = 2.0
ROWS: Final = 500_000
"""Of all tables within the window: at so many, what is merged is soon merged again with what has come meanwhile."""
PARTS: Final = 400
"""Inserts into one table without a merge: more, and queries would feel it (ClickHouse itself slows down at 1,000)."""


class Flood:
    """Looks at what is written; ``lasts`` says whether merges should stand still."""

    def __init__(self) -> None:
        self.lasts = False
        self._rows = Recent(WINDOW_S)
        self._parts: dict[str, int] = {}

    def take(self, table: str, rows: int) -> bool:
        """Note an insert; return whether ``lasts`` is another now."""
        self._rows.add(rows)
        fast = self._rows.total() >= ROWS
        self._parts = {**self._parts, table: self._parts.get(table, 0) + 1} if fast else {}
        before, self.lasts = self.lasts, fast and max(self._parts.values()) <= PARTS
        return before != self.lasts
