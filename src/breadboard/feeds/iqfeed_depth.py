"""One Level 2 book as far as its lines have to be understood: which orders or price levels it has.

Of an equity every market maker has one order a side, known by its MMID and side; in a market-by-order book each order
has an id. What they add up to is the engine's to know: here is only what tells a new order from a changed one, and
which orders a cleared side had.
"""

from hashlib import blake2b
from typing import Any, Final, NamedTuple

from breadboard.feeds.reading import Level, Refused
from breadboard.model.decimals import ABSENT, SIZE_EXP, parse_size
from breadboard.model.kinds import OrderAction, Side

BIDS: Final = 0
ASKS: Final = 1
SIDES: Final = (Side.BUY, Side.SELL)
MOST_ORDERS: Final = 200_000
"""Orders, or levels, of one book; more are no book but a mistake."""
NEVER: Final = -1
"""In place of a stamp: the book was not summarised yet."""
_SHORT: Final = 7
"""Signs of a name that fit into an order's number as they are."""
_LONGEST_NUMBER: Final = 18
_NAMED: Final = 1 << 62
"""Set in the numbers of orders whose names are none; a number itself stays below."""
_NOTHING: Final = (0, SIZE_EXP)


class Change(NamedTuple):
    """What happened to one order."""

    action: OrderAction
    order_id: int
    side: Side
    price: int
    size: int
    size_exp: int


def amount(text: str) -> tuple[int, int]:
    """Return a size and its exponent. Raises ValueError, too, for one finer than orders are kept in."""
    size, exponent = parse_size(text)
    if exponent < SIZE_EXP:
        raise Refused(f"an order of a size finer than 1e{SIZE_EXP}: {text[:40]}")
    return size, exponent


def order_number(key: str) -> int:
    """Return the number of an order: its own, else one made of its name, the same on every run."""
    if key.isascii() and key.isdecimal() and len(key) <= _LONGEST_NUMBER and str(int(key)) == key:
        return int(key)
    raw = key.encode("latin-1")
    raw = raw if len(raw) <= _SHORT else blake2b(raw, digest_size=_SHORT).digest()
    return _NAMED | int.from_bytes(raw, "big")


def gone(key: str, side: int) -> tuple[Change, ...]:
    """Return the end of an order."""
    return (Change(OrderAction.DELETE, order_number(key), SIDES[side], ABSENT, *_NOTHING),)


class Depth:
    """The book of one symbol on one connection."""

    __slots__ = ("_orders", "_prices", "by_order", "summary_ts")

    def __init__(self, by_order: bool) -> None:
        self.by_order = by_order
        """It is told by orders; otherwise by price levels."""
        self.summary_ts = NEVER
        """The receive stamp of the last line of its newest summary."""
        self._orders: dict[str, int] = {}
        """The side of each order."""
        self._prices: tuple[set[int], set[int]] = (set(), set())

    def __len__(self) -> int:
        return len(self._orders) + len(self._prices[BIDS]) + len(self._prices[ASKS])

    def put(self, key: str, side: int, price: int, size: tuple[int, int]) -> tuple[Change, ...]:
        """Take an order as it now stands (size 0: gone); return what that changes."""
        if size[0] == 0:
            return self.drop(key)
        known = key in self._orders
        if not known and len(self._orders) >= MOST_ORDERS:
            raise Refused(f"more than {MOST_ORDERS} orders in one book")
        self._orders[key] = side
        action = OrderAction.REPLACE if known else OrderAction.ADD
        return (Change(action, order_number(key), SIDES[side], price, *size),)

    def drop(self, key: str) -> tuple[Change, ...]:
        """Take an order away; return that change, nothing for an order that is not here."""
        side = self._orders.pop(key, None)
        return () if side is None else gone(key, side)

    def set_level(self, side: int, price: int, text: str) -> tuple[Level, ...]:
        """Take the total of one price (0: gone)."""
        size, exponent = parse_size(text)
        if size and len(self) >= MOST_ORDERS and price not in self._prices[side]:
            raise Refused(f"more than {MOST_ORDERS} levels in one book")
        if size:
            self._prices[side].add(price)
        else:
            self._prices[side].discard(price)
        return ((SIDES[side], price, size, exponent),)

    def clear_orders(self, side: int) -> tuple[Change, ...]:
        """Empty one side of a book of orders; return the end of each it had."""
        return tuple(change for key in sorted(self._orders) if self._orders[key] == side for change in self.drop(key))

    def clear_levels(self, side: int) -> tuple[Level, ...]:
        """Empty one side of a book of levels; return every level it had, each with size 0."""
        levels = tuple((SIDES[side], price, 0, SIZE_EXP) for price in sorted(self._prices[side]))
        self._prices[side].clear()
        return levels

    def packed(self) -> list[Any]:
        """Return the book as lists, in an order of its own contents."""
        return [self.by_order, self.summary_ts, sorted(self._orders.items()), [sorted(side) for side in self._prices]]

    @staticmethod
    def unpacked(parts: list[Any]) -> "Depth":
        """Return the book that ``packed`` told."""
        depth = Depth(parts[0])
        depth.summary_ts = parts[1]
        depth._orders = dict(parts[2])
        depth._prices = (set(parts[3][BIDS]), set(parts[3][ASKS]))
        return depth
