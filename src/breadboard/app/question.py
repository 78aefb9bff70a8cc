"""What part of the past is asked for, from the words that a person typed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from breadboard.errors import UsageError

_NS: Final = 1_000_000_000
NEW_YORK: Final = "America/New_York"
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """What part of the past is asked for: words as a person typed them."""

    begin: str
    end: str = ""
    """Empty: until now."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a source is asked for. Times are ns UTC, the end is not included."""

    symbol: str
    interval_s: int
    """Of bars; 0 where bars are not asked for."""
    from_ns: int
    to_ns: int
    url: str
    """Empty: where the source lives."""
    key: str
    now_ns: int

    @property
    def days(self) -> tuple[str, str]:
        """The first and last day in New York that it touches."""
        first, last = (moment(ns, ZoneInfo(NEW_YORK)).date().isoformat() for ns in (self.from_ns, self.to_ns - 1))
        return first, last


def parsed(option: str, word: str, zone: ZoneInfo, *, end: bool = False) -> int:
    """Return ns of a day's begin (or ``end``: of the next one's), or of a moment. Raises UsageError.

    They may be more than 64 bits hold. Of the last day that a date can tell, the next one begins a day later.
    """
    beyond = False
    try:
        if len(word) == len("2026-11-02"):
            day = date.fromisoformat(word)
            beyond = end and day == date.max
            day += timedelta(days=1 if end and not beyond else 0)
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            at = datetime.fromisoformat(word)
            at = at if at.tzinfo else at.replace(tzinfo=zone)
    except ValueError:
        raise UsageError(
            f"{option} takes a day or a moment, not {word!r}", hint=f"{option} 2026-11-02   # or 2026-11-02T09:30"
        ) from None
    since = at - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=1 if beyond else 0)
    return since // timedelta(microseconds=1) * 1000


def _midnight(ns: int, zone: ZoneInfo, days: int = 0) -> int:
    """Return ns of the begin of a moment's day, or of one ``days`` later."""
    day = moment(ns, zone).date() + timedelta(days=days)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _NS


def moment(ns: int, zone: tzinfo) -> datetime:
    """Return a moment by the clocks of a zone, in whole seconds."""
    return datetime.fromtimestamp(ns // _NS, zone)


def whole_bars(begin: int, end: int, now_ns: int, interval_s: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the part of a time in which bars are whole and over. Raises UsageError where none is.

    They are parts of an hour, or days of the source's zone.
    """
    step, end = interval_s * _NS, min(end, now_ns)
    if interval_s == DAY_S:
        first = _midnight(begin, zone)
        begin, end = first if first >= begin else _midnight(begin, zone, days=1), _midnight(end, zone)
    else:
        begin, end = -(-begin // step) * step, end // step * step
    if begin >= end:
        raise UsageError(
            f"no bar of {interval_s} s begins, and is over, in the time asked for",
            hint="begin earlier: --from …   # or a shorter --interval",
        )
    return begin, end
