"""The bars that are still open, as they stand: asked for with every handover to the store."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_slots import PLACES, RINGS, SECONDS, copy_out
from breadboard.model.kernels import kernel
from breadboard.model.kinds import BarState

_PROVISIONAL: Final = int(BarState.PROVISIONAL)


@kernel
def collect(
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    offset: int,
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> tuple[int, bool]:
    """Write every provisional bar to ``out``, which has as many places as there are.

    Return how many, and whether they are in order already (instrument, interval, time).
    """
    at, seen = _in_reach(slots, owners, count, offset, days, out)
    if seen == len(out):
        return at, True
    return _anywhere(slots, owners, count, offset, days, out), False


@kernel
def _in_reach(
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    offset: int,
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> tuple[int, int]:
    """Write what is open between the oldest of each ring and its newest; return the next place, and how many were open.

    Nearly always these are all, and one or two a ring: the other 200 places of an instrument are not even looked at.
    """
    at = seen = 0
    for which in range(count):
        owner = owners[which]
        for interval in range(len(SECONDS)):
            oldest, newest, ring = owner.oldest[interval], owner.newest[interval], RINGS[interval]
            if oldest > newest:
                continue
            for number in range(max(oldest, newest - ring + 1), newest + 1):
                slot = slots[which, PLACES[interval] + number % ring]
                if slot.state == _PROVISIONAL and slot.number == number and seen < len(out):
                    seen += 1
                    at = copy_out(slot, owner, which, interval, _PROVISIONAL, offset, days, out, at)
    return at, seen


@kernel
def _anywhere(
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    offset: int,
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Look at every place: two sources of an instrument, far apart in time, can leave an open bar out of reach."""
    at = 0
    for which in range(count):
        for interval in range(len(SECONDS)):
            for place in range(PLACES[interval], PLACES[interval] + RINGS[interval]):
                slot = slots[which, place]
                if slot.state == _PROVISIONAL and at < len(out):
                    at = copy_out(slot, owners[which], which, interval, _PROVISIONAL, offset, days, out, at)
    return at
