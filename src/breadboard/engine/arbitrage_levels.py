"""What a leg offers level by level, in units of the thing itself, and what a level is worth: exact, rounded against us.

Prices are in 1e-9 of the leg's quote currency and sizes in 1e-8 of the base currency: of a contract on so much of the
quote currency (inverse) a level's size is ``contracts * amount / price``, rounded down. What is paid and what it costs
in fees is rounded up, what is received is rounded down, both to 1e-9 of a currency.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_terms import FEE_UNIT, NO_RATE, SIZE_UNIT
from breadboard.engine.book_kernel import BIDS
from breadboard.engine.consolidated_legs import BOOK
from breadboard.engine.level_rooms import BEGIN, COUNT
from breadboard.model.decimals import ABSENT, PRICE_UNIT, SIZE_EXP
from breadboard.model.kernels import Record, kernel
from breadboard.model.opportunities import OpportunityKind
from breadboard.model.wide import MOST, share, share_up

LOW, HIGH = 0, 1
"""Columns of ``worth``: what a unit of a currency brings, and what it costs."""
FINE_BELOW: Final = 400_000 * PRICE_UNIT
FINER: Final = 10_000
"""Prices below ``FINE_BELOW``, in the route's currency too, are compared in units this much finer, so that rounding
cannot hide an opportunity."""
_CROSS: Final = int(OpportunityKind.CROSS_VENUE)


@kernel
def in_units(size: int, exponent: int) -> int:
    """Return ``size * 10 ** exponent`` in 1e-8, rounded down; MOST where it is larger; 0 where nobody said a size."""
    if size == ABSENT or size <= 0:
        return 0
    while exponent > SIZE_EXP:
        if size > MOST // 10:
            return MOST
        size *= 10
        exponent -= 1
    while exponent < SIZE_EXP and size > 0:
        size //= 10
        exponent += 1
    return min(size, MOST)


@kernel
def base_of(price: int, contracts: int, term: Record) -> int:
    """Return what so many contracts (1e-8) are at a price, in 1e-8 of the base currency, rounded down."""
    if term.inverse:
        return share(contracts, term.amount, price)
    if term.amount == PRICE_UNIT:
        return contracts
    return share(contracts, term.amount, PRICE_UNIT)


@kernel
def contracts_of(price: int, base: int, term: Record) -> int:
    """Return how many contracts (1e-8) so much of the base currency is at a price, rounded down."""
    if term.inverse:
        return share(base, price, term.amount)
    if term.amount == PRICE_UNIT:
        return base
    return share(base, PRICE_UNIT, term.amount)


@kernel
def level(
    leg: int,
    side: int,
    place: int,
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
) -> tuple[int, int, int]:
    """Return price, base size and contracts of a leg's ``place``-th best level; the price ABSENT where there is none.

    A leg that speaks through its quotes has one level a side.
    """
    if legs[leg].face == BOOK:
        count = sides[leg, side, COUNT]
        if place >= count:
            return ABSENT, 0, 0
        at = sides[leg, side, BEGIN] + count - 1 - place
        price = keys[at] if side == BIDS else -keys[at]
        contracts = in_units(sizes[at], exps[at])
    elif place > 0:
        return ABSENT, 0, 0
    elif side == BIDS:
        price, contracts = legs[leg].bid, in_units(legs[leg].bid_size, legs[leg].bid_size_exp)
    else:
        price, contracts = legs[leg].ask, in_units(legs[leg].ask_size, legs[leg].ask_size_exp)
    if price <= 0:  # also ABSENT; at nothing and below it, buying and selling mean something else
        return ABSENT, 0, 0
    return price, base_of(price, contracts, terms[leg]), contracts


@kernel
def rate_of(route: Record, place: int, terms: NDArray[np.void]) -> int:
    """Return what converts a leg's currency to the route's; NO_RATE for a triangle, which ends in what it began with.

    A leg of a triangle may be one of a group that is quoted in something else.
    """
    return int(terms[route.legs[place]].rate) if route.kind == _CROSS else NO_RATE


@kernel
def costs(amount: int, term: Record, worth: NDArray[np.int64]) -> int:
    """Return what an amount of a leg's currency costs in the route's, rounded up."""
    return amount if term.rate == NO_RATE else share_up(amount, worth[term.rate, HIGH], PRICE_UNIT)


@kernel
def brings(amount: int, term: Record, worth: NDArray[np.int64]) -> int:
    """Return what an amount of a leg's currency brings in the route's, rounded down."""
    return amount if term.rate == NO_RATE else share(amount, worth[term.rate, LOW], PRICE_UNIT)


@kernel
def buying(price: int, finer: int, term: Record, worth: NDArray[np.int64]) -> int:
    """Return what a unit bought at a price costs in all, in 1e-9 / ``finer`` of the route's currency, rounded up."""
    cost = costs(price * finer, term, worth)
    return share_up(cost, FEE_UNIT + term.fee, FEE_UNIT) if term.fee else cost


@kernel
def selling(price: int, finer: int, term: Record, worth: NDArray[np.int64]) -> int:
    """Return what a unit sold at a price brings in all, in 1e-9 / ``finer`` of the route's currency, rounded down."""
    proceeds = brings(price * finer, term, worth)
    return share(proceeds, FEE_UNIT - term.fee, FEE_UNIT) if term.fee else proceeds


@kernel
def paid(price: int, base: int) -> int:
    """Return what so much bought at a price comes to, rounded up."""
    return share_up(price, base, SIZE_UNIT)


@kernel
def got(price: int, base: int) -> int:
    """Return what so much sold at a price comes to, rounded down."""
    return share(price, base, SIZE_UNIT)


@kernel
def fee_on(amount: int, term: Record) -> int:
    """Return the fee on an amount, rounded up."""
    return share_up(amount, term.fee, FEE_UNIT) if term.fee else 0
