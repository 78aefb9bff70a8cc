"""A trade is taken back: its bars are made anew from the trades that are left, in the order in which they came.

So a revised bar is bit for bit the bar that would have been made without that trade.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_slots import (
    DAY,
    NOTHING,
    PLACES,
    RINGS,
    SECONDS,
    TOO_LATE,
    UNMATCHED,
    add,
    amount_of,
    begin,
    begin_of,
    copy_out,
    denied_to,
    is_none,
    number_of,
)
from breadboard.engine.kept_trades import NEVER_KEPT, SAME_NS, find, gather
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BarState, Flag

_PROVISIONAL: Final = int(BarState.PROVISIONAL)
_CORRECTED: Final = int(BarState.CORRECTED)
_WITHDRAWN: Final = int(BarState.WITHDRAWN)
_LATE_PRINT: Final = int(Flag.LATE_PRINT)


@kernel
def _is_in(trade: Record, interval: int, number: int, zone: int, days: NDArray[np.int64]) -> bool:
    """Return whether a trade counts for anything in one bar."""
    if denied_to(interval, zone, trade.uncounted) == NOTHING:
        return False
    return bool(number_of(interval, trade.when, zone, days) == number)


@kernel
def _of_bar(
    kept: NDArray[np.void],
    places: NDArray[np.int64],
    count: int,
    interval: int,
    number: int,
    zone: int,
    days: NDArray[np.int64],
) -> int:
    """Return how many of these trades are in one bar."""
    found = 0
    for at in range(count):
        found += _is_in(kept[places[at]], interval, number, zone, days)
    return found


@kernel
def _rebuild(
    slot: Record,
    kept: NDArray[np.void],
    places: NDArray[np.int64],
    count: int,
    interval: int,
    number: int,
    zone: int,
    days: NDArray[np.int64],
) -> None:
    """Make one bar anew, oldest trade first."""
    begin(slot, number)
    for at in range(count - 1, -1, -1):
        trade = kept[places[at]]
        if _is_in(trade, interval, number, zone, days):
            denied = denied_to(interval, zone, trade.uncounted)
            amount = amount_of(trade.price, trade.size, trade.size_exp)
            add(slot, trade.price, amount, trade.when, trade.trade_id, denied)


@kernel
def _revise(
    which: int,
    number: int,
    interval: int,
    kept: NDArray[np.void],
    places: NDArray[np.int64],
    count: int,
    slot: Record,
    owner: Record,
    offset: int,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Make bar ``number`` of one interval anew without the trade; return the next place in ``out``.

    ``places`` are of the trades that are left. Where they are not all that the bar has, some are forgotten: it stays.
    """
    left = _of_bar(kept, places, count, interval, number, owner.zone, days)
    if slot.state == 0 or slot.number != number or left != slot.trades - 1:
        meter[TOO_LATE] += 1
        return at
    told, prices = not is_none(slot), (slot.open, slot.high, slot.low, slot.close)
    _rebuild(slot, kept, places, count, interval, number, owner.zone, days)
    if slot.state != _PROVISIONAL:
        slot.state = _CORRECTED
        at = copy_out(slot, owner, which, interval, _CORRECTED, offset, days, out, at)
    if told and is_none(slot):  # nothing is left that makes a bar, and one may have been told
        rest = (slot.open, slot.high, slot.low, slot.close)
        slot.open, slot.high, slot.low, slot.close = prices
        at = copy_out(slot, owner, which, interval, _WITHDRAWN, offset, days, out, at)
        slot.open, slot.high, slot.low, slot.close = rest
    return at


@kernel
def since_of(when: int, trade_id: int, flags: int, zone: int, days: NDArray[np.int64]) -> int:
    """Return the earliest time that a trade may have which a row of that time takes back.

    The row is the print itself, unless a correction put it in: then it is of the same day, and only an id leads to it.
    """
    if flags & _LATE_PRINT and trade_id != ABSENT:
        return begin_of(DAY, number_of(DAY, when, zone, days), zone, days)
    return when - SAME_NS + 1


@kernel
def take_back(
    which: int,
    flags: int,
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
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Take one trade out of its bars; return the versions in ``out``, which has room for one an interval.

    ``places`` has room for every trade that is kept. A trade that is not remembered is counted.
    """
    owner = owners[which]
    if owner.kept == NEVER_KEPT:  # its venue takes nothing back
        return 0
    since = since_of(when, trade_id, flags, owner.zone, days)
    number = find(kept, total, owner.kept, since, when, trade_id, price, size, size_exp)
    if number < 0:
        meter[UNMATCHED] += 1
        return 0
    trade = kept[number % len(kept)]
    trade.gone = 1
    count = gather(kept, total, owner.kept, places)
    at = 0
    for interval in range(len(SECONDS)):
        if denied_to(interval, owner.zone, trade.uncounted) == NOTHING:
            continue
        bar = number_of(interval, trade.when, owner.zone, days)
        slot = slots[which, PLACES[interval] + bar % RINGS[interval]]
        at = _revise(which, bar, interval, kept, places, count, slot, owner, offset, meter, days, out, at)
    return at
