"""Numbers that count every message of a connection over all its channels, as Coinbase Advanced Trade gives them."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

ANEW_AFTER: Final = 3
"""Numbers in a row that were seen before and follow each other: the venue counts anew, it does not repeat itself."""


class Verdict(Enum):
    """What its number says about a message."""

    NEXT = auto()
    """It follows the one before it, or is the first that is seen."""
    HOLE = auto()
    """Messages between it and the one before it were never seen."""
    REPEAT = auto()
    """It, or a newer one, was seen before."""
    ANEW = auto()
    """The venue has begun to count anew, and what lies between is unknown."""


@dataclass(slots=True)
class ConnectionNumbers:
    """What has been seen of one connection's numbers."""

    last: int | None = None
    stray: int = -1
    """The last number that came late or again."""
    strays: int = 0
    """How many of those followed each other."""

    def take(self, number: int) -> Verdict:
        """Take the next message's number."""
        before = self.last
        if before is None or number > before:
            self.last, self.strays = number, 0
            return Verdict.NEXT if before is None or number == before + 1 else Verdict.HOLE
        self.strays = self.strays + 1 if self.strays and number == self.stray + 1 else 1
        self.stray = number
        if self.strays < ANEW_AFTER:
            return Verdict.REPEAT
        self.last, self.strays = number, 0
        return Verdict.ANEW
