"""Whether a connection still lives: silence, half-open lines, mute venues, age. Pure: every method is handed the time.

All times are monotonic nanoseconds.
"""

from enum import Enum
from random import Random
from typing import Final, NamedTuple

PING_AFTER_NS: Final = 3_000_000_000
PONG_WITHIN_NS: Final = 3_000_000_000
FROZEN_NS: Final = 2_000_000_000
"""A look this late means that we slept, not the venue."""
LONG_LIFE_NS: Final = 600_000_000_000
"""A connection this old shows that silence is no habit of its symbols."""
MOST_PATIENCE: Final = 16
"""Times the venue's own rule that thin symbols may be silent."""


class Act(Enum):
    """What the state of a connection calls for."""

    NOTHING = 0
    PING = 1
    CUT = 2
    """The other side no longer listens: no good-bye."""
    CLOSE = 3


class Verdict(NamedTuple):
    """What to do, and the reason in words that go on record."""

    act: Act
    reason: str = ""


FINE: Final = Verdict(Act.NOTHING)
ASK: Final = Verdict(Act.PING)


class Vitals:
    """Judges the connections of one line, one after the other.

    ``heartbeat_s`` is the longest silence of a healthy connection, None for no rule; ``lifetime_s`` the age at which
    the venue ends connections, None for never.
    """

    def __init__(self, heartbeat_s: float | None, lifetime_s: float | None, rng: Random) -> None:
        self._heartbeat_s = heartbeat_s
        self._lifetime_s = lifetime_s
        self._rng = rng
        self._mute_for_s = heartbeat_s
        self._mute_before = False
        self._opened = self._seen = self._data = self._looked = self._pinged = 0
        self._leave_at = 0
        self._leaving = False

    def open(self, now: int) -> None:
        """Begin with a new connection."""
        self._opened = self._seen = self._data = self._looked = now
        self._pinged = 0
        self._leaving = False
        # Not all lines of a venue at the same moment: each ends somewhere in the last tenth of what is allowed.
        self._leave_at = now + int(self._lifetime_s * self._rng.uniform(0.9, 0.99) * 1e9) if self._lifetime_s else 0

    def end(self, now: int) -> float:
        """Take leave of the connection and return how many seconds it lived."""
        if now - self._opened >= LONG_LIFE_NS:
            self._mute_for_s = self._heartbeat_s
        return (now - self._opened) / 1e9

    def alive(self, now: int) -> None:
        """Note a sign of life that is not data."""
        self._seen = now

    def data(self, now: int) -> None:
        """Note data."""
        self._seen = self._data = now
        self._mute_before = False

    def pinged(self, now: int) -> None:
        """Note that the other side was asked for a sign of life."""
        self._pinged = now

    def overslept(self, now: int) -> bool:
        """Tell whether we have not looked for so long that we were not running."""
        return now - self._looked > FROZEN_NS

    def judge(self, now: int, *, market_open: bool = True) -> Verdict:
        """Say what is to be done. Ask several times a second; ``market_open`` False means that quiet is no fault."""
        late, overslept = now - self._looked, self.overslept(now)
        self._looked = now
        if overslept:
            # We were not running: what came meanwhile is still in the kernel, and its age says nothing of the venue.
            self._seen += late
            self._data += late
            self._pinged += late if self._pinged else 0
            return FINE
        if self._leaving:
            return FINE  # it is on its way out
        if not market_open:
            self._data = now
        if self._pinged and self._seen >= self._pinged:
            self._pinged = 0
        verdict = self._verdict(now)
        self._leaving = verdict.act in (Act.CUT, Act.CLOSE)
        return verdict

    def _verdict(self, now: int) -> Verdict:
        if self._pinged and now - self._pinged > PONG_WITHIN_NS:
            return Verdict(Act.CUT, f"half-open: no answer to a ping for {PONG_WITHIN_NS // 1_000_000_000} s")
        if self._mute_for_s is not None and now - self._data > self._mute_for_s * 1e9:
            return Verdict(Act.CLOSE, self._leave_mute(self._mute_for_s))
        if self._leave_at and now > self._leave_at:
            return Verdict(Act.CLOSE, "planned: near the age at which the venue ends connections")
        return ASK if not self._pinged and now - self._seen > PING_AFTER_NS else FINE

    def _leave_mute(self, silent_s: float) -> str:
        """Return the reason to leave a connection that answers pings and says nothing.

        When the one before was left for the same reason and this one has said nothing at all, the symbols are thin
        rather than the venue mute: then twice the silence is allowed from now on, up to sixteen times the rule.
        """
        if self._mute_before and self._heartbeat_s is not None:
            self._mute_for_s = min(2 * silent_s, MOST_PATIENCE * self._heartbeat_s)
        self._mute_before = True
        return f"mute: no data for {silent_s:g} s"
