"""Moments with all their nanoseconds: an integer that can also say itself."""

import operator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, SupportsIndex

from breadboard.errors import UsageError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_NS: Final = 10**17
"""A number below it was meant to be of a coarser unit."""
_FORMS: Final = "ns since 1970 as an int, '2026-11-20T09:30:00Z', a datetime or a date"


class Instant(int):
    """Nanoseconds since 1970 UTC. An ``int`` in every sum and comparison; in print, ISO 8601 with nine decimals."""

    __slots__ = ()

    @staticmethod
    def of(value: "SupportsIndex | str | datetime | date") -> "Instant":
        """Return the instant of ns, ISO 8601 text (UTC where it names no zone), a datetime, or the UTC begin of a day.

        Digits behind the ninth decimal are cut off. Raises ValueError for text that is no time, TypeError for a value
        of another kind.
        """
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            below = getattr(value, "nanosecond", 0)  # of pandas, whose Timestamp is a datetime with three digits more
            return Instant((moment - _EPOCH) // timedelta(microseconds=1) * 1000 + below)
        if isinstance(value, date):
            return Instant.of(datetime.combine(value, time(), UTC))
        if not isinstance(value, str):
            return Instant(operator.index(value))  # those of numpy are no int
        head, dot, tail = value.partition(".")
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))] if dot else ""
        moment = datetime.fromisoformat(head + tail[len(digits) :])
        return Instant(Instant.of(moment) + int(digits[:9].ljust(9, "0")))

    @property
    def datetime(self) -> datetime:
        """The moment as an aware datetime, which holds microseconds and no more."""
        return _EPOCH + timedelta(microseconds=int(self) // 1000)

    def __str__(self) -> str:
        seconds, rest = divmod(int(self), 1_000_000_000)
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"

    def __repr__(self) -> str:
        return f"Instant({self})"


When = SupportsIndex | str | datetime | date
"""How a caller may say a time: ns since 1970, ISO 8601 (UTC where it names no zone), a datetime, or a day: it begins
at midnight UTC."""


def asked(when: When | None) -> str | None:
    """Return a time as a query parameter. Text goes as it is: the server refuses what is none, with a hint.

    So does a plain number, which may have been meant as seconds; what is a time beyond doubt is said as one. Raises
    UsageError for what is neither.
    """
    if when is None or isinstance(when, str):
        return when
    ns = _instant(when)
    return str(int(ns)) if _is_plain(when) else _text(ns)


def said(when: When | None) -> str | None:
    """Return a time as a document has it: as ``asked``, but ns as ISO 8601. A number too small for them stays one.

    A date is the day that its text names, and not its midnight: an end that is a day has the whole of it.
    """
    if isinstance(when, date) and not isinstance(when, datetime):
        return when.isoformat()
    if when is None or isinstance(when, str) or not _is_plain(when):
        return asked(when)
    ns = _instant(when)
    return _text(ns) if ns >= _EARLIEST_NS else str(int(ns))


def _is_plain(when: SupportsIndex | datetime | date) -> bool:
    """Tell whether this is a number of which nobody has said that it is a time."""
    return not isinstance(when, Instant | date)


def _instant(when: SupportsIndex | datetime | date) -> Instant:
    try:
        return Instant.of(when)
    except (TypeError, ValueError, OverflowError):  # ValueError: NaT is a datetime, too
        raise UsageError(f"{repr(when)[:100]} is no time", hint=_FORMS) from None


def _text(ns: Instant) -> str:
    try:
        return str(ns)
    except (ValueError, OverflowError):
        raise UsageError(f"{int(ns)} ns are beyond the year 9999, or before the year 1", hint=_FORMS) from None
