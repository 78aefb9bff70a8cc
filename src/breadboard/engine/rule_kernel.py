"""The rules' inner loops: one over the tape, one over bars. An event touches the slots of its own instrument alone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_judge import CLOSED, OPEN, crosses, judge, place_of, session_of, slide
from breadboard.engine.rule_state import HOLE, IN_EXTENDED, LOOK_BACK, NEVER, STEPS
from breadboard.model.alerts import AlertState, Silence
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BarState, EventKind, Flag, GapReason, StatusCode
from breadboard.model.rules import RuleKind

NOW, DUE, HEARD, LATE, IMPLAUSIBLE = range(5)
"""Slots of ``meter``: our time so far; when some silence may be too long; the last CLOCK row; trades older than one
before them; event times beyond belief."""
METERS: Final = 5

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_DELTA: Final = int(EventKind.BOOK_DELTA)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_HALTED: Final = int(StatusCode.HALTED)
_RESUMED: Final = int(StatusCode.RESUMED)
_QUOTING: Final = int(StatusCode.QUOTING)
_RESTART: Final = int(GapReason.RESTART)
_SEQUENCE: Final = int(GapReason.SEQUENCE)
_OVERFLOW: Final = int(GapReason.OVERFLOW)
_CHECKSUM: Final = int(GapReason.CHECKSUM)
_OF_ORDERS: Final = int(GapReason.ORDER)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_WITHDRAWN: Final = int(Flag.WITHDRAWN)
_LEFT_OUT: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.INELIGIBLE | Flag.VOLUME_ONLY)
_NO_LAG: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.SNAPSHOT | Flag.HISTORY)
_NOT_HEARD: Final = int(Flag.LAST_KNOWN | Flag.HISTORY | Flag.SNAPSHOT)
_HISTORY: Final = int(Flag.HISTORY)
_CROSS: Final = int(RuleKind.CROSS)
_OF_GAPS: Final = int(RuleKind.GAP)
_OF_HALTS: Final = int(RuleKind.HALT)
_FIRED: Final = int(AlertState.FIRED)
_RETRACTED: Final = int(AlertState.RETRACTED)
_QUIET: Final = int(Silence.QUIET)
_SOURCE_SILENT: Final = int(Silence.SOURCE)
_SOURCE_DOWN: Final = int(Silence.DOWN)
_FINAL: Final = int(BarState.FINAL)
_EVERY_SOURCE: Final = 0xFFFF
_SECOND: Final = 1_000_000_000
_AHEAD: Final = 60 * _SECOND
"""An event time counts for no more than this after its receipt, as in ``latest.py``: a mistaken one must not blind."""
_UNHEARD: Final = 5 * _SECOND
"""Where CLOCK rows come, a hole of this length between rows is time in which nobody listened."""


@kernel
def _begin(told: Record, slot: Record, offset: int, index: int, ts_event: int, ts_recv: int, sequence: int) -> None:
    """Fill in what every kind says: where and when, of what; and that there is nothing else."""
    told.condition, told.instrument, told.state = slot.condition, slot.instrument, _FIRED
    told.offset, told.index, told.sequence = offset, index, sequence
    told.ts_event, told.ts_recv = ts_event, ts_recv
    told.gapped = told.cause = 0
    told.reference = np.nan
    told.reference_offset = told.price = told.ts_window = ABSENT
    told.id_offset, told.id_index = offset, index


@kernel
def _silences(
    offset: int,
    index: int,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    quiet: NDArray[np.int64],
    sources: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    meter: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell of instruments that have been silent too long; note when one might be next."""
    now = meter[NOW]
    meter[DUE] = NEVER
    for place in quiet:
        slot = slots[place]
        owner = owners[slot.instrument]
        cond = conds[slot.condition]
        if slot.armed == 0 and owner.seen > slot.a:
            slot.armed = 1
        again = now + min(cond.window, _SECOND)
        if owner.seen != ABSENT and not owner.halted and not owner.flags & _HISTORY and slot.armed:
            since = owner.seen
            session = session_of(owner.calendar, now, hours, spans)
            is_open = True
            if session >= 0:
                its = hours[session]
                regular = cond.session != IN_EXTENDED
                is_open = its.begin <= now < its.end if regular else now < its.extended_to
                since = max(since, its.begin if regular else its.extended_from)
            if is_open and now - since >= cond.window:
                if judge(cond, slot, 1.0, 1.0, np.inf, now, session if session >= 0 else OPEN):
                    told = out[at]
                    _begin(told, slot, offset, index, ABSENT, now, ABSENT)
                    source = sources[owner.source]
                    told.source, told.flags = owner.source, owner.flags
                    told.value = (now - since) / _SECOND
                    told.reference_offset = owner.seen_offset
                    heard = now - source.seen < cond.window
                    told.cause = _SOURCE_DOWN if source.down else _QUIET if heard else _SOURCE_SILENT
                    at += 1
                slot.armed, slot.a = 0, owner.seen
            elif is_open:
                again = since + cond.window
        meter[DUE] = min(meter[DUE], again)
    return at


