"""What a GAP row may hide of a channel."""

from typing import Final

from breadboard.model.kinds import GapReason, GapState
from breadboard.model.tape import Tape

EVERY_SOURCE: Final = 0xFFFF
"""The source of a gap in the journal itself, which may hide anything."""
OF_BOOKS: Final = frozenset({GapReason.SEQUENCE, GapReason.OVERFLOW})
"""What is missing there is of books alone."""
_TOLD_BEFORE: Final = (GapReason.SUBSCRIPTION, GapReason.COUNTER)


def may_hide(tape: Tape, row: int, channel: str) -> bool:
    """Return whether a GAP row may hide something of a channel (``book``, ``quote``).

    One of a subscription that is heard again does not: the book was lost when the loss was told, and renewed since.
    """
    gaps = tape.gaps_at(tape.offset[row])
    if gaps and all(gap.reason in _TOLD_BEFORE and gap.state == GapState.LOST for gap in gaps):
        return False
    channels = [gap.channel for gap in gaps]
    return tape.code[row] != GapReason.TRADE_ID and any(one in {None, channel} for one in channels or [None])
