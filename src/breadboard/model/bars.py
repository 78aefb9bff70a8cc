"""Bars: what traded in ``ts_open <= ts_event < ts_close``."""

from enum import IntEnum
from typing import Final

import numpy as np

INTERVALS: Final[dict[str, int]] = {"1s": 1, "5s": 5, "1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
"""Interval names and their lengths in seconds; a day of an exchange is one of its own calendar."""
DAY_S: Final = INTERVALS["1d"]


class Session(IntEnum):
    """The session of its exchange in which a bar lies."""

    NONE = 0
    """There are none: it trades around the clock, or nothing is known of that year."""
    PRE = 1
    REGULAR = 2
    """Of a day: that its prices are those of the regular session. Its volume is all of the day's."""
    POST = 3
    CLOSED = 4
    MIXED = 5
    """It lies in more than one."""

    @property
    def label(self) -> str:
        """The word used in SQL; empty for none."""
        return self.name.lower() if self else ""


BAR: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("interval", np.int32),  # seconds
        ("ts_open", np.int64),  # ns UTC, inclusive
        ("ts_close", np.int64),  # exclusive
        ("open", np.int64),  # 1e-9
        ("high", np.int64),
        ("low", np.int64),
        ("close", np.int64),
        ("volume_whole", np.int64),  # volume = volume_whole + volume_fraction * 1e-18, exact
        ("volume_fraction", np.int64),
        ("notional", np.float64),  # sum of price * size in quote currency, added in journal order
        ("trades", np.int64),
        ("state", np.uint8),  # BarState
        ("session", np.uint8),  # Session
        ("completeness", np.float32),  # share of the interval in which nothing is known to be missing
        ("offset", np.int64),  # the journal offset at which this version was concluded
    ]
)
"""One row per bar version; a later ``offset`` replaces an earlier one."""
NO_BARS: Final = np.zeros(0, BAR)
