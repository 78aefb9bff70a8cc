"""When a condition is met: armed and re-armed, cooled down, once a session; and the extreme of a moving window."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_state import IN_REGULAR, ONCE_DAY, ONCE_HOUR, ONCE_SESSION, RING, STEPS
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel

OPEN: Final = -1
"""No calendar, or a year that it does not know: always in hours."""
CLOSED: Final = -2
AHEAD: Final = 60_000_000_000
"""An event time counts for no more than this after its receipt, as in ``latest.py``: a mistaken one must not blind."""
RISING, FALLING = 1, 2
"""Bits of ``armed`` of a price that may be crossed either way."""
_HOUR: Final = 3_600_000_000_000
_DAY: Final = 24 * _HOUR
_SHORTEST_DAY: Final = 23 * _HOUR
"""Of a calendar whose clocks are put forward."""
_BY_DAY: Final = 1 << 40
"""Added to a day that stands for a session, so that it is no session's place."""


@kernel
def session_of(calendar: int, when: int, hours: NDArray[np.void], spans: NDArray[np.int64]) -> int:
    """Return the place in ``hours`` of the last session begun at ``when``, extended hours included; OPEN for unknown.

    ``spans[calendar]`` is where its sessions begin, where they end, and the one found last, where the search begins.
    """
    if calendar < 0:
        return OPEN
    first, last, at = spans[calendar, 0], spans[calendar, 1], spans[calendar, 2]
    if first == last or when < hours[first].extended_from or when > hours[last - 1].end + _DAY:
        return OPEN
    if not (hours[at].extended_from <= when and (at + 1 == last or when < hours[at + 1].extended_from)):
        low, high = first, last
        while high - low > 1:
            middle = (low + high) // 2
            if hours[middle].extended_from <= when:
                low = middle
            else:
                high = middle
        at = low
        spans[calendar, 2] = at
    return int(at)


@kernel
def place_of(cond: Record, calendar: int, when: int, hours: NDArray[np.void], spans: NDArray[np.int64]) -> int:
    """Return the session that counts for a condition; CLOSED outside the hours in which it looks."""
    if cond.session == 0 and cond.once != ONCE_SESSION:
        return OPEN
    place = session_of(calendar, when, hours, spans)
    if place >= 0 and cond.session != 0:
        its = hours[place]
        if cond.session == IN_REGULAR:
            return place if its.begin <= when < its.end else CLOSED
        return place if when < its.extended_to else CLOSED
    return place


@kernel
def place_of_window(
    cond: Record, calendar: int, begin: int, end: int, hours: NDArray[np.void], spans: NDArray[np.int64]
) -> int:
    """Return the session that counts for a window: that in which it begins; of a day its own, begun before it ends.

    A day is in hours, whichever are asked for: it begins and ends at night, and holds them all.
    """
    if end - begin < _SHORTEST_DAY:
        return place_of(cond, calendar, begin, hours, spans)
    if cond.session == 0 and cond.once != ONCE_SESSION:
        return OPEN
    return session_of(calendar, end - 1, hours, spans)


@kernel
def _key(cond: Record, when: int, place: int) -> int:
    """Return what ``once_per`` tells apart: a session, a UTC day, an hour."""
    if cond.once == ONCE_HOUR:
        return when // _HOUR
    if cond.once == ONCE_DAY or place < 0:
        return _BY_DAY + when // _DAY
    return place


@kernel
def _may_tell(cond: Record, slot: Record, when: int, place: int) -> bool:
    """Return whether a crossing may be told; one that may not is counted."""
    key = _key(cond, when, place) if cond.once else ABSENT
    if when < slot.until or (cond.once and key == slot.once):
        slot.held += 1
        return False
    slot.was_until, slot.was_once = slot.until, slot.once
    slot.until = when + cond.cooldown
    slot.once = key
    return True


@kernel
def judge(cond: Record, slot: Record, x: float, limit: float, back: float, when: int, place: int) -> bool:
    """Take a value; return whether an alert is due. ``x`` and levels are of one type, floats or exact prices.

    A crossing that cooldown or ``once_per`` keeps from being told is a crossing all the same: the rule is disarmed.
    What is no number neither fires nor re-arms.
    """
    if slot.armed:
        if x >= limit:
            slot.armed = cond.event
            return _may_tell(cond, slot, when, place)
    elif x < limit and x <= back:
        slot.armed = 1
    return False


@kernel
def crosses(cond: Record, slot: Record, price: int, when: int, place: int) -> bool:
    """Take a price that may be crossed either way; return whether an alert is due. ``armed`` has a bit for each way."""
    rises, falls = slot.armed & RISING and price >= cond.limit, slot.armed & FALLING and price <= cond.limit
    if rises:
        slot.armed &= FALLING
    elif price < cond.limit:
        slot.armed |= RISING
    if falls:
        slot.armed &= RISING
    elif price > cond.limit:
        slot.armed |= FALLING
    return _may_tell(cond, slot, when, place) if rises or falls else False


@kernel
def slide(slot: Record, ring: NDArray[np.void], step: int, when: int, price: int, offset: int, name: int) -> None:
    """Take a price into a window's steps; ``slot.b`` becomes the window's lowest, of equal ones the newest.

    The ring holds, from its head on, rising prices of later and later steps: what is lowest once those before have
    left the window. One step has one candidate at most, so 60 steps fit. Prices above the newest step's lowest, within
    that step, change nothing and need no call.
    """
    begin = when // step * step
    head, count = int(slot.head), int(slot.count)
    while count and ring[head].when < begin - (STEPS - 1) * step:
        head = (head + 1) % RING
        count -= 1
    while count and ring[(head + count - 1) % RING].price >= price:
        count -= 1
    if count == 0 or ring[(head + count - 1) % RING].when < begin:
        entry = ring[(head + count) % RING]
        entry.when, entry.price, entry.offset, entry.name = when, price, offset, name
        count += 1
    slot.head, slot.count = head, count
    slot.a, slot.b, slot.c = begin, ring[head].price, ring[(head + count - 1) % RING].price


@kernel
def drop(slot: Record, ring: NDArray[np.void], since: int, until: int, price: int, name: int) -> bool:
    """Take the price of a trade out of a window; return whether it was there. The next price finds what is lowest then.

    Another trade of its step may have come to the same price: that one's stays.
    """
    head, count = int(slot.head), int(slot.count)
    for at in range(count):
        entry = ring[(head + at) % RING]
        if entry.price != price or entry.name != name or not since <= entry.when < until:
            continue
        for each in range(at, count - 1):
            left, right = ring[(head + each) % RING], ring[(head + each + 1) % RING]
            left.when, left.price, left.offset, left.name = right.when, right.price, right.offset, right.name
        slot.count = count - 1
        slot.a = ABSENT
        return True
    return False
