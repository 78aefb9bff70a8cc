"""One route at one moment: what keeps it from giving a signal, what it would earn, and what that makes of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_levels import HIGH, LOW, rate_of
from breadboard.engine.arbitrage_terms import FEE_UNIT, NO_RATE
from breadboard.engine.arbitrage_triangle import walk_triangle
from breadboard.engine.arbitrage_walk import walk_pair
from breadboard.engine.consolidated_legs import GAPPED, NOTHING, STALE
from breadboard.model.decimals import ABSENT, PRICE_UNIT, SIZE_EXP
from breadboard.model.kernels import Record, kernel
from breadboard.model.opportunities import MAX_LEGS, Cause, OpportunityKind, OpportunityState
from breadboard.model.wide import share, share_up

STANDING: Final = np.dtype(
    [
        ("open", np.uint8),
        ("told", np.int64),  # ts_recv of its last row
        ("changes", np.int32),  # since then
    ]
)
"""Whether a route has an open opportunity, and when somebody was told of it."""
LEAST, MAX_AGE, UPDATE, SUSPECT_TOO = range(4)
"""Places of ``limits``: the margin asked for in 1e-8; ns that a leg may be old; ns between two updates; 1: a leg gives
signals although its source's clock is suspect."""
_CROSS: Final = int(OpportunityKind.CROSS_VENUE)
_OPENED: Final = int(OpportunityState.OPENED)
_UPDATED: Final = int(OpportunityState.UPDATED)
_CLOSED: Final = int(OpportunityState.CLOSED)
_NONE: Final = int(Cause.NONE)
_GONE: Final = int(Cause.GONE)
_AGED: Final = int(Cause.AGED)
_STALE: Final = int(Cause.STALE)
_GAPPED: Final = int(Cause.GAPPED)
_UNKNOWN: Final = int(Cause.UNKNOWN)
_CLOCK: Final = int(Cause.CLOCK)
_INVERTED: Final = int(Cause.INVERTED)
_DELAYED: Final = int(Cause.DELAYED)
_RATE: Final = int(Cause.RATE)
_HALTED: Final = int(Cause.HALTED)
TRADES: Final = -1
"""In place of the source that told of a leg's halt: it is not halted, as far as is known."""
_SURELY: Final = 1.0 - 1e-9
"""Further from earning anything than floats can be wrong: there is no need to look exactly."""


@kernel
def hindrance(leg: Record, halted: bool, now: int, limits: NDArray[np.int64]) -> int:  # noqa: PLR0911 - a list
    """Return the ``Cause`` for which a leg gives no signal now; NONE where it may."""
    if leg.made == NOTHING:
        return _UNKNOWN
    if leg.made == STALE:
        return _STALE
    if leg.made == GAPPED:
        return _GAPPED
    if leg.delayed:
        return _DELAYED
    if leg.suspect and not limits[SUSPECT_TOO]:
        return _CLOCK
    if leg.inverted:
        return _INVERTED
    if halted:
        return _HALTED
    if leg.ts_recv - now > limits[MAX_AGE]:  # heard later than now: recorded at another time, or our clock was set
        return _CLOCK
    return _AGED if now - leg.ts_recv > limits[MAX_AGE] else _NONE


@kernel
def convert(
    place: int,
    now: int,
    rates: NDArray[np.void],
    legs: NDArray[np.void],
    halts: NDArray[np.int32],
    limits: NDArray[np.int64],
    worth: NDArray[np.int64],
) -> int:
    """Note what a unit of a currency brings and costs now, and return how old that is; ABSENT where nobody knows.

    Who converts pays the dearer side: the bid where he sells the currency, the ask where he buys it.
    """
    rate = rates[place]
    low = high = rate.fixed
    since = rate.as_of
    if rate.leg >= 0:
        leg = legs[rate.leg]
        held_back = hindrance(leg, halts[rate.leg] != TRADES, now, limits)
        if held_back not in (_NONE, _AGED) or ABSENT in (leg.bid, leg.ask):
            return ABSENT
        low, high, since = leg.bid, leg.ask, leg.ts_recv
    age: int = now - since
    # A leg heard a moment after now is as good here as in `hindrance`: our clock was set back. A rate agreed for later
    # does not hold yet.
    if low <= 0 or age > rate.max_age or (age < 0 and rate.leg < 0):
        return ABSENT
    if rate.inverted:
        low, high = share(PRICE_UNIT, PRICE_UNIT, high), share_up(PRICE_UNIT, PRICE_UNIT, low)
    worth[place, LOW], worth[place, HIGH] = low, high
    return age


@kernel
def good_until(
    route: Record, legs: NDArray[np.void], terms: NDArray[np.void], rates: NDArray[np.void], limits: NDArray[np.int64]
) -> int:
    """Return the time after which a leg of a route, or a conversion, is too old."""
    until = 2**63 - 1
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        if leg < 0:
            continue
        until = min(until, legs[leg].ts_recv + limits[MAX_AGE])
        converts = rate_of(route, place, terms)
        if converts != NO_RATE:
            rate = rates[converts]
            until = min(until, rate.max_age + (legs[rate.leg].ts_recv if rate.leg >= 0 else rate.as_of))
    return until


@kernel
def _surely_not(route: Record, legs: NDArray[np.void], terms: NDArray[np.void], worth: NDArray[np.int64]) -> bool:
    """Return whether the best prices are so far apart that nothing can be earned; most routes are, most of the time."""
    amount = 1.0
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        if leg < 0:
            break
        buys = place == 0 or (place == 1 and route.kind != _CROSS and not route.back)
        price = legs[leg].ask if buys else legs[leg].bid
        if price <= 0:
            return True
        value = float(price)
        converts = rate_of(route, place, terms)
        if converts != NO_RATE:
            value *= worth[converts, HIGH if buys else LOW] / 1e9
        fee = terms[leg].fee / FEE_UNIT
        if buys:
            amount /= value * (1.0 + fee)
        else:
            amount *= value * (1.0 - fee)
    if route.kind != _CROSS:  # two legs one way and one the other: one power of 1e9 is over
        amount *= 1e9 if not route.back else 1e-9
    return bool(amount < _SURELY)


