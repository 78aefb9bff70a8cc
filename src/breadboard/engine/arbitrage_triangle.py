"""The walk round a triangle: three books of one venue, A/B, B/C and A/C, back to the C that it began with.

Sizes of A; what the middle leg needs of B is rounded up, what it brings is rounded down, to whole 1e-8, once a match.
As for pairs, each match takes what the smallest of the three has left, and the first that does not earn ends it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_levels import FINE_BELOW, FINER, fee_on, got, level, paid
from breadboard.engine.arbitrage_terms import FEE_UNIT, SIZE_UNIT
from breadboard.engine.arbitrage_walk import DEAREST, FULL, STEPS, begin, bounded, clear
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Side
from breadboard.model.wide import share, share_up

_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)


@kernel
def _up_to_size(amount: int) -> int:
    """Return an amount of a currency (1e-9) as a size to be bought (1e-8), rounded up."""
    return (amount + 9) // 10


@kernel
def needed(price: int, base: int, term: Record) -> tuple[int, int]:
    """Return what of the middle currency buys so much, as a size: with the fee on it, and without."""
    amount = paid(price, base)
    return _up_to_size(amount + fee_on(amount, term)), _up_to_size(amount)


@kernel
def brought(price: int, base: int, term: Record) -> tuple[int, int]:
    """Return what of the middle currency so much brings, as a size: less the fee on it, and without one."""
    amount = got(price, base)
    return max(amount - fee_on(amount, term), 0) // 10, amount // 10


@kernel
def _middle(price: int, base: int, term: Record, back: int) -> tuple[int, int]:
    return brought(price, base, term) if back else needed(price, base, term)


@kernel
def _fitting(price: int, base: int, term: Record, back: int, room: int) -> int:
    """Return the largest size up to ``base`` whose amount of the middle currency fits into ``room``."""
    if _middle(price, base, term, back)[0] <= room:
        return base
    low, high = 0, base
    while high - low > 1:
        half = (low + high) >> 1
        if _middle(price, half, term, back)[0] <= room:
            low = half
        else:
            high = half
    return low


@kernel
def triangle_earns(
    a_b: int, b_c: int, a_c: int, dearest: int, back: int, terms: NDArray[np.void], route: Record, least: int
) -> bool:
    """Return whether a unit of A taken round at these prices earns more than ``least`` of its cost.

    ``back`` 0: C buys B, B buys A, A is sold for C. 1: C buys A, A is sold for B, B is sold for C.
    """
    finer = FINER if dearest < FINE_BELOW else 1
    first, middle, last = terms[route.legs[0]], terms[route.legs[1]], terms[route.legs[2]]
    if back:
        cost = share_up(a_c * finer, FEE_UNIT + first.fee, FEE_UNIT)
        brings = share(share(a_b * finer, FEE_UNIT - middle.fee, FEE_UNIT), b_c, PRICE_UNIT)
    else:
        cost = share_up(share_up(a_b * finer, FEE_UNIT + middle.fee, FEE_UNIT), b_c, PRICE_UNIT)
        cost = share_up(cost, FEE_UNIT + first.fee, FEE_UNIT)
        brings = a_c * finer
    brings = share(brings, FEE_UNIT - last.fee, FEE_UNIT)
    return bool(brings > share_up(cost, FEE_UNIT + least, FEE_UNIT))


@kernel
def _buys(place: int, back: int) -> bool:
    """Return whether the leg at a place of a route is bought."""
    return bool(place == 0 or (place == 1 and not back))


@kernel
def _refill(
    route: Record,
    price: NDArray[np.int64],
    left: NDArray[np.int64],
    places: NDArray[np.int64],
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
) -> bool:
    """Go on to the next level of each book whose present one is used up; False where a book ends."""
    for at in range(3):
        side = ASKS if _buys(at, route.back) else BIDS
        while left[at] == 0:
            price[at], left[at], _ = level(route.legs[at], side, places[at], legs, terms, sides, keys, sizes, exps)
            places[at] += 1
            if price[at] == ABSENT:
                return False
    return True


@kernel
def _exchange(price: NDArray[np.int64], base: int, of_b: int, back: int) -> tuple[int, int]:
    """Return what of C is paid at first and what comes at last, where so much of B goes by in between."""
    if back:
        return paid(price[0], base), got(price[2], of_b)
    return paid(price[0], of_b), got(price[2], base)


@kernel
def walk_triangle(  # noqa: C901 - one loop, a match a turn
    route: Record,
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    least: int,
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    around: NDArray[np.int64],
    row: Record,
) -> None:
    """Go round a triangle, in sizes of A; what the middle leg yields or needs of B is matched with the book of B/C.

    ``around`` is room for four numbers a leg.
    """
    clear(row)
    back = route.back
    first, middle, last = terms[route.legs[0]], terms[route.legs[1]], terms[route.legs[2]]
    around[:] = 0
    places, left, price, flow = around[0], around[1], around[2], around[3]  # flow: of each leg's quote currency
    with_b, with_c = (2, 0) if back else (0, 2)  # the legs of B/C and of A/C
    for step in range(STEPS + 1):
        if step == STEPS or not _refill(route, price, left, places, legs, terms, sides, keys, sizes, exps):
            row.capped = row.size > 0
            break
        a_b, b_c, a_c = price[1], price[with_b], price[with_c]
        through = share_up(a_b, b_c, PRICE_UNIT)  # what a unit of A comes to in C by way of B
        dearest = max(a_b, b_c, a_c, through)
        if dearest > DEAREST:
            row.capped = 1
            break
        if not triangle_earns(a_b, b_c, a_c, dearest, back, terms, route, least):
            break
        most = bounded(min(left[1], left[with_c]), max(a_b, a_c, through))
        base = _fitting(price[1], most, middle, back, left[with_b])
        if base == 0:  # a rest of B that is not enough for the smallest size of A
            left[with_b] = 0
            continue
        of_b, bare_b = _middle(price[1], base, middle, back)
        cost, proceeds = _exchange(price, base, of_b, back)
        bare_cost, bare_proceeds = _exchange(price, base, bare_b, back)
        sums = max(row.size, row.leg_size[with_b], row.cost + row.gross, flow[0], flow[1], flow[2])
        if max(of_b, bare_b, cost, proceeds, bare_proceeds) > 2 * FULL or sums > FULL:
            row.capped = 1
            break
        row.net += proceeds - fee_on(proceeds, last) - cost - fee_on(cost, first)
        row.cost += bare_cost
        row.gross += bare_proceeds - bare_cost
        flow[0] += cost
        flow[1] += got(price[1], base) if back else paid(price[1], base)
        flow[2] += proceeds
        for at in range(3):
            if row.size == 0:
                begin(row, at, _BUY if _buys(at, back) else _SELL, price[at])
            taken = of_b if at == with_b else base
            row.leg_size[at] += taken
            row.leg_limit[at] = price[at]
            left[at] -= taken
        row.size += base
    row.fees = row.gross - row.net
    for at in range(3):
        if row.leg_size[at] > 0:
            if _buys(at, back):
                row.leg_average[at] = share_up(flow[at], SIZE_UNIT, row.leg_size[at])
            else:
                row.leg_average[at] = share(flow[at], SIZE_UNIT, row.leg_size[at])
