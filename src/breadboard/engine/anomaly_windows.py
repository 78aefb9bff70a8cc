"""Windows of one second of an instrument's own event time: what happened in one, judged by what is usual, and learned.

A row is in the window in force when it came: a late one counts where it arrived. What is usual is what was so before.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_baseline import learn, renew
from breadboard.engine.anomaly_hours import bucket_at
from breadboard.engine.anomaly_state import (
    AUCTION,
    BUCKETS,
    JUMP,
    RATE,
    RENEWED,
    RETURN,
    SECOND,
    SPREAD,
    STATISTICS,
    VOLUME,
)
from breadboard.engine.anomaly_told import tell
from breadboard.engine.anomaly_tops import lose_top, spread_of
from breadboard.model.anomalies import Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel

KIND_OF: Final = np.array(
    [Anomaly.PRICE_JUMP, Anomaly.RETURN_OUTLIER, Anomaly.VOLUME_OUTLIER, Anomaly.SPREAD_OUTLIER, Anomaly.BURST]
)
"""By statistic, what a value beyond its threshold is."""


@kernel
def forget(owner: Record) -> None:
    """Begin anew: something may be missing, and nothing is concluded across it. What is usual stays."""
    forget_prints(owner)
    lose_top(owner)


@kernel
def forget_prints(owner: Record) -> None:
    """Begin anew with windows and prints alone, where best bid and offer are of another source."""
    owner.window = owner.before = ABSENT
    owner.ring_count = 0


@kernel
def open_window(owner: Record, number: int, offset: int) -> None:
    """Begin the window of a second; best bid and offer reach into it."""
    owner.window, owner.window_from, owner.window_flags = number, offset, 0
    owner.rows = owner.trades = 0
    owner.notional = 0.0
    owner.close = ABSENT
    owner.spread, owner.spread_offset = spread_of(owner), owner.top_offset


@kernel
def _move(owner: Record, number: int) -> tuple[float, int]:
    """Return how far the level moved since the window before that had prints, and the offset of that; NaN for none.

    By the square root of the seconds between the two, as prices that wander do.
    """
    moved, begins = np.nan, owner.window_from
    if owner.close != ABSENT:
        if owner.before != ABSENT:
            moved = abs(owner.close / owner.before - 1.0) / np.sqrt(max(1.0, float(number) - owner.before_window))
            begins = owner.before_offset
        owner.before, owner.before_window, owner.before_offset = owner.close, number, owner.close_offset
    return moved, begins


@kernel
def _judge(
    owner: Record,
    which: int,
    statistic: int,
    value: float,
    begins: int,
    end: int,
    known: Record,
    limits: Record,
    place: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell of a value beyond what is usual in the window that ends at ``end``."""
    kind = KIND_OF[statistic]
    measured, rests_on = (value, known.baseline, known.threshold), (known.samples, owner.bucket)
    times, evidence = (end, owner.window_recv), (begins, owner.window_to)
    flags = owner.window_flags
    return tell(owner, which, kind, end, limits, place, times, flags, measured, evidence, rests_on, out, at)


@kernel
def close_window(
    owner: Record,
    which: int,
    usual: NDArray[np.void],
    counts: NDArray[np.uint16],
    limits: Record,
    hours: NDArray[np.void],
    bounds: NDArray[np.int64],
    place: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Judge the open window and learn from it. ``usual`` and ``counts`` are the instrument's, by time of day."""
    number = owner.window
    owner.window = ABSENT
    begin = number * SECOND
    bucket = bucket_at(owner, begin, hours, bounds)
    moved, moved_from = _move(owner, number)
    if bucket == AUCTION or owner.halted or begin < owner.settled:
        return at
    slot = bucket % BUCKETS
    for statistic in range(RETURN, STATISTICS):
        value, begins = float(owner.rows), owner.window_from
        if statistic == RETURN:
            value, begins = moved, moved_from
        elif statistic == VOLUME:
            value = owner.notional if owner.notional > 0.0 else np.nan
        elif statistic == SPREAD:
            value, begins = owner.spread, min(owner.spread_offset, owner.window_from)
        if value < np.inf:  # NaN, too, is no value
            known = usual[slot, statistic]
            if value > known.threshold:
                at = _judge(owner, which, statistic, value, begins, begin + SECOND, known, limits, place, out, at)
            learn(statistic, value, counts[slot], known)
    beat = usual[slot, RATE]
    beat.windows += 1
    if beat.windows >= RENEWED or (beat.samples == 0 and beat.total >= limits.warmup):
        for statistic in range(JUMP, STATISTICS):
            renew(statistic, counts[slot], usual[slot, statistic], limits)
    return at
