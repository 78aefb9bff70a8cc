"""What one trade does to the windows it is in. Formulas and sources: ``features.py``."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.feature_state import (
    BUCKETS,
    GRAIN_NS,
    HORIZON_NS,
    INTERVALS,
    LEARNING,
    TRADES_A_BUCKET,
    WAITING,
)
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kernels import Record, kernel

_BUY: Final = 1
_SELL: Final = 2
_UNITS: Final = np.array([10**power for power in range(11)], np.int64)
_MOST: Final = INT64_MAX // 2
"""The most that one trade counts for in the buckets, 4.6e10 units of size ..."""
_MOST_LEARNED: Final = INT64_MAX // 8
"""... and all from which their volume is learned: BUCKETS of them stay within 64 bits."""


@kernel
def sign_of(owner: Record, side: int, price: int) -> int:
    """Return 1 where the buyer crossed, -1 where the seller did, 0 where nothing tells; remember the price.

    The venue's word first; else the quote rule against the mid in force, else the tick rule (Lee and Ready 1991).
    """
    if owner.tick_price not in (ABSENT, price):
        owner.tick = 1 if price > owner.tick_price else -1
    owner.tick_price = price
    if side == _BUY:
        return 1
    if side == _SELL:
        return -1
    if owner.valid:
        above, below = price - owner.bid, owner.ask - price  # a sum of two prices may not fit 64 bits
        if above > below:
            return 1
        if above < below:
            return -1
    return int(owner.tick)


@kernel
def walk(slot: Record, price: float, when: int) -> None:
    """Let a trade be next on a window's price path; one older than the newest is no step of it."""
    if slot.path_from == ABSENT:
        slot.path_from = slot.path_to = when
        slot.path_first = slot.path_last = price
    elif when >= slot.path_to:
        slot.path_sum += slot.path_last * (when - slot.path_to)
        slot.path_to, slot.path_last = when, price


@kernel
def count(
    owner: Record, slots: NDArray[np.void], spots: NDArray[np.int64], price: int, size: float, sign: int, when: int
) -> None:
    """Let a trade that moves prices (``size`` NaN: not known) count in its windows."""
    value = price * 1e-9
    for interval in range(INTERVALS):
        if spots[interval] < 0:
            continue
        slot = slots[spots[interval]]
        walk(slot, value, when)
        if np.isnan(size):
            continue
        if sign != 0:
            slot.signed += sign * size
            slot.signs += 1
        if owner.valid:
            slot.effective += size * 2.0 * abs(value - owner.mid)
            slot.effective_volume += size
        if owner.buckets >= BUCKETS:
            slot.vpin = owner.imbalances / (float(BUCKETS) * owner.bucket)


@kernel
def await_mid(owner: Record, price: int, size: float, sign: int, when: int) -> None:
    """Let a trade wait for the mid HORIZON_NS later, with the others of its tenth of a second."""
    tenth = when // GRAIN_NS
    if sign == 0 or np.isnan(size) or tenth <= owner.settled:
        return
    place = tenth % WAITING
    if owner.waiting[place] != tenth:
        owner.waiting[place] = tenth
        owner.waiting_value[place] = owner.waiting_sign[place] = owner.waiting_size[place] = 0.0
    owner.waiting_value[place] += 2.0 * sign * size * (price * 1e-9)
    owner.waiting_sign[place] += 2.0 * sign * size
    owner.waiting_size[place] += size
    owner.newest = max(owner.newest, tenth)


@kernel
def settle(owner: Record, slots: NDArray[np.void], spots: NDArray[np.int64], when: int) -> None:
    """Hold the trades whose horizon is over at ``when`` against the mid in force before this row."""
    done = (when - HORIZON_NS) // GRAIN_NS - 1
    if done <= owner.settled:
        return
    for tenth in range(max(owner.settled + 1, owner.newest - WAITING + 1), min(done, owner.newest) + 1):
        place = tenth % WAITING
        if owner.waiting[place] != tenth or not owner.valid:
            continue
        value = owner.waiting_value[place] - owner.mid * owner.waiting_sign[place]
        for interval in range(INTERVALS):
            if spots[interval] >= 0:
                slots[spots[interval]].realised += value
                slots[spots[interval]].realised_volume += owner.waiting_size[place]
    owner.settled = done


@kernel
def pour(owner: Record, size: int, exponent: int, sign: int) -> None:
    """Pour a trade into the volume buckets, in whole 1e-8 of size; it may fill several."""
    if exponent >= -8:
        volume = size * _UNITS[exponent + 8] if size <= _MOST // _UNITS[exponent + 8] else _MOST
    else:
        volume = min(size // _UNITS[-8 - exponent], _MOST)
    if owner.learned < LEARNING:
        owner.learned += 1
        owner.bucket = min(owner.bucket + volume, _MOST_LEARNED)
        if owner.learned == LEARNING:
            owner.bucket = max(owner.bucket // (LEARNING // TRADES_A_BUCKET), 1)
        return
    whole = volume // owner.bucket
    if whole > BUCKETS + 1:  # the ring is all this one trade: more turns of it change nothing
        volume -= (whole - BUCKETS - 1) * owner.bucket
    while volume > 0:
        part = min(volume, owner.bucket - owner.filled)
        volume -= part
        owner.filled += part
        owner.balance += sign * part
        if owner.filled == owner.bucket:
            place = owner.buckets % BUCKETS
            owner.imbalances += abs(owner.balance) - owner.bucket_imbalance[place]
            owner.bucket_imbalance[place] = abs(owner.balance)
            owner.buckets += 1
            owner.filled = owner.balance = 0
