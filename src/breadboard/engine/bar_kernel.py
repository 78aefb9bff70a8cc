"""The bars' inner loop: a ring of recent bars per instrument and interval, closed by watermarks in event time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_endings import close_bars, conclude, turn_to
from breadboard.engine.bar_slots import (
    DAY,
    IMPLAUSIBLE,
    KEPT_SO_FAR,
    NOTHING,
    OPEN,
    PLACES,
    RINGS,
    SECONDS,
    TOO_LATE,
    TOP_SOURCE,
    UNTIMED,
    add,
    amount_of,
    begin_of,
    denied_to,
    number_of,
)
from breadboard.engine.kept_trades import NEVER_KEPT, keep
from breadboard.engine.sessions import day_number
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BarState, EventKind, Flag, Uncounted

CLOCKS: Final = np.dtype(
    [
        ("newest", np.int64),  # newest event time
        (
            "shift",
            np.int64,
        ),  # event time minus receive time of the row that brought it: one clock in terms of the other
        ("recv", np.int64),  # our time of the last row; 0 before the first
        ("first", np.int64),  # first event time
        ("second", np.int64),  # the watermark, in whole seconds
        ("best", np.int64),  # the largest event time minus receive time believed so far: the least lag
        ("ahead", np.int64),  # events in a row that were further ahead of it than belief allows
    ]
)
"""What is known of one source's time; ABSENT where nothing is."""
SPARE: Final = 3 * len(SECONDS)
"""Bar versions one row can conclude beyond those that are provisional before it."""

_SECOND: Final = 1_000_000_000
_AHEAD_NS: Final = 86_400 * _SECOND
"""An event time this far after its receipt is a mistake, whatever our clock's fault may be."""
_JUMP_NS: Final = 60 * _SECOND
"""So is one that far ahead of the source's least lag: it would close every bar before it ..."""
BELIEVED: Final = 16
"""... unless so many come in a row: then our clock was set back, and nobody told."""
_TRADE: Final = int(EventKind.TRADE)
_CLOCK: Final = int(EventKind.CLOCK)
_GAP: Final = int(EventKind.GAP)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_WITHDRAWN: Final = int(Flag.WITHDRAWN)
_HISTORY: Final = int(Flag.HISTORY)
_CORRECTION: Final = int(Flag.WITHDRAWN | Flag.LATE_PRINT)
"""It comes long after the print that it is about."""
_JOINS: Final = int(Uncounted.JOINS)
_PROVISIONAL: Final = int(BarState.PROVISIONAL)
_FINAL: Final = int(BarState.FINAL)
_CORRECTED: Final = int(BarState.CORRECTED)


