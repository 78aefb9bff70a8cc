"""Anomalies: what does not fit the instrument's own past, its best bid and offer, or its venue's hours."""

from enum import IntEnum
from typing import Final

import numpy as np


class Anomaly(IntEnum):
    """Which kind of anomaly; rules and sources are in ``engine/anomalies.py``.

    Values are stored and hashed into digests: add at the end, never renumber.
    """

    PRICE_JUMP = 1
    """One print far from the prints just before it."""
    RETURN_OUTLIER = 2
    """The price moved further in one window than is usual at this time of day."""
    VOLUME_OUTLIER = 3
    """More was traded in one window than is usual at this time of day."""
    SPREAD_OUTLIER = 4
    """The quoted spread of one window is wider than is usual at this time of day."""
    STUCK_QUOTE = 5
    """Best bid and offer stand still while trades print through them."""
    OFF_HOURS = 6
    """A print while the venue's calendar says that it is closed."""
    TRADE_OUTSIDE = 7
    """A print outside best bid and offer, also as they were shortly before and came to be shortly after."""
    STALE_VENUE = 8
    """A source said nothing for longer than its venue's rule; ``instrument`` is -1."""
    BURST = 9
    """More messages in one window than is usual at this time of day."""

    @property
    def label(self) -> str:
        """The word used in SQL and in the configuration."""
        return self.name.lower()


BY_NAME: Final = {kind.label: kind for kind in Anomaly}

TIMES_OF_DAY: Final = (
    *("00-04", "04-08", "08-12", "12-16", "16-20", "20-24"),  # UTC, of venues that are always open
    *("pre", "open", "day", "close", "after", "closed"),  # of those with a calendar: "open" and "close" are half hours
    *("auction", ""),  # the first minute and the five after the close: not judged; and no time of day at all
)
"""What is usual is learned for each of these by itself."""

ANOMALY: Final = np.dtype(
    [
        ("offset", np.int64),  # (offset, index): the tape row at which it was concluded
        ("index", np.uint16),
        ("kind", np.uint8),  # Anomaly
        ("severity", np.uint8),  # 1 beyond the threshold, 2 twice as far from the baseline, 3 four times
        ("instrument", np.int32),  # -1: the whole source
        ("source", np.uint16),
        ("flags", np.uint16),  # Flag: what any row of the evidence is (synthetic, replayed, delayed, history, ...)
        ("ts_event", np.int64),  # of what is odd, the venue's clock; a window's end; ABSENT where it told none
        ("ts_recv", np.int64),  # of what is odd, our clock
        ("value", np.float64),  # what was measured, in the kind's unit
        ("baseline", np.float64),  # what is usual
        ("threshold", np.float64),  # what it would have had to stay within
        ("score", np.float64),  # (value - baseline) / (threshold - baseline): 1 at the threshold
        ("from_offset", np.int64),  # journal offsets of the evidence, both inclusive
        ("to_offset", np.int64),
        ("samples", np.int64),  # observations that the baseline rests on; 0 where a rule and no history judges
        ("bucket", np.uint8),  # place in TIMES_OF_DAY that the baseline is of
        ("suppressed", np.int64),  # like it, of the same instrument, since the one told before: not told
    ]
)
"""One row a finding; never rewritten. What follows within the cooldown is counted in the next row's ``suppressed``."""
