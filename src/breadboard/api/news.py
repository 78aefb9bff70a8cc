"""What on a tape is news to those who look at the market: which trades, and of which instruments."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import grown
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.tape import Tape

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_BOOK_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_SEEN, _MOVED = 1, 2


@brief
def _look(
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    marks: NDArray[np.uint8],
    found: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Fill ``found[3, rows]``; return how many of each. ``marks``, by instrument, are zeros before and after."""
    trades = moved = seen = 0
    for row in range(len(kind)):
        what, which = kind[row], instrument[row]
        if which < 0 or (what > _BOOK_SNAPSHOT and what != _ORDER):
            continue
        if marks[which] == 0:
            marks[which] = _SEEN
            found[2, seen] = which
            seen += 1
        is_trade = what == _TRADE and not flags[row] & _DUPLICATE
        if is_trade:
            found[0, trades] = row
            trades += 1
        if (is_trade or what == _QUOTE) and marks[which] == _SEEN:
            marks[which] = _MOVED
            found[1, moved] = which
            moved += 1
    for place in range(seen):
        marks[found[2, place]] = 0
    return trades, moved, seen


class News:
    """Looks through tapes; keeps nothing of them."""

    def __init__(self) -> None:
        self._marks = np.zeros(0, np.uint8)

    def of(self, tape: Tape) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of trades not seen before; the instruments with such a trade or a quote; all with any news.

        Each instrument once, in the order in which it comes.
        """
        self._marks = grown(self._marks, tape.contents.instruments)
        found = np.empty((3, len(tape)), np.int64)
        trades, moved, seen = _look(tape.kind, tape.flags, tape.instrument, self._marks, found)
        return found[0, :trades], found[1, :moved], found[2, :seen]
