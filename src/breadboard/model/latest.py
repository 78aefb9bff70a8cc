"""The newest of everything about one instrument: what the engine keeps of it, and every page shows first."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP

LATEST: Final = np.dtype(
    [
        ("price", np.int64),  # last trade by event time, 1e-9
        ("size", np.int64),
        ("size_exp", np.int8),
        ("side", np.uint8),
        ("trade_id", np.int64),
        ("trade_ts_event", np.int64),
        ("trade_ts_recv", np.int64),  # ABSENT before the first trade
        ("bid", np.int64),  # last quote in journal order
        ("bid_size", np.int64),
        ("bid_size_exp", np.int8),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("ask_size_exp", np.int8),
        ("quote_ts_event", np.int64),
        ("quote_ts_recv", np.int64),  # ABSENT before the first quote
        ("ts_event", np.int64),  # newest trade or quote
        ("ts_recv", np.int64),
        ("ts_seen", np.int64),  # our time of the newest row of any kind, book included
        ("source", np.int32),  # of the newest row; -1 until one was seen
        ("flags", np.uint16),  # of the newest trade or quote
        ("day", np.int64),  # days since 1970 UTC of the statistics; -1 before the first trade
        ("open", np.int64),
        ("high", np.int64),
        ("low", np.int64),
        ("volume_whole", np.int64),  # this day: volume_whole + volume_fraction * 1e-18
        ("volume_fraction", np.int64),
        ("trades", np.int64),  # this day
        ("updates", np.int64),  # trades and quotes so far
        ("previous_close", np.int64),  # of the last session that had ended by the last trade; ABSENT: not known
        ("market_hours", np.uint8),  # MarketHours of the newest trade or quote
        ("quote_type", np.uint8),  # QuoteType, where the venue says it
    ]
)
"""One record an instrument, a function of the journal alone."""

_BLANK: Final = {
    **dict.fromkeys(("price", "size", "trade_id", "trade_ts_event", "trade_ts_recv"), ABSENT),
    **dict.fromkeys(("bid", "bid_size", "ask", "ask_size", "quote_ts_event", "quote_ts_recv"), ABSENT),
    **dict.fromkeys(("ts_event", "ts_recv", "ts_seen", "open", "high", "low", "previous_close"), ABSENT),
    **dict.fromkeys(("size_exp", "bid_size_exp", "ask_size_exp"), SIZE_EXP),
    **dict.fromkeys(("source", "day"), -1),
}


def blank(count: int, dtype: np.dtype[np.void] = LATEST) -> NDArray[np.void]:
    """Return records of instruments about which nothing is known; ``dtype`` may have more fields than ``LATEST``."""
    records = np.zeros(count, dtype)
    for name, value in _BLANK.items():
        records[name] = value
    return records
