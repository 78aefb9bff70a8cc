"""Bars by activity: what traded while so much happened, however long that took."""

from enum import IntEnum
from typing import Final

import numpy as np


class Activity(IntEnum):
    """What a bar by activity counts. Values are stored: add at the end, never renumber."""

    TICK = 1
    """Trades."""
    VOLUME = 2
    """Size traded, in units of the instrument."""
    DOLLAR = 3
    """Price times size, in quote currency."""
    IMBALANCE = 4
    """Trades whose sides do not cancel out, against what was usual: tick imbalance bars."""
    RENKO = 5
    """How far the price has moved: a brick of fixed height."""

    @property
    def label(self) -> str:
        """The word used in configuration and SQL."""
        return self.name.lower()


ACTIVITY_BAR: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("kind", np.uint8),  # Activity
        ("threshold", np.float64),  # as configured: trades, units, quote currency, expected trades, or price
        ("number", np.int64),  # counts the bars of an instrument, kind and threshold, from 1
        ("ts_open", np.int64),  # the earliest ts_event of its trades, ns UTC; of its receipt where the venue told none
        ("ts_close", np.int64),  # the latest
        ("open", np.int64),  # 1e-9
        ("high", np.int64),
        ("low", np.int64),
        ("close", np.int64),
        ("volume_whole", np.int64),  # volume = volume_whole + volume_fraction * 1e-18, exact
        ("volume_fraction", np.int64),
        ("notional", np.float64),  # sum of price * size in quote currency, added in journal order
        ("trades", np.int64),
        ("imbalance", np.int64),  # trades that bought less trades that sold
        ("gapped", np.uint8),  # 1: trades may be missing in it
        ("offset", np.int64),  # of the trade that concluded it
        ("index", np.uint16),
    ]
)
"""One row a concluded bar; it is never rewritten. A late trade is in the bar in which it came."""
