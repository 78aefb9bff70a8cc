"""Whether a streaming port still speaks by itself: a gateway that only answers is mute. Sans-I/O."""

from dataclasses import dataclass, field
from typing import Final

from breadboard.conversations import Missing, Reconnect, Request
from breadboard.model.kinds import GapReason

MUTE_S: Final = 5.0
"""A time stamp comes each second, day and night; the line asks for one after three seconds of silence."""
SLEPT_S: Final = 3.0
"""When time is asked for so late, it was we who were not there."""


@dataclass(slots=True)
class Pulse:
    """Judges one connection by the seconds in which it spoke: two in a row it does by itself, one may be an answer."""

    heard: bool = False
    """Whether anything came since the last look."""
    _spoke: bool = field(init=False, default=False)
    _good_s: float | None = field(init=False, default=None)
    """When it last spoke by itself; None before it has."""
    _answered: bool = field(init=False, default=False)
    """Whether it was heard since; where nothing at all is heard the line itself judges."""
    _looked_s: float = field(init=False, default=0.0)

    def begin(self) -> None:
        """Forget the old connection."""
        self.heard = self._spoke = self._answered = False
        self._good_s = None

    def on_time(self, now_s: float) -> list[Request]:
        """Look at the second that passed; return what a mute gateway calls for."""
        slept = now_s - self._looked_s > SLEPT_S
        # What spoke by itself in the second before the last look may have stopped right after that.
        speaks, before_s = self._spoke and self.heard, self._looked_s
        self._spoke, self.heard, self._looked_s = self.heard, False, now_s
        if slept:
            self._good_s = None
        elif speaks:
            self._good_s, self._answered = before_s, False
        self._answered |= self._spoke and not speaks
        silent_s = 0.0 if self._good_s is None else now_s - self._good_s
        if self._good_s is None or silent_s <= MUTE_S or not self._answered:
            return []
        since_s, self._good_s = self._good_s, now_s
        why = f"the gateway answers, but has said nothing by itself for {silent_s:.0f} s"
        return [Missing(None, None, GapReason.SUBSCRIPTION, since_s, why), Reconnect(f"mute: {why}")]
