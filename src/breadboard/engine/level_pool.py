"""Where the levels of all books lie: one pool of columns, each side of a book a sorted stretch of it, best last."""

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.level_rooms import (
    BEGIN,
    COUNT,
    FREE,
    METERS,
    NOWHERE,
    ROOM,
    SIZES,
    USED,
    close_ranks,
    fresh_meter,
    give_back,
    room_for,
    size_of,
    take_room,
)
from breadboard.engine.state import grown
from breadboard.model.kinds import Side

SIDES: Final = ((BIDS, Side.BUY), (ASKS, Side.SELL))


class LevelPool:
    """The levels of any number of books. A side that outgrows its room moves to a larger one and leaves it to others.

    In a full pool of which a fifth is free rooms these are won back, else it becomes twice as long: what nothing was
    ever written to is no memory yet.
    """

    def __init__(self) -> None:
        self.known = 0
        self.sides = np.zeros((0, 2, 3), np.int64)
        self.keys = np.zeros(0, np.int64)
        self.sizes = np.zeros(0, np.int64)
        self.exps = np.zeros(0, np.int8)
        self.meter = fresh_meter()
        """The kernel's counters, and what the pool knows of its rooms."""

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
            self._widen(int(room_for(self.sides[which, :, COUNT] + len(side)).sum()))

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

    def counts(self, which: int) -> tuple[int, int]:
        """Return how many bids and asks one book has."""
        return int(self.sides[which, BIDS, COUNT]), int(self.sides[which, ASKS, COUNT])

    def count(self, which: int) -> int:
        """Return how many levels one book has."""
        return int(self.sides[which, :, COUNT].sum())

    def clear(self, which: int) -> None:
        """Forget one book, and leave its rooms to others."""
        for side in self.sides[which]:
            give_back(side, self.keys, self.meter)
        self.sides[which] = 0

    def crossed(self, which: int) -> bool:
        """Return whether one book's best bid is at or above its best ask."""
        return bool(core.note_crossed(self.sides[which], self.keys))

    def close_ranks(self) -> None:
        """Win back all free rooms: every room moves up to the one before it, as small as its levels allow."""
        sides = self.sides[: self.known].reshape(-1, 3)
        order = np.argsort(sides[:, BEGIN], kind="stable")
        close_ranks(sides, order, self.keys, self.sizes, self.exps, self.meter)

    def packed(self) -> dict[str, Any]:
        """Return all levels and counters for ``pack``; how they lie in the pool is not part of it."""
        return {
            "counts": self.sides[: self.known, :, COUNT],
            "keys": partial(self._dense, self.keys),
            "sizes": partial(self._dense, self.sizes),
            "exps": partial(self._dense, self.exps),
            "meter": self.meter[USED + 1 : METERS],
        }

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to what ``packed`` returned."""
        counts, self.meter = parts["counts"], fresh_meter()
        rooms = room_for(counts)
        self.known = len(counts)
        self.sides = np.zeros((self.known, 2, 3), np.int64)
        self.sides[:, :, BEGIN] = (np.cumsum(rooms) - rooms.ravel()).reshape(rooms.shape)
        self.sides[:, :, COUNT], self.sides[:, :, ROOM] = counts, rooms
        used = int(rooms.sum())
        self.keys, self.sizes, self.exps = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8)
        self._lengthen(used)
        ends = np.cumsum(counts)
        for name in ("keys", "sizes", "exps"):
            column = getattr(self, name)
            for rows, end in zip(self._rows(), ends.tolist(), strict=True):
                column[rows] = parts[name][end - (rows.stop - rows.start) : end]
        self.meter[USED], self.meter[USED + 1 : METERS] = used, parts["meter"]

    def _claim(self, which: int, side: int, count: int) -> int:
        """Return the place of one empty side with room for ``count`` levels."""
        place = self.sides[which, side]
        if place[ROOM] < count:
            give_back(place, self.keys, self.meter)
            size = size_of(count)
            while (begin := take_room(size, self.keys, self.meter)) == NOWHERE:
                self._widen(int(SIZES[size]))
            place[BEGIN], place[ROOM] = begin, SIZES[size]
        return int(place[BEGIN])

    def _widen(self, more: int) -> None:
        """Have ``more`` places behind those in use."""
        if 5 * self.meter[FREE] > self.meter[USED]:
            self.close_ranks()
        self._lengthen(int(self.meter[USED]) + more)

    def _lengthen(self, places: int) -> None:
        """Have so many places in all, and as many in each column."""
        self.keys = grown(self.keys, places)
        self.sizes = grown(self.sizes, len(self.keys))
        self.exps = grown(self.exps, len(self.keys))

    def _rows(self) -> list[slice]:
        """Return where the levels of every side lie, book by book, worst level first."""
        return [slice(begin, begin + count) for begin, count, _ in self.sides[: self.known].reshape(-1, 3).tolist()]

    def _dense(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return what a column holds of every level, without the room between."""
        return np.concatenate([column[:0], *(column[rows] for rows in self._rows())])
