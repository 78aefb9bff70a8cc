"""Walks down the books: how much can be bought here and sold there before the next unit earns nothing any more.

Levels are matched best against best; each match takes what the smaller of the two has left. It ends with the first
match whose unit does not earn ``least`` (1e-8 of its cost) after fees and conversion. What was walked goes to a row of
``OPPORTUNITY``: cost, gross, fees, net, size, capped, and by leg the best price, the average, the worst, the size.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_levels import (
    FINE_BELOW,
    FINER,
    HIGH,
    LOW,
    buying,
    contracts_of,
    fee_on,
    got,
    level,
    paid,
    selling,
)
from breadboard.engine.arbitrage_terms import FEE_UNIT, NO_RATE, SIZE_UNIT
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Side
from breadboard.model.wide import share, share_up

STEPS: Final = 2_000
"""Matches of one walk; there may be more to be taken where it ends for this."""
FULL: Final = 4 * 10**17
"""A walk ends when a sum is beyond this, of sizes (4e9 units) or of money (4e8): twice as much still fits everywhere."""
_SURELY: Final = 0.99 * FULL * SIZE_UNIT
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)


@kernel
def clear(row: Record) -> None:
    """Have a row say that nothing can be taken."""
    row.cost = row.gross = row.fees = row.net = row.size = 0
    row.capped = 0
    for place in range(3):
        row.leg_price[place] = row.leg_average[place] = row.leg_limit[place] = row.leg_size[place] = 0
        row.leg_side[place] = 0


@kernel
def _begin(row: Record, place: int, side: int, price: int) -> None:
    row.leg_side[place] = side
    row.leg_price[place] = price


@kernel
def _bounded(base: int, price: int) -> int:
    """Return a size, or as much of it as no sum is too small for."""
    if float(base) * float(price) < _SURELY:
        return min(base, FULL)
    return min(base, FULL, share(FULL, SIZE_UNIT, price))


@kernel
def pair_earns(
    ask: int, bid: int, buy: Record, sell: Record, worth: NDArray[np.int64], least: int
) -> bool:
    """Return whether a unit bought at ``ask`` and sold at ``bid`` earns more than ``least`` of its cost."""
    finer = FINER if ask < FINE_BELOW and bid < FINE_BELOW else 1
    cost = buying(ask, finer, buy, worth)
    return bool(selling(bid, finer, sell, worth) > share_up(cost, FEE_UNIT + least, FEE_UNIT))


@kernel
def walk_pair(
    route: Record,
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    worth: NDArray[np.int64],
    least: int,
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    row: Record,
) -> None:
    """Buy at the first leg of a route and sell at the second."""
    clear(row)
    buy, sell = route.legs[0], route.legs[1]
    ask_at = bid_at = ask_left = bid_left = ask_lots = bid_lots = 0
    ask = bid = 0
    spent = earned = 0  # in the legs' own currencies
    for step in range(STEPS + 1):
        while ask_left == 0 and ask != ABSENT:
            ask, ask_left, ask_lots = level(buy, ASKS, ask_at, legs, terms, sides, keys, sizes, exps)
            ask_at += 1
        while bid_left == 0 and bid != ABSENT:
            bid, bid_left, bid_lots = level(sell, BIDS, bid_at, legs, terms, sides, keys, sizes, exps)
            bid_at += 1
        if ask == ABSENT or bid == ABSENT or step == STEPS:
            row.capped = row.size > 0
            break
        if not pair_earns(ask, bid, terms[buy], terms[sell], worth, least):
            break
        if row.size == 0:
            _begin(row, 0, _BUY, ask)
            _begin(row, 1, _SELL, bid)
        base = _bounded(min(ask_left, bid_left), max(ask, bid))
        out, back = paid(ask, base), got(bid, base)
        cost, proceeds = out, back
        if terms[buy].rate != NO_RATE:
            cost = share_up(out, worth[terms[buy].rate, HIGH], PRICE_UNIT)
        if terms[sell].rate != NO_RATE:
            proceeds = share(back, worth[terms[sell].rate, LOW], PRICE_UNIT)
        if max(out, back, cost, proceeds, base) > FULL or max(row.size, row.cost, spent, earned) > FULL:
            row.capped = 1
            break
        fees = fee_on(cost, terms[buy]) + fee_on(proceeds, terms[sell])
        bought = ask_lots if base == ask_left else contracts_of(ask, base, terms[buy])
        sold = bid_lots if base == bid_left else contracts_of(bid, base, terms[sell])
        row.size += base
        row.cost += cost
        row.gross += proceeds - cost
        row.fees += fees
        spent += out
        earned += back
        row.leg_size[0] += bought
        row.leg_size[1] += sold
        row.leg_limit[0], row.leg_limit[1] = ask, bid
        ask_left, bid_left, ask_lots, bid_lots = ask_left - base, bid_left - base, ask_lots - bought, bid_lots - sold
    row.net = row.gross - row.fees
    if row.size > 0:
        row.leg_average[0] = share_up(spent, SIZE_UNIT, row.size)
        row.leg_average[1] = share(earned, SIZE_UNIT, row.size)


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
    a_b: int, b_c: int, a_c: int, back: int, terms: NDArray[np.void], route: Record, least: int
) -> bool:
    """Return whether a unit of A taken round at these prices earns more than ``least`` of its cost.

    ``back`` 0: C buys B, B buys A, A is sold for C. 1: C buys A, A is sold for B, B is sold for C.
    """
    finer = FINER if max(a_b, b_c, a_c) < FINE_BELOW else 1
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
def walk_triangle(
    route: Record,
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    least: int,
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    row: Record,
) -> None:
    """Go round a triangle, in sizes of A; what the middle leg yields or needs of B is matched with the book of B/C."""
    clear(row)
    back = route.back
    places = np.zeros(3, np.int64)
    left = np.zeros(3, np.int64)
    price = np.zeros(3, np.int64)
    flow = np.zeros(3, np.int64)  # of each leg's quote currency
    of_b = 2 if back else 0  # the leg of B/C
    of_c = 0 if back else 2  # the leg of A/C
    amounts_b = 0
    for step in range(STEPS + 1):
        for place in range(3):
            buys = place == 0 or (place == 1 and not back)
            while left[place] == 0 and price[place] != ABSENT:
                price[place], left[place], _ = level(
                    route.legs[place], ASKS if buys else BIDS, places[place], legs, terms, sides, keys, sizes, exps
                )
                places[place] += 1
        if price[0] == ABSENT or price[1] == ABSENT or price[2] == ABSENT or step == STEPS:
            row.capped = row.size > 0
            break
        if not triangle_earns(price[1], price[of_b], price[of_c], back, terms, route, least):
            break
        middle, first, last = terms[route.legs[1]], terms[route.legs[0]], terms[route.legs[2]]
        base = _fitting(price[1], _bounded(min(left[1], left[of_c]), max(price[1], price[of_c])), middle, back, left[of_b])
        if base == 0:  # a rest of B that is not enough for the smallest size of A
            left[of_b] = 0
            continue
        size_b, bare_b = _middle(price[1], base, middle, back)
        if back:
            cost, proceeds = paid(price[0], base), got(price[2], size_b)
            bare_cost, bare_proceeds = cost, got(price[2], bare_b)
        else:
            cost, proceeds = paid(price[0], size_b), got(price[2], base)
            bare_cost, bare_proceeds = paid(price[0], bare_b), proceeds
        if max(base, size_b, cost, proceeds) > FULL or max(row.size, row.cost, amounts_b) > FULL:
            row.capped = 1
            break
        net = proceeds - fee_on(proceeds, last) - cost - fee_on(cost, first)
        if row.size == 0:
            for place in range(3):
                buys = place == 0 or (place == 1 and not back)
                _begin(row, place, _BUY if buys else _SELL, price[place])
        row.size += base
        row.cost += bare_cost
        row.gross += bare_proceeds - bare_cost
        row.net += net
        amounts_b += size_b
        flow[0] += cost
        flow[1] += got(price[1], base) if back else paid(price[1], base)
        flow[2] += proceeds
        for place in range(3):
            taken = size_b if place == of_b else base
            row.leg_size[place] += taken
            row.leg_limit[place] = price[place]
            left[place] -= taken
    row.fees = row.gross - row.net
    for place in range(3):
        if row.leg_size[place] > 0:
            buys = place == 0 or (place == 1 and not back)
            if buys:
                row.leg_average[place] = share_up(flow[place], SIZE_UNIT, row.leg_size[place])
            else:
                row.leg_average[place] = share(flow[place], SIZE_UNIT, row.leg_size[place])
