"""What a change of the best bid and offer, or of the levels below, does to the windows. Formulas: ``features.py``."""

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.feature_state import INTERVALS, SLOTS
from breadboard.model.decimals import ABSENT
from breadboard.model.features import LEVELS
from breadboard.model.kernels import Record, kernel


@kernel
def flow_of(
    bid: int, bid_size: float, ask: int, ask_size: float, bid_0: int, bid_size_0: float, ask_0: int, ask_size_0: float
) -> float:
    """Return the order flow of one change from prices and sizes ``_0`` (Cont, Kukanov and Stoikov 2014, eq. 2)."""
    flow = 0.0
    if bid >= bid_0:
        flow += bid_size
    if bid <= bid_0:
        flow -= bid_size_0
    if ask <= ask_0:
        flow -= ask_size
    if ask >= ask_0:
        flow += ask_size_0
    return flow


@kernel
def lose_top(owner: Record, slots: NDArray[np.void]) -> None:
    """Believe the best bid and offer no more: nothing tells since when, so no open window ends with them.

    Nor does the mid's next move begin where the window before ended.
    """
    if owner.valid == 0:
        return
    owner.valid = 0
    owner.ended[:] = np.nan
    for place in range(SLOTS):
        slots[place].spread = slots[place].mid = slots[place].micro = np.nan


@kernel
def lose_depth(owner: Record, slots: NDArray[np.void]) -> None:
    """Believe the levels no more."""
    if owner.deep == 0:
        return
    owner.deep = 0
    for place in range(SLOTS):
        slots[place].imbalance = np.nan


@kernel
def _spend(slot: Record, when: int) -> None:
    """Count the present spread, where there is one, up to ``when``.

    Time that the window has come past stays as it was counted: what is told late holds from ``since`` on.
    """
    if slot.since == ABSENT:
        slot.since = when
    elif when > slot.since:
        if not np.isnan(slot.spread):
            slot.spread_sum += slot.spread * (when - slot.since)
            slot.spread_time += when - slot.since
        slot.since = when


@kernel
def end_top(owner: Record, slots: NDArray[np.void], spots: NDArray[np.int64], when: int) -> None:
    """Take the venue's word that from ``when`` on a side is missing, or the two are crossed."""
    owner.valid = 0
    for interval in range(INTERVALS):
        if spots[interval] >= 0:
            slot = slots[spots[interval]]
            _spend(slot, when)
            slot.spread = slot.mid = slot.micro = np.nan


@kernel
def take_top(  # noqa: C901 - one step of one loop
    owner: Record,
    slots: NDArray[np.void],
    spots: NDArray[np.int64],
    timely: bool,
    when: int,
    anew: bool,
    bid: int,
    bid_size: float,
    ask: int,
    ask_size: float,
) -> None:
    """Take a best bid and offer; without an event time it is known from here on, and is in no window of its own.

    Begun ``anew``, they are no change of those before, which were in force until now.
    """
    if ABSENT in (bid, ask) or bid > ask or owner.halted:
        if timely:
            end_top(owner, slots, spots, when)
        else:
            lose_top(owner, slots)
        return
    mid = (bid * 0.5 + ask * 0.5) * 1e-9
    total = bid_size + ask_size
    micro = (bid * ask_size + ask * bid_size) / total * 1e-9 if total > 0.0 else np.nan
    flow = move = np.nan
    if owner.valid and not anew:
        flow = flow_of(bid, bid_size, ask, ask_size, owner.bid, owner.bid_size, owner.ask, owner.ask_size)
        if mid > 0.0 and owner.mid > 0.0:
            move = 0.0 if mid == owner.mid else np.log(mid / owner.mid)
    if timely:
        for interval in range(INTERVALS):
            if spots[interval] < 0:
                continue
            slot = slots[spots[interval]]
            _spend(slot, when)
            slot.spread = (ask - bid) * 1e-9
            if np.isnan(slot.mid_first):
                slot.mid_first = mid
            slot.mid, slot.micro = mid, micro
            if not np.isnan(flow):
                slot.flow += flow
                slot.flows += 1
            if not np.isnan(move):
                slot.squares += move * move
                slot.returns += 1
    elif owner.valid and (bid != owner.bid or ask != owner.ask):
        lose_top(owner, slots)
    owner.top_ts = when if timely else ABSENT
    owner.valid = 1
    owner.bid, owner.ask, owner.mid, owner.micro = bid, ask, mid, micro
    owner.bid_size, owner.ask_size = bid_size, ask_size


@kernel
def _imbalance(depth: Record) -> float:
    """Return (bids − asks) / (bids + asks) over the sizes of all levels; NaN where a side has none."""
    if depth.bid_price[0] == ABSENT or depth.ask_price[0] == ABSENT:
        return np.nan
    bids = asks = 0.0
    for level in range(LEVELS):
        bids += depth.bid_size[level]
        asks += depth.ask_size[level]
    return (bids - asks) / (bids + asks) if bids + asks > 0.0 else np.nan


@kernel
def take_depth(
    owner: Record, slots: NDArray[np.void], spots: NDArray[np.int64], timely: bool, when: int, anew: bool, depth: Record
) -> None:
    """Take the levels of a live book; begun ``anew``, or without an event time, as a best bid and offer."""
    imbalance = _imbalance(depth)
    if timely:
        for interval in range(INTERVALS):
            if spots[interval] >= 0:
                slots[spots[interval]].imbalance = imbalance
    elif imbalance != owner.imbalance:
        lose_depth(owner, slots)
    for level in range(LEVELS):
        bid, ask = depth.bid_price[level], depth.ask_price[level]
        bid_0, ask_0 = owner.bid_price[level], owner.ask_price[level]
        whole = ABSENT not in (bid, ask, bid_0, ask_0)
        if timely and owner.deep and not anew and whole:
            bid_size, ask_size = depth.bid_size[level], depth.ask_size[level]
            before = owner.bid_depth[level], owner.ask_depth[level]
            flow = flow_of(bid, bid_size, ask, ask_size, bid_0, before[0], ask_0, before[1])
            for interval in range(INTERVALS):
                if spots[interval] >= 0:
                    slots[spots[interval]].level_flow[level] += flow
                    slots[spots[interval]].level_flows[level] += 1
        owner.bid_price[level], owner.ask_price[level] = bid, ask
        owner.bid_depth[level], owner.ask_depth[level] = depth.bid_size[level], depth.ask_size[level]
    owner.deep, owner.imbalance = 1, imbalance
    owner.deep_ts = when if timely else ABSENT
