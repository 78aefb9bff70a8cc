"""Prints: held against the prints before them, best bid and offer, and the venue's hours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_hours import bucket_at, outside_s
from breadboard.engine.anomaly_state import CLOSED, RING
from breadboard.engine.anomaly_told import tell
from breadboard.model.anomalies import Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel

_JUMP: Final = int(Anomaly.PRICE_JUMP)
_OFF_HOURS: Final = int(Anomaly.OFF_HOURS)


@kernel
def _middle(one: int, two: int, three: int) -> int:
    return max(min(one, two), min(max(one, two), three))


@kernel
def median_of_ring(ring: NDArray[np.int64]) -> int:
    """Return the median of five: of the fifth, the higher of two pairs' lower ones, the lower of their higher ones."""
    low = max(min(ring[0], ring[1]), min(ring[2], ring[3]))
    high = min(max(ring[0], ring[1]), max(ring[2], ring[3]))
    return _middle(low, high, ring[4])


@kernel
def level(owner: Record) -> int:
    """Return the middle one of the last three prints, ABSENT where there are fewer: one misprint moves no level."""
    if owner.ring_count < 3:
        return ABSENT
    last = owner.ring_count - 1
    return _middle(owner.ring[last % RING], owner.ring[(last - 1) % RING], owner.ring[(last - 2) % RING])


@kernel
def level_offset(owner: Record) -> int:
    """Return the offset of the first of the three prints that the level is the middle one of."""
    return int(owner.ring_offset[(owner.ring_count - 3) % RING])


@kernel
def distance(owner: Record, price: int) -> float:
    """Return how far a print is from the median of those before it, relative to that."""
    return abs(price / median_of_ring(owner.ring) - 1.0)


@kernel
def remember(owner: Record, price: int, offset: int, now: int) -> None:
    """Keep a print as one of those before the next."""
    here = owner.ring_count % RING
    owner.ring[here], owner.ring_offset[here] = price, offset
    owner.ring_count += 1
    owner.ring_when = now


@kernel
def tell_jump(
    owner: Record,
    which: int,
    far: float,
    times: tuple[int, int],
    flags: int,
    now: int,
    known: Record,
    limits: Record,
    place: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell of a print that is too far from those before it."""
    measured, rests_on = (far, known.baseline, known.threshold), (known.samples, owner.bucket)
    evidence = owner.ring_offset[owner.ring_count % RING], place[0]
    return tell(owner, which, _JUMP, now, limits, place, times, flags, measured, evidence, rests_on, out, at)


@kernel
def hold_against_hours(
    owner: Record,
    which: int,
    times: tuple[int, int],
    flags: int,
    limits: Record,
    hours: NDArray[np.void],
    bounds: NDArray[np.int64],
    place: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell of a print while its venue, which has a calendar, is closed."""
    if bucket_at(owner, times[0], hours, bounds) != CLOSED:
        return at
    measured = outside_s(times[0], owner.calendar, hours, bounds), 0.0, 0.0
    evidence, rests_on = (place[0], place[0]), (0, CLOSED)
    when = times[0]
    return tell(owner, which, _OFF_HOURS, when, limits, place, times, flags, measured, evidence, rests_on, out, at)
