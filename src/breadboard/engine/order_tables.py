"""The two hash tables of order-by-order books: orders by id, price levels by price. Open addressing, linear probing."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import kernel

ORDER: Final = np.dtype(
    [
        ("id", np.int64),
        ("price", np.int64),
        ("size", np.int64),  # that still rests, 1e-8
        ("rank", np.int64),  # counts arrivals: within a level, who came first is filled first
        ("instrument", np.int32),  # FREE where there is none, GONE where there was one
        ("side", np.uint8),
    ]
)
LEVEL: Final = np.dtype(
    [
        ("price", np.int64),
        ("total", np.int64),  # size of everything at this price, 1e-8
        ("told", np.int64),  # the part of it that is of orders with an id
        ("orders", np.int64),
        ("instrument", np.int32),
        ("side", np.uint8),
    ]
)
"""``total - told`` is of orders that nobody named: those in a snapshot of levels."""
FREE, GONE = -1, -2
ORDERS, LEVELS = 0, 1
"""Slots of ``meter``: places used in each table, also those of orders that are gone."""
LEAST_ROOM: Final = 1 << 10
_MIX: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_HALF: Final = np.uint64(32)


def fresh(dtype: np.dtype[np.void], room: int) -> NDArray[np.void]:
    """Return an empty table of at least ``room`` places, a power of two."""
    table = np.zeros(max(LEAST_ROOM, 1 << (room - 1).bit_length() if room else 0), dtype)
    table["instrument"] = FREE
    return table


@kernel
def _place(number: int, instrument: int, side: int, mask: int) -> int:
    """Return where to begin to look in a table of ``mask + 1`` places."""
    mixed = (np.uint64(number) ^ (np.uint64(instrument) << _HALF) ^ np.uint64(side)) * _MIX
    return int(mixed >> _HALF) & mask


@kernel
def find_order(orders: NDArray[np.void], instrument: int, order_id: int) -> int:
    """Return the place of an order, or -1."""
    mask = len(orders) - 1
    at = _place(order_id, instrument, 0, mask)
    while orders[at].instrument != FREE:
        if orders[at].id == order_id and orders[at].instrument == instrument:
            return at
        at = (at + 1) & mask
    return -1


@kernel
def free_order(orders: NDArray[np.void], instrument: int, order_id: int, meter: NDArray[np.int64]) -> int:
    """Return a place for an order that is not in the table."""
    mask = len(orders) - 1
    at = _place(order_id, instrument, 0, mask)
    while orders[at].instrument >= 0:
        at = (at + 1) & mask
    meter[ORDERS] += orders[at].instrument == FREE
    return at


@kernel
def find_level(levels: NDArray[np.void], instrument: int, side: int, price: int, meter: NDArray[np.int64]) -> int:
    """Return the place of a level, which is made where there is none."""
    mask = len(levels) - 1
    at = _place(price, instrument, side, mask)
    while levels[at].instrument != FREE:
        if levels[at].price == price and levels[at].instrument == instrument and levels[at].side == side:
            return at
        at = (at + 1) & mask
    level = levels[at]
    level.price, level.instrument, level.side = price, instrument, side
    level.total = level.told = level.orders = 0
    meter[LEVELS] += 1
    return at


@kernel
def rehash(
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    new_orders: NDArray[np.void],
    new_levels: NDArray[np.void],
    meter: NDArray[np.int64],
) -> None:
    """Move what there is into fresh tables (every ``instrument`` FREE), which know nothing of what is gone."""
    meter[ORDERS] = meter[LEVELS] = 0
    for at in range(len(orders)):
        if orders[at].instrument >= 0:
            new_orders[free_order(new_orders, orders[at].instrument, orders[at].id, meter)] = orders[at]
    for at in range(len(levels)):
        level = levels[at]
        if level.instrument >= 0 and (level.total != 0 or level.orders != 0):
            new_levels[find_level(new_levels, level.instrument, level.side, level.price, meter)] = level
