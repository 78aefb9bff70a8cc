"""The rules' inner loop, over the tape. An event touches the slots of its own instrument alone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_revision import since_of
from breadboard.engine.rule_events import (
    BACK,
    DUE,
    HEARD,
    IMPLAUSIBLE,
    LATE,
    NOW,
    begin,
    is_heard,
    lags,
    lags_much,
    set_clock,
    shift,
    silences,
    take_gap,
)
from breadboard.engine.rule_judge import AHEAD, CLOSED, crosses, judge, place_of, slide
from breadboard.engine.rule_state import NEVER, STEPS
from breadboard.engine.rule_statuses import take_status
from breadboard.engine.rule_undoing import begin_anew, begin_history, name_of, remember, retract, take_back
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.rules import RuleKind

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_DELTA: Final = int(EventKind.BOOK_DELTA)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_WITHDRAWN: Final = int(Flag.WITHDRAWN)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_NEVER_IN: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.INELIGIBLE | Flag.VOLUME_ONLY)
"""A trade with one of these counts for no rule, and none that is taken back with it did."""
_NOT_STANDING: Final = int(Flag.LAST_KNOWN | Flag.INELIGIBLE | Flag.WITHDRAWN)
"""Nobody stands behind a quote with one of these now, as in ``consolidated_kernel``."""
_NO_LAG: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.SNAPSHOT | Flag.HISTORY)
_NOT_HEARD: Final = int(Flag.LAST_KNOWN | Flag.HISTORY | Flag.SNAPSHOT)
_HISTORY: Final = int(Flag.HISTORY)
_CROSS: Final = int(RuleKind.CROSS)
_SECOND: Final = 1_000_000_000
_UNHEARD: Final = 5 * _SECOND
"""Where CLOCK rows come, a hole of this length between rows is time in which nobody listened."""


@kernel
def run(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    hole: int,
    stop: int,
    holes: NDArray[np.void],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    rings: NDArray[np.void],
    fired: NDArray[np.void],
    owners: NDArray[np.void],
    quiet: NDArray[np.int64],
    sources: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    days: NDArray[np.int64],
    meter: NDArray[np.int64],
    asked: NDArray[np.bool_],
    spare: NDArray[np.void],
    out: NDArray[np.void],
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    sequence: NDArray[np.int64],
    trade_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Take rows up to ``stop``, and holes up to the end, each before the row behind it or at its place.

    Return the next row, the next hole and how many FIRED are in ``out``, early where it might not suffice. It has room
    for one a slot: the most that any one row can lead to. ``asked`` is room for a condition each, ``spare`` for
    a HOLE.
    """
    at = 0
    one = spare[0]
    while row < stop or hole < len(holes):
        if hole < len(holes):
            gap = holes[hole]
            if row == stop or gap.offset < offset[row] or (gap.offset == offset[row] and gap.index <= index[row]):
                if len(out) - at < len(slots):
                    break
                at = take_gap(gap, conds, slots, owners, hours, spans, asked, out, at)
                hole += 1
                continue
        what, which, now = kind[row], instrument[row], ts_recv[row]
        wide = which < 0
        if len(out) - at < len(slots) and (
            wide or len(out) - at < owners[which].end - owners[which].trade + len(quiet)
        ):
            break
        if what == _CLOCK and size[row] != ABSENT:
            shift(size[row], owners, slots, quiet, sources)
            set_clock(size[row], conds, slots, meter)
        elif meter[HEARD] != ABSENT and now - meter[NOW] > _UNHEARD and meter[NOW] != ABSENT:
            shift(now - meter[NOW], owners, slots, quiet, sources)
            meter[DUE] = now
        meter[NOW] = max(meter[NOW], now)
        if what == _CLOCK:
            meter[HEARD] = now
        if meter[NOW] >= meter[DUE]:
            at = silences(offset[row], index[row], conds, slots, owners, quiet, sources, hours, spans, meter, out, at)
        if what == _CLOCK:
            at = lags(offset[row], index[row], now, conds, slots, owners, hours, spans, out, at)
            row += 1
            continue
        if what == _GAP:
            one.offset, one.index, one.instrument, one.source = offset[row], index[row], which, source[row]
            one.reason, one.ts_recv, one.flags = code[row], now, flags[row]
            at = take_gap(one, conds, slots, owners, hours, spans, asked, out, at)
            row += 1
            continue
        sources[source[row]].seen = now
        latest = now + max(0, meter[BACK]) + AHEAD
        if what == _STATUS:
            record, times = (offset[row], index[row], sequence[row]), (ts_event[row], now, latest)
            said = (code[row], which, source[row], flags[row])
            at = take_status(said, record, times, conds, slots, owners, sources, hours, spans, out, at)
            row += 1
            continue
        if wide or not is_heard(what):
            row += 1
            continue
        owner = owners[which]
        history = flags[row] & _HISTORY != 0
        owner.source, owner.flags = source[row], flags[row]
        if not history and what == _TRADE:
            owner.trades_by = source[row]
        elif not history and what == _QUOTE:
            owner.quotes_by = source[row]
        elif not history:
            owner.book_by = source[row]
        if flags[row] & _NOT_HEARD == 0:
            if owner.seen == ABSENT:
                meter[DUE] = min(meter[DUE], now)
            owner.seen, owner.seen_offset = now, offset[row]
        if owner.late < owner.halt and what <= _DELTA and ts_event[row] != ABSENT and flags[row] & _NO_LAG == 0:
            lag = now - ts_event[row]
            for place in range(owner.late, owner.halt):
                slot = slots[place]
                cond = conds[slot.condition]
                if slot.a <= now < slot.a + cond.window:
                    if lag < slot.b:
                        slot.b, slot.c = lag, offset[row]
                    continue
                x = slot.b / 1e6
                if lags_much(slot, cond, owner.calendar, hours, spans):
                    told = out[at]
                    begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                    told.source, told.flags, told.value = source[row], flags[row], x
                    told.reference_offset, told.ts_window = slot.c, slot.a
                    at += 1
                slot.a, slot.b, slot.c = now // cond.window * cond.window, lag, offset[row]
        if what == _QUOTE and owner.quote < owner.late and not owner.halted and not flags[row] & _NOT_STANDING:
            bid, ask = price[row], ask_price[row]
            # A size of nothing is no interest at all; a size that was not said is one.
            if bid > 0 and ask > 0 and size[row] != 0 and ask_size[row] != 0:
                x = (float(ask) - float(bid)) * 20_000.0 / (float(ask) + float(bid))
                when = now if ts_event[row] == ABSENT else min(ts_event[row], latest)
                for place in range(owner.quote, owner.late):
                    slot = slots[place]
                    cond = conds[slot.condition]
                    if when < slot.a and slot.b != source[row] and (history or slot.c):
                        begin_anew(slot, cond)
                    slot.a, slot.b, slot.c = max(slot.a, when), source[row], history
                    session = place_of(cond, owner.calendar, when, hours, spans)
                    if session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session):
                        told = out[at]
                        begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                        told.source, told.flags, told.value = source[row], flags[row], x
                        told.reference = (float(bid) + float(ask)) / 2e9
                        at += 1
        elif what == _TRADE and owner.trade < owner.quote:
            when = now if ts_event[row] == ABSENT else ts_event[row]
            its = (trade_id[row], price[row], size[row], size_exp[row])
            since = since_of(when, its[0], flags[row], owner.zone, days) if flags[row] & _WITHDRAWN else when
            if flags[row] & (_WITHDRAWN | _DUPLICATE) == _WITHDRAWN:
                where, stamps = (offset[row], index[row]), (ts_event[row], now)
                at = retract(owner, conds, slots, fired, its, where, stamps, since, source[row], flags[row], out, at)
            plain = flags[row] & _AGGREGATED == 0
            if (owner.raw and not plain) or price[row] == ABSENT or flags[row] & _NEVER_IN:
                row += 1
                continue
            if flags[row] & _WITHDRAWN:
                take_back(owner, conds, slots, rings, its, when, since, hours, spans)
                row += 1
                continue
            event = when
            if when > latest and not history:
                when = latest
                meter[IMPLAUSIBLE] += 1
            if when < owner.newest and owner.traded != source[row] and (history or owner.aged):
                begin_history(owner, conds, slots, fired)
            owner.raw |= plain
            owner.traded, owner.aged = source[row], history
            if when < owner.newest:
                meter[LATE] += 1
                row += 1
                continue
            owner.was_newest, owner.newest = owner.newest, when
            name = name_of(its[0], its[2], its[3])
            after_gap = owner.gapping
            if after_gap:
                owner.gap_at, owner.gapping = when, 0
            for place in range(owner.trade, owner.quote):
                slot = slots[place]
                cond = conds[slot.condition]
                slot.before = slot.armed
                session = place_of(cond, owner.calendar, when, hours, spans)
                if session == CLOSED:  # a price outside of its hours is in no window and on no side
                    continue
                signed = cond.sign * price[row]
                base = owner.price
                if cond.kind == _CROSS:
                    x = 0.0
                    if cond.sign == 0:
                        fires = crosses(cond, slot, price[row], when, session)
                    else:  # before its first alert there is nothing to come back from
                        back = NEVER if slot.until == ABSENT else cond.back
                        fires = judge(cond, slot, signed, cond.limit, back, when, session)
                else:
                    if not (slot.a <= when < slot.a + cond.step and signed > slot.c):
                        slide(slot, rings[slot.ring], cond.step, when, signed, offset[row], name)
                    base = cond.sign * slot.b
                    x = (signed - slot.b) * 100.0 / base if base > 0 else np.nan  # rounded once
                    fires = judge(cond, slot, x, cond.threshold, cond.rearm, when, session)
                if fires:
                    told = out[at]
                    begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                    told.source, told.flags, told.price = source[row], flags[row], price[row]
                    if base != ABSENT:
                        told.reference = base / 1e9
                    if cond.kind == _CROSS:
                        told.value, told.gapped = price[row] / 1e9, after_gap
                        told.reference_offset = owner.price_offset
                    else:
                        told.value, told.gapped = x, owner.gap_at >= slot.a - (STEPS - 1) * cond.step
                        told.reference_offset = rings[slot.ring][slot.head].offset
                    remember(slot, fired[slot.fired], event, its[0], its[1], its[2], its[3], offset[row], index[row])
                    at += 1
            owner.was_price, owner.was_offset = owner.price, owner.price_offset
            owner.price, owner.price_offset = price[row], offset[row]
            owner.was_name, owner.name, owner.event, owner.undo = owner.name, name, event, 1
        row += 1
    return row, hole, at
