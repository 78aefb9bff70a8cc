"""What is not of every row: gaps, silences, a clock that is set; and how an alert begins."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.engine.rule_judge import CLOSED, OPEN, judge, place_of, place_of_window, session_of
from breadboard.engine.rule_state import IN_EXTENDED, NEVER, NOBODY
from breadboard.model.alerts import AlertState, Silence
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import EventKind, Flag, GapReason
from breadboard.model.rules import RuleKind

NOW, DUE, HEARD, LATE, IMPLAUSIBLE, BACK = range(6)
"""Slots of ``meter``: our time so far; when some silence may be too long; the last CLOCK row; trades older than one
before them; event times beyond belief; by how much our clock has been set back in all (ns)."""
METERS: Final = 6

_RESTART: Final = int(GapReason.RESTART)
_SEQUENCE: Final = int(GapReason.SEQUENCE)
_OVERFLOW: Final = int(GapReason.OVERFLOW)
_CHECKSUM: Final = int(GapReason.CHECKSUM)
_OF_ORDERS: Final = int(GapReason.ORDER)
_HISTORY: Final = int(Flag.HISTORY)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_OF_GAPS: Final = int(RuleKind.GAP)
_OF_LAGS: Final = int(RuleKind.LAG)
_OF_SILENCE: Final = int(RuleKind.NO_DATA)
_FIRED: Final = int(AlertState.FIRED)
_QUIET: Final = int(Silence.QUIET)
_SOURCE_SILENT: Final = int(Silence.SOURCE)
_SOURCE_DOWN: Final = int(Silence.DOWN)
_SECOND: Final = 1_000_000_000


@kernel
def begin(told: Record, slot: Record, offset: int, index: int, ts_event: int, ts_recv: int, sequence: int) -> None:
    """Fill in what every kind says: where and when, of what; and that there is nothing else."""
    told.condition, told.instrument, told.state = slot.condition, slot.instrument, _FIRED
    told.offset, told.index, told.sequence = offset, index, sequence
    told.ts_event, told.ts_recv = ts_event, ts_recv
    told.gapped = told.cause = 0
    told.reference = np.nan
    told.reference_offset = told.price = told.ts_window = ABSENT
    told.id_offset, told.id_index, told.opportunity = offset, index, 0


@kernel
def source(
    fired: NDArray[np.void],
    newest: NDArray[np.int64],
    first: int,
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
) -> None:
    """Let alerts say what their instrument's last row is, looking back from ``newest`` to ``first``.

    Where there is none they say what was known before: the same, wherever a batch begins.
    """
    for each in range(len(fired)):
        told, row = fired[each], newest[each]
        while row >= first and (instrument[row] != told.instrument or not is_heard(kind[row])):
            row -= 1
        if row >= first:
            told.source, told.flags = source[row], flags[row]


@kernel
def is_heard(kind: int) -> bool:
    """Tell whether rows of a kind say something of an instrument itself: trades, quotes, books, orders."""
    return bool(kind <= _SNAPSHOT or kind == _ORDER)


@kernel
def _listened_to(owner: Record) -> int:
    """Return the source of an instrument's last row; where a history brought that, one that is not of a history."""
    if owner.flags & _HISTORY == 0:
        return int(owner.source)
    if owner.trades_by != NOBODY:
        return int(owner.trades_by)
    return int(owner.quotes_by if owner.quotes_by != NOBODY else owner.book_by)


@kernel
def lags_much(slot: Record, cond: Record, calendar: int, hours: NDArray[np.void], spans: NDArray[np.int64]) -> bool:
    """Judge a window of lags that is over, once; return whether an alert is due. No row counts for it afterwards."""
    if slot.a == ABSENT or slot.b == ABSENT:  # noqa: PLR1714 - numba compiles `in` to a loop
        return False
    x = slot.b / 1e6
    slot.b = ABSENT
    session = place_of_window(cond, calendar, slot.a, slot.a + cond.window, hours, spans)
    return session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, slot.a, session)


