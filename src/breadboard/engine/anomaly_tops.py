"""Best bid and offer as anomalies need them: in force, how far they reached lately, since when they stand still."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_state import NO_TIME
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
    owner.bid = owner.ask = owner.changed = owner.waits = owner.stretch = ABSENT
    owner.through = 0


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
    if owner.waits != ABSENT and bid - owner.waits_far <= owner.waits <= ask + owner.waits_far:
        owner.waits = ABSENT


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
    """Have a print outside of best bid and offer wait for a quote that explains it; of several, the farthest waits.

    One that happened before the quote it would be held against, by more than ``grace``, says nothing; nor does any
    where somebody chose which quotes we see.
    """
    if owner.bid == ABSENT or (flags | owner.top_flags) & _CONFLATED:
        return
    if (when != ABSENT and when < owner.top_when - limits.grace) or explains(owner, price, now, limits):
        return
    low, high = min(owner.low, owner.low_before), max(owner.high, owner.high_before)
    edge = high if price > high else low
    if owner.waits != ABSENT and abs(price - edge) <= abs(owner.waits - owner.waits_edge):
        return
    owner.waits, owner.waits_edge, owner.waits_event, owner.waits_recv = price, edge, when, ts_recv
    owner.waits_when = now
    owner.waits_far = int(limits.tolerance * 0.5 * (float(owner.bid) + float(owner.ask)))
    owner.waits_from, owner.waits_offset = owner.reach_offset_before, offset
    owner.waits_flags = flags | owner.top_flags


@kernel
def conclude_outside(
    owner: Record, which: int, now: int, place: tuple[int, int], limits: Record, out: NDArray[np.void], at: int
) -> int:
    """Tell of the print that no quote explained, where its time is up."""
    if now - owner.waits_when <= limits.grace:
        return at
    price, edge, when = owner.waits, owner.waits_edge, owner.waits_when
    owner.waits = ABSENT
    far = owner.waits_far if price > edge else -owner.waits_far
    measured = price * _UNIT, edge * _UNIT, (edge + far) * _UNIT
    times, evidence = (owner.waits_event, owner.waits_recv), (owner.waits_from, owner.waits_offset)
    flags = owner.waits_flags
    rests_on = 0, NO_TIME
    return tell(owner, which, _OUTSIDE, when, limits, place, times, flags, measured, evidence, rests_on, out, at)


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
