"""Opportunities: what could be bought in one place and sold dearer in another, as long as it lasts."""

from enum import IntEnum
from typing import Final

import numpy as np

from breadboard.model.decimals import SIZE_EXP

MAX_LEGS: Final = 3
"""Instruments of one opportunity: two across venues, three of a triangle."""


class OpportunityKind(IntEnum):
    """What it is made of. Values are hashed into digests: add at the end, never renumber."""

    CROSS_VENUE = 1
    """One thing bought at one venue and sold at another: two legs."""
    TRIANGULAR = 2
    """Round three instruments of one venue, back to the currency it began with: three legs."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON."""
        return self.name.lower()


class OpportunityState(IntEnum):
    """What a row tells of it. Values are hashed into digests: add at the end, never renumber."""

    OPENED = 1
    UPDATED = 2
    """Its size or what it earns changed; several changes may be told as one (``changes``)."""
    CLOSED = 3
    """It is over, for ``cause``; the row's figures are the last that held."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON."""
        return self.name.lower()


class Cause(IntEnum):
    """Why one closed. Values are hashed into digests: add at the end, never renumber."""

    NONE = 0
    """It is open."""
    GONE = 1
    """Prices or sizes moved: nothing of it earns what is asked for any more."""
    AGED = 2
    """A leg said nothing for longer than is allowed, on our clock at receipt."""
    STALE = 3
    """The source of a leg is silent, or was said to be stale."""
    GAPPED = 4
    """Something of a leg may be missing."""
    UNKNOWN = 5
    """Nothing is known of a leg."""
    CLOCK = 6
    """The clock that stamps a leg's source became suspect."""
    INVERTED = 7
    """A leg became locked or crossed all by itself."""
    DELAYED = 8
    """The vendor sends a leg's prices late."""
    RATE = 9
    """A conversion between quote currencies is too old, or was lost."""
    HALTED = 10
    """Trading of a leg was halted."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON; empty while it is open."""
        return self.name.lower() if self else ""


OPPORTUNITY: Final = np.dtype(
    [
        ("offset", np.int64),  # (offset, index): the tape row that opened, changed or closed it
        ("index", np.uint16),
        ("id", np.uint64),  # of its route's name and the row that opened it; the same in all of its rows
        ("number", np.int64),  # counts opportunities from 1, in the order in which they opened
        ("route", np.int32),  # place in the routes that the configuration makes
        ("kind", np.uint8),  # OpportunityKind
        ("state", np.uint8),  # OpportunityState
        ("cause", np.uint8),  # Cause
        ("legs", np.uint8),  # 2 or 3: how many places of the arrays below are used
        ("flags", np.uint16),  # Flag: what any leg is (synthetic, replayed, conflated, history)
        ("suspect", np.uint8),  # legs whose source's clock is suspect, bit 0 the first: only where that is allowed
        ("capped", np.uint8),  # 1: the walk stopped at a bound and not where nothing was earned; there may be more
        ("currency", np.uint64),  # of gross, fees, net and cost: ``currency_text``
        ("ts_event", np.int64),  # of that row, the venue's clock; ABSENT where it has none
        ("ts_recv", np.int64),  # of that row, our clock
        ("opened_ts", np.int64),  # ts_recv of the row that opened it
        ("lifetime", np.int64),  # ns from then to ts_recv
        ("changes", np.int32),  # changes since its last row, this one included: the others were not told
        # What taking all of ``size`` at once would come to, 1e-9 of the currency; net = gross - fees:
        ("cost", np.int64),  # what is paid at first, without fees
        ("gross", np.int64),
        ("fees", np.int64),
        ("net", np.int64),
        ("peak_net", np.int64),  # the highest net while it was open
        ("gross_bps", np.float64),  # of cost
        ("fees_bps", np.float64),
        ("net_bps", np.float64),
        ("size", np.int64),  # of the thing itself (base currency, not contracts)
        ("size_exp", np.int8),  # always SIZE_EXP
        ("rate_age", np.int64),  # ns, on our clock, of the oldest conversion used; ABSENT where none is needed
        # By leg, in the order in which they are taken:
        ("leg_instrument", np.int32, (MAX_LEGS,)),  # -1 where there is no such leg
        ("leg_side", np.uint8, (MAX_LEGS,)),  # Side: what we would do
        ("leg_price", np.int64, (MAX_LEGS,)),  # the best price there, 1e-9, as the venue says it
        ("leg_average", np.int64, (MAX_LEGS,)),  # over all of size, rounded against us
        ("leg_limit", np.int64, (MAX_LEGS,)),  # the worst price used
        ("leg_size", np.int64, (MAX_LEGS,)),  # 1e-8 of what the venue counts: contracts, where it trades contracts
        ("leg_age", np.int64, (MAX_LEGS,)),  # ns since the newest row that is in the leg's price, on our clock
    ]
)
"""One row each time one opens, changes or closes. Prices are what was told, not what was traded: nothing is sent."""

OPPORTUNITY_SIZE_EXP: Final = SIZE_EXP


def currency_code(name: str) -> int:
    """Return up to eight ASCII letters as one number, which rows and kernels can carry."""
    raw = name.encode("ascii")
    if not 0 < len(raw) <= 8:
        raise ValueError(f"not a currency: {name!r}")
    return int.from_bytes(raw.ljust(8, b"\0"), "big")


def currency_text(code: int) -> str:
    """Return the letters that ``currency_code`` was given."""
    return int(code).to_bytes(8, "big").rstrip(b"\0").decode("ascii")
