"""Venue times to integer nanoseconds, exactly, and only where they are plausible."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import inlined, kernel, plain

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01. Between it and 2100 milliseconds and microseconds cannot be taken for each other, or for seconds."""
LATEST_MS: Final = 4_102_444_800_000
_SECOND: Final = 1_000_000_000
_ZERO: Final = re.compile(r"(?:0001|1970)-01-01T00:00:00(?:\.0{1,9})?Z")
"""How programs write a time that nobody set: the zero of Go's clock, or of the system's."""
_FORM: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))")
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_POWERS: Final = 10 ** np.arange(10, dtype=np.int64)


@inlined
def epoch_ns(value: int) -> int:
    """Return nanoseconds of a count of milliseconds or microseconds since 1970; -1 outside 2000 to 2100."""
    if EARLIEST_MS <= value < LATEST_MS:
        return value * 1_000_000
    if EARLIEST_MS * 1000 <= value < LATEST_MS * 1000:
        return value * 1000
    return -1


@kernel
def civil_ns(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Return nanoseconds since 1970 of a UTC date and time; -1 where there is no such one from 2000 to 2099."""
    if not (2000 <= year <= 2099 and 1 <= month <= 12 and day >= 1 and hour <= 23 and minute <= 59 and second <= 59):
        return -1
    leap = year % 4 == 0  # true of every fourth year from 2000 to 2099
    if day > _MONTH_DAYS[month - 1] + (leap and month == 2):
        return -1
    years = year - 2000
    days = 10_957 + years * 365 + (years + 3) // 4 + day - 1 + (leap and month > 2)
    for earlier in range(month - 1):
        days += _MONTH_DAYS[earlier]
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * _SECOND


_epoch_ns: Final = plain(epoch_ns)
_civil_ns: Final = plain(civil_ns)


@kernel
def time_at(buffer: NDArray[np.uint8], begin: int, end: int) -> int:  # noqa: C901, PLR0911 - one check a line
    """Return nanoseconds of ``YYYY-MM-DDTHH:MM:SS[.digits]Z``; -1 for anything else."""
    length = end - begin
    if length < 20 or length > 30 or length == 21 or buffer[end - 1] != 90:
        return -1
    if buffer[begin + 4] != 45 or buffer[begin + 7] != 45 or buffer[begin + 10] != 84:
        return -1
    if buffer[begin + 13] != 58 or buffer[begin + 16] != 58 or (length > 20 and buffer[begin + 19] != 46):
        return -1
    number = 0
    for i in range(begin, end - 1):
        place = i - begin
        if place in (4, 7, 10, 13, 16, 19):
            continue
        digit = int(buffer[i]) - 48
        if digit < 0 or digit > 9:
            return -1
        if place < 19:
            number = number * 10 + digit
    whole = civil_ns(
        number // 10_000_000_000,
        number // 100_000_000 % 100,
        number // 1_000_000 % 100,
        number // 10_000 % 100,
        number // 100 % 100,
        number % 100,
    )
    if whole < 0:
        return -1
    if length == 20:
        return whole
    fraction = 0
    for i in range(begin + 20, end - 1):
        fraction = fraction * 10 + int(buffer[i]) - 48
    return int(whole + fraction * _POWERS[30 - length])


def parse_epoch(value: int) -> int:
    """Return nanoseconds of milliseconds or microseconds since 1970. Raises ValueError outside 2000 to 2100."""
    found = _epoch_ns(value)
    if found < 0:
        raise ValueError(f"a time outside 2000 to 2100: {value}")
    return found


def parse_epoch_by_size(value: int) -> int:
    """Return nanoseconds of milliseconds, microseconds or nanoseconds since 1970, told apart by their size.

    From 2000 to 2100 the three cannot be taken for each other. Raises ValueError outside.
    """
    if EARLIEST_MS * 1_000_000 <= value < LATEST_MS * 1_000_000:
        return value
    if EARLIEST_MS * 1000 <= value < LATEST_MS * 1000:
        return value * 1000
    if EARLIEST_MS <= value < LATEST_MS:
        return value * 1_000_000
    raise ValueError(f"a time outside 2000 to 2100: {value}")


def parse_rfc3339(text: str) -> int:
    """Return nanoseconds of an RFC 3339 time with up to nine decimals; a leap second is the end of second 59.

    Raises ValueError for anything else, and outside 2000 to 2099.
    """
    match = _FORM.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(f"not a time: {text[:40]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    fraction = int((match.group(7) or "").ljust(9, "0"))
    if second == 60:
        second, fraction = 59, _SECOND - 1
    found = _civil_ns(year, month, day, hour, minute, second)
    if match.group(8):
        minutes = int(match.group(9)) * 60 + int(match.group(10))
        found += (-minutes if match.group(8) == "+" else minutes) * 60 * _SECOND if found >= 0 else 0
    if found < 0:
        raise ValueError(f"a time outside 2000 to 2099: {text[:40]!r}")
    return found + fraction


def rfc3339_or_absent(text: str | None) -> int:
    """Return nanoseconds as ``parse_rfc3339`` does; ABSENT for no text, and for a time that nobody set."""
    return ABSENT if text is None or _ZERO.fullmatch(text) else parse_rfc3339(text)


def parse_seconds(text: str) -> int:
    """Return nanoseconds of ``1618678133.383209``. Raises ValueError for anything else, and outside 2000 to 2100."""
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(fraction) <= 9):
        raise ValueError(f"not a time in seconds: {text[:40]!r}")
    if not EARLIEST_MS <= int(whole) * 1000 < LATEST_MS:
        raise ValueError(f"a time outside 2000 to 2100: {text[:40]!r}")
    return int(whole) * _SECOND + int(fraction.ljust(9, "0"))
