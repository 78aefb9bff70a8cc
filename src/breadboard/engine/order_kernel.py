"""The inner loop of order-by-order books.

An ORDER row changes one order; what it leaves behind are the absolute totals of the one or two levels that it touched,
which the books take like any other change. Sizes are kept in 1e-8, in which nearly every venue's sizes are exact.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.order_tables import GONE, LEVELS, ORDERS, find_level, find_order, free_order
from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag, OrderAction

RANK, UNKNOWN, OVERDRAWN, REPEATED, RESTING, REFUSED = range(2, 8)
"""Further slots of ``meter``: the next rank; orders changed that are not known, that are taken more from than they had,
and that are added again; orders that rest, and that would have been one too many."""
METERS: Final = 8
MOST_TOUCHED: Final = 2
"""Levels one row can change."""

_ORDER: Final = int(EventKind.ORDER)
_ADD: Final = int(OrderAction.ADD)
_REDUCE: Final = int(OrderAction.REDUCE)
_FILL: Final = int(OrderAction.FILL)
_DELETE: Final = int(OrderAction.DELETE)
_REPLACE: Final = int(OrderAction.REPLACE)
_CLEAR: Final = int(OrderAction.CLEAR)
_UNKNOWN_ORDER: Final = int(Flag.UNKNOWN_ORDER)
_POWERS: Final = tuple(int(10**power) for power in range(9))


@kernel
def _amount(size: int, exponent: int) -> int:
    """Return a size in 1e-8; -1 for none, or one that is not exact or does not fit."""
    if size < 0 or exponent < SIZE_EXP or exponent > 0:
        return -1
    power = _POWERS[exponent - SIZE_EXP]
    return size * power if size <= INT64_MAX // power else -1


@kernel
def _clear(orders: NDArray[np.void], levels: NDArray[np.void], instrument: int, meter: NDArray[np.int64]) -> None:
    """Forget every order and level of one instrument."""
    for at in range(len(orders)):
        if orders[at].instrument == instrument:
            orders[at].instrument = GONE
            meter[RESTING] -= 1
    for at in range(len(levels)):
        if levels[at].instrument == instrument:
            levels[at].total = levels[at].told = levels[at].orders = 0


@kernel
def _take(orders: NDArray[np.void], levels: NDArray[np.void], at: int, amount: int, meter: NDArray[np.int64]) -> int:
    """Take a part of an order away, at most all of it; return the place of its level."""
    order = orders[at]
    where = find_level(levels, order.instrument, order.side, order.price, meter)
    level = levels[where]
    level.total = max(0, level.total - amount)
    level.told -= amount
    order.size -= amount
    if order.size == 0:
        order.instrument = GONE
        level.orders -= 1
        meter[RESTING] -= 1
    return where


@kernel
def _add(
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    instrument: int,
    side: int,
    price: int,
    amount: int,
    order_id: int,
    rank: int,
    meter: NDArray[np.int64],
) -> int:
    """Add an order, or what nobody named; return the place of its level."""
    where = find_level(levels, instrument, side, price, meter)
    level = levels[where]
    level.total += amount
    if order_id == ABSENT:
        return where
    level.told += amount
    level.orders += 1
    meter[RESTING] += 1
    order = orders[free_order(orders, instrument, order_id, meter)]
    order.id, order.price, order.size, order.instrument, order.side = order_id, price, amount, instrument, side
    order.rank = rank
    return where


@kernel
def _put(
    action: int,
    instrument: int,
    side: int,
    price: int,
    amount: int,
    order_id: int,
    at: int,
    most: int,
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    meter: NDArray[np.int64],
) -> tuple[int, int, bool]:
    """ADD or REPLACE an order, which is at ``at`` where it is known; return as ``_change`` does."""
    if amount < 0 or side == 0 or price == ABSENT:
        return -1, -1, False
    if order_id == ABSENT and action == _REPLACE:
        where = find_level(levels, instrument, side, price, meter)
        levels[where].total = amount
        return where, -1, True
    before, rank = -1, meter[RANK]
    if at >= 0:
        meter[REPEATED] += action == _ADD
        order = orders[at]
        if order.price == price and order.side == side and amount <= order.size:
            rank = order.rank  # who asks for less keeps the place
        before = _take(orders, levels, at, order.size, meter)
    if amount == 0:
        return before, -1, at >= 0 or action == _ADD
    if order_id != ABSENT and meter[RESTING] >= most:
        meter[REFUSED] += 1
        return before, -1, False
    if amount > INT64_MAX - levels[find_level(levels, instrument, side, price, meter)].total:
        return before, -1, False
    where = _add(orders, levels, instrument, side, price, amount, order_id, rank, meter)
    return where, (before if before != where else -1), True


@kernel
def _lessen(
    action: int,
    instrument: int,
    side: int,
    price: int,
    amount: int,
    at: int,
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    meter: NDArray[np.int64],
) -> tuple[int, int, bool]:
    """REDUCE, FILL or DELETE an order, or what nobody named at its price; return as ``_change`` does."""
    if at >= 0 and action == _DELETE:
        return _take(orders, levels, at, orders[at].size, meter), -1, True
    if amount < 0:
        return -1, -1, False
    if at >= 0:
        enough = amount <= orders[at].size
        meter[OVERDRAWN] += not enough
        return _take(orders, levels, at, min(amount, orders[at].size), meter), -1, enough
    if side == 0 or price == ABSENT:
        return -1, -1, False
    where = find_level(levels, instrument, side, price, meter)
    if levels[where].total - levels[where].told < amount:
        return -1, -1, False
    levels[where].total -= amount
    return where, -1, True


@kernel
def _change(
    action: int,
    instrument: int,
    side: int,
    price: int,
    amount: int,
    order_id: int,
    most: int,
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    meter: NDArray[np.int64],
) -> tuple[int, int, bool]:
    """Make one change; return the places of up to two levels that it touched (-1 for none) and whether it was known."""
    meter[RANK] += 1
    at = -1 if order_id == ABSENT else find_order(orders, instrument, order_id)
    if action in (_ADD, _REPLACE):
        return _put(action, instrument, side, price, amount, order_id, at, most, orders, levels, meter)
    if action in (_REDUCE, _FILL, _DELETE):
        return _lessen(action, instrument, side, price, amount, at, orders, levels, meter)
    return -1, -1, False


@kernel
def run(
    row: int,
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    side: NDArray[np.uint8],
    instrument: NDArray[np.int32],
    order_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    flags: NDArray[np.uint16],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    orders: NDArray[np.void],
    levels: NDArray[np.void],
    meter: NDArray[np.int64],
    most: int,
    base: int,
    at: int,
    out: NDArray[np.int64],
) -> tuple[int, int]:
    """Take ORDER rows from ``row`` on; return the first row not taken and the count of levels in ``out[3, …]``.

    Returns early where a table is more than half full. No order is added where ``most`` rest. ``out`` has side, price
    and total of each level, which begin at ``base`` in the tape's own columns.
    """
    while row < len(kind):
        if kind[row] != _ORDER or instrument[row] < 0:
            row += 1
            continue
        if 2 * (meter[ORDERS] + 1) > len(orders) or 2 * (meter[LEVELS] + MOST_TOUCHED) > len(levels):
            return row, at
        level_begin[row] = base + at
        if code[row] == _CLEAR:
            _clear(orders, levels, instrument[row], meter)
        else:
            first, second, known = _change(
                code[row],
                instrument[row],
                side[row],
                price[row],
                _amount(size[row], size_exp[row]),
                order_id[row],
                most,
                orders,
                levels,
                meter,
            )
            if not known:
                flags[row] |= _UNKNOWN_ORDER
                meter[UNKNOWN] += 1
            for where in (second, first):
                if where >= 0:
                    out[0, at], out[1, at], out[2, at] = levels[where].side, levels[where].price, levels[where].total
                    at += 1
        level_end[row] = base + at
        row += 1
    return row, at
