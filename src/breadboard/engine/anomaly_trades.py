"""Prints: held against the prints before them, best bid and offer, and the venue's hours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_baseline import learn
from breadboard.engine.anomaly_hours import bucket_at, outside_s
from breadboard.engine.anomaly_state import AUCTION, BUCKETS, CLOSED, JUMP, RING, RING_NS
from breadboard.engine.anomaly_told import due, tell
from breadboard.engine.anomaly_tops import explains
from breadboard.model.anomalies import Anomaly
from breadboard.model.kernels import Record, kernel

_JUMP: Final = int(Anomaly.PRICE_JUMP)
_OFF_HOURS: Final = int(Anomaly.OFF_HOURS)


@kernel
def median_of_ring(ring: NDArray[np.int64]) -> int:
    """Return the middle one of the prints before: the one that no more than half are below, and half above."""
    for each in range(RING):
        below = same = 0
        for other in range(RING):
            below += ring[other] < ring[each]
            same += ring[other] == ring[each]
        if below <= RING // 2 < below + same:
            return int(ring[each])
    return int(ring[0])


@kernel
def hold_against_prints(
    owner: Record,
    which: int,
    price: int,
    times: tuple[int, int],
    flags: int,
    now: int,
    usual: NDArray[np.void],
    counts: NDArray[np.uint16],
    limits: Record,
    hours: NDArray[np.void],
    bounds: NDArray[np.int64],
    place: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Judge a print by those before it, and learn from it. One that a quote explains is no jump."""
    if now - owner.ring_when > RING_NS:
        owner.ring_count = 0
    oldest = owner.ring_count % RING
    if owner.ring_count >= RING and not owner.halted and now >= owner.settled:
        bucket = bucket_at(owner, now, hours, bounds)
        if bucket != AUCTION:
            far = abs(price / median_of_ring(owner.ring) - 1.0)
            known = usual[bucket % BUCKETS, JUMP]
            if far > known.threshold and not explains(owner, price, now, limits):
                before = due(owner, _JUMP, now, limits)
                if before >= 0:
                    measured = far, known.baseline, known.threshold
                    evidence, rests_on = (owner.ring_offset[oldest], place[0]), (known.samples, bucket)
                    source = owner.source
                    at = tell(out, at, place, _JUMP, which, source, times, flags, measured, evidence, rests_on, before)
            learn(JUMP, far, counts[bucket % BUCKETS], known)
    owner.ring[oldest], owner.ring_offset[oldest] = price, place[0]
    owner.ring_count += 1
    owner.ring_when = now
    return at


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
    """Tell of a print while the venue is closed."""
    if owner.calendar < 0 or bucket_at(owner, times[0], hours, bounds) != CLOSED:
        return at
    before = due(owner, _OFF_HOURS, times[0], limits)
    if before < 0:
        return at
    measured = outside_s(times[0], owner.calendar, hours, bounds), 0.0, 0.0
    evidence, rests_on = (place[0], place[0]), (0, CLOSED)
    return tell(out, at, place, _OFF_HOURS, which, owner.source, times, flags, measured, evidence, rests_on, before)
