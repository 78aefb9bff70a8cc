"""Moments as clients write them, and as SQL takes them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from breadboard.api.problems import Problem

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS: Final = (1 << 63) - 1
_EARLIEST_NS: Final = 10**17
"""A whole number below it (March 1973; 0 is the beginning of time) was meant to be of a coarser unit than ours."""
_FORMS: Final = "start=2026-11-20T09:30:00Z or ns since 1970"
_UNESCAPED: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ][\d:.,]+) (\d\d:?\d\d)", re.ASCII)
"""A zone east of Greenwich, of which the address has made a blank of the +."""
_FRACTION: Final = re.compile(r"[.,](\d+)")


def instant(text: str) -> int:
    """Return ns UTC of ISO 8601 text (UTC where it names no zone) or of a whole number of ns.

    Raises Problem 422 for text that is neither, for a year that 64 bits of nanoseconds do not reach, and for numbers
    that are no ns: seconds would be 1970, and an answer from then on is not what was asked for.
    """
    try:
        ns = int(text) if _is_whole(text) else _of_iso(text)
        if _is_whole(text) and 0 < abs(ns) < _EARLIEST_NS:
            raise Problem(422, f"{text} ns since 1970 are {iso(ns)}", hint=_meant(ns))
    except (ValueError, OverflowError):
        ns = _LATEST_NS + 1
    if not -_LATEST_NS <= ns <= _LATEST_NS:
        unescaped = _UNESCAPED.fullmatch(text)
        ours = f"a + in an address is %2B: {unescaped[1]}%2B{unescaped[2]}" if unescaped else _FORMS
        raise Problem(422, f"{text[:40]!r} is no time", hint=ours)
    return ns


def forward(start: int | None, end: int | None) -> None:
    """Refuse a range that ends before it begins: that nothing lies in it is no answer. Raises Problem 422."""
    if start is not None and end is not None and end < start:
        raise Problem(422, f"start={iso(start)} is after end={iso(end)}", hint=f"start={iso(end)}&end={iso(start)}")


def iso(ns: int) -> str:
    """Return a moment as ISO 8601 with nanoseconds."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def instant_sql(name: str) -> str:
    """Return SQL for the moment that a parameter holds in ns."""
    return f"fromUnixTimestamp64Nano({{{name}:Int64}}, 'UTC')"


def nanoseconds(table: Any, column: str) -> Any:  # noqa: ANN401 - a pyarrow.Table; an array of numpy
    """Return the stored moments of a column, of which none is missing, in ns UTC."""
    import pyarrow as pa

    return table.column(column).cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()


def ns_of(table: Any, column: str, row: int = 0) -> int | None:  # noqa: ANN401 - a pyarrow.Table
    """Return a stored moment in ns UTC."""
    import pyarrow as pa

    value: int | None = table.column(column).slice(row, 1).cast(pa.timestamp("ns", "UTC")).cast(pa.int64())[0].as_py()
    return value


def _meant(ns: int) -> str:
    """Return a hint for a number that is none of ns: the moment that it is in s, ms or us, in both forms we take."""
    for unit in (10**9, 10**6, 10**3):
        if _EARLIEST_NS <= ns * unit <= _LATEST_NS:
            return f"start={iso(ns * unit)} or, in ns since 1970, start={ns * unit}"
    return _FORMS


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 20


def _of_iso(text: str) -> int:
    moment = datetime.fromisoformat(text)  # it drops digits behind the sixth, which are ours
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    fraction = _FRACTION.search(text)
    below = int(fraction[1][6:9].ljust(3, "0")) if fraction else 0
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000 + below
