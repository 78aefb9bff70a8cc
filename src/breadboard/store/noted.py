"""What an embedded engine notes of an insert, by which one that it refused in silence is told from one that it took.

A stream of blocks ends well whatever becomes of them: where a part cannot be written (a full disk, an error of it, a
limit of memory) the engine keeps the error to itself and counts the rows as written. Of each part that it does write,
it notes the token in the table's deduplication log, a line a part. No line, no rows: unless the token was known.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

_LOGS: Final = "deduplication_logs"
_ADDED: Final = b"1\t"
"""How a line begins that notes a part; others take one back."""


class Place(NamedTuple):
    """How far a log goes: its newest file, empty where there is none, and the length of that."""

    file: str
    length: int


class Noted:
    """The deduplication log of one table. Costs microseconds; where it cannot be read, nothing is noted."""

    def __init__(self, table: Path) -> None:
        self._directory = table / _LOGS

    def place(self) -> Place:
        """Return how far the log goes now."""
        try:
            with os.scandir(self._directory) as files:
                newest = max(files, key=lambda file: _number(file.name), default=None)
                return Place(newest.path, newest.stat().st_size) if newest else Place("", 0)
        except OSError:
            return Place("", 0)

    def parts(self, since: Place) -> int:
        """Return how many parts were noted since then; 0 where a part was taken back or a new file was begun."""
        now = self.place()
        if not now.file or since.file not in {"", now.file}:
            return 0
        try:
            with open(now.file, "rb", buffering=0) as log:  # noqa: PTH123 - at every insert, and the path is a text
                log.seek(since.length)
                lines = log.read().splitlines(keepends=True)
        except OSError:
            return 0
        return len(lines) if all(line.startswith(_ADDED) and line.endswith(b"\n") for line in lines) else 0


def _number(name: str) -> int:
    """Return the number of a file: they are written one after the other."""
    number = name.rpartition("_")[2].partition(".")[0]
    return int(number) if number.isdigit() else 0
