"""What the feature stage keeps of one instrument: fixed in size, whatever the market does."""

from typing import Final

import numpy as np

from breadboard.model.decimals import ABSENT
from breadboard.model.features import LEVELS, WINDOWS
from breadboard.model.kernels import Record, kernel

SECOND: Final = 1_000_000_000
SECONDS: Final = tuple(WINDOWS.values())
INTERVALS: Final = len(SECONDS)
RINGS: Final = (8, 4, 4, 4)
"""Windows that can be open at once, by interval. One that a later window pushes out is closed early."""
PLACES: Final = tuple(sum(RINGS[:ring]) for ring in range(INTERVALS))
SLOTS: Final = sum(RINGS)

HORIZON_NS: Final = 5 * SECOND
"""How much later the mid is that a realised spread is held against."""
GRAIN_NS: Final = SECOND // 10
"""Trades of one tenth of a second wait together for that mid, so their number does not matter."""
WAITING: Final = 64
"""Tenths that can wait: more than the horizon and the grain together need."""
REGRESSION: Final = 60
"""Windows in the regression for Kyle's lambda ..."""
LEAST_REGRESSION: Final = 10
"""... and how few are enough."""
BUCKETS: Final = 50
"""Volume buckets that VPIN is the mean of."""
LEARNING: Final = 500
"""Trades from which the size of a bucket is learned ..."""
TRADES_A_BUCKET: Final = 50
"""... which holds the volume of so many average ones."""

SLOT: Final = np.dtype(
    [
        ("number", np.int64),  # of the window: ts_open / interval
        ("open", np.int64),
        ("volume", np.float64),
        ("notional", np.float64),
        ("signed", np.float64),  # volume that buyers took less volume that sellers took
        ("signs", np.int64),  # trades in it
        ("path_from", np.int64),  # event time of the first and last trade on the price path; ABSENT before it
        ("path_to", np.int64),
        ("path_first", np.float64),  # their prices
        ("path_last", np.float64),
        ("path_sum", np.float64),  # price × ns
        ("effective", np.float64),  # size × effective spread, and that size
        ("effective_volume", np.float64),
        ("realised", np.float64),
        ("realised_volume", np.float64),
        ("vpin", np.float64),
        ("since", np.int64),  # event time up to which spreads are counted; ABSENT before any change of the top
        ("spread", np.float64),  # that counts from there on; NaN where none is in force
        ("spread_sum", np.float64),  # spread × ns
        ("spread_time", np.int64),
        ("mid_first", np.float64),
        ("mid", np.float64),
        ("micro", np.float64),
        ("flow", np.float64),
        ("flows", np.int64),
        ("squares", np.float64),  # of log returns of the mid
        ("returns", np.int64),
        ("imbalance", np.float64),
        ("level_flow", np.float64, (LEVELS,)),
        ("level_flows", np.int64, (LEVELS,)),
    ]
)
"""One window that is not over."""

OWNER: Final = np.dtype(
    [
        ("source", np.int64),  # that closes its windows: of its last trade, as for bars; before one, that spoke last
        ("traded", np.int64),  # 1: it has had trades
        ("top_source", np.int64),  # of its last quote; -1 before any
        ("raw", np.int64),  # 1: it has had trades that were not aggregated
        ("quoted", np.int64),  # 1: it has had quotes with a time, and they are its best bid and offer, not the book
        ("halted", np.int64),
        ("halted_by", np.int64),  # the source that told so
        ("open", np.int64),  # windows
        ("closed", np.int64, (INTERVALS,)),  # the newest window closed; ABSENT before any
        ("ended", np.float64, (INTERVALS,)),  # its last mid; NaN where it had none, or the mid was lost since
        ("valid", np.int64),  # 1: bid, ask and mid are in force
        ("top_ts", np.int64),  # event time of the newest change of them; ABSENT where it had none
        ("bid", np.int64),
        ("ask", np.int64),
        ("bid_size", np.float64),  # NaN where it is not known
        ("ask_size", np.float64),
        ("mid", np.float64),
        ("micro", np.float64),
        ("deep", np.int64),  # 1: the levels are in force
        ("deep_ts", np.int64),
        ("bid_price", np.int64, (LEVELS,)),
        ("bid_depth", np.float64, (LEVELS,)),
        ("ask_price", np.int64, (LEVELS,)),
        ("ask_depth", np.float64, (LEVELS,)),
        ("imbalance", np.float64),
        ("tick_price", np.int64),  # of the last trade; ABSENT before it
        ("tick", np.int64),  # sign of the last change of price
        ("settled", np.int64),  # tenths of a second up to which nothing waits
        ("newest", np.int64),  # tenth that waits; at most ``settled`` where none does
        ("waiting", np.int64, (WAITING,)),  # which tenth
        ("waiting_value", np.float64, (WAITING,)),  # 2 × sign × size × price
        ("waiting_sign", np.float64, (WAITING,)),  # 2 × sign × size
        ("waiting_size", np.float64, (WAITING,)),
        ("windows", np.int64, (INTERVALS,)),  # closed so far with a first and a last mid
        ("flow", np.float64, (INTERVALS * REGRESSION,)),  # signed volume of the newest of them
        ("move", np.float64, (INTERVALS * REGRESSION,)),  # change of the mid
        ("learned", np.int64),  # trades that taught the size of a bucket
        ("bucket", np.int64),  # 1e-8 of size; until it is learned, the volume so far
        ("filled", np.int64),  # of the present bucket
        ("balance", np.int64),  # bought less sold in it
        ("buckets", np.int64),  # full ones so far
        ("imbalances", np.int64),  # their sum over the newest BUCKETS
        ("bucket_imbalance", np.int64, (BUCKETS,)),
    ]
)
"""All that is known of one instrument beside its open windows."""

BYTES: Final = OWNER.itemsize + SLOTS * SLOT.itemsize
"""State an instrument."""


@kernel
def begin(slot: Record, owner: Record, number: int, seconds: int) -> None:
    """Open a window, with the best bid, offer and levels that were in force when it opened."""
    opens = number * seconds * SECOND
    slot.number, slot.open = number, 1
    slot.volume = slot.notional = slot.signed = slot.path_sum = slot.effective = slot.effective_volume = 0.0
    slot.realised = slot.realised_volume = slot.spread_sum = slot.flow = slot.squares = 0.0
    slot.spread_time = slot.flows = slot.returns = slot.signs = 0
    slot.path_from = slot.path_to = slot.since = ABSENT
    slot.vpin = slot.spread = slot.mid_first = slot.mid = slot.micro = slot.imbalance = np.nan
    for level in range(LEVELS):
        slot.level_flow[level] = 0.0
        slot.level_flows[level] = 0
    if owner.valid and owner.top_ts != ABSENT and owner.top_ts <= opens:
        slot.since = opens
        slot.spread = (owner.ask - owner.bid) * 1e-9
        slot.mid_first = slot.mid = owner.mid
        slot.micro = owner.micro
    if owner.deep and owner.deep_ts != ABSENT and owner.deep_ts <= opens:
        slot.imbalance = owner.imbalance