@kernel
def _shift(
    by: int, owners: NDArray[np.void], slots: NDArray[np.void], quiet: NDArray[np.int64], sources: NDArray[np.void]
) -> None:
    """Move what is known of our time, because our clock was set, or because nobody listened for so long."""
    for each in range(len(owners)):
        if owners[each].seen != ABSENT:
            owners[each].seen += by
    for each in range(len(sources)):
        if sources[each].seen != 0:
            sources[each].seen += by
    for place in quiet:
        if slots[place].a != ABSENT:
            slots[place].a += by


@kernel
def _is_of(owner: Record, source: int) -> bool:
    """Tell whether a source brings an instrument's trades, or brought its last row: they may be two."""
    return bool(owner.source == source or owner.traded == source)  # noqa: PLR1714 - a tuple of unlike types


@kernel
def _gap(
    gap: Record,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take something that may be missing, of an instrument or of all of a source: then each rule tells of it once."""
    wide = gap.instrument < 0
    lost = gap.reason not in (_SEQUENCE, _OVERFLOW, _CHECKSUM, _OF_ORDERS)
    asked = np.zeros(len(conds), np.bool_)
    for each in range(len(owners)) if wide else range(gap.instrument, gap.instrument + 1):
        owner = owners[each]
        if wide and not (gap.source == _EVERY_SOURCE or _is_of(owner, gap.source)):
            continue
        if lost:
            owner.gapping = 1
        if gap.reason == _RESTART and owner.seen != ABSENT:
            owner.seen = gap.ts_recv  # nobody listened until now
        for place in range(owner.halt, owner.bar):
            slot = slots[place]
            cond = conds[slot.condition]
            if cond.kind != _OF_GAPS or asked[slot.condition]:
                continue
            asked[slot.condition] = True  # the slot of its first instrument stands for the source
            session = place_of(cond, owner.calendar, gap.ts_recv, hours, spans)
            if session != CLOSED and judge(cond, slot, 1.0, 1.0, np.inf, gap.ts_recv, session):
                told = out[at]
                _begin(told, slot, gap.offset, gap.index, ABSENT, gap.ts_recv, ABSENT)
                told.instrument, told.source, told.flags = gap.instrument, gap.source, gap.flags | owner.flags
                told.value, told.cause, told.gapped = 1.0, gap.reason, 1
                at += 1
    return at


@kernel
def _retract(
    owner: Record,
    slots: NDArray[np.void],
    trade_id: int,
    where: tuple[int, int],
    when: tuple[int, int],
    source: int,
    flags: int,
    price: int,
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take back the alerts that a trade fired which the venue takes back; their ids are those of what fired."""
    for place in range(owner.trade, owner.quote):
        slot = slots[place]
        if slot.fired_trade == trade_id:
            told = out[at]
            _begin(told, slot, where[0], where[1], when[0], when[1], ABSENT)
            told.state, told.source, told.flags, told.price = _RETRACTED, source, flags, price
            told.value, told.reference_offset = np.nan, slot.fired_offset
            told.id_offset, told.id_index = slot.fired_offset, slot.fired_index
            slot.fired_trade = ABSENT
            at += 1
    return at


@kernel
def run(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    hole: int,
    stop: int,
    holes: NDArray[np.void],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    rings: NDArray[np.void],
    owners: NDArray[np.void],
    quiet: NDArray[np.int64],
    sources: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    meter: NDArray[np.int64],
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
    ask_price: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Take rows up to ``stop``, and holes up to the end, each before the row behind it or at its place.

    Return the next row, the next hole and how many FIRED are in ``out``, early where it might not suffice. It has room
    for one a slot: the most that any one row can lead to.
    """
    at = 0
    one = np.zeros(1, HOLE)[0]
    while row < stop or hole < len(holes):
        if hole < len(holes):
            gap = holes[hole]
            if row == stop or gap.offset < offset[row] or (gap.offset == offset[row] and gap.index <= index[row]):
                if len(out) - at < len(slots):
                    break
                at = _gap(gap, conds, slots, owners, hours, spans, out, at)
                hole += 1
                continue
        what, which, now = kind[row], instrument[row], ts_recv[row]
        wide = which < 0
        if len(out) - at < len(slots) and (
            wide or len(out) - at < owners[which].end - owners[which].trade + len(quiet)
        ):
            break
        if what == _CLOCK and size[row] != ABSENT:
            _shift(size[row], owners, slots, quiet, sources)
            meter[NOW] += size[row]
            meter[DUE] = meter[NOW]
        elif meter[HEARD] != ABSENT and now - meter[NOW] > _UNHEARD and meter[NOW] != ABSENT:
            _shift(now - meter[NOW], owners, slots, quiet, sources)
            meter[DUE] = now
        meter[NOW] = max(meter[NOW], now)
        if what == _CLOCK:
            meter[HEARD] = now
        if meter[NOW] >= meter[DUE]:
            at = _silences(offset[row], index[row], conds, slots, owners, quiet, sources, hours, spans, meter, out, at)
        if what == _CLOCK:
            row += 1
            continue
        if what == _GAP:
            one.offset, one.index, one.instrument, one.source = offset[row], index[row], which, source[row]
            one.reason, one.ts_recv, one.flags = code[row], now, flags[row]
            at = _gap(one, conds, slots, owners, hours, spans, out, at)
            row += 1
            continue
        sources[source[row]].seen = now
        if what == _STATUS and code[row] in (_UP, _DOWN):
            sources[source[row]].down = code[row] == _DOWN
            for each in range(len(owners)):
                if code[row] == _DOWN and _is_of(owners[each], source[row]):
                    owners[each].gapping = 1
            row += 1
            continue
        if what == _STATUS:
            halts = code[row] == _HALTED
            if halts or code[row] == _RESUMED or code[row] == _QUOTING:
                for each in range(len(owners)) if wide else range(which, which + 1):
                    owner = owners[each]
                    if wide and not _is_of(owner, source[row]):
                        continue
                    owner.halted = halts
                    if not halts and owner.seen != ABSENT:
                        owner.seen = now
                    for place in range(owner.halt, owner.bar):
                        slot = slots[place]
                        cond = conds[slot.condition]
                        if cond.kind != _OF_HALTS:
                            continue
                        when = now if ts_event[row] == ABSENT else ts_event[row]
                        session = place_of(cond, owner.calendar, when, hours, spans)
                        if session != CLOSED and judge(cond, slot, 1.0 if halts else 0.0, 1.0, np.inf, when, session):
                            told = out[at]
                            _begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                            told.source, told.flags, told.value = source[row], flags[row], 1.0
                            at += 1
            row += 1
            continue
        if wide or (what > _SNAPSHOT and what != _ORDER):
            row += 1
            continue
        owner = owners[which]
        owner.source, owner.flags = source[row], flags[row]
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
                if slot.a != ABSENT:
                    session = place_of(cond, owner.calendar, now, hours, spans)
                    x = slot.b / 1e6
                    if session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, now, session):
                        told = out[at]
                        _begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                        told.source, told.flags, told.value = source[row], flags[row], x
                        told.reference_offset, told.ts_window = slot.c, slot.a
                        at += 1
                slot.a, slot.b, slot.c = now // cond.window * cond.window, lag, offset[row]
        if what == _QUOTE and owner.quote < owner.late and not owner.halted:
            bid, ask = price[row], ask_price[row]
            if bid > 0 and ask > 0:
                x = (float(ask) - float(bid)) * 20_000.0 / (float(ask) + float(bid))
                when = now if ts_event[row] == ABSENT else min(ts_event[row], now + _AHEAD)
                for place in range(owner.quote, owner.late):
                    slot = slots[place]
                    cond = conds[slot.condition]
                    session = place_of(cond, owner.calendar, when, hours, spans)
                    if session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session):
                        told = out[at]
                        _begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                        told.source, told.flags, told.value = source[row], flags[row], x
                        told.reference = (float(bid) + float(ask)) / 2e9
                        at += 1
        elif what == _TRADE and owner.trade < owner.quote:
            if flags[row] & _WITHDRAWN and trade_id[row] != ABSENT:
                where, times = (offset[row], index[row]), (ts_event[row], now)
                its = (source[row], flags[row], price[row])
                at = _retract(owner, slots, trade_id[row], where, times, its[0], its[1], its[2], out, at)
            plain = flags[row] & _AGGREGATED == 0
            if flags[row] & _LEFT_OUT or (owner.raw and not plain) or price[row] == ABSENT:
                row += 1
                continue
            owner.raw |= plain
            owner.traded = source[row]
            when = now if ts_event[row] == ABSENT else ts_event[row]
            if when > now + _AHEAD and flags[row] & _HISTORY == 0:
                when = now + _AHEAD
                meter[IMPLAUSIBLE] += 1
            if when < owner.newest:
                meter[LATE] += 1
                row += 1
                continue
            owner.newest = when
            after_gap = owner.gapping
            if after_gap:
                owner.gap_at, owner.gapping = when, 0
            for place in range(owner.trade, owner.quote):
                slot = slots[place]
                cond = conds[slot.condition]
                session = place_of(cond, owner.calendar, when, hours, spans)
                signed = cond.sign * price[row]
                base = owner.price
                if cond.kind == _CROSS:
                    x = 0.0
                    if session == CLOSED:
                        fires = False
                    elif cond.sign == 0:
                        fires = crosses(cond, slot, price[row], when, session)
                    else:
                        fires = judge(cond, slot, signed, cond.limit, cond.back, when, session)
                else:
                    if not (slot.a <= when < slot.a + cond.step and signed > slot.c):
                        slide(slot, rings[slot.ring], cond.step, when, signed, offset[row])
                    base = cond.sign * slot.b
                    x = (signed - slot.b) / base * 100.0 if base > 0 else np.nan
                    fires = session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session)
                if fires:
                    told = out[at]
                    _begin(told, slot, offset[row], index[row], ts_event[row], now, sequence[row])
                    told.source, told.flags, told.price = source[row], flags[row], price[row]
                    if base != ABSENT:
                        told.reference = base / 1e9
                    if cond.kind == _CROSS:
                        told.value, told.gapped = price[row] / 1e9, after_gap
                        told.reference_offset = owner.price_offset
                    else:
                        told.value, told.gapped = x, owner.gap_at >= slot.a - (STEPS - 1) * cond.step
                        told.reference_offset = rings[slot.ring][slot.head].offset
                    slot.fired_trade = trade_id[row]
                    slot.fired_offset, slot.fired_index = offset[row], index[row]
                    at += 1
            owner.price, owner.price_offset = price[row], offset[row]
        row += 1
    return row, hole, at


@kernel
def take_bars(
    bars: NDArray[np.void],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    volumes: NDArray[np.float64],
    owners: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    now: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Hold the volume of FINAL bars against the bars before; return how many FIRED are in ``out``, one a slot at most.

    ``out`` has room for one a bar and slot of its instrument; ``now`` is our time at each bar.
    """
    at = 0
    for row in range(len(bars)):
        bar = bars[row]
        if bar.state != _FINAL:
            continue
        owner = owners[bar.instrument]
        for place in range(owner.bar, owner.end):
            slot = slots[place]
            cond = conds[slot.condition]
            length = bar.interval * _SECOND
            if cond.window != length or (slot.a != ABSENT and bar.ts_open <= slot.a):
                continue
            ring = volumes[slot.ring]
            volume = bar.volume_whole + bar.volume_fraction * 1e-18
            missing = bar.completeness < 1.0
            if slot.count == LOOK_BACK:
                usual = 0.0
                for each in range(LOOK_BACK):
                    usual += ring[(slot.head + each) % LOOK_BACK]
                usual /= LOOK_BACK
                when = bar.ts_open + length
                session = place_of(cond, owner.calendar, bar.ts_open, hours, spans)
                x = volume / usual if usual > 0.0 else np.nan
                if session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session):
                    told = out[at]
                    _begin(told, slot, bar.offset, 0, when, now[row], ABSENT)
                    told.source, told.flags = max(owner.source, 0), owner.flags
                    told.value, told.reference, told.ts_window = x, usual, bar.ts_open
                    told.gapped = missing or slot.b != 0
                    at += 1
                ring[slot.head] = volume
                slot.head = (slot.head + 1) % LOOK_BACK
            else:
                ring[slot.count] = volume
                slot.count += 1
            slot.a, slot.b = bar.ts_open, ((slot.b << 1) | missing) & ((1 << LOOK_BACK) - 1)
    return at


@kernel
def judge_one(
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    place: int,
    x: float,
    when: int,
    calendar: int,
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
) -> bool:
    """Judge one slot of what is found a few times a second and not in a loop; return whether an alert is due."""
    slot = slots[place]
    cond = conds[slot.condition]
    session = place_of(cond, calendar, when, hours, spans)
    return session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session)
