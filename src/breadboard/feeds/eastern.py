"""US Eastern wall clocks, as every line of IQFeed tells them, to nanoseconds UTC: once, at the edge.

No line carries a zone. Away from the two Sundays a year on which New York turns its clocks, a date has one offset,
which is looked up once; on those Sundays every time is asked of the zone itself. An hour that comes twice is the one
nearest to its receipt, an hour that never comes counts on from the clock that was in force before it.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from breadboard.model.decimals import ABSENT

SECOND: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND
_HALF_DAY_NS: Final = DAY_NS // 2
_EPOCH: Final = date(1970, 1, 1).toordinal()
_EARLIEST: Final = date(2000, 1, 1).toordinal() - _EPOCH
_LATEST: Final = date(2099, 12, 30).toordinal() - _EPOCH
_DATE: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"|(?P<month_us>\d\d)/(?P<day_us>\d\d)/(?P<year_us>\d{4})"
    r"|(?P<year_plain>\d{4})(?P<month_plain>\d\d)(?P<day_plain>\d\d)",
    re.ASCII,
)
_PARTS: Final = ("year", "month", "day")
_FRACTION: Final[tuple[int, ...]] = tuple(int(10 ** (9 - digits)) for digits in range(10))


class Day(NamedTuple):
    """One calendar date in New York."""

    number: int
    """Days since 1970-01-01."""
    midnight: int
    """ns UTC of its 00:00, where the whole date has one offset."""
    plain: bool
    """The whole date has one offset."""


@cache
def _new_york() -> ZoneInfo:
    """Return the zone; asked for late, so that a machine without a zone database can use the other venues."""
    return ZoneInfo("America/New_York")


def _offset_ns(number: int, second: int, fold: int) -> int:
    """Return what turns a wall clock of New York into UTC, in ns."""
    wall = datetime(1970, 1, 1, tzinfo=_new_york()) + timedelta(days=number, seconds=second)
    away = wall.replace(fold=fold).utcoffset() or timedelta(0)
    return -int(away.total_seconds()) * SECOND


@lru_cache(maxsize=4096)
def day_number(number: int) -> Day:
    """Return a date by its number of days since 1970. Raises ValueError outside 2000 to 2099."""
    if not _EARLIEST <= number <= _LATEST:
        raise ValueError(f"a date outside 2000 to 2099, {number} days after 1970")
    before, after = _offset_ns(number, 0, 0), _offset_ns(number + 1, 0, 0)
    return Day(number, number * DAY_NS + before, before == after)


@lru_cache(maxsize=4096)
def parse_day(text: str) -> Day:
    """Return the date of ``YYYY-MM-DD``, ``MM/DD/YYYY`` or ``YYYYMMDD``. Raises ValueError."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text[:40]!r}")
    year, month, day = (int(match[name] or match[name + "_us"] or match[name + "_plain"]) for name in _PARTS)
    return day_number(date(year, month, day).toordinal() - _EPOCH)


@lru_cache(maxsize=1 << 16)
def _whole_ns(text: str) -> int:
    """Return ns since midnight of ``HH:MM:SS``. Raises ValueError."""
    if len(text) != 8 or text[2] != ":" or text[5] != ":" or not (text[:2] + text[3:5] + text[6:]).isdecimal():
        raise ValueError(f"not a time: {text[:40]!r}")
    hour, minute, second = int(text[:2]), int(text[3:5]), int(text[6:])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"not a time: {text!r}")
    return (hour * 3600 + minute * 60 + second) * SECOND


def parse_clock(text: str) -> int:
    """Return ns since midnight of ``HH:MM:SS`` with up to nine decimals. Raises ValueError."""
    fraction = text[9:]
    if len(fraction) == 6 and text[8] == "." and fraction.isdecimal():  # all that real lines ever have
        return _whole_ns(text[:8]) + int(fraction) * 1000
    if len(text) == 8:
        return _whole_ns(text)
    if text[8:9] != "." or not fraction.isdecimal() or len(fraction) > 9:
        raise ValueError(f"not a time: {text[:40]!r}")
    return _whole_ns(text[:8]) + int(fraction) * _FRACTION[len(fraction)]


def eastern_ns(day: Day, clock_ns: int, ts_recv: int) -> int:
    """Return ns UTC of a date and a wall clock; of an hour that comes twice, the one nearest to ``ts_recv``.

    ``ts_recv`` is ns UTC, 0 where nobody knows: then it is the first.
    """
    if day.plain:
        return day.midnight + clock_ns
    wall, second = day.number * DAY_NS + clock_ns, clock_ns // SECOND
    first, again = (wall + _offset_ns(day.number, second, fold) for fold in (0, 1))
    if again <= first or not ts_recv:  # an hour that never comes has its folds the other way round
        return first
    return min(first, again, key=lambda found: abs(found - ts_recv))


class NearestDay:
    """Gives a wall clock without a date the date that puts it nearest to its receipt."""

    def __init__(self) -> None:
        self.today: Day | None = None
        """The date of the newest moment that was asked of, where it and its neighbours have one and the same offset."""
        self._from = self._to = 0

    def __call__(self, clock_ns: int, ts_recv: int) -> int:
        """Return ns UTC, within half a day of ``ts_recv``; ABSENT where nobody knows when it was received (0)."""
        if not self._from <= ts_recv < self._to and not self.turn(ts_recv):
            return _searched(clock_ns, ts_recv)
        found = self._from + clock_ns
        away = found - ts_recv
        if away > _HALF_DAY_NS:
            return found - DAY_NS
        return found + DAY_NS if away < -_HALF_DAY_NS else found

    def turn(self, ts_recv: int) -> bool:
        """Turn to the date of ``ts_recv``; return whether it and its neighbours have one and the same offset."""
        around = _around(ts_recv)
        if around is None or not all(day.plain for day in around):
            return False
        self.today = around[1]
        self._from = self.today.midnight
        self._to = self._from + DAY_NS
        return self._from <= ts_recv < self._to


def _around(ts_recv: int) -> tuple[Day, Day, Day] | None:
    """Return the date of a moment in New York between its neighbours; None outside 2000 to 2099."""
    try:
        number = datetime.fromtimestamp(ts_recv // SECOND, UTC).astimezone(_new_york()).toordinal() - _EPOCH
        return day_number(number - 1), day_number(number), day_number(number + 1)
    except (ValueError, OverflowError, OSError):
        return None


def _searched(clock_ns: int, ts_recv: int) -> int:
    around = _around(ts_recv) if ts_recv else None
    if around is None:
        return ABSENT
    return min((eastern_ns(day, clock_ns, ts_recv) for day in around), key=lambda found: abs(found - ts_recv))
