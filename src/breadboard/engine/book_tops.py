"""What the books tell row by row of those that are watched: their best levels, for stages that look through them."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_depth import DEPTH, note_depth
from breadboard.engine.book_kernel import ASKS, BIDS, TOP
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.state import grown
from breadboard.model.kinds import BookState

_LIVE: Final = int(BookState.LIVE)


class BookCopy(NamedTuple):
    """All levels of a book, for who follows it on a tape that the book stage has taken already."""

    place: int
    """In ``Books.tops``."""
    side: NDArray[np.uint8]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    size_exp: NDArray[np.int8]


class Tops:
    """Moments of watched books over one tape; ``watches(instrument)`` says which are. None where nobody watches any.

    ``deep`` also notes more levels, a ``DEPTH`` row beside each ``TOP``. ``copies(instrument)`` says whose whole book
    is handed on where more became of it than the levels of a row say.
    """

    def __init__(
        self,
        watches: Callable[[int], bool] | None,
        copies: Callable[[int], bool] | None = None,
        *,
        deep: bool,
    ) -> None:
        self._watches = watches
        self._copies = copies
        self._deep = deep
        self.watched = np.zeros(0, np.bool_)
        """By instrument; empty where nobody watches any."""
        self.rows = np.zeros(0, TOP)
        self.depths = np.zeros(0, DEPTH)
        self.told = 0
        """Rows in use."""
        self.copies: list[BookCopy] = []

    def begin(self) -> None:
        """Forget what was told of the tape before."""
        self.told, self.copies = 0, []

    def know(self, count: int) -> None:
        """Learn whether new instruments are watched."""
        if self._watches is not None:
            more = [self._watches(which) for which in range(len(self.watched), count)]
            self.watched = np.concatenate((self.watched, np.array(more, np.bool_)))

    def make_room(self, more: int) -> None:
        """Have room for ``more`` rows, where anything is watched."""
        if len(self.watched):
            self.rows = grown(self.rows, self.told + more)
            if self._deep:
                self.depths = grown(self.depths, len(self.rows))

    def tell(
        self, row: int, which: int, before: NDArray[np.uint8] | None, heads: NDArray[np.void], pool: LevelPool
    ) -> None:
        """Tell the book of a row, or every one whose state is no longer that of ``before``, where they are watched."""
        if before is None:
            chosen = np.flatnonzero(self.watched[which : which + 1]) + which
        else:
            chosen = np.flatnonzero(self.watched[: len(heads)] & (heads["state"] != before))
        self.make_room(len(chosen))
        for each in chosen.tolist():
            columns = (pool.sides[each], pool.keys, pool.sizes, pool.exps)
            core.note_top(self.rows[self.told], row, each, heads[each], *columns)
            if self._deep:
                note_depth(self.depths[self.told], columns[0][BIDS], columns[0][ASKS], *columns[1:])
            if self._copies is not None and self._copies(each) and heads[each]["state"] == _LIVE:
                self.copies.append(BookCopy(self.told, *pool.copied(each)))
            self.told += 1
