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
from breadboard.recordings.rows import read_rows

ROWS: Final = 5_000
"""Of a document; one holds 65,535 events at most, and a row may mean two."""
Documents = Iterator[tuple[str, bytes]]
Check = Callable[[str, bytes], None]
"""Given a file's name and its first row, once a file. Raises UsageError where it holds something else."""
_DAY: Final = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)", re.ASCII)


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
    (without folders) match ``others`` are left out. Raises UsageError for what cannot be read, and for rows whose day
    nobody tells.
    """
    del interval
    told = "" if not day else _day_in(day) or ""
    if day and not told:
        raise UsageError(f"--date takes a day, not {day!r}", hint="--date 2013-10-07")
    tag, here, seen, left_out, rows = "", "", "", "", list[bytes]()
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
            found = told or _day_in(own) or _day_in(name) or _day_in(path.name)
            if found is None:
                hint = f"--date 2013-10-07   # the day of {path}"
                raise UsageError(f"{path} does not say of which day it is", hint=hint)
            seen, here = name, f"{what}:{symbol}:{found}"
        if rows and (here != tag or len(rows) == ROWS):
            yield tag, b"\n".join(rows)
            rows = []
        tag = here
        rows.append(row)
    if rows:
        yield tag, b"\n".join(rows)


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