@kernel
def _advance(
    source: int,
    watermark: int,
    offset: int,
    clocks: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Move a source's watermark; where it enters a new whole second, close what that ends."""
    second = watermark // _SECOND
    clock = clocks[source]
    if second <= clock.second:
        return at
    clock.second = second
    return close_bars(source, second, offset, slots, owners, count, meter, days, out, at)


@kernel
def finish(
    source: int,
    offset: int,
    clocks: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Make final every provisional bar of a source that will say no more; return how many."""
    newest = clocks[source].newest
    if newest == ABSENT:
        return 0
    return close_bars(source, newest // _SECOND + 2 * 86_400, offset, slots, owners, count, meter, days, out, 0)


@kernel
def _numbers(when: int, zone: int, days: NDArray[np.int64]) -> tuple[int, int, int, int, int, int]:
    """Return the number of the bar of each interval; divisions by what is known when this is compiled are cheap."""
    second = when // _SECOND
    day = day_number(when, days[zone]) if zone > 0 else second // SECONDS[DAY]
    return (
        second // SECONDS[0],
        second // SECONDS[1],
        second // SECONDS[2],
        second // SECONDS[3],
        second // SECONDS[4],
        day,
    )


@kernel
def _trade(
    which: int,
    price: int,
    size: int,
    exponent: int,
    uncounted: int,
    when: int,
    trade_id: int,
    second: int,
    offset: int,
    slots: NDArray[np.void],
    owner: Record,
    meter: NDArray[np.int64],
    days: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Add a trade to its bar of every interval; return the next place in ``out``."""
    numbers, amount = _numbers(when, owner.zone, days), amount_of(price, size, exponent)
    if uncounted & _JOINS:
        owner.joins = 1
    for interval in range(len(SECONDS)):
        denied = denied_to(interval, owner.zone, uncounted)
        if denied == NOTHING:
            continue
        number = numbers[interval]
        slot = slots[which, PLACES[interval] + number % RINGS[interval]]
        if slot.state == 0 or slot.number != number:
            if slot.state != 0 and slot.number > number:
                meter[TOO_LATE] += 1
                continue
            at = turn_to(which, interval, number, second, offset, slots, owner, meter, days, out, at)
        add(slot, price, amount, when, trade_id, denied)
        if slot.state != _PROVISIONAL:
            slot.state = _CORRECTED
            at = conclude(slot, slots[which], owner, which, interval, _CORRECTED, offset, days, out, at)
    return at


@kernel
def implausible(clock: Record, ahead: int, flags: int) -> bool:
    """Return whether an event whose time is ``ahead`` of its receipt is a mistake; learn from one that is not.

    What was fetched has no lag: a whole day may have been received at one moment. Nor is a correction's the source's.
    """
    if ahead > _AHEAD_NS:
        return True
    if flags & _HISTORY:
        return False
    if clock.best != ABSENT and ahead > clock.best + _JUMP_NS and clock.ahead < BELIEVED - 1:
        clock.ahead += 1
        return True
    if flags & _CORRECTION:
        return False
    clock.ahead = 0
    clock.best = max(clock.best, ahead)
    return False


@kernel
def _seen_from(when: int, recv: int, flags: int, zone: int, days: NDArray[np.int64]) -> int:
    """Return from when on a source is known whose first event this is: a correction is about what was before."""
    if flags & _HISTORY:  # it comes by whole days, however late its first trade is
        return begin_of(DAY, number_of(DAY, when, zone, days), zone, days)
    return max(when, recv) if flags & _CORRECTION else when


@kernel
def step(clocks: NDArray[np.void], last: int, by: int) -> None:
    """Our wall clock was set: tell what is known of the sources in terms of the new one."""
    for each in range(last + 1):
        clock = clocks[each]
        if clock.newest != ABSENT:
            clock.recv += by
            clock.shift -= by
            if clock.best != ABSENT:
                clock.best -= by


@kernel
def run(  # noqa: C901, PLR0912 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    stop: int,
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    trade_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    clocks: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    count: int,
    meter: NDArray[np.int64],
    lateness: int,
    idle: int,
    kept: NDArray[np.void],
    days: NDArray[np.int64],
    out: NDArray[np.void],
) -> tuple[int, int]:
    """Take rows up to ``stop``; return ``(next row, bar versions in out)``, early where ``out`` might not suffice."""
    at = 0
    while row < stop:
        if len(out) - at < meter[OPEN] + SPARE:
            return row, at
        if kind[row] == _CLOCK:
            if size[row] != ABSENT:
                step(clocks, meter[TOP_SOURCE], size[row])
            for each in range(meter[TOP_SOURCE] + 1):
                clock = clocks[each]
                if clock.newest != ABSENT and ts_recv[row] - clock.recv > idle:
                    mark = ts_recv[row] + clock.shift - max(idle, lateness)
                    at = _advance(each, mark, offset[row], clocks, slots, owners, count, meter, days, out, at)
            row += 1
            continue
        if kind[row] == _GAP:
            row += 1
            continue
        from_source = source[row]
        clock = clocks[from_source]
        clock.recv = ts_recv[row]
        when = ts_event[row]
        if when == ABSENT or flags[row] & _DUPLICATE:
            meter[UNTIMED] += kind[row] == _TRADE and when == ABSENT
            row += 1
            continue
        if not flags[row] & _LAST_KNOWN:
            if implausible(clock, when - ts_recv[row], flags[row]):
                meter[IMPLAUSIBLE] += 1
                row += 1
                continue
            which = instrument[row]
            if clock.first == ABSENT:
                clock.first = _seen_from(when, ts_recv[row], flags[row], owners[which].zone if which >= 0 else 0, days)
            if when > clock.newest:
                clock.newest = when
                clock.shift = when - ts_recv[row]
                meter[TOP_SOURCE] = max(meter[TOP_SOURCE], from_source)
                at = _advance(
                    from_source, when - lateness, offset[row], clocks, slots, owners, count, meter, days, out, at
                )
            if kind[row] == _TRADE and which >= 0 and not flags[row] & _WITHDRAWN:
                owner = owners[which]
                if flags[row] & _AGGREGATED == 0:
                    owner.raw = 1
                if owner.raw == 0 or flags[row] & _AGGREGATED == 0:
                    owner.source = from_source
                    at = _trade(
                        which,
                        price[row],
                        size[row],
                        size_exp[row],
                        code[row],
                        when,
                        trade_id[row],
                        clock.second,
                        offset[row],
                        slots,
                        owner,
                        meter,
                        days,
                        out,
                        at,
                    )
                    if owner.kept != NEVER_KEPT:
                        number = meter[KEPT_SO_FAR]
                        keep(
                            kept,
                            number,
                            owner.kept,
                            when,
                            trade_id[row],
                            price[row],
                            size[row],
                            size_exp[row],
                            code[row],
                        )
                        owner.kept = number
                        meter[KEPT_SO_FAR] = number + 1
        row += 1
    return row, at
