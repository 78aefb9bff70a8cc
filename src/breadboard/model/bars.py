"""Bars: what traded in ``ts_open <= ts_event < ts_close``."""

from typing import Final

import numpy as np

INTERVALS: Final[dict[str, int]] = {"1s": 1, "5s": 5, "1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
"""Interval names and their lengths in seconds."""

BAR: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("interval", np.int32),  # seconds
        ("ts_open", np.int64),  # ns UTC, inclusive
        ("open", np.int64),  # 1e-9
        ("high", np.int64),
        ("low", np.int64),
        ("close", np.int64),
        ("volume_whole", np.int64),  # volume = volume_whole + volume_fraction * 1e-18, exact
        ("volume_fraction", np.int64),
        ("notional", np.float64),  # sum of price * size in quote currency, added in journal order
        ("trades", np.int64),
        ("state", np.uint8),  # BarState
        ("completeness", np.float32),  # share of the interval in which nothing is known to be missing
        ("offset", np.int64),  # the journal offset at which this version was concluded
    ]
)
"""One row per bar version; a later ``offset`` replaces an earlier one."""
