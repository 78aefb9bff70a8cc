"""What one bar is to the bars' loop: a slot of a ring, what a trade does to it, and how it is told."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.latest_kernel import add_split
from breadboard.engine.sessions import day_begin, day_number
from breadboard.model.bars import DAY_S, INTERVALS
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import UNCOUNTED_OF_DAY, Uncounted
from breadboard.model.sizes import split_size

SECONDS: Final = tuple(INTERVALS.values())
RINGS: Final = (64, 32, 64, 32, 32, 8)
"""Recent bars kept, by interval in the order of INTERVALS; an older one cannot be corrected any more."""
PLACES: Final = tuple(sum(RINGS[:ring]) for ring in range(len(RINGS)))
SLOTS: Final = sum(RINGS)

OPEN, TOO_LATE, IMPLAUSIBLE, UNTIMED, TOP_SOURCE, KEPT_SO_FAR, UNMATCHED = range(7)
"""Slots of ``meter``: provisional bars; trades put in or taken back that bars no longer remember (per interval); times
beyond belief; trades without an event time; the highest source number seen; trades ever kept; trades taken back that
were not found."""
METERS: Final = 7
NONE_OPEN: Final = INT64_MAX

SLOT: Final = np.dtype(
    [
        ("number", np.int64),  # of the bar: ts_open / interval
        ("open", np.int64),
        ("high", np.int64),
        ("low", np.int64),
        ("close", np.int64),
        ("whole", np.int64),
        ("fraction", np.int64),
        ("notional", np.float64),
        ("trades", np.int64),
        ("open_ts", np.int64),  # first and last trade by (ts_event, trade_id), so that order of arrival is no matter
        ("open_id", np.int64),
        ("close_ts", np.int64),
        ("close_id", np.int64),
        ("state", np.int64),  # BarState; 0 where no bar was yet
    ]
)
OWNER: Final = np.dtype(
    [
        ("source", np.int64),
        ("raw", np.int64),
        ("kept", np.int64),
        ("zone", np.int64),
        ("joins", np.int64),
        ("oldest", np.int64, (len(SECONDS),)),
        ("newest", np.int64, (len(SECONDS),)),
    ]
)
"""Per instrument: the source that closes its bars, whether it has unaggregated trades, the number of its newest kept
trade, whose midnights its days have (a row of ``days``; 0: UTC's), whether volume without a price joins the bar before,
and per interval the oldest provisional bar number and the newest of any."""

DAY: Final = SECONDS.index(DAY_S)
_OF_DAY: Final = UNCOUNTED_OF_DAY
NOTHING: Final = int(Uncounted.ALL)
"""What a print is denied that counts for nothing in a bar."""
_OPEN_CLOSE: Final = int(Uncounted.OPEN_CLOSE)
_HIGH_LOW: Final = int(Uncounted.HIGH_LOW)
_VOLUME: Final = int(Uncounted.VOLUME)
_SECOND: Final = 1_000_000_000


@kernel
def number_of(interval: int, when: int, zone: int, days: NDArray[np.int64]) -> int:
    """Return the number of the bar that a moment is in."""
    if interval == DAY and zone > 0:
        return day_number(when, days[zone])
    return int(when // (SECONDS[interval] * _SECOND))


@kernel
def begin_of(interval: int, number: int, zone: int, days: NDArray[np.int64]) -> int:
    """Return when a bar begins, ns UTC."""
    if interval == DAY and zone > 0:
        return day_begin(number, days[zone])
    return number * SECONDS[interval] * _SECOND


@kernel
def denied_to(interval: int, zone: int, uncounted: int) -> int:
    """Return what of ``Uncounted`` is said of bars of one interval."""
    return uncounted >> (_OF_DAY if interval == DAY and zone > 0 else 0) & NOTHING


@kernel
def is_none(slot: Record) -> bool:
    """Return whether a slot is no bar: none of its trades moved its open, or none its high."""
    return bool(min(slot.open, slot.high) == ABSENT)  # the least of all numbers


@kernel
def copy_out(
    slot: Record,
    owner: Record,
    instrument: int,
    interval: int,
    state: int,
    offset: int,
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Write one bar version to ``out[at]``, its source in place of completeness for now; return the next place.

    What is none is not written.
    """
    if is_none(slot):
        return at
    bar = out[at]
    bar.instrument = instrument
    bar.interval = SECONDS[interval]
    bar.ts_open = begin_of(interval, slot.number, owner.zone, days)
    bar.ts_close = begin_of(interval, slot.number + 1, owner.zone, days)
    bar.open = slot.open
    bar.high = slot.high
    bar.low = slot.low
    bar.close = slot.close
    bar.volume_whole = slot.whole
    bar.volume_fraction = slot.fraction
    bar.notional = slot.notional
    bar.trades = slot.trades
    bar.state = state
    bar.completeness = owner.source
    bar.offset = offset
    return at + 1


@kernel
def begin(slot: Record, number: int) -> None:
    """Make a slot the bar of that number, with nothing in it."""
    slot.number = number
    slot.open = slot.high = ABSENT
    slot.whole = slot.fraction = slot.trades = 0
    slot.notional = 0.0


@kernel
def _move_high_low(slot: Record, price: int) -> None:
    if slot.high == ABSENT:
        slot.high = slot.low = price
        return
    slot.high = max(slot.high, price)
    slot.low = min(slot.low, price)


@kernel
def _move_open_close(slot: Record, price: int, when: int, trade_id: int) -> None:
    if slot.open == ABSENT:
        slot.open = slot.close = price
        slot.open_ts = slot.close_ts = when
        slot.open_id = slot.close_id = trade_id
        return
    if when < slot.open_ts or (when == slot.open_ts and trade_id < slot.open_id):
        slot.open, slot.open_ts, slot.open_id = price, when, trade_id
    if when > slot.close_ts or (when == slot.close_ts and trade_id >= slot.close_id):
        slot.close, slot.close_ts, slot.close_id = price, when, trade_id


@kernel
def join_before(slots: NDArray[np.void], interval: int, slot: Record) -> int:
    """Give the volume of what came to no bar to the bar before it; return its place, or -1 where the ring has none."""
    found, newest = -1, slot.number - RINGS[interval]
    for place in range(PLACES[interval], PLACES[interval] + RINGS[interval]):
        other = slots[place]
        if other.state != 0 and newest < other.number < slot.number and not is_none(other):
            found, newest = place, other.number
    if found < 0:
        return -1
    before = slots[found]
    volume = add_split(before.whole, before.fraction, slot.whole, slot.fraction)
    before.whole = volume[0]
    before.fraction = volume[1]
    before.notional += slot.notional
    before.trades += slot.trades
    slot.whole = slot.fraction = slot.trades = 0
    slot.notional = 0.0
    return found


@kernel
def amount_of(price: int, size: int, exponent: int) -> tuple[int, int, float]:
    """Return the volume of a trade, whole and fraction, and its value; nothing where its size is absent."""
    if size < 0:
        return 0, 0, 0.0
    whole, fraction = split_size(size, exponent)
    return whole, fraction, price * 1e-9 * (size * 10.0**exponent)


@kernel
def add(slot: Record, price: int, amount: tuple[int, int, float], when: int, trade_id: int, uncounted: int) -> None:
    """Count one trade in a bar, but not for what is ``uncounted``."""
    if uncounted & _HIGH_LOW == 0:
        _move_high_low(slot, price)
    if uncounted & _OPEN_CLOSE == 0:
        _move_open_close(slot, price, when, trade_id)
    slot.trades += 1
    if uncounted & _VOLUME:
        return
    volume = add_split(slot.whole, slot.fraction, amount[0], amount[1])
    slot.whole = volume[0]
    slot.fraction = volume[1]
    slot.notional += amount[2]
