"""Orders that take what is there, what came of them, and what a whole opportunity came to: on paper."""

from enum import IntEnum
from typing import Final

import msgspec
import numpy as np

from breadboard.model.kinds import Side


class FillState(IntEnum):
    """What came of an order. Values are hashed into digests: add at the end, never renumber."""

    FILLED = 1
    PARTIAL = 2
    MISSED = 3
    """Nothing was left at its limit when it got there."""
    UNSURE = 4
    """The book could not be believed at that moment: nobody knows, and nothing is counted as taken."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON."""
        return self.name.lower()


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Take so much of an instrument at a limit or better, at once; what is not there is not waited for."""

    opportunity: int
    """Its id."""
    leg: int
    """Place in it."""
    instrument: int
    side: Side
    """What we do."""
    limit: int
    """1e-9 of its quote currency."""
    size: int
    """1e-8 of what the venue counts: contracts, where it trades contracts."""
    ts: int
    """Our clock when it was decided, ns UTC."""


class Fill(msgspec.Struct, frozen=True, array_like=True):
    """What came of one order; told once."""

    order: Order
    ts: int
    """Our clock when it was there."""
    state: FillState
    taken: tuple[tuple[int, int], ...]
    """``(price, size)`` of each level that gave something, best first."""


PAPER_FILL: Final = np.dtype(
    [
        ("offset", np.int64),  # (offset, index): the first tape row received after the order was there
        ("index", np.uint16),
        ("opportunity", np.uint64),  # id of what it was to take
        ("number", np.int64),
        ("leg", np.uint8),  # place in it
        ("instrument", np.int32),
        ("side", np.uint8),  # Side: what we did
        ("state", np.uint8),  # FillState
        ("flags", np.uint16),  # Flag: what any leg of the opportunity was when it opened
        ("ts_sent", np.int64),  # ts_recv of the row that opened it
        ("ts_recv", np.int64),  # our clock when the order was there
        ("wanted", np.int64),  # 1e-8 contracts (units)
        ("filled", np.int64),
        ("limit", np.int64),  # 1e-9
        ("average", np.int64),  # of what was filled, rounded against us; ABSENT where nothing was
        ("amount", np.int64),  # paid or received, 1e-9 of the instrument's quote currency, without the fee
        ("fee", np.int64),
        ("settled", np.uint8),  # 1: the last leg's row, which says what all came to:
        ("currency", np.uint64),  # of what follows
        ("expected", np.int64),  # the net that it opened with
        ("left", np.int64),  # 1e-8 of the thing, bought and not sold; below 0 sold and not bought
        ("pnl", np.int64),  # after fees, with what is left valued at the best price where it lies; ABSENT: unknown
    ]
)
"""One row an order of an opportunity that was taken on paper."""
