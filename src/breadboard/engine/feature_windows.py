"""Windows of event time: how one opens, how one is closed, and what it came to. Formulas: ``features.py``."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.feature_state import (
    INTERVALS,
    LEAST_REGRESSION,
    PLACES,
    REGRESSION,
    RINGS,
    SECOND,
    SECONDS,
    begin,
)
from breadboard.model.decimals import ABSENT
from breadboard.model.features import LEVELS, Feature
from breadboard.model.kernels import Record, kernel

FEATURES: Final = len(Feature)
WINDOW: Final = np.dtype(
    [
        ("instrument", np.int64),
        ("interval", np.int64),  # seconds
        ("ts_open", np.int64),
        ("offset", np.int64),
        ("values", np.float64, (FEATURES,)),  # by Feature; NaN where there is none
    ]
)
"""One window that is over."""

# Values are written by plain numbers: looking up a member of an Enum is no business of a kernel.
_VWAP, _TWAP, _SIGNED, _EFFECTIVE, _REALISED, _AMIHUD, _VPIN, _SPREAD, _MID, _MICRO, _OFI, _VOLATILITY, _KYLE = range(
    13
)
_IMBALANCE, _LEVEL_FLOW = 13, 14

_ALIKE: Final = 1e-20
"""Flows that differ by less, in squares of themselves, differ by the rounding of their sums: they have no slope."""


@kernel
def _kyle(owner: Record, interval: int) -> float:
    """Return the slope of the mid's changes on signed volume over the newest windows, by least squares; or NaN."""
    many = min(owner.windows[interval], REGRESSION)
    if many < LEAST_REGRESSION:
        return np.nan
    first = interval * REGRESSION
    flow = move = 0.0
    for place in range(first, first + many):
        flow += owner.flow[place]
        move += owner.move[place]
    flow, move = flow / many, move / many
    above = below = total = 0.0
    for place in range(first, first + many):
        away = owner.flow[place] - flow
        above += away * (owner.move[place] - move)
        below += away * away
        total += owner.flow[place] ** 2
    return above / below if below > _ALIKE * total else np.nan


@kernel
def _of_trades(slot: Record, ends: int, values: NDArray[np.float64]) -> None:
    """Write what the trades of a window came to."""
    if slot.volume > 0.0:
        values[_VWAP] = slot.notional / slot.volume
    if slot.path_from != ABSENT:
        path = slot.path_sum + slot.path_last * (ends - slot.path_to)
        values[_TWAP] = path / (ends - slot.path_from)
        if slot.path_first > 0.0 and slot.path_last > 0.0 and slot.notional > 0.0:
            values[_AMIHUD] = abs(np.log(slot.path_last / slot.path_first)) / slot.notional
    if slot.signs:
        values[_SIGNED] = slot.signed
    if slot.effective_volume > 0.0:
        values[_EFFECTIVE] = slot.effective / slot.effective_volume
    if slot.realised_volume > 0.0:
        values[_REALISED] = slot.realised / slot.realised_volume
    values[_VPIN] = slot.vpin


@kernel
def _of_tops(slot: Record, ends: int, values: NDArray[np.float64]) -> None:
    """Write what the best bids and offers of a window came to, and the levels below them."""
    if slot.since != ABSENT and slot.since < ends and not np.isnan(slot.spread):
        slot.spread_sum += slot.spread * (ends - slot.since)
        slot.spread_time += ends - slot.since
    if slot.spread_time > 0:
        values[_SPREAD] = slot.spread_sum / slot.spread_time
    values[_MID], values[_MICRO], values[_IMBALANCE] = slot.mid, slot.micro, slot.imbalance
    if slot.flows:
        values[_OFI] = slot.flow
    if slot.returns:
        values[_VOLATILITY] = np.sqrt(slot.squares)
    for level in range(LEVELS):
        if slot.level_flows[level]:
            values[_LEVEL_FLOW + level] = slot.level_flow[level]


@kernel
def _close(owner: Record, slot: Record, which: int, interval: int, offset: int, window: Record) -> None:
    """Close one window and write what it came to."""
    window.instrument, window.interval, window.offset = which, SECONDS[interval], offset
    window.ts_open = slot.number * SECONDS[interval] * SECOND
    ends = window.ts_open + SECONDS[interval] * SECOND
    slot.open = 0
    owner.open -= 1
    before, newest = owner.ended[interval], slot.number > owner.closed[interval]
    if newest:
        owner.closed[interval], owner.ended[interval] = slot.number, slot.mid
    values = window.values
    for feature in range(FEATURES):
        values[feature] = np.nan
    _of_trades(slot, ends, values)
    _of_tops(slot, ends, values)
    if not np.isnan(slot.mid):
        # A window's last quote may come after the next one has opened: what that move was is told by the ends alone.
        begins = before if newest and not np.isnan(before) else slot.mid_first
        place = interval * REGRESSION + owner.windows[interval] % REGRESSION
        owner.flow[place], owner.move[place] = slot.signed, slot.mid - begins
        owner.windows[interval] += 1
        values[_KYLE] = _kyle(owner, interval)


@kernel
def close_until(
    mark: Record,
    offset: int,
    owners: NDArray[np.void],
    slots: NDArray[np.void],
    many: int,
    out: NDArray[np.void],
    at: int,
) -> int:
    """Close what a mark ends, by instrument, interval and time; return the next place in ``out``."""
    for which in range(many):
        owner = owners[which]
        if owner.source != mark.source or owner.open == 0:
            continue
        for interval in range(INTERVALS):
            done = mark.second // SECONDS[interval] - 1
            for _ in range(RINGS[interval]):
                oldest = -1
                for place in range(PLACES[interval], PLACES[interval] + RINGS[interval]):
                    slot = slots[which, place]
                    over = slot.open and (mark.ended or slot.number <= done)
                    if over and (oldest < 0 or slot.number < slots[which, oldest].number):
                        oldest = place
                if oldest < 0:
                    break
                _close(owner, slots[which, oldest], which, interval, offset, out[at])
                at += 1
    return at


@kernel
def enter(
    owner: Record,
    slots: NDArray[np.void],
    which: int,
    when: int,
    second: int,
    offset: int,
    spots: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Find (or open) the windows of an event at ``when``; -1 in ``spots`` for one that is over. Return the next place.

    A window that a later one pushes out of its ring is closed here.
    """
    now = when // SECOND
    for interval in range(INTERVALS):
        number = now // SECONDS[interval]
        place = PLACES[interval] + number % RINGS[interval]
        slot = slots[place]
        spots[interval] = place
        if slot.open and slot.number == number:
            continue
        over = (number + 1) * SECONDS[interval] <= second or number <= owner.closed[interval]
        if over or (slot.open and slot.number > number):
            spots[interval] = -1
            continue
        if slot.open:
            _close(owner, slot, which, interval, offset, out[at])
            at += 1
        begin(slot, owner, number, SECONDS[interval])
        owner.open += 1
    return at
