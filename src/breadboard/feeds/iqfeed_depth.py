"""One Level 2 book: the orders or price levels that the gateway tells, as absolute totals of price levels.

Of an equity every market maker has one order a side, known by its MMID and side; in a market-by-order book each order
has an id. Sizes are added up as integers of 1e-18, so that a total is exact whatever the sizes are.
"""

from functools import lru_cache
from typing import Any, Final

from breadboard.feeds.reading import Level, Refused
from breadboard.model.decimals import INT64_MAX, SIZE_EXP, SIZE_EXP_MIN, parse_size, size_text
from breadboard.model.kinds import Side

BIDS: Final = 0
ASKS: Final = 1
SIDES: Final = (Side.BUY, Side.SELL)
MOST_ORDERS: Final = 200_000
"""Orders, or levels, of one book; more are no book but a mistake."""
_UNIT: Final[int] = 10 ** (SIZE_EXP - SIZE_EXP_MIN)
_SCALE: Final[tuple[int, ...]] = tuple(int(10 ** (exponent - SIZE_EXP_MIN)) for exponent in range(SIZE_EXP_MIN, 1))

NEVER: Final = -1
"""In place of a stamp: the book was not summarised yet."""
Order = tuple[int, int, int]
"""Side (0 bid, 1 ask), price in 1e-9, size in 1e-18."""


def amount(text: str) -> int:
    """Return a size in 1e-18. Raises ValueError."""
    return _amount(text)


@lru_cache(maxsize=1 << 16)
def _amount(text: str) -> int:
    size, exponent = parse_size(text)
    return size * _SCALE[exponent - SIZE_EXP_MIN]


def level(side: int, price: int, total: int) -> Level:
    """Return a level of the tape, its size in the canonical form of ``parse_size``."""
    size, rest = divmod(total, _UNIT)
    if rest == 0 and size <= INT64_MAX:
        return SIDES[side], price, size, SIZE_EXP
    return SIDES[side], price, *parse_size(size_text(total, SIZE_EXP_MIN))


class Depth:
    """The book of one symbol on one connection."""

    __slots__ = ("_orders", "_totals", "by_order", "summary_ts")

    def __init__(self, by_order: bool) -> None:
        self.by_order = by_order
        """It is told by orders; otherwise by price levels."""
        self.summary_ts = NEVER
        """The receive stamp of the last line of its newest summary."""
        self._orders: dict[str, Order] = {}
        self._totals: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def __len__(self) -> int:
        return len(self._orders) + len(self._totals[BIDS]) + len(self._totals[ASKS])

    def put(self, key: str, side: int, price: int, size: int) -> tuple[Level, ...]:
        """Take an order as it now stands (size 0: gone); return the levels that changed."""
        before = self._orders.get(key)
        if before is not None and before[0] == side and before[1] == price:
            total = self._totals[side][price] - before[2] + size
            self._note(key, side, price, size)
            return (self._set(side, price, total),)
        gone = self.drop(key) if before is not None else ()
        if size == 0:
            return gone
        if len(self._orders) >= MOST_ORDERS:
            raise Refused(f"more than {MOST_ORDERS} orders in one book")
        self._note(key, side, price, size)
        return (*gone, self._set(side, price, self._totals[side].get(price, 0) + size))

    def drop(self, key: str) -> tuple[Level, ...]:
        """Take an order away; return the level that changed, nothing for an order that is not here."""
        before = self._orders.pop(key, None)
        if before is None:
            return ()
        side, price, size = before
        return (self._set(side, price, self._totals[side][price] - size),)

    def set_level(self, side: int, price: int, size: int) -> tuple[Level, ...]:
        """Take the total of one price (0: gone)."""
        if len(self) >= MOST_ORDERS and price not in self._totals[side]:
            raise Refused(f"more than {MOST_ORDERS} levels in one book")
        return (self._set(side, price, size),)

    def clear(self, side: int) -> tuple[Level, ...]:
        """Empty one side; return every level it had, each with size 0."""
        self._orders = {key: order for key, order in self._orders.items() if order[0] != side}
        gone = tuple((SIDES[side], price, 0, SIZE_EXP) for price in sorted(self._totals[side]))
        self._totals[side].clear()
        return gone

    def packed(self) -> list[Any]:
        """Return the book as lists, in an order of its own contents."""
        orders = [[key, *self._orders[key][:2], str(self._orders[key][2])] for key in sorted(self._orders)]
        totals = [[[price, str(side[price])] for price in sorted(side)] for side in self._totals]
        return [self.by_order, self.summary_ts, orders, totals]

    @staticmethod
    def unpacked(parts: list[Any]) -> "Depth":
        """Return the book that ``packed`` told."""
        depth = Depth(parts[0])
        depth.summary_ts = parts[1]
        depth._orders = {key: (side, price, int(size)) for key, side, price, size in parts[2]}
        bids, asks = ({price: int(total) for price, total in side} for side in parts[3])
        depth._totals = (bids, asks)
        return depth

    def _note(self, key: str, side: int, price: int, size: int) -> None:
        if size:
            self._orders[key] = (side, price, size)
        else:
            self._orders.pop(key, None)

    def _set(self, side: int, price: int, total: int) -> Level:
        if total:
            self._totals[side][price] = total
        else:
            self._totals[side].pop(price, None)
        return level(side, price, total)
