"""A trade is taken back: its bars are made anew from the trades that are left, in the order in which they came.

So a revised bar is bit for bit the bar that would have been made without that trade.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_kernel import (
    PLACES,
    RINGS,
    SECONDS,
    TOO_LATE,
    UNMATCHED,
    add,
    begin,
    copy_out,
    is_none,
)
from breadboard.engine.kept_trades import find, gather
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BarState

_SECOND: Final = 1_000_000_000
_PROVISIONAL: Final = int(BarState.PROVISIONAL)
_CORRECTED: Final = int(BarState.CORRECTED)
_WITHDRAWN: Final = int(BarState.WITHDRAWN)


@kernel
def _of_bar(kept: NDArray[np.void], places: NDArray[np.int64], count: int, number: int, length: int) -> int:
    """Return how many of these trades are in one bar."""
    found = 0
    for at in range(count):
        found += kept[places[at]].when // length == number
    return found


@kernel
def _rebuild(
    slot: Record, kept: NDArray[np.void], places: NDArray[np.int64], count: int, number: int, length: int
) -> None:
    """Make one bar anew, oldest trade first."""
    begin(slot, number)
    for at in range(count - 1, -1, -1):
        trade = kept[places[at]]
        if trade.when // length == number:
            add(slot, trade.price, trade.size, trade.size_exp, trade.when, trade.trade_id, trade.uncounted)


@kernel
def _revise(
    which: int,
    when: int,
    interval: int,
    kept: NDArray[np.void],
    places: NDArray[np.int64],
    count: int,
    slot: Record,
    source: int,
    offset: int,
    meter: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take back what was at ``when`` from the bar of one interval; return the next place in ``out``.

    ``places`` are of the trades that are left. Where they are not all that the bar has, some are forgotten: it stays.
    """
    length = SECONDS[interval] * _SECOND
    number = when // length
    if slot.state == 0 or slot.number != number or _of_bar(kept, places, count, number, length) != slot.trades - 1:
        meter[TOO_LATE] += 1
        return at
    told, prices = not is_none(slot), (slot.open, slot.high, slot.low, slot.close)
    _rebuild(slot, kept, places, count, number, length)
    if slot.state != _PROVISIONAL:
        slot.state = _CORRECTED
        at = copy_out(slot, source, which, interval, _CORRECTED, offset, out, at)
    if told and is_none(slot):  # nothing is left that makes a bar, and one may have been told
        left = (slot.open, slot.high, slot.low, slot.close)
        slot.open, slot.high, slot.low, slot.close = prices
        at = copy_out(slot, source, which, interval, _WITHDRAWN, offset, out, at)
        slot.open, slot.high, slot.low, slot.close = left
    return at


@kernel
def take_back(
    which: int,
    when: int,
    trade_id: int,
    price: int,
    size: int,
    size_exp: int,
    offset: int,
    kept: NDArray[np.void],
    total: int,
    places: NDArray[np.int64],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    meter: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Take one trade out of its bars; return the versions in ``out``, which has room for one an interval.

    ``places`` has room for every trade that is kept. A trade that is not remembered is counted.
    """
    owner = owners[which]
    number = find(kept, total, owner.kept, when, trade_id, price, size, size_exp)
    if number < 0:
        meter[UNMATCHED] += 1
        return 0
    trade = kept[number % len(kept)]
    trade.gone = 1
    count = gather(kept, total, owner.kept, places)
    at = 0
    for interval in range(len(SECONDS)):
        place = PLACES[interval] + trade.when // (SECONDS[interval] * _SECOND) % RINGS[interval]
        slot = slots[which, place]
        at = _revise(which, trade.when, interval, kept, places, count, slot, owner.source, offset, meter, out, at)
    return at
