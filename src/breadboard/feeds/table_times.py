"""Times as people write them into tables: ISO 8601, a day and a time of day, or a number of s, ms, us or ns.

Which of these units a number has is told by its digits: from 2001-09-09 to 2100 there are 10 of seconds, 13 of
milliseconds, 16 of microseconds and 19 of nanoseconds. Others are refused: they may be of a clock that began elsewhere
(midnight, 1900), or a date without its dashes (``202611240930``). Refused, too, is a time that a zone has twice in its
night, or never: no row beside it tells which it is, since a document may begin with any row.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from breadboard.feeds.reading import Refused

_NS: Final = 1_000_000_000
_EARLIEST_S: Final = 1_000_000_000
"""2001-09-09."""
_LATEST_S: Final = 4_102_444_800
"""2100-01-01."""
_PACKED_S: Final = 2_000_000_000
"""2033-05-18: from here on ``2026112409`` may be seconds as well as a date (and so may ``2611240930``)."""
_EXACT: Final = 1 << 53
"""From here on a double cannot tell each whole number, and what is written with a point may have been one."""
_UNITS: Final = (_NS, 1_000_000, 1_000, 1)
"""Nanoseconds of s, ms, us and ns."""
_ISO: Final = re.compile(
    r"(\d{4})([-/.]?)(\d\d)\2(\d\d)(?:[T ] ?(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_CLOCK: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?", re.ASCII)
_DIGITS: Final = re.compile(r"(?:\d\d){2,3}", re.ASCII)
_NUMBER: Final = re.compile(r"(\d{1,20})(?:\.(\d{1,20}))?", re.ASCII)
_PACKED: Final = re.compile(
    r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])"
    r"|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d",
    re.ASCII,
)
"""``YYYYMMDDHH`` and ``YYMMDDHHMM``."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ns_of(text: str, zone: str, day: str = "") -> int:
    """Return ns UTC of a time; ``zone`` is that of a time without one, ``day`` that of a time of day alone.

    A day without a time of day is its first moment there. Raises Refused.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return _from_number(text) if _NUMBER.fullmatch(text) else _from_clock(text, zone, day)
    year, _, month, of_month, hour, minute, second, fraction, offset = match.groups()
    date = f"{year}-{month}-{of_month}"
    if day and date != day:
        raise Refused(f"{text[:40]!r} is not of {day}, which --date says")
    if hour is None:
        return _moment(f"{date}T00:00", "", zone, first=True)
    return _moment(f"{date}T{int(hour):02}:{minute}", offset or "", zone) + _seconds(second, fraction, text)


def joined(date: str, clock: str) -> str:
    """Return one text of a day and a time of day that stand in two cells, ``093000`` as ``09:30:00``."""
    if _DIGITS.fullmatch(clock):
        clock = ":".join(clock[at : at + 2] for at in range(0, len(clock), 2))
    return f"{date} {clock}"


def _from_clock(text: str, zone: str, day: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise Refused(f"not a time (2026-11-24T14:30:00.5Z, or a number of s, ms, us or ns): {text[:40]!r}")
    if not day:
        raise Refused(f"a time of day without its day, which --date says: {text[:40]!r}")
    hour, minute, second, fraction = match.groups()
    return _moment(f"{day}T{int(hour):02}:{minute}", "", zone) + _seconds(second, fraction, text)


def _from_number(text: str) -> int:
    whole, _, rest = text.partition(".")
    number = int(whole)
    if "." in text and number >= _EXACT:
        raise Refused(f"a time that may have been rounded, since it was no whole number: {text[:40]!r}")
    for ns in _UNITS:
        scale = _NS // ns
        if _EARLIEST_S * scale <= number < _LATEST_S * scale:
            if number >= _PACKED_S * scale and _PACKED.fullmatch(str(number)[:10]):
                raise Refused(f"seconds, or a date without its dashes (2026-11-24T14:30Z has them): {text[:40]!r}")
            decimals = len(str(ns)) - 1
            rest = rest.rstrip("0")
            if len(rest) > decimals:
                raise Refused(f"a time finer than 1 ns: {text[:40]!r}")
            return number * ns + int(rest.ljust(decimals, "0") or 0)
    raise Refused(f"a number that is no time of 2001-09-09 to 2100 in s, ms, us or ns: {text[:40]!r}")


def _seconds(second: str | None, fraction: str | None, text: str) -> int:
    """Return the ns of the seconds of a minute."""
    digits = (fraction or "").rstrip("0")
    if len(digits) > 9:
        raise Refused(f"a time finer than 1 ns: {text[:40]!r}")
    whole = int(second or 0)
    if whole > 59:
        raise Refused(f"not a time: {text[:40]!r}")
    return whole * _NS + int(digits.ljust(9, "0"))


@lru_cache(maxsize=1 << 14)  # rows that follow each other lie in one minute
def _moment(minute: str, offset: str, zone: str, *, first: bool = False) -> int:
    """Return ns UTC of ``YYYY-MM-DDTHH:MM``; ``first``: of the earlier of two. Raises Refused for none, or for two."""
    try:
        local = datetime.fromisoformat(minute)
        if offset:
            at = again = local.replace(tzinfo=UTC) - _offset(offset)
        else:
            at, again = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise Refused(f"not a time: {minute!r}") from None
    if not 1970 <= at.year < 2200:
        raise Refused(f"not a time of 1970 to 2199: {minute!r}")
    if at < again and not first:
        raise Refused(f"{minute} is twice on that day in {zone}: give an offset (+01:00), or UTC")
    if at > again and not first:
        raise Refused(f"{minute} never is in {zone}, where the clock goes forward: is --timezone right?")
    return (at - _EPOCH) // timedelta(seconds=1) * _NS


def _offset(text: str) -> timedelta:
    if text in ("Z", "UTC"):
        return timedelta()
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise ValueError(text)
    away = timedelta(hours=hours, minutes=minutes)
    return -away if text[0] == "-" else away
