"""Moments with all their nanoseconds: an integer that can also say itself."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_NS: Final = 10**17
"""A number below it was meant to be of a coarser unit."""


class Instant(int):
    """Nanoseconds since 1970 UTC. An ``int`` in every sum and comparison; in print, ISO 8601 with nine decimals."""

    __slots__ = ()

    @staticmethod
    def of(value: "int | str | datetime | date") -> "Instant":
        """Return the instant of ns, ISO 8601 text (UTC where it names no zone), a datetime, or the UTC begin of a day.

        Digits behind the ninth decimal are cut off. Raises ValueError for text that is no time.
        """
        if isinstance(value, int):
            return Instant(value)
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return Instant((moment - _EPOCH) // timedelta(microseconds=1) * 1000)
        if isinstance(value, date):
            return Instant.of(datetime.combine(value, time(), UTC))
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


When = int | str | datetime | date
"""How a caller may say a time: ns since 1970, ISO 8601 (UTC where it names no zone), a datetime, or a day: it begins
at midnight UTC."""


def asked(when: When | None) -> str | None:
    """Return a time as a query parameter. Text goes as it is: the server refuses what is none, with a hint.

    So does a plain number, which may have been meant as seconds; what is a time beyond doubt is said as one.
    """
    if when is None or isinstance(when, str):
        return when
    return str(when) if type(when) is int else str(Instant.of(when))


def said(when: When | None) -> str | None:
    """Return a time as a document has it: as ``asked``, but ns as ISO 8601. A number too small for them stays one."""
    return str(Instant(when)) if type(when) is int and when >= _EARLIEST_NS else asked(when)
