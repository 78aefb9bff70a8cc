"""Days and sessions of exchanges: when a day begins where the exchange is, and which session a bar lies in.

An instrument without a calendar trades around the clock: its days are UTC's, and its bars lie in no session. One with a
calendar has days from midnight to midnight where its exchange is, as vendors have them: 23, 24 or 25 hours of UTC.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from breadboard import calendars
from breadboard.model.bars import DAY_S, Session
from breadboard.model.kernels import kernel

_DAY_NS: Final = DAY_S * 1_000_000_000
_YEARS: Final = 130
"""From 1970 on; days outside are UTC's."""
_CODES: Final = np.array(
    [Session[name.upper()] for name in (calendars.CLOSED, *calendars.SESSIONS)] + [Session.NONE], np.uint8
)
"""By what ``calendars.session_at`` returns; the last for its -1."""


@cache
def midnights(zone: str) -> NDArray[np.int64]:
    """Return when each day since 1970-01-01 began in a time zone, ns UTC; a day's number is its place."""
    place, day = ZoneInfo(zone), datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    days = [day + timedelta(days=number) for number in range(366 * _YEARS)]
    return np.array([int(each.replace(tzinfo=place).timestamp()) for each in days], np.int64) * 1_000_000_000


@kernel
def day_number(when: int, days: NDArray[np.int64]) -> int:
    """Return the number of the day of a moment, ns UTC. ``days`` are midnights, or none: then it is UTC's day."""
    number = when // _DAY_NS
    if number < 1 or number + 2 >= len(days):
        return int(number)
    if when < days[number]:
        return int(number - 1)
    return int(number + 1) if when >= days[number + 1] else int(number)


@kernel
def day_begin(number: int, days: NDArray[np.int64]) -> int:
    """Return when a day begins, ns UTC."""
    return int(days[number]) if 0 <= number < len(days) - 1 else number * _DAY_NS


class Sessions:
    """What bars know of calendars. ``calendar_of(instrument)`` names one of ``calendars.ZONES``, or is empty."""

    def __init__(self, calendar_of: Callable[[int], str] = lambda _: "") -> None:
        self._calendar_of = calendar_of
        self._calendars: list[str] = []
        """By instrument, as far as any bar asked."""
        self.zones = [np.zeros(0, np.int64)]
        """Midnights by zone; the first is of who has no calendar."""
        self._names = [""]

    def calendar(self, instrument: int) -> str:
        """Return the calendar of an instrument; empty for one that trades around the clock."""
        while len(self._calendars) <= instrument:
            self._calendars.append(self._calendar_of(len(self._calendars)))
        return self._calendars[instrument]

    def zone(self, instrument: int) -> int:
        """Return the place in ``zones`` of an instrument's midnights."""
        calendar = self.calendar(instrument)
        if calendar not in self._names:
            self._names.append(calendar)
            self.zones.append(midnights(calendars.ZONES[calendar]))
        return self._names.index(calendar)

    def table(self) -> NDArray[np.int64]:
        """Return ``zones`` as one array, a row each; UTC's is all zeros and never looked at."""
        table = np.zeros((len(self.zones), max(map(len, self.zones))), np.int64)
        for row, days in zip(table, self.zones, strict=True):
            row[: len(days)] = days
        return table

    def align(self, bars: NDArray[np.void]) -> None:
        """Let the vendor's days (``BAR`` rows) begin at the exchange's midnight: some stamp them with the opening."""
        for at in np.flatnonzero(bars["interval"] == DAY_S).tolist():
            zone = self.zone(int(bars["instrument"][at]))
            if zone:
                days = self.zones[zone]
                number = day_number(int(bars["ts_open"][at]), days)
                bars["ts_open"][at], bars["ts_close"][at] = day_begin(number, days), day_begin(number + 1, days)

    def mark(self, bars: NDArray[np.void]) -> None:
        """Say of each bar in which session it lies: MIXED where in two; a day's prices are those of the regular one."""
        if len(self.zones) == 1:
            return  # nobody who was asked for keeps a calendar
        instruments = np.unique(bars["instrument"]).tolist()
        for calendar in {self.calendar(each) for each in instruments} - {""}:
            mine = np.isin(bars["instrument"], [each for each in instruments if self.calendar(each) == calendar])
            rows = np.flatnonzero(mine)
            begins = _CODES[calendars.session_at(calendar, bars["ts_open"][rows])]
            ends = _CODES[calendars.session_at(calendar, bars["ts_close"][rows] - 1)]
            within = np.where(begins == ends, begins, np.uint8(Session.MIXED))
            bars["session"][rows] = np.where(bars["interval"][rows] == DAY_S, np.uint8(Session.REGULAR), within)
