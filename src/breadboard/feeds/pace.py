"""How often a stream is heard, and how long a silence it takes to believe that something is wrong. Pure."""

from dataclasses import dataclass
from math import exp, log1p
from typing import Final

IMPLAUSIBLE: Final = 13.8
"""Minus the logarithm of a chance of one in a million."""
MEMORY_S: Final = 600.0
"""What was heard so long ago counts a third."""
LONG_MEMORY_S: Final = 3600.0
ENOUGH: Final = 10.0
"""Seconds in which something was heard, before anything is concluded from silence."""
STEADY: Final = 0.5
"""A share from which half of ``ENOUGH`` is enough."""
SURPRISE: Final = 3.0
"""Times the longest silence so far that a new one must last: markets come in bursts, and so do their silences."""
MOST: Final = 0.9
"""The greatest share of seconds that is believed: no stream is so steady that ten silent seconds were impossible."""
LEAST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """How soon silence is held against a stream."""

    most: float = MOST
    least_s: float = LEAST_S
    unknown_s: float = 1.0
    """Silent seconds that are added to those that were counted: what little is known is not believed at once."""


OF_ONE: Final = Judgement()
OF_A_CHANNEL: Final = Judgement(most=0.95, least_s=0.0, unknown_s=0.0)
"""Of all symbols together, which no single one's mood explains; the feed's heartbeat is the least silence besides."""


class Pace:
    """Counts *seconds in which something was heard*, not messages: a burst is one second, however long it is.

    With a share ``p`` of such seconds, a silence of ``n`` seconds has the chance ``(1 - p)**n`` if seconds know nothing
    of each other. They do know a little, which is what ``SURPRISE`` allows for. While it is silent the share stands
    still: a dead stream must not talk itself into being a slow one.
    """

    __slots__ = ("_active", "_judgement", "_messages", "_seconds", "active_total", "longest", "quiet_s")

    def __init__(self, judgement: Judgement = OF_ONE) -> None:
        self._judgement = judgement
        self.forget()
        self.active_total = 0
        """Seconds in which something was heard, ever: what others compare with."""

    def forget(self) -> None:
        """Begin anew: what was usual is no longer so."""
        self._active = self._messages = self._seconds = 0.0
        self.longest = 0.0
        self.quiet_s = 0.0
        """The silence that lasts now."""

    def pass_by(self, seconds: float, messages: int) -> None:
        """Let ``seconds`` (about one) go by in which ``messages`` were heard."""
        if not messages:
            self.quiet_s += seconds
            return
        span = self.quiet_s + seconds
        fade = exp(-span / MEMORY_S)
        self._active = self._active * fade + 1.0
        self._messages = self._messages * fade + messages
        self._seconds = self._seconds * fade + span
        self.longest = max(self.longest * exp(-span / LONG_MEMORY_S), self.quiet_s)
        self.active_total += 1
        self.quiet_s = 0.0

    def excuse(self) -> None:
        """Leave the silence that lasts now out of account: it was not the stream's own."""
        self.quiet_s = 0.0

    @property
    def share(self) -> float:
        """The part of all seconds in which something is heard."""
        return self._active / self._seconds if self._seconds else 0.0

    @property
    def per_s(self) -> float:
        """Messages a second, the present silence included."""
        seconds = self._seconds + self.quiet_s
        return self._messages / seconds if seconds else 0.0

    @property
    def patience_s(self) -> float:
        """The silence that is implausible by its own rate; infinite while too little is known."""
        how = self._judgement
        if not self._active:
            return float("inf")
        share = min(self._active / (self._seconds + how.unknown_s), how.most)
        if self._active < (ENOUGH / 2 if share >= STEADY else ENOUGH):
            return float("inf")
        return max(how.least_s, IMPLAUSIBLE / -log1p(-share), SURPRISE * self.longest)

    @property
    def implausible(self) -> bool:
        """Whether the present silence is."""
        return self.quiet_s > 0.0 and self.quiet_s >= self.patience_s
