"""What IQFeed's lookup port once answered, kept in a file: as documents for the feed, a few thousand rows each.

Rows go on as they are, with or without request ids, ``LH`` marks and ``!ENDMSG!``; what they mean is the feed's
business. A file is text, or one gzip, or a zip of files.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import gcd
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from breadboard.errors import UsageError
from breadboard.recordings.lines import printed
from breadboard.recordings.rows import read_rows

ROWS: Final = 5_000
"""Of a document; one holds 65,535 events at most."""
_ENDING: Final = b"!ENDMSG!"
"""Of an answer; lines of it alone mean nothing."""
Document = tuple[str, bytes]
"""Tag, body."""
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
_HOUR_S: Final = 3_600
_SECOND: Final = 1_000_000_000


class _Spacing(NamedTuple):
    """How the stamps of a file lie, each beside the one before; the same stamp again does not count."""

    seconds: int
    """All distances are multiples of it; 0 where there is none."""
    in_one_week: bool
    """Some two lie between a Monday and the next: then they are no weeks."""
    in_one_month: bool
    steps: int


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
    of a bar. Raises UsageError likewise, and where the rows are weeks or months and the interval is another.
    """
    if interval is None:
        interval = _found(path)
    elif interval > _DAY_S:
        _check_weeks(path, interval)
    return _documents(f"bars:{symbol}:{interval or ''}{'e' if stamped_at_end else ''}", path)


def split(body: bytes) -> list[bytes]:
    """Return the rows of a document."""
    return body.split(b"\n")


def join(rows: Sequence[bytes]) -> bytes:
    """Return a document of some rows; empty where they only end an answer."""
    return b"\n".join(rows) if any(_ENDING not in row for row in rows) else b""


def span(body: bytes) -> tuple[int, int] | None:
    """Return between which hours a document's ticks lie (ns UTC, whichever New York has); None where a stamp is odd."""
    stamps = {stamp[:13] for row in split(body) if (stamp := _stamp(row))}
    hours = [at for stamp in stamps if (at := _moment(stamp)) is not None]
    if not hours or len(hours) < len(stamps):
        return None
    first, last = (int(at.replace(tzinfo=UTC).timestamp()) for at in (min(hours), max(hours)))
    return (first + 4 * _HOUR_S) * _SECOND, (last + 6 * _HOUR_S) * _SECOND - 1


def _documents(tag: str, path: Path) -> Iterator[Document]:
    rows: list[bytes] = []
    newest = began = b""
    for row in _rows(path):
        stamp = _stamp(row)
        # Inside a document the feed puts them right; documents it takes as they come.
        before, digits = (newest, 10) if rows else (began, 19)
        if stamp and before and stamp[:digits] < before[:digits] and not (_is_twice(stamp) and _is_twice(before)):
            raise UsageError(
                f"{path} goes back in time, from {before.decode('latin-1')} to {stamp.decode('latin-1')}",
                hint=f"{printed(path)} | tac > oldest-first   # or ask IQFeed for the oldest first (direction 1)",
            )
        began = began if rows else stamp or began
        newest = stamp or newest
        rows.append(row)
        if len(rows) == ROWS:
            yield tag, b"\n".join(rows)
            rows = []
    if not newest:
        raise UsageError(f"{path} holds no rows of IQFeed's", hint=f"{printed(path)} | head")
    if rest := join(rows):  # a refusal has no stamp, and is told
        yield tag, rest


def _found(path: Path) -> int | None:
    """Return the interval that the stamps of a file tell, in seconds; None where there is one row alone.

    Days, weeks (HWX) and months (HMX) come in rows of the same fields, stamped with dates. Days that somebody traded on
    have some two in one week, however many holidays and halts lie between the others. Raises UsageError for others.
    """
    apart = _spacing(path)
    if apart.seconds % _DAY_S or not apart.steps:
        return apart.seconds or None
    if not apart.in_one_week:
        raise UsageError(
            f"no two rows of {path} lie in one week: they are weeks or months rather than days",
            hint="--interval 1wk   # or 1d, where each is a day; months make no bars",
        )
    return _DAY_S


def _check_weeks(path: Path, interval: int) -> None:
    """Raise UsageError where ``interval``, more than a day, is not a week, or the rows of a file are no weeks."""
    if interval != _WEEK_S:
        raise UsageError(
            f"IQFeed has bars of a day and of a week, not of {interval} s",
            hint="--interval 1wk   # or 1d; months make no bars",
        )
    apart = _spacing(path)
    if apart.in_one_week:
        raise UsageError(
            f"rows of {path} lie in one week, and --interval says that each is a week", hint="--interval 1d"
        )
    if apart.steps > 1 and not apart.in_one_month:
        raise UsageError(
            f"no two rows of {path} lie in one month: they are months, which make no bars",
            hint="ask IQFeed for weeks (HWX) or days (HDX)",
        )


def _spacing(path: Path) -> _Spacing:
    """Return how the stamps of a file lie."""
    seconds, steps, in_one_week, in_one_month = 0, 0, False, False
    before: datetime | None = None
    for row in _rows(path):
        at = _moment(_stamp(row))
        if at is not None and before is not None and at != before:
            seconds, steps = gcd(seconds, int((at - before).total_seconds())), steps + 1
            in_one_week = in_one_week or _week(at) == _week(before)
            in_one_month = in_one_month or (at.year, at.month) == (before.year, before.month)
        before = at or before
    return _Spacing(seconds, in_one_week, in_one_month, steps)


def _moment(stamp: bytes) -> datetime | None:
    """Return the time of a stamp to the second; None for one that the feed will refuse, saying why."""
    try:
        return datetime.fromisoformat(stamp[:19].decode("latin-1")).replace(tzinfo=None)
    except ValueError:
        return None


def _is_twice(stamp: bytes) -> bool:
    """Tell whether the clock of New York shows this time twice: there it goes back though time does not."""
    at = _moment(stamp)
    if at is None:
        return False
    first, again = (at.replace(tzinfo=ZoneInfo("America/New_York"), fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and again is not None and first > again


def _week(at: datetime) -> int:
    """Return the number of its week, from Monday to Sunday; day 1 of ``toordinal`` is a Monday."""
    return (at.toordinal() - 1) // 7


def _rows(path: Path) -> Iterator[bytes]:
    return (row for _, row in read_rows(path))


def _stamp(row: bytes) -> bytes:
    """Return the stamp of a row, among its first fields; empty for a row without one."""
    for field in row.split(b",", 3)[:3]:
        if len(field) >= 10 and field[4:5] == field[7:8] == b"-" and field[:4].isdigit():
            return field
    return b""