@kernel
def _enough(row: Record, route: Record, terms: NDArray[np.void]) -> bool:
    """Round each leg's size down to what can be ordered; return whether every leg can be."""
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        if leg >= 0:
            row.leg_size[place] -= row.leg_size[place] % terms[leg].step
            if row.leg_size[place] == 0:
                return False
    return bool(row.net > 0)


@kernel
def _take_figures(row: Record, found: Record) -> None:
    """Take what a walk came to."""
    row.cost, row.gross, row.fees, row.net = found.cost, found.gross, found.fees, found.net
    row.size, row.capped = found.size, found.capped
    row.gross_bps = found.gross / found.cost * 1e4
    row.fees_bps = found.fees / found.cost * 1e4
    row.net_bps = found.net / found.cost * 1e4
    row.peak_net = max(row.peak_net, found.net)
    for place in range(MAX_LEGS):
        row.leg_side[place], row.leg_price[place] = found.leg_side[place], found.leg_price[place]
        row.leg_average[place], row.leg_limit[place] = found.leg_average[place], found.leg_limit[place]
        row.leg_size[place] = found.leg_size[place]


@kernel
def _same_figures(row: Record, found: Record) -> bool:
    """Return whether a walk came to what is known already."""
    if row.cost != found.cost or row.gross != found.gross or row.fees != found.fees or row.size != found.size:
        return False
    for place in range(MAX_LEGS):
        if row.leg_price[place] != found.leg_price[place] or row.leg_size[place] != found.leg_size[place]:
            return False
    return bool(row.capped == found.capped)


@kernel
def _describe(row: Record, route: Record, now: int, legs: NDArray[np.void]) -> None:
    """Write what a row says of its moment and of its legs."""
    row.ts_recv, row.lifetime = now, now - row.opened_ts
    row.flags = row.suspect = 0
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        if leg >= 0:
            row.flags |= legs[leg].flags
            row.suspect |= legs[leg].suspect << place
            row.leg_age[place] = now - legs[leg].ts_recv


@kernel
def weigh(
    route: Record,
    now: int,
    legs: NDArray[np.void],
    halts: NDArray[np.int32],
    terms: NDArray[np.void],
    rates: NDArray[np.void],
    worth: NDArray[np.int64],
    limits: NDArray[np.int64],
) -> tuple[int, int]:
    """Return the ``Cause`` for which a route gives no signal, as far as best prices tell, and how old its rates are.

    NONE: only its books can tell, and ``worth`` holds what its currencies are worth now.
    """
    rate_age = ABSENT
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        if leg >= 0:
            cause = hindrance(legs[leg], halts[leg] != TRADES, now, limits)
            if cause != _NONE:
                return cause, ABSENT
    for place in range(MAX_LEGS):
        converts = rate_of(route, place, terms) if route.legs[place] >= 0 else NO_RATE
        if converts != NO_RATE:
            age = convert(converts, now, rates, legs, halts, limits, worth)
            if age == ABSENT:
                return _RATE, ABSENT
            rate_age = max(rate_age, age)
    return (_GONE if _surely_not(route, legs, terms, worth) else _NONE), rate_age


@kernel
def look(
    route: Record,
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    worth: NDArray[np.int64],
    limits: NDArray[np.int64],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    around: NDArray[np.int64],
    found: Record,
) -> int:
    """Walk the books of a route; return GONE where nothing can be taken, and NONE where ``found`` says what can."""
    if route.kind == _CROSS:
        walk_pair(route, legs, terms, worth, limits[LEAST], sides, keys, sizes, exps, found)
    else:
        walk_triangle(route, legs, terms, limits[LEAST], sides, keys, sizes, exps, around, found)
    return _NONE if found.size > 0 and _enough(found, route, terms) else _GONE


@kernel
def conclude(
    place: int,
    cause: int,
    now: int,
    rate_age: int,
    legs: NDArray[np.void],
    routes: NDArray[np.void],
    standing: NDArray[np.void],
    held: NDArray[np.void],
    found: Record,
    limits: NDArray[np.int64],
) -> int:
    """Return the ``OpportunityState`` of the row that is to be told of a route now, 0 for none.

    The row is ``held[place]``, but for what only the tape row knows.
    """
    route, state, row = routes[place], standing[place], held[place]
    if cause != _NONE:
        if not state.open:
            return 0
        state.open = 0
        row.state, row.cause = _CLOSED, cause
        row.changes, state.changes = state.changes + 1, 0
        _describe(row, route, now, legs)
        return _CLOSED
    if not state.open:
        state.open = 1
        row.state, row.cause, row.kind, row.route = _OPENED, _NONE, route.kind, place
        row.legs = 2 if route.kind == _CROSS else 3
        row.currency, row.size_exp, row.opened_ts, row.peak_net = route.currency, SIZE_EXP, now, 0
        state.changes = 1
    elif not _same_figures(row, found):
        row.state = _UPDATED
        state.changes += 1
    elif state.changes == 0:  # else what is held is untold, and waits for its time
        return 0
    _take_figures(row, found)
    row.rate_age = rate_age
    if row.state == _UPDATED and 0 <= now - state.told < limits[UPDATE]:  # below 0: our clock was set back
        return 0
    _describe(row, route, now, legs)
    row.changes, state.changes, state.told = state.changes, 0, now
    return int(row.state)
