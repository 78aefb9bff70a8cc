"""Files that hold one day of one symbol, and say so in their names: LEAN's ticks, LOBSTER's messages.

LEAN: ``data/equity/usa/tick/ibm/20131007_trade.zip``, in it ``20131007_ibm_Trade_Tick.csv``. LOBSTER:
``AAPL_2012-06-21_34200000_57600000_message_10.csv``.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

from breadboard.errors import UsageError
from breadboard.recordings.lines import printed
from breadboard.recordings.rows import read_rows

ROWS: Final = 5_000
"""Of a document; one holds 65,535 events at most, and a row may mean two."""
Documents = Iterator[tuple[str, bytes]]
Check = Callable[[str, bytes], None]
"""Given a file's name and its first row, once a file. Raises UsageError where it holds something else."""
_DAY: Final = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)", re.ASCII)
_ROW: Final = re.compile(rb"[0-9]+(?:\.[0-9]+)?(?:,[^,]*){5}")
"""Of either format: ms or seconds after midnight, and five fields more at least."""


def read(
    what: str,
    path: Path,
    symbol: str,
    interval: int | None = None,
    day: str = "",
    *,
    check: Check | None = None,
    others: re.Pattern[str] | None = None,
) -> Documents:
    """Yield ``(tag, body)`` of documents ``what:SYMBOL:YYYY-MM-DD``, rows as they are, in the file's order.

    ``day`` is for files whose names do not tell it; ``interval`` is of no use here. Of a zip, files whose names
    (without folders) match ``others`` are left out. Raises UsageError for what cannot be read, for rows whose day
    nobody tells, and at the end where there was none that the format could have.
    """
    del interval
    told = "" if not day else _day_in(day) or ""
    if day and not told:
        raise UsageError(f"--date takes a day, not {day!r}", hint="--date 2013-10-07")
    tag, here, seen, left_out, rows, understood = "", "", "", "", list[bytes](), False
    for name, row in read_rows(path):
        if name == left_out:
            continue
        if name != seen:
            own = PurePosixPath(name).name  # a folder may be called by all the days in it
            if others is not None and name != path.name and others.fullmatch(own):
                left_out = name
                continue
            if check is not None:
                check(name, row)
            seen, here = name, f"{what}:{symbol}:{told or _day_of(path, own, name)}"
        if rows and (here != tag or len(rows) == ROWS):
            yield tag, b"\n".join(rows)
            rows = []
        tag = here
        rows.append(row)
        understood = understood or _ROW.match(row) is not None
    if rows and not understood:
        raise UsageError(
            f"no row of {path} has six fields with commas between them, a time of day first, as {what} have",
            hint=f"{printed(path)} | head",
        )
    if rows:
        yield tag, b"\n".join(rows)


def _day_of(path: Path, *names: str) -> str:
    """Return the day that the first of these names tells, or else the path's. Raises UsageError where none does."""
    found = next(filter(None, map(_day_in, (*names, path.name))), None)
    if found is None:
        raise UsageError(f"{path} does not say of which day it is", hint=f"--date 2013-10-07   # the day of {path}")
    return found


def _day_in(name: str) -> str | None:
    """Return the day that a name tells, as ``YYYY-MM-DD``; None where it tells none. Raises UsageError for several."""
    days = set()
    for match in _DAY.finditer(name):
        with suppress(ValueError):
            days.add(date(*map(int, match.groups())).isoformat())
    if len(days) > 1:
        told = ", ".join(sorted(days))
        raise UsageError(f"{name} names several days: {told}", hint=f"--date {min(days)}   # the day of its rows")
    return days.pop() if days else None
