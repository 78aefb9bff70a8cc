"""Best bid and offer as anomalies need them: in force, how far they reached lately, since when they stand still."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_state import NO_TIME, PLACES
from breadboard.engine.anomaly_told import tell
from breadboard.model.anomalies import Anomaly
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Flag

_CONFLATED: Final = int(Flag.CONFLATED)
_OUTSIDE: Final = int(Anomaly.TRADE_OUTSIDE)
_STUCK: Final = int(Anomaly.STUCK_QUOTE)
_UNIT: Final = 1.0 / PRICE_UNIT


@kernel
def lose_top(owner: Record) -> None:
    """Best bid and offer are not known any more; what waited for the next ones waits in vain."""
    owner.bid = owner.ask = owner.changed = owner.stretch = ABSENT
    owner.through = owner.waiting = 0


@kernel
def _reach(owner: Record, now: int, limits: Record) -> None:
    """Come to the stretch of ``grace`` that a moment is in; what is in force reaches over from the one before."""
    stretch = now // limits.grace
    if stretch == owner.stretch:
        return
    if owner.stretch != ABSENT and stretch == owner.stretch + 1:
        owner.low_before, owner.high_before, owner.reach_offset_before = owner.low, owner.high, owner.reach_offset
    else:
        owner.low_before, owner.high_before, owner.reach_offset_before = owner.bid, owner.ask, owner.top_offset
    owner.low, owner.high, owner.reach_offset, owner.stretch = owner.bid, owner.ask, owner.top_offset, stretch


@kernel
def take_top(
    owner: Record, bids: tuple[int, int], asks: tuple[int, int], offset: int, flags: int, now: int, limits: Record
) -> None:
    """Take the newest best bid and offer, price and size each. One side alone, or crossed prices, are none."""
    (bid, bid_size), (ask, ask_size) = bids, asks
    if bid == ABSENT or ask <= 0 or bid <= 0 or bid > ask:
        lose_top(owner)
        return
    if bid != owner.bid or ask != owner.ask or bid_size != owner.bid_size or ask_size != owner.ask_size:
        owner.changed, owner.changed_offset, owner.through = now, offset, 0
    known = owner.bid != ABSENT
    if known:
        _reach(owner, now, limits)
    owner.bid, owner.ask, owner.bid_size, owner.ask_size = bid, ask, bid_size, ask_size
    owner.top_offset, owner.top_when, owner.top_flags = offset, now, flags
    if known:
        owner.low, owner.high = min(owner.low, bid), max(owner.high, ask)
    else:
        _reach(owner, now, limits)
    narrow = spread_of(owner)
    if narrow < owner.spread:
        owner.spread, owner.spread_offset = narrow, offset
    if owner.waiting:
        _explain(owner)


@kernel
def _explain(owner: Record) -> None:
    """Have those wait no longer that best bid and offer reach; the one behind moves up."""
    kept = 0
    for place in range(owner.waiting):
        waits = owner.waits[place]
        if not owner.bid - waits.far <= waits.price <= owner.ask + waits.far:
            owner.waits[kept] = waits
            kept += 1
    owner.waiting = kept


@kernel
def spread_of(owner: Record) -> float:
    """Return the quoted spread in force, relative to the mid; infinite where none is."""
    if owner.bid == ABSENT:
        return np.inf
    return float(2.0 * (owner.ask - owner.bid) / (float(owner.ask) + float(owner.bid)))


@kernel
def explains(owner: Record, price: int, now: int, limits: Record) -> bool:
    """Tell whether best bid and offer, now or shortly before, make a print at this price no surprise."""
    if owner.bid == ABSENT:
        return False
    _reach(owner, now, limits)
    far = int(limits.tolerance * 0.5 * (float(owner.bid) + float(owner.ask)))
    return bool(min(owner.low, owner.low_before) - far <= price <= max(owner.high, owner.high_before) + far)


@kernel
def hold_against(
    owner: Record, price: int, when: int, ts_recv: int, offset: int, flags: int, now: int, limits: Record
) -> None:
    """Have a print outside of best bid and offer wait for a quote that explains it.

    The first of several keeps its time, however many come after it; of those the farthest waits behind it. One that
    happened before the quote it would be held against, by more than ``grace``, says nothing; nor does any where
    somebody chose which quotes we see.
    """
    if owner.bid == ABSENT or (flags | owner.top_flags) & _CONFLATED:
        return
    if (when != ABSENT and when < owner.top_when - limits.grace) or explains(owner, price, now, limits):
        return
    low, high = min(owner.low, owner.low_before), max(owner.high, owner.high_before)
    edge = high if price > high else low
    waits = owner.waits[min(owner.waiting, PLACES - 1)]
    if owner.waiting < PLACES:
        owner.waiting += 1
    elif abs(price - edge) <= abs(waits.price - waits.edge):
        return
    waits.price, waits.edge, waits.when, waits.ts_event, waits.ts_recv = price, edge, now, when, ts_recv
    waits.far = int(limits.tolerance * 0.5 * (float(owner.bid) + float(owner.ask)))
    waits.from_offset, waits.to_offset, waits.flags = owner.reach_offset_before, offset, flags | owner.top_flags


@kernel
def conclude_outside(
    owner: Record, which: int, now: int, place: tuple[int, int], limits: Record, out: NDArray[np.void], at: int
) -> int:
    """Tell of prints that no quote explained, where their time is up."""
    rests_on = 0, NO_TIME
    waits = owner.waits[0]
    while owner.waiting and now - waits.when > limits.grace:
        edge, when, flags = waits.edge, waits.when, waits.flags
        far = waits.far if waits.price > edge else -waits.far
        measured = waits.price * _UNIT, edge * _UNIT, (edge + far) * _UNIT
        times, evidence = (waits.ts_event, waits.ts_recv), (waits.from_offset, waits.to_offset)
        at = tell(owner, which, _OUTSIDE, when, limits, place, times, flags, measured, evidence, rests_on, out, at)
        owner.waits[0] = owner.waits[1]
        owner.waiting -= 1
    return at


@kernel
def pass_through(
    owner: Record,
    which: int,
    bid: int,
    ask: int,
    times: tuple[int, int],
    flags: int,
    now: int,
    place: tuple[int, int],
    limits: Record,
    out: NDArray[np.void],
    at: int,
) -> int:
    """Count a price beyond best bid and offer that stand still: a print (twice the same), or the book's own best."""
    if owner.bid == ABSENT or (ask >= owner.bid and bid <= owner.ask) or (flags | owner.top_flags) & _CONFLATED:
        return at
    owner.through += 1
    still = now - owner.changed
    if owner.through < limits.through or still < limits.stuck:
        return at
    measured = still * 1e-9, 0.0, limits.stuck * 1e-9
    evidence = owner.changed_offset, place[0]
    flags |= owner.top_flags
    rests_on = 0, NO_TIME
    return tell(owner, which, _STUCK, now, limits, place, times, flags, measured, evidence, rests_on, out, at)
