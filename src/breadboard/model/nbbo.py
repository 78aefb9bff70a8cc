"""The best bid and offer over several venues: one row each time it changes."""

from enum import IntEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP


class NbboState(IntEnum):
    """How the best bid stands to the best offer. Stored: add at the end, never renumber."""

    EMPTY = 0
    """No side has a price that is believed."""
    ONE_SIDED = 1
    NORMAL = 2
    """The best bid is below the best offer."""
    LOCKED = 3
    """They are equal."""
    CROSSED = 4
    """The best bid is above the best offer."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON."""
        return self.name.lower()


MAX_LEGS: Final = 64
"""Instruments of one group: a leg is a bit of the masks below."""


class Group(msgspec.Struct, frozen=True):
    """Instruments that are the same thing at several venues. ``legs[position]`` is ``(venue, symbol)``."""

    name: str
    legs: tuple[tuple[str, str], ...]


_SIDE: Final = (("", np.int64), ("_size", np.int64), ("_size_exp", np.int8), ("_leg", np.int8), ("_age", np.int64))
NBBO: Final = np.dtype(
    [
        ("offset", np.int64),  # (offset, index): the tape row that changed it
        ("index", np.uint16),
        ("group", np.int32),  # place in the configured groups
        ("leg", np.int8),  # whose row it was: position in the group; -1 for a row of a whole source, or of another
        ("state", np.uint8),  # NbboState
        ("flags", np.uint16),  # Flag: what any standing leg is (synthetic, replayed, delayed, conflated, history)
        ("ts_event", np.int64),  # of that row, the venue's clock; ABSENT where it has none
        ("ts_recv", np.int64),  # of that row, our clock
        # price in 1e-9 and size, ABSENT where no leg has any; the leg that has it, -1 for none; ns since that leg's
        # newest row that is in it, on our clock at receipt
        *((side + name, dtype) for side in ("bid", "ask") for name, dtype in _SIDE),
        # Legs by position, bit 0 the first:
        ("standing", np.uint64),  # believed, and part of this best bid and offer
        ("stale", np.uint64),  # left out: the source is silent, or said to be stale
        ("gapped", np.uint64),  # left out: something of it may be missing, and nothing renewed it since
        ("delayed", np.uint64),  # standing, with prices that the vendor sends late
        ("suspect", np.uint64),  # standing, but the clock that stamps its source is suspect (``engine.clock_skew``)
        ("inverted", np.uint64),  # standing, and locked or crossed all by itself
    ]
)
"""One row each time a group's best bid and offer, its state, or what stands and what is left out changes.

Both sides from one leg and state LOCKED or CROSSED: that venue's own book is so.
"""


def blank(count: int) -> NDArray[np.void]:
    """Return rows of which nothing is known."""
    rows = np.zeros(count, NBBO)
    for side in ("bid", "ask"):
        rows[side] = rows[f"{side}_size"] = ABSENT
        rows[f"{side}_size_exp"] = SIZE_EXP
        rows[f"{side}_leg"] = -1
    rows["leg"] = -1
    rows["ts_event"] = ABSENT
    return rows


def legs_in(mask: int) -> list[int]:
    """Return the positions whose bits are set, in order."""
    return [position for position in range(MAX_LEGS) if mask >> position & 1]