@kernel
def lags(
    offset: int,
    index: int,
    now: int,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell at a CLOCK row of windows of lags that were over by then: the next row may be long in coming."""
    for each in range(len(owners)):
        owner = owners[each]
        for place in range(owner.late, owner.halt):
            slot = slots[place]
            cond = conds[slot.condition]
            x = slot.b / 1e6
            if slot.a + cond.window <= now and lags_much(slot, cond, owner.calendar, hours, spans):
                told = out[at]
                begin(told, slot, offset, index, ABSENT, now, ABSENT)
                told.source, told.flags, told.value = _listened_to(owner), owner.flags & ~_HISTORY, x
                told.reference_offset, told.ts_window = slot.c, slot.a
                at += 1
    return at


@kernel
def silences(
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
        if owner.seen != ABSENT and not owner.halted and slot.armed:
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
                    begin(told, slot, offset, index, ABSENT, now, ABSENT)
                    told.source, told.flags = _listened_to(owner), owner.flags & ~_HISTORY
                    source = sources[told.source]
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
def shift(
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
def set_clock(by: int, conds: NDArray[np.void], slots: NDArray[np.void], meter: NDArray[np.int64]) -> None:
    """Follow our clock where it was set: cooldowns that run by it go on, and the venues' clocks were not set.

    A window of lags in which it was set measured nothing, and is forgotten.
    """
    meter[NOW] += by
    meter[DUE] = meter[NOW]
    meter[BACK] -= by  # below 0 where it was set forward: setting that right again puts nothing back
    for place in range(len(slots)):
        slot = slots[place]
        if slot.until != ABSENT and conds[slot.condition].kind in (_OF_LAGS, _OF_GAPS, _OF_SILENCE):
            slot.until += by
        if conds[slot.condition].kind == _OF_LAGS:
            slot.a = slot.b = ABSENT


@kernel
def is_of(owner: Record, source: int) -> bool:
    """Tell whether a source brings an instrument's trades, quotes or book, or brought its last row: they may be four.

    Which row was the last is chance: a book goes stale with its connection, whatever else came meanwhile.
    """
    return bool(
        owner.trades_by == source  # noqa: PLR1714 - a tuple of unlike types
        or owner.quotes_by == source
        or owner.book_by == source
        or owner.traded == source
        or owner.source == source
    )


@kernel
def may_trade(owner: Record, source: int) -> bool:
    """Tell whether trades may be missing while one of an instrument's sources is away: that of them, if it is known."""
    return bool(owner.trades_by == source or owner.trades_by == NOBODY)  # noqa: PLR1714 - a tuple of unlike types


@kernel
def take_gap(
    gap: Record,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    asked: NDArray[np.bool_],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take something that may be missing, of an instrument or of all of a source: then each rule tells of it once."""
    wide = gap.instrument < 0
    lost = gap.reason not in (_SEQUENCE, _OVERFLOW, _CHECKSUM, _OF_ORDERS)
    asked[:] = False
    for each in range(len(owners)) if wide else range(gap.instrument, gap.instrument + 1):
        owner = owners[each]
        # Who was not heard of yet misses nothing: a batch may have brought it already, and another one not.
        if wide and not (owner.source >= 0 if gap.source == EVERY_SOURCE else is_of(owner, gap.source)):
            continue
        if lost and (not wide or gap.source == EVERY_SOURCE or may_trade(owner, gap.source)):
            owner.gapping = 1
        if gap.reason == _RESTART and owner.seen != ABSENT:
            owner.seen = gap.ts_recv  # nobody listened until now
        for place in range(owner.halt, owner.bar):
            slot = slots[place]
            cond = conds[slot.condition]
            if cond.kind != _OF_GAPS or asked[slot.condition]:
                continue
            session = place_of(cond, owner.calendar, gap.ts_recv, hours, spans)
            if session == CLOSED:
                continue
            asked[slot.condition] = True  # the slot of its first instrument that is in hours stands for the source
            if judge(cond, slot, 1.0, 1.0, np.inf, gap.ts_recv, session):
                told = out[at]
                begin(told, slot, gap.offset, gap.index, ABSENT, gap.ts_recv, ABSENT)
                told.instrument, told.source, told.flags = gap.instrument, gap.source, gap.flags | owner.flags
                told.value, told.cause, told.gapped = 1.0, gap.reason, 1
                at += 1
    return at
