"""Depth snapshots: the best levels of a book at a boundary of event time."""

from typing import Any, Final

import numpy as np

from breadboard.errors import UsageError
from breadboard.model.bars import INTERVALS

MOST_LEVELS: Final = 1000


def depth_row(levels: int) -> np.dtype[Any]:
    """Return the dtype of a snapshot of at most ``levels`` levels a side, best first; those beyond the counts are 0."""
    side = [("price", np.int64, (levels,)), ("size", np.int64, (levels,)), ("size_exp", np.int8, (levels,))]
    return np.dtype(
        [
            ("instrument", np.int32),
            ("interval", np.int32),  # seconds
            ("ts_event", np.int64),  # the boundary, ns UTC: the book is as it was just before it
            ("ts_book", np.int64),  # event time of the last change in it; ABSENT where its venue has no times
            ("ts_recv", np.int64),  # of the row at which the boundary was passed
            ("ts_recv_book", np.int64),  # of the last change: before that row, and of another event mostly
            ("sequence", np.int64),  # the venue's, of the last change; ABSENT where it has none
            ("offset", np.int64),  # of the row at which the boundary was passed
            ("offset_book", np.int64),  # of the last change: by it the book is older or newer than a quote
            ("index", np.uint16),
            ("state", np.uint8),  # BookState; without levels unless LIVE
            ("is_crossed", np.uint8),
            ("bids", np.uint16),  # levels in use
            ("asks", np.uint16),
            *((f"bid_{name}", kind, shape) for name, kind, shape in side),
            *((f"ask_{name}", kind, shape) for name, kind, shape in side),
        ]
    )


def seconds_of(interval: str) -> int:
    """Return the seconds of an interval's name. Raises UsageError."""
    if interval not in INTERVALS:
        raise UsageError(f"there is no interval {interval!r} for depth", hint=f"choose from: {' '.join(INTERVALS)}")
    return INTERVALS[interval]
