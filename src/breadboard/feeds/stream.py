"""One subscription as it is watched: what it brought, how long it is silent, whether it is held to be lost."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from breadboard.feeds.pace import Pace
from breadboard.model.kinds import GapReason

Key = tuple[str, str]
"""Symbol as the venue spells it, and channel as we call it."""

SLEPT_S: Final = 5.0
"""When time is asked for so late, it was we who were not there."""
GOES_ON: Final = 0.3
"""The part of their usual activity that others must show to say that the market goes on."""
LEAST_HEARD: Final = 3.0
"""And the least number of seconds in which they were heard."""


@dataclass(slots=True)
class Trouble:
    """A subscription held to be lost."""

    reason: GapReason
    told_s: float
    """Up to when the journal knows."""
    asked_s: float
    patience_s: float
    since_s: float
    """When it was found."""
    needs: int = 1
    """Seconds in which it has to be heard until it is believed to be well again."""
    awaits: bool = False
    """It was asked for anew for a reason of ours: not its next message ends this, but what it begins with."""
    audited: bool = False
    """Found by an audit: another one can say that it is well again."""
    unmade: bool = False
    """The venue did not acknowledge it: that it does says that it is well again."""


@dataclass(slots=True)
class Stream:
    """One subscription, or one channel of all symbols (``symbol`` None). Times are monotonic seconds."""

    symbol: str | None
    channel: str
    wires: tuple[Hashable, ...]
    pace: Pace = field(default_factory=Pace)
    count: int = 0
    known_good_s: float = 0.0
    others: int = 0
    """Active seconds of its neighbours, ever, when it was last heard."""
    behind_s: float | None = None
    trouble: Trouble | None = None
    recovered_s: float = float("-inf")
    """When it was last heard again."""
    relapses: int = 0
    """How often in a row it was lost again soon after that."""

    @property
    def key(self) -> Key:
        """Symbol and channel; no symbol is the empty one."""
        return self.symbol or "", self.channel

    def heard(self, counts: Mapping[Hashable, int]) -> int:
        """Return how many messages came since this was last asked."""
        count = sum([counts[wire] for wire in self.wires])
        messages, self.count = count - self.count, count
        return messages

    def is_well(self) -> bool:
        """Take a second in which it was heard; return whether it is, or is again, what it should be."""
        if self.trouble is None:
            return True
        self.trouble.needs -= 1
        return self.trouble.needs <= 0 and not self.trouble.awaits

    def pass_by(self, seconds: float, messages: int) -> None:
        """Let time go by; a long time is our own absence and says nothing."""
        if seconds > SLEPT_S:
            self.pace.excuse()
        elif seconds > 0:
            self.pace.pass_by(seconds, messages)

    def is_silent(self, neighbours: Collection["Stream"], least_s: float) -> bool:
        """Tell whether a silence of at least ``least_s`` is implausible while the neighbours go on."""
        quiet_s = self.pace.quiet_s
        if quiet_s < least_s or not self.pace.implausible:
            return False
        usual = sum(each.pace.share for each in neighbours if each is not self) * quiet_s
        return activity(neighbours) - self.others >= max(LEAST_HEARD, GOES_ON * usual)

    def silence(self, others: str) -> str:
        """Return what is suspicious, in words."""
        usual = f"usually heard in {self.pace.share:.0%} of all seconds"
        return f"nothing for {self.pace.quiet_s:.0f} s, {usual}, while {others}"


def activity(streams: Iterable[Stream]) -> int:
    """Return in how many seconds each was heard, ever, all added up."""
    return sum([stream.pace.active_total for stream in streams])
