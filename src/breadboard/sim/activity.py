"""How busy a US equities market is: tiers of symbols, levels of activity, the shape of a day.

A message is one Level 1 update (a trade or a new best bid or offer) or one Level 2 update (a market maker's quote);
both are counted, whoever listens. Rates are those of the regular session on average; the shape of the day multiplies
them when the market follows the clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from math import exp
from typing import Final
from zoneinfo import ZoneInfo

from breadboard.errors import UsageError

EASTERN: Final = ZoneInfo("America/New_York")
DAY_S: Final = 86_400
PRE_S, OPEN_S, CLOSE_S, END_S = 4 * 3600, 9 * 3600 + 1800, 16 * 3600, 20 * 3600
"""Seconds of the Eastern day at which the pre-market, the session and the after-hours begin, and all ends."""
NS: Final = 1_000_000_000


class Phase(IntEnum):
    """Where the day stands."""

    CLOSED = 0
    PRE = 1
    REGULAR = 2
    AFTER = 3


@dataclass(frozen=True, slots=True)
class Tiers:
    """``shares`` of the symbols, most active first, and messages a second of one symbol of each."""

    symbols: int
    shares: tuple[float, ...]
    rates: tuple[float, ...]

    def spread(self, count: int) -> list[int]:
        """Return the tier of each of ``count`` symbols."""
        tiers: list[int] = []
        for tier, share in enumerate(self.shares):
            tiers += [tier] * round(share * count)
        return (tiers + [len(self.shares) - 1] * count)[:count]


_SMALL_CAPS: Final = (50 / 495, 100 / 495, 345 / 495)
ACTIVITIES: Final = {
    "peak": Tiers(495, _SMALL_CAPS, (160.0, 30.0, 6.0)),
    "average": Tiers(495, _SMALL_CAPS, (50.0, 10.0, 2.0)),
    "dead": Tiers(495, _SMALL_CAPS, (8.0, 1.5, 0.3)),
}
"""Small caps: 50 liquid, 100 half-liquid, 345 illiquid: 13,070, 4,190 and 654 messages a second in all."""
WIDE: Final = Tiers(2500, (1.0,), (1.0,))
"""The ``breadboard`` profile: 2,500 symbols with a message a second each."""


def tiers_of(profile: str, activity: str) -> Tiers:
    """Return the tiers of a profile. Raises UsageError for an unknown activity."""
    if activity not in ACTIVITIES:
        raise UsageError(
            f"there is no activity {activity!r}; there are {', '.join(ACTIVITIES)}",
            hint="breadboard sim iqfeed --profile smallcaps --activity peak",
        )
    return ACTIVITIES[activity] if profile == "smallcaps" else WIDE


def phase_at(second: float) -> Phase:
    """Return the phase at a second of the Eastern day."""
    if OPEN_S <= second < CLOSE_S:
        return Phase.REGULAR
    if PRE_S <= second < OPEN_S:
        return Phase.PRE
    return Phase.AFTER if CLOSE_S <= second < END_S else Phase.CLOSED


def intensity(second: float) -> float:
    """Return how busy a second of the Eastern day is; the regular session has the shape of a U and mean 1."""
    phase = phase_at(second)
    if phase is Phase.REGULAR:
        return 0.876 + 1.6 * exp((OPEN_S - second) / 1200) + 1.1 * exp((second - CLOSE_S) / 900)
    if phase is Phase.PRE:
        return 0.02 + 0.25 * exp((second - OPEN_S) / 3600)
    return 0.02 + 0.3 * exp((CLOSE_S - second) / 2400) if phase is Phase.AFTER else 0.0


def parse_at(text: str) -> int | None:
    """Return the Eastern second of ``HH:MM[:SS]``; None for ``now``. Raises UsageError."""
    if text == "now":
        return None
    parts = text.split(":")
    if len(parts) in {2, 3} and all(part.isdecimal() and len(part) == 2 for part in parts):
        hour, minute, second = (int(part) for part in (*parts, "00")[:3])
        if hour < 24 and minute < 60 and second < 60:
            return (hour * 60 + minute) * 60 + second
    raise UsageError(
        f"--at takes an Eastern time of day or 'now', not {text!r}", hint="breadboard sim iqfeed --at 09:30"
    )


class MarketTime:
    """From our wall clock to the market's: shifted so that it began at ``at``, and told in Eastern text.

    Without ``at`` the times are true and the market acts as in its regular session at any hour. ``at`` "now" keeps
    the times true and follows the day; "09:30" lets the day begin there. ``skew_s`` is a clock that is wrong,
    ``late_s`` data that is delayed: both change the times told and nothing else.
    """

    __slots__ = ("_second", "_text", "day_text", "follows", "month_text", "shift_ns", "told_ns")

    def __init__(self, at: str, now_ns: int) -> None:
        self.follows = bool(at)
        wanted = parse_at(at) if at else None
        self.shift_ns = 0
        if wanted is not None:
            moment = datetime.fromtimestamp(now_ns // NS, UTC).astimezone(EASTERN)
            self.shift_ns = (wanted - (moment.hour * 60 + moment.minute) * 60 - moment.second) * NS
        self.told_ns = 0
        """Added to what is told, by faults."""
        self._second = -1
        self._text = self.day_text = self.month_text = b""

    def second_of_day(self, now_ns: int) -> float:
        """Return the market's second of the Eastern day."""
        return seconds_of_day(now_ns + self.shift_ns)

    def text(self, now_ns: int) -> bytes:
        """Return ``HH:MM:SS.ffffff`` Eastern; ``day_text`` (``YYYY-MM-DD``) and ``month_text`` go with it."""
        micros = (now_ns + self.shift_ns + self.told_ns) // 1000
        second = micros // 1_000_000
        if second != self._second:
            self._second = second
            moment = datetime.fromtimestamp(second, UTC).astimezone(EASTERN)
            self._text = moment.strftime("%H:%M:%S").encode()
            self.day_text = moment.strftime("%Y-%m-%d").encode()
            self.month_text = moment.strftime("%m/%d/%Y").encode()
        return b"%b.%06d" % (self._text, micros % 1_000_000)


def eastern(ns: int) -> datetime:
    """Return the Eastern date and time of nanoseconds since 1970 UTC, to the microsecond."""
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(EASTERN).replace(microsecond=ns // 1000 % 1_000_000)


def seconds_of_day(ns: int) -> float:
    """Return the second of the Eastern day, with its fraction."""
    moment = eastern(ns)
    return (moment.hour * 60 + moment.minute) * 60 + moment.second + moment.microsecond / 1e6


def weights_of(tiers: Sequence[int], table: Tiers) -> list[float]:
    """Return messages a second of each symbol."""
    return [table.rates[tier] for tier in tiers]
