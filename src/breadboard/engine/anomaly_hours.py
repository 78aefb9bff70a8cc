"""Which time of day it is, for a venue that is always open or has a calendar."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard import calendars
from breadboard.engine.anomaly_state import AUCTION, BUCKETS, BY_HOURS, CLOSED
from breadboard.engine.stretches import after
from breadboard.model.anomalies import TIMES_OF_DAY
from breadboard.model.kernels import Record, kernel

EDGE: Final = np.dtype([("begin", np.int64), ("bucket", np.int64)])
"""From ``begin`` on, ns UTC, it is ``bucket``."""
_BLOCK: Final = 4 * 3_600_000_000_000
_MINUTE: Final = 60_000_000_000
_AFTER_OPEN: Final = _MINUTE
_PART: Final = 30 * _MINUTE
_DAY: Final = TIMES_OF_DAY.index("day")


@cache
def edges(calendar: str) -> NDArray[np.void]:
    """Return ``EDGE`` rows of all sessions of a calendar. Before the first and after the last it is ``day``."""
    opens, closes = calendars.sessions(calendar)
    begins = (
        ("pre", opens - calendars.BEFORE_NS),
        ("auction", opens),
        ("open", opens + _AFTER_OPEN),
        ("day", opens + _PART),
        ("close", closes - _PART),
        ("auction", closes),
        ("after", closes + calendars.AUCTION_NS),
        ("closed", closes + calendars.AFTER_NS),
    )
    table = np.zeros((len(opens), len(begins)), EDGE)
    for place, (name, times) in enumerate(begins):
        table["begin"][:, place], table["bucket"][:, place] = times, TIMES_OF_DAY.index(name)
    found = table.reshape(-1)
    return np.append(found, np.array([(int(closes[-1]) + 24 * 60 * _MINUTE, _DAY)], EDGE))


@kernel
def bucket_at(owner: Record, when: int, hours: NDArray[np.void], bounds: NDArray[np.int64]) -> int:
    """Return the place in TIMES_OF_DAY of a moment, and keep it: most moments are in the part of the one before.

    ``hours`` are the edges of all calendars, one after the other; ``bounds`` says where each begins.
    """
    if owner.bucket_from <= when < owner.bucket_to:
        return int(owner.bucket)
    if owner.calendar < 0:
        block = when // _BLOCK
        owner.bucket, owner.bucket_from, owner.bucket_to = block % BUCKETS, block * _BLOCK, (block + 1) * _BLOCK
        return int(owner.bucket)
    first, last = bounds[owner.calendar], bounds[owner.calendar + 1]
    low = after(hours, first, last, when)
    owner.bucket = hours[low - 1].bucket if low > first else _DAY
    owner.bucket_from = hours[low - 1].begin if low > first else np.iinfo(np.int64).min + 1
    owner.bucket_to = hours[low].begin if low < last else np.iinfo(np.int64).max
    return int(owner.bucket)


@kernel
def outside_s(when: int, calendar: int, hours: NDArray[np.void], bounds: NDArray[np.int64]) -> float:
    """Return by how many seconds a moment in closed hours misses the nearest end or beginning of a session."""
    first, last = bounds[calendar], bounds[calendar + 1]
    low = after(hours, first, last, when)
    since = when - hours[low - 1].begin if low > first else np.iinfo(np.int64).max
    until = hours[low].begin - when if low < last else np.iinfo(np.int64).max
    return min(since, until) * 1e-9


assert BY_HOURS <= _DAY < CLOSED < AUCTION
