"""The books of the legs, followed a second time: what each holds at a row that the book stage has long gone past.

The book stage has finished a tape before anybody looks at the legs row by row. So their levels are kept once more, in a
pool of their own, and what becomes of a book is noted and not applied before somebody looks at that book: most are not
looked at for most of the time.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.book_kernel import TOP, change
from breadboard.engine.book_tops import BookCopy
from breadboard.engine.level_pool import LevelPool
from breadboard.model.kernels import kernel
from breadboard.model.tape import Tape

FIRST, LAST = range(2)
"""Columns of ``behind[leg]``: the first and the last of the tops that the leg's book lacks; ``later`` joins them."""
NOTHING: Final = -1
_CHANGES: Final = ("level_side", "level_price", "level_size", "level_size_exp")
LEVELS: Final = ("level_begin", "level_end", *_CHANGES)
"""Columns of a tape that say what became of books."""
_MANY: Final = 2_000
"""At the end of a tape, a book that lacks more levels than this is taken whole."""
_ANY: Final = 2**63 - 1


@kernel
def catch_up(
    leg: int,
    behind: NDArray[np.int64],
    later: NDArray[np.int64],
    tops: NDArray[np.void],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_exp: NDArray[np.int8],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    pool_meter: NDArray[np.int64],
) -> bool:
    """Apply to a leg's book what it lacks, up to the present row; False, not all of it, where the pool is full."""
    levels = (level_side, level_price, level_size, level_exp)
    while behind[leg, FIRST] != NOTHING:
        row = tops[behind[leg, FIRST]].row
        begin, end = level_begin[row], level_end[row]
        if not change(sides[leg], begin, end, *levels, keys, sizes, exps, pool_meter):
            return False
        behind[leg, FIRST] = later[behind[leg, FIRST]]
    return True


@kernel
def _settle(
    many: int,
    whole: NDArray[np.bool_],
    behind: NDArray[np.int64],
    later: NDArray[np.int64],
    tops: NDArray[np.void],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_exp: NDArray[np.int8],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    pool_meter: NDArray[np.int64],
) -> int:
    """Have every book catch up; return the leg that needs room in the pool first, NOTHING where none does.

    A book that is behind with more levels than ``many`` is named in ``whole`` instead.
    """
    levels = (level_begin, level_end, level_side, level_price, level_size, level_exp)
    for leg in range(len(behind)):
        count, top = 0, behind[leg, FIRST]
        while top != NOTHING and count <= many:
            count += level_end[tops[top].row] - level_begin[tops[top].row]
            top = later[top]
        if count > many:
            whole[leg] = True
            behind[leg, FIRST] = NOTHING
        elif not catch_up(leg, behind, later, tops, *levels, sides, keys, sizes, exps, pool_meter):
            return leg
    return NOTHING


class FollowedBooks:
    """The books of any number of legs. A kernel writes ``behind`` and ``later``, what each book lacks, and ``pool``."""

    def __init__(self, legs: int) -> None:
        self.pool = LevelPool()
        self.pool.grow(legs)
        self.behind = np.full((legs, 2), NOTHING, np.int64)
        self.later = np.zeros(0, np.int64)
        self._tops = np.zeros(0, TOP)
        self._tape = Tape.empty()

    def begin(self, tape: Tape, tops: NDArray[np.void]) -> None:
        """Take the next tape, with what the book stage told of it."""
        self._tape, self._tops = tape, tops
        self.later = np.empty(len(tops), np.int64)

    def replace(self, leg: int, copy: BookCopy) -> None:
        """Take a whole book; what it lacked is in it."""
        self.pool.replace(leg, *copy[1:])
        self.behind[leg] = NOTHING

    def widen(self, leg: int) -> None:
        """Apply the first of what a leg's book lacks, where the pool has no room for it."""
        top = int(self.behind[leg, FIRST])
        row = int(self._tops["row"][top])
        rows = slice(int(self._tape.level_begin[row]), int(self._tape.level_end[row]))
        self.pool.change(leg, *(getattr(self._tape, name)[rows] for name in _CHANGES))
        self.behind[leg, FIRST] = self.later[top]

    def catch_up(self, many: int = _ANY) -> NDArray[np.int64]:
        """Have every book be what it is after the rows taken so far; return legs that lack more levels than that."""
        columns = [getattr(self._tape, name) for name in LEVELS]
        whole = np.zeros(len(self.behind), np.bool_)
        while True:
            pool = self.pool
            parts = (*columns, pool.sides, pool.keys, pool.sizes, pool.exps, pool.meter)
            leg = _settle(many, whole, self.behind, self.later, self._tops, *parts)
            if leg == NOTHING:
                return np.flatnonzero(whole)
            self.widen(leg)

    def end(self, copied: Callable[[int], BookCopy | None]) -> None:
        """Have every book be what it is at the end of the tape, when the book stage holds the same: ``copied(leg)``."""
        for leg in self.catch_up(_MANY).tolist():
            copy = copied(leg)
            if copy is not None:  # one that is not live any more is told of whole when it is
                self.replace(leg, copy)
        self._tape, self._tops = Tape.empty(), np.zeros(0, TOP)

    def levels(self, leg: int, side: int, count: int | None = None) -> list[tuple[int, int, int]]:
        """Return ``(price, size, size_exp)`` of one side of a book that lacks nothing, best first."""
        return self.pool.levels(leg, side, count)
