"""How a bar ends: by its source's watermark, by one that takes its place, or with what joins it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_slots import (
    DAY,
    NONE_OPEN,
    OPEN,
    PLACES,
    RINGS,
    SECONDS,
    begin,
    begin_of,
    copy_out,
    is_none,
    join_before,
    number_of,
)
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BarState

_SECOND: Final = 1_000_000_000
_PROVISIONAL: Final = int(BarState.PROVISIONAL)
_FINAL: Final = int(BarState.FINAL)
_CORRECTED: Final = int(BarState.CORRECTED)


@kernel
def _oldest(slots: NDArray[np.void], interval: int, start: int, newest: int) -> int:
    """Return the lowest provisional bar number of one ring from ``start`` on, or NONE_OPEN."""
    ring = RINGS[interval]
    if newest - start >= ring:  # a bar that nothing pushed out may be further back than the ring is long
        return _least(slots, interval, start)
    for number in range(start, newest + 1):
        slot = slots[PLACES[interval] + number % ring]
        if slot.state == _PROVISIONAL and slot.number == number:
            return number
    return NONE_OPEN


@kernel
def _least(slots: NDArray[np.void], interval: int, start: int) -> int:
    """Return the same, of all places of the ring."""
    least = NONE_OPEN
    for place in range(PLACES[interval], PLACES[interval] + RINGS[interval]):
        if slots[place].state == _PROVISIONAL and start <= slots[place].number < least:
            least = slots[place].number
    return least


@kernel
def conclude(
    slot: Record,
    slots: NDArray[np.void],
    owner: Record,
    which: int,
    interval: int,
    state: int,
    offset: int,
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Write a bar that is over; of what came to none, the bar that its volume joins. Return the next place."""
    if not is_none(slot) or not owner.joins or slot.trades == 0 or interval == DAY:
        return copy_out(slot, owner, which, interval, state, offset, days, out, at)
    place = join_before(slots, interval, slot)
    if place < 0 or slots[place].state == _PROVISIONAL:
        return at
    slots[place].state = _CORRECTED
    return copy_out(slots[place], owner, which, interval, _CORRECTED, offset, days, out, at)


@kernel
def _close_joined(
    done: int,
    slots: NDArray[np.void],
    owner: Record,
    which: int,
    interval: int,
    offset: int,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Make the bars up to ``done`` final where volume without a price joins the bar before; return the next place.

    What a bar holds is known when a later one has a price, or is as far ahead as the ring is long.
    """
    known = number = _least(slots, interval, owner.oldest[interval])
    while number <= done:
        slot = slots[PLACES[interval] + number % RINGS[interval]]
        if is_none(slot):
            slot.state = _FINAL
            meter[OPEN] -= 1
            at = conclude(slot, slots, owner, which, interval, _FINAL, offset, days, out, at)
        else:
            known = number
        number = _least(slots, interval, number + 1)
    number = _least(slots, interval, owner.oldest[interval])
    while number <= done and (number < known or done - number >= RINGS[interval]):
        slot = slots[PLACES[interval] + number % RINGS[interval]]
        slot.state = _FINAL
        meter[OPEN] -= 1
        at = copy_out(slot, owner, which, interval, _FINAL, offset, days, out, at)
        number = _least(slots, interval, number + 1)
    owner.oldest[interval] = number
    return at


@kernel
def close_bars(
    source: int,
    second: int,
    offset: int,
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Make final every provisional bar of a source that ends at or before ``second``; return the next place."""
    for which in range(count):
        owner = owners[which]
        if owner.source != source:
            continue
        for interval in range(len(SECONDS)):
            done = number_of(interval, second * _SECOND, owner.zone, days) - 1
            oldest = owner.oldest[interval]
            if oldest > done:
                continue
            if owner.joins and interval != DAY:
                at = _close_joined(done, slots[which], owner, which, interval, offset, meter, days, out, at)
                continue
            number = oldest
            while number <= done:
                slot = slots[which, PLACES[interval] + number % RINGS[interval]]
                if slot.state == _PROVISIONAL and slot.number == number:
                    slot.state = _FINAL
                    meter[OPEN] -= 1
                    at = copy_out(slot, owner, which, interval, _FINAL, offset, days, out, at)
                number += 1
                if number == oldest + RINGS[interval]:  # from here on places come again, with bars of later times
                    number = oldest = _least(slots[which], interval, number)
            owner.oldest[interval] = _oldest(slots[which], interval, done + 1, owner.newest[interval])
    return at


@kernel
def turn_to(
    which: int,
    interval: int,
    number: int,
    second: int,
    offset: int,
    slots: NDArray[np.void],
    owner: Record,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Make the place of bar ``number`` that bar, and conclude the one that was there; return the next in ``out``."""
    slot = slots[which, PLACES[interval] + number % RINGS[interval]]
    if slot.state == _PROVISIONAL:
        slot.state = _FINAL
        meter[OPEN] -= 1
        at = conclude(slot, slots[which], owner, which, interval, _FINAL, offset, days, out, at)
        if owner.oldest[interval] == slot.number:
            owner.oldest[interval] = _oldest(slots[which], interval, slot.number + 1, owner.newest[interval])
    begin(slot, number)
    owner.newest[interval] = max(owner.newest[interval], number)
    if begin_of(interval, number + 1, owner.zone, days) // _SECOND <= second:
        slot.state = _CORRECTED
    else:
        slot.state = _PROVISIONAL
        meter[OPEN] += 1
        owner.oldest[interval] = min(owner.oldest[interval], number)
    return at
