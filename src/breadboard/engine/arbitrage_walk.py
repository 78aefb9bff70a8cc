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
    brings,
    buying,
    contracts_of,
    costs,
    fee_on,
    got,
    level,
    paid,
    selling,
)
from breadboard.engine.arbitrage_terms import FEE_UNIT, SIZE_UNIT
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Side
from breadboard.model.wide import MOST, share, share_up

STEPS: Final = 2_000
"""Matches of one walk; there may be more to be taken where it ends for this."""
FULL: Final = 4 * 10**17
"""A walk ends when a sum is beyond this: 4e9 units of size, or 4e8 of money. What one
match adds, and the fees on all of it, still fit everywhere."""
DEAREST: Final = MOST >> 1
"""A walk ends at prices beyond this, 2.3e9 of money a unit: with fees and a margin they are not compared exactly."""
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
def begin(row: Record, place: int, side: int, price: int) -> None:
    """Note what is done with a leg, and the best price for it."""
    row.leg_side[place] = side
    row.leg_price[place] = price


@kernel
def bounded(base: int, price: int) -> int:
    """Return a size, or as much of it as no sum is too small for."""
    if float(base) * float(price) < _SURELY:
        return min(base, FULL)
    return min(base, FULL, share(FULL, SIZE_UNIT, price))


@kernel
def _dearest(ask: int, bid: int, buy: Record, sell: Record, worth: NDArray[np.int64]) -> int:
    """Return the highest of two prices, in the legs' own currencies and in the route's."""
    return max(ask, bid, costs(ask, buy, worth), brings(bid, sell, worth))


@kernel
def pair_earns(
    ask: int, bid: int, dearest: int, buy: Record, sell: Record, worth: NDArray[np.int64], least: int
) -> bool:
    """Return whether a unit bought at ``ask`` and sold at ``bid`` earns more than ``least`` of its cost."""
    finer = FINER if dearest < FINE_BELOW else 1
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
        if ask == ABSENT or bid == ABSENT or step == STEPS:  # noqa: PLR1714 - numba compiles `in` to a loop
            row.capped = row.size > 0
            break
        dearest = _dearest(ask, bid, terms[buy], terms[sell], worth)
        if dearest > DEAREST:
            row.capped = 1
            break
        if not pair_earns(ask, bid, dearest, terms[buy], terms[sell], worth, least):
            break
        if row.size == 0:
            begin(row, 0, _BUY, ask)
            begin(row, 1, _SELL, bid)
        base = bounded(min(ask_left, bid_left), dearest)
        out, back = paid(ask, base), got(bid, base)
        cost, proceeds = costs(out, terms[buy], worth), brings(back, terms[sell], worth)
        bought = ask_lots if base == ask_left else contracts_of(ask, base, terms[buy])
        sold = bid_lots if base == bid_left else contracts_of(bid, base, terms[sell])
        # Rounding may take a match that was bounded a little beyond. What comes in is a sum of its own: where a price
        # is mistaken, what was paid does not bound it.
        sums = max(row.size, row.cost, row.cost + row.gross, spent, earned, row.leg_size[0], row.leg_size[1])
        if max(out, back, cost, proceeds, bought, sold) > 2 * FULL or sums > FULL:
            row.capped = 1
            break
        fees = fee_on(cost, terms[buy]) + fee_on(proceeds, terms[sell])
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
