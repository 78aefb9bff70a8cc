"""Features: what is measured of an instrument's trades, quotes and book, window by window of event time."""

from enum import IntEnum
from typing import Final

import numpy as np

WINDOWS: Final[dict[str, int]] = {"1s": 1, "5s": 5, "1m": 60, "5m": 300}
"""Names of the windows and their lengths in seconds."""
LEVELS: Final = 5
"""Levels of each side that features of the book look at."""


class Feature(IntEnum):
    """Which feature; formulas and sources are in ``engine/features.py``.

    Values are hashed into digests: add at the end, never renumber.
    """

    VWAP = 0
    TWAP = 1
    SIGNED_VOLUME = 2
    EFFECTIVE_SPREAD = 3
    REALISED_SPREAD = 4
    AMIHUD = 5
    VPIN = 6
    QUOTED_SPREAD = 7
    MID = 8
    MICROPRICE = 9
    OFI = 10
    REALISED_VOLATILITY = 11
    KYLE_LAMBDA = 12
    DEPTH_IMBALANCE = 13
    MLOFI_1 = 14
    MLOFI_2 = 15
    MLOFI_3 = 16
    MLOFI_4 = 17
    MLOFI_5 = 18

    @property
    def label(self) -> str:
        """The word used in SQL and in the configuration."""
        return self.name.lower()


BY_NAME: Final = {feature.label: feature for feature in Feature}

FEATURE: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("feature", np.uint16),  # Feature
        ("interval", np.int32),  # seconds
        ("ts_open", np.int64),  # ns UTC; the window is ts_open <= ts_event < ts_open + interval
        ("value", np.float64),  # never NaN: what has no value has no row
        ("offset", np.int64),  # the journal offset at which the window was closed
    ]
)
"""One row a feature, instrument and window; a window is told once."""
