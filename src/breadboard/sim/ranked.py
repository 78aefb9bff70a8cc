"""A simulated book with its levels in order: the best so many of them, and what a listener of that depth is told.

Kept beside the market's own book from the first listener on, since a market that nobody asks for depth needs no order.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from breadboard.sim.market import BUY, SELL, Book


@dataclass(frozen=True, slots=True)
class Told:
    """One level as a listener hears of it, in ticks and lots; size 0 removes."""

    side: int
    price: int
    size: int
    again: bool = False
    """It did not change: it came back into the depth."""


class Ranked:
    """A book's levels, best first; keys are prices of asks and negated prices of bids."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._sizes: tuple[dict[int, int], dict[int, int]] = (
            {-price: size for price, size in book.sides[BUY].items()},
            dict(book.sides[SELL]),
        )
        self._keys: tuple[list[int], list[int]] = (sorted(self._sizes[BUY]), sorted(self._sizes[SELL]))

    def top(self, side: int, depth: int) -> list[tuple[int, int]]:
        """Return ``(price, size)`` of the best levels of a side, best first."""
        sizes = self._sizes[side]
        return [(-key if side == BUY else key, sizes[key]) for key in self._keys[side][:depth]]

    def take(
        self, changes: Iterable[tuple[int, int, int]], depths: Sequence[int], *, removes: bool
    ) -> dict[int, list[Told]]:
        """Apply changes; return by depth what a listener is told, so that it always holds the best ``depth`` levels.

        A level that comes back into the depth is sent again. One that is pushed out of it is removed in so many words
        where the venue ``removes``, and else left to the listener to cut off.
        """
        told: dict[int, list[Told]] = {depth: [] for depth in depths}
        for side, price, size in changes:
            keys, sizes = self._keys[side], self._sizes[side]
            key = -price if side == BUY else price
            at = bisect_left(keys, key)
            there = at < len(keys) and keys[at] == key
            if size:
                sizes[key] = size
                if not there:
                    keys.insert(at, key)
            elif there:
                del keys[at], sizes[key]
            for depth in depths:
                if at >= depth or not (size or there):
                    continue
                told[depth].append(Told(side, price, size))
                if size and not there and removes and len(keys) > depth:
                    told[depth].append(Told(side, abs(keys[depth]), 0))
                elif not size and len(keys) >= depth:
                    back = keys[depth - 1]
                    told[depth].append(Told(side, abs(back), sizes[back], again=True))
        return told
