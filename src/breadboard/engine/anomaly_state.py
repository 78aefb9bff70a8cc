"""What the anomaly stage keeps of one instrument, and of one source: fixed in size, whatever the market does."""

from typing import Final

import numpy as np

from breadboard.model.anomalies import TIMES_OF_DAY, Anomaly

SECOND: Final = 1_000_000_000
KINDS: Final = len(Anomaly) + 1
"""Places of arrays by ``Anomaly``; the first is of none."""

JUMP, RETURN, VOLUME, SPREAD, RATE = range(5)
"""Statistics of which the usual is learned: of a print, and of a window."""
STATISTICS: Final = 5
BUCKETS: Final = 6
"""Times of day a venue tells apart: blocks of four hours, or parts of its session."""
BY_HOURS: Final = BUCKETS
"""Where those of sessions begin among TIMES_OF_DAY."""
CLOSED: Final = TIMES_OF_DAY.index("closed")
AUCTION: Final = TIMES_OF_DAY.index("auction")
NO_TIME: Final = TIMES_OF_DAY.index("")

RING: Final = 5
"""Prints before one, the median of which it is held against."""
RING_NS: Final = 60 * SECOND
"""A print with none before it for so long is held against nothing."""
LATE_NS: Final = 10 * SECOND
"""A print this much older than what was heard of its instrument is no news of its price."""
SETTLE_NS: Final = 60 * SECOND
"""After a halt nothing is judged for so long: its auction is like no other time of day."""
RENEWED: Final = 16
"""Thresholds are worked out anew after so many windows: a quantile costs more than a window."""

LIMITS: Final = np.dtype(
    [
        ("chosen", np.uint8, (KINDS,)),  # by Anomaly: 1 where it is told
        ("warmup", np.int64),  # observations before anything is judged by them
        ("cooldown", np.int64),  # ns
        ("grace", np.int64),  # ns that a quote may come after the trade it explains
        ("tolerance", np.float64),  # of the mid, outside best bid and offer
        ("stuck", np.int64),  # ns that best bid and offer must have stood still
        ("through", np.int64),  # prints through it meanwhile
        ("times", np.float64, (STATISTICS,)),  # how many tails beyond the median the threshold lies
        ("least", np.float64, (STATISTICS,)),  # and what it is at least: absolute
        ("ratio", np.float64, (STATISTICS,)),  # and at least so many times the median
    ]
)
"""The configuration as kernels read it."""

USUAL: Final = np.dtype(
    [
        ("total", np.int64),  # observations in the histogram now
        ("baseline", np.float64),
        ("threshold", np.float64),  # infinite before the warm-up has passed
        ("samples", np.int64),  # observations that the two rest on
        ("windows", np.int64),  # since they were worked out
    ]
)
"""What is known of one statistic at one time of day."""

WAITING: Final = np.dtype(
    [
        ("price", np.int64),
        ("edge", np.int64),  # the bid or offer it is outside of
        ("far", np.int64),  # how far beyond that it would be no news
        ("when", np.int64),
        ("ts_event", np.int64),
        ("ts_recv", np.int64),
        ("from_offset", np.int64),
        ("to_offset", np.int64),
        ("flags", np.uint16),
    ]
)
"""A print outside that waits for a quote to explain it."""
PLACES: Final = 2
"""One waits and one behind it, or a print would have to end the time of the one before it, or be passed over."""

OWNER: Final = np.dtype(
    [
        ("source", np.int64),  # that spoke last; -1 before the first row
        ("top_source", np.int64),  # of its last quote; -1 before any
        ("trade_source", np.int64),  # of its last trade; -1 before any
        ("halted_by", np.int64),  # the source that told of its halt
        ("calendar", np.int32),  # place among the calendars; -1 for always open
        ("newest", np.int64),  # event time, the newest heard of; ABSENT before any
        ("bucket", np.int64),  # time of day, and the times between which it is that
        ("bucket_from", np.int64),
        ("bucket_to", np.int64),
        ("settled", np.int64),  # event time from which things are judged again
        ("halted", np.uint8),
        ("raw", np.uint8),  # it has trades that are not AGGREGATED
        ("quoted", np.uint8),  # it has QUOTE rows: then best bid and offer are theirs, else the book's
        # The window now open, by event time; ``window`` is its second, ABSENT where none is open.
        ("window", np.int64),
        ("rows", np.int64),
        ("trades", np.int64),
        ("notional", np.float64),
        ("spread", np.float64),  # the narrowest, relative to the mid; infinite where none was in force
        ("spread_offset", np.int64),  # of the best bid and offer that had it
        ("close", np.int64),  # where the price is after it: the middle one of the last three prints
        ("close_offset", np.int64),  # of the first of them
        ("window_from", np.int64),  # offsets of its first and last row
        ("window_to", np.int64),
        ("window_flags", np.uint16),
        ("window_recv", np.int64),  # of its last row
        # The same of the window before that had one.
        ("before", np.int64),
        ("before_window", np.int64),
        ("before_offset", np.int64),
        # The prints just before.
        ("ring", np.int64, (RING,)),
        ("ring_offset", np.int64, (RING,)),
        ("ring_count", np.int64),
        ("ring_when", np.int64),
        # Best bid and offer in force; ABSENT where they are not known.
        ("bid", np.int64),
        ("ask", np.int64),
        ("bid_size", np.int64),
        ("ask_size", np.int64),
        ("top_offset", np.int64),
        ("top_when", np.int64),
        ("top_flags", np.uint16),
        ("changed", np.int64),  # when it last became other than it was
        ("changed_offset", np.int64),
        ("through", np.int64),  # prints through it since
        # How far bid and offer reached in this stretch of ``grace`` and in the one before.
        ("stretch", np.int64),
        ("low", np.int64),
        ("high", np.int64),
        ("reach_offset", np.int64),  # of those in force as it began
        ("low_before", np.int64),
        ("high_before", np.int64),
        ("reach_offset_before", np.int64),
        # Prints outside that wait, how many do, and the one whose time is up first before the one behind it.
        ("waiting", np.uint8),
        ("waits", WAITING, (PLACES,)),
        # By Anomaly: when the last one was found, how bad the last one told was, how many were not told in all, and
        # as of the last one told.
        ("seen", np.int64, (KINDS,)),
        ("severity", np.uint8, (KINDS,)),
        ("suppressed", np.int64, (KINDS,)),
        ("counted", np.int64, (KINDS,)),
    ]
)

UNKNOWN: Final = (
    *("newest", "window", "before", "bid", "ask", "changed", "seen", "stretch", "settled"),
    *("close", "top_when", "ring_when"),
)
"""Fields of an OWNER that are ABSENT before anything is known."""

SOURCE: Final = np.dtype(
    [
        ("seen", np.int64),  # our clock at its last row; ABSENT while nothing can be missed
        ("offset", np.int64),  # of that row
        ("flags", np.uint16),
        ("silence", np.int64),  # ns that it may say nothing at all; below 0 where it has no rule, or none is known yet
        ("longest", np.int64),  # ns, of its silences within the rule
        ("told", np.uint8),  # 1: this silence is told
        ("heard", np.uint8),  # 1: it had a row at all
    ]
)
"""What is known of one source's life."""
