"""Where the levels of all books lie: one pool of columns, each side of a book a sorted stretch of it, best last."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_kernel import ASKS, BEGIN, BIDS, COUNT, ROOM, USED
from breadboard.engine.state import grown
from breadboard.model.kinds import Side

SIDES: Final = ((BIDS, Side.BUY), (ASKS, Side.SELL))


class LevelPool:
    """The levels of any number of books. A side that outgrows its room moves to the pool's end.

    A full pool is laid out anew, larger, and the room that was left behind is won back.
    """

    def __init__(self) -> None:
        self.known = 0
        self.sides = np.zeros((0, 2, 3), np.int64)
        self.keys = np.zeros(0, np.int64)
        self.sizes = np.zeros(0, np.int64)
        self.exps = np.zeros(0, np.int8)
        self.meter = np.zeros(core.METERS, np.int64)
        """The kernel's counters; the pool itself uses ``USED``."""

    def grow(self, count: int) -> None:
        """Have books for instruments below ``count``; new ones are empty."""
        self.sides = grown(self.sides, count)
        self.known = count

    def change(
        self,
        which: int,
        side: NDArray[np.uint8],
        price: NDArray[np.int64],
        size: NDArray[np.int64],
        exponent: NDArray[np.int8],
    ) -> None:
        """Apply level changes to one book."""
        levels = (side, price, size, exponent)
        while not core.change(self.sides[which], 0, len(side), *levels, self.keys, self.sizes, self.exps, self.meter):
            self._widen(len(side))

    def replace(
        self,
        which: int,
        side: NDArray[np.uint8],
        price: NDArray[np.int64],
        size: NDArray[np.int64],
        exponent: NDArray[np.int8],
    ) -> None:
        """Forget one book and take these levels; of a price given twice the last counts."""
        for place, taker in SIDES:
            given = np.flatnonzero((side == taker) & (size != 0))
            keys = price[given] if place == BIDS else -price[given]
            order = np.argsort(keys, kind="stable")
            keys, given = keys[order], given[order]
            last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
            keys, given = keys[last], given[last]
            self.sides[which, place, COUNT] = 0
            begin = self._claim(which, place, len(keys))
            rows = slice(begin, begin + len(keys))
            self.keys[rows], self.sizes[rows], self.exps[rows] = keys, size[given], exponent[given]
            self.sides[which, place, COUNT] = len(keys)

    def levels(self, which: int, side: int, count: int | None = None) -> list[tuple[int, int, int]]:
        """Return ``(price, size, size_exp)`` of one side, best first, at most ``count``."""
        begin, levels = int(self.sides[which, side, BEGIN]), int(self.sides[which, side, COUNT])
        worst = 0 if count is None else max(0, levels - count)
        rows = slice(begin + worst, begin + levels)
        prices = self.keys[rows] if side == BIDS else -self.keys[rows]
        columns = (prices.tolist(), self.sizes[rows].tolist(), self.exps[rows].tolist())
        return list(zip(*(column[::-1] for column in columns), strict=True))

    def copied(self, which: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
        """Return all levels of one book as ``replace`` takes them: side, price, size, exponent."""
        rows = [slice(place[BEGIN], place[BEGIN] + place[COUNT]) for place in self.sides[which]]
        side = np.repeat(np.array([taker for _, taker in SIDES], np.uint8), self.sides[which, :, COUNT])
        price = np.concatenate((self.keys[rows[BIDS]], -self.keys[rows[ASKS]]))
        size, exponent = (np.concatenate([part[one] for one in rows]) for part in (self.sizes, self.exps))
        return side, price, size, exponent

    def count(self, which: int) -> int:
        """Return how many levels one book has."""
        return int(self.sides[which, :, COUNT].sum())

    def clear(self, which: int) -> None:
        """Forget one book, and leave its room to others."""
        self.sides[which] = 0

    def crossed(self, which: int) -> bool:
        """Return whether one book's best bid is at or above its best ask."""
        return bool(core.note_crossed(self.sides[which], self.keys))

    def packed(self) -> dict[str, Any]:
        """Return all levels and counters for ``pack``; how they lie in the pool is not part of it."""
        places = self._places()
        return {
            "counts": self.sides[: self.known, :, COUNT],
            "keys": self.keys[places],
            "sizes": self.sizes[places],
            "exps": self.exps[places],
            "meter": self.meter[USED + 1 :],
        }

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to what ``packed`` returned."""
        self.known = len(parts["counts"])
        self.sides = np.zeros((self.known, 2, 3), np.int64)
        self._lay_out(parts["counts"], (parts["keys"], parts["sizes"], parts["exps"]), 64)
        self.meter[USED + 1 :] = parts["meter"]

    def _claim(self, which: int, side: int, count: int) -> int:
        """Return the place of one empty side with room for ``count`` levels."""
        place = self.sides[which, side]
        if place[ROOM] < count:
            room = max(8, count + count // 4)
            if self.meter[USED] + room > len(self.keys):
                self._widen(room)
            place[BEGIN], place[ROOM] = self.meter[USED], room
            self.meter[USED] += room
        return int(place[BEGIN])

    def _widen(self, more: int) -> None:
        """Lay the pool out anew, with room for at least ``more`` levels on each side of one book."""
        places = self._places()
        columns = (self.keys[places], self.sizes[places], self.exps[places])
        self._lay_out(self.sides[: self.known, :, COUNT].copy(), columns, 8 * more + 64)

    def _lay_out(self, counts: NDArray[np.int64], columns: tuple[NDArray[Any], ...], free: int) -> None:
        """Put the levels of every side into a fresh pool: half of it room to grow in, and as much free again."""
        rooms = np.where(counts > 0, np.maximum(2 * counts, 8), 0)
        used = int(rooms.sum())
        sides = self.sides[: self.known]
        sides[:, :, BEGIN] = (np.cumsum(rooms) - rooms.ravel()).reshape(rooms.shape)
        sides[:, :, COUNT], sides[:, :, ROOM] = counts, rooms
        places = self._places()
        self.keys, self.sizes, self.exps = (np.zeros(used + max(used, free), part.dtype) for part in columns)
        self.keys[places], self.sizes[places], self.exps[places] = columns
        self.meter[USED] = used

    def _places(self) -> NDArray[np.int64]:
        """Return where every level lies in the pool, book by book, side by side, worst first."""
        sides = self.sides[: self.known].reshape(-1, 3)
        counts = sides[:, COUNT]
        before = np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(sides[:, BEGIN], counts) + np.arange(counts.sum()) - before
