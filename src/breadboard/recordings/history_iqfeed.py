"""What IQFeed's lookup port once answered, kept in a file: as documents for the feed, a few thousand rows each.

Rows go on as they are, with or without request ids, ``LH`` marks and ``!ENDMSG!``; what they mean is the feed's
business. A file is text, or one gzip, or a zip of files.
"""

from collections.abc import Iterator
from datetime import datetime
from math import gcd
from pathlib import Path
from typing import Final

from breadboard.errors import UsageError
from breadboard.recordings.rows import read_rows

ROWS: Final = 5_000
"""Of a document; one holds 65,535 events at most."""
Document = tuple[str, bytes]
"""Tag, body."""


def read_ticks(path: Path, symbol: str, interval: int | None = None) -> Iterator[Document]:
    """Yield the ticks of a file as ``ticks:SYMBOL`` documents; ``interval`` is of no use here.

    Raises UsageError for what cannot be read, and for rows that come newest first: bars are made in the order of time.
    """
    del interval
    return _documents(f"ticks:{symbol}", path)


def read_bars(
    path: Path, symbol: str, interval: int | None = None, *, stamped_at_end: bool = False
) -> Iterator[Document]:
    """Yield the vendor's bars of a file as ``bars:SYMBOL:<seconds>`` documents.

    Without ``interval`` (seconds) it is found from the stamps of the whole file: a last document of a few rows may not
    tell, or tell wrong. ``stamped_at_end`` is for answers to requests that did not ask for the label at the beginning
    of a bar. Raises UsageError likewise.
    """
    interval = interval or _spacing(path)
    return _documents(f"bars:{symbol}:{interval or ''}{'e' if stamped_at_end else ''}", path)


def _documents(tag: str, path: Path) -> Iterator[Document]:
    rows: list[bytes] = []
    newest = began = b""
    for row in _rows(path):
        stamp = _stamp(row)
        # Inside a document the feed puts them right; documents it takes as they come.
        before, digits = (newest, 10) if rows else (began, 19)
        if stamp and before and stamp[:digits] < before[:digits]:
            raise UsageError(
                f"{path} goes back in time, from {before.decode('latin-1')} to {stamp.decode('latin-1')}",
                hint="ask IQFeed for the oldest first (direction 1), or: tac FILE > oldest-first",
            )
        began = began if rows else stamp or began
        newest = stamp or newest
        rows.append(row)
        if len(rows) == ROWS:
            yield tag, b"\n".join(rows)
            rows = []
    if not newest:
        raise UsageError(f"{path} holds no rows of IQFeed's", hint=f"head {path}")
    if any(_stamp(row) for row in rows):  # not for the line alone that ends an answer
        yield tag, b"\n".join(rows)


def _spacing(path: Path) -> int | None:
    """Return the seconds that the stamps of a file are multiples of; None where they are dates, or tell nothing."""
    apart, before = 0, None
    for row in _rows(path):
        stamp = _stamp(row)
        try:
            at = datetime.fromisoformat(stamp[:19].decode("latin-1")) if len(stamp) >= 19 else None
        except ValueError:
            at = None  # the feed will say why
        if at is not None and before is not None:
            apart = gcd(apart, int((at - before).total_seconds()))
        before = at or before
    return apart or None


def _rows(path: Path) -> Iterator[bytes]:
    return (row for _, row in read_rows(path))


def _stamp(row: bytes) -> bytes:
    """Return the stamp of a row, among its first fields; empty for a row without one."""
    for field in row.split(b",", 3)[:3]:
        if len(field) >= 10 and field[4:5] == field[7:8] == b"-" and field[:4].isdigit():
            return field
    return b""
