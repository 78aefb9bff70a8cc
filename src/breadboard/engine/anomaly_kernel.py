"""The anomalies' inner loop: the tape, the watermarks and the books' tops, walked side by side in journal order."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_baseline import MOST, bin_of, halve
from breadboard.engine.anomaly_hours import bucket_at
from breadboard.engine.anomaly_state import (
    AUCTION,
    BUCKETS,
    JUMP,
    LATE_NS,
    NO_TIME,
    PLACES,
    RING,
    RING_NS,
    SECOND,
    SETTLE_NS,
)
from breadboard.engine.anomaly_told import write
from breadboard.engine.anomaly_tops import conclude_outside, explains, hold_against, lose_top, pass_through, take_top
from breadboard.engine.anomaly_trades import distance, hold_against_hours, level, level_offset, remember, tell_jump
from breadboard.engine.anomaly_windows import close_window, forget, forget_prints, open_window
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.engine.scales import POWERS
from breadboard.model.anomalies import Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState, EventKind, Flag, StatusCode, Uncounted

LATE, UNTIMED = range(2)
"""Slots of ``meter``: prints too old to be held against others; market rows before any event time of theirs."""
METERS: Final = 2
A_ROW: Final = 16
"""Findings that one row can lead to, beside those of windows that it closes ..."""
A_WINDOW: Final = 4 + PLACES
"""... and those of each of them, and of prints that wait there."""

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
_LIVE: Final = int(BookState.LIVE)
_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_STALE: Final = int(StatusCode.STALE)
_MAINTENANCE: Final = int(StatusCode.MAINTENANCE)
_HALTED: Final = int(StatusCode.HALTED)
_RESUMED: Final = int(StatusCode.RESUMED)
_HISTORY: Final = int(Flag.HISTORY)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_VOLUME_ONLY: Final = int(Flag.VOLUME_ONLY)
_INELIGIBLE: Final = int(Flag.INELIGIBLE)
_NO_NEWS: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.LATE_PRINT)
_NO_VOLUME: Final = int(Uncounted.VOLUME)
_STALE_VENUE: Final = int(Anomaly.STALE_VENUE)


@kernel
def _remark(owner: Record, what: int, code: int, spoken: int, whole: bool) -> None:
    """Take what a STATUS or GAP row says of one instrument; ``whole``, of all that its source tells of.

    An instrument may have its trades and quotes of one source, and its book of another.
    """
    told_halt = owner.halted == 1 and spoken == owner.halted_by
    if told_halt and what == _STATUS and code in (_DOWN, _UP):
        _resume(owner)  # whether trading is resumed meanwhile is not known
    of_top = spoken in (owner.top_source, EVERY_SOURCE)
    if whole and not of_top and not told_halt and spoken not in (owner.source, owner.trade_source):
        return
    if what == _GAP or code in (_DOWN, _STALE, _MAINTENANCE):
        if owner.quoted and not of_top:
            forget_prints(owner)
        else:
            forget(owner)
    elif code == _HALTED:
        owner.halted, owner.halted_by = 1, spoken
        forget(owner)
    elif code == _RESUMED and (owner.halted or not whole):  # a venue may say so when nothing was halted
        _resume(owner)
        forget(owner)


@kernel
def _resume(owner: Record) -> None:
    owner.halted = 0
    if owner.newest != ABSENT:
        owner.settled = owner.newest + SETTLE_NS


@kernel
def _begin_history(owner: Record) -> None:
    """Another history of the same instrument begins: its time has nothing to do with that of the one before."""
    forget(owner)
    owner.newest = owner.settled = ABSENT
    for kind in range(len(owner.seen)):
        owner.seen[kind] = ABSENT


@kernel
def _listen(
    life: Record,
    source: int,
    ts_recv: int,
    place: tuple[int, int],
    limits: Record,
    out: NDArray[np.void],
    at: int,
) -> int:
    """Tell that a source has been silent for longer than its rule at a moment of our clock, once a silence."""
    silent = ts_recv - life.seen
    if life.seen == ABSENT or life.silence <= 0 or silent <= life.silence or life.told:
        return at
    life.told = 1
    if not limits.chosen[_STALE_VENUE]:
        return at
    times, measured = (ABSENT, life.seen + life.silence), (silent * 1e-9, life.longest * 1e-9, life.silence * 1e-9)
    evidence = life.offset, place[0]
    return write(out, at, place, _STALE_VENUE, -1, source, times, life.flags, measured, evidence, (0, NO_TIME), 0)


@kernel
def run(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    cursor: tuple[int, int, int],
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    timely: NDArray[np.bool_],
    holes: NDArray[np.bool_],
    marks: NDArray[np.void],
    tops: NDArray[np.void],
    owners: NDArray[np.void],
    usual: NDArray[np.void],
    counts: NDArray[np.uint16],
    many: int,
    sources: NDArray[np.void],
    hours: NDArray[np.void],
    bounds: NDArray[np.int64],
    table: NDArray[np.void],
    meter: NDArray[np.int64],
    out: NDArray[np.void],
) -> tuple[tuple[int, int, int], int]:
    """Take rows from ``cursor`` (row, mark, top) on; return where it came to and how many findings are in ``out``.

    It stops before a row for which ``out`` might not suffice. ``holes`` are rows before which trades are missing,
    ``table`` is the one ``LIMITS`` row.
    """
    row, mark, top = cursor
    at = 0
    limits = table[0]
    while row < len(kind):
        if len(out) - at < many * A_WINDOW + len(sources) + A_ROW:
            break
        place = offset[row], int(index[row])
        while mark < len(marks) and marks[mark].row == row:
            until = marks[mark].second
            for each in range(many):
                owner = owners[each]
                if owner.source != marks[mark].source:
                    continue
                if owner.window != ABSENT and (owner.window < until or marks[mark].ended):
                    at = close_window(owner, each, usual[each], counts[each], limits, hours, bounds, place, out, at)
                if owner.waiting:
                    at = conclude_outside(owner, each, until * SECOND, place, limits, out, at)
            mark += 1
        what, which, spoken = kind[row], instrument[row], source[row]
        if what == _CLOCK:
            for each in range(len(sources)):
                if size[row] != ABSENT and sources[each].seen != ABSENT:
                    sources[each].seen += size[row]
                at = _listen(sources[each], each, ts_recv[row], place, limits, out, at)
        elif what != _GAP and spoken < len(sources):
            life = sources[spoken]
            life.heard = 1
            if not flags[row] & _HISTORY:
                if ts_recv[row] - life.seen > life.silence > 0:
                    at = _listen(life, spoken, ts_recv[row], place, limits, out, at)
                if life.seen != ABSENT and not life.told:
                    life.longest = max(life.longest, ts_recv[row] - life.seen)
                life.seen, life.offset, life.flags, life.told = ts_recv[row], offset[row], flags[row], 0
            if what == _STATUS and code[row] == _DOWN:
                life.seen = ABSENT
        if what in (_STATUS, _GAP):
            for each in range(many) if which < 0 else range(which, which + 1):
                _remark(owners[each], what, code[row], int(spoken), which < 0)
            if what == _GAP and which < 0:
                for each in range(len(sources)) if spoken == EVERY_SOURCE else range(spoken, spoken + 1):
                    if each < len(sources):
                        sources[each].seen = ABSENT
        if which >= 0 and (what <= _SNAPSHOT or what == _ORDER):
            owner = owners[which]
            if flags[row] & _HISTORY and owner.source >= 0 and owner.source != spoken:
                _begin_history(owner)
            owner.source = spoken
            if holes[row]:
                forget(owner)
            if timely[row] and ts_event[row] > owner.newest:
                owner.newest = ts_event[row]
            now = owner.newest
            if now == ABSENT:
                meter[UNTIMED] += 1
            else:
                number = now // SECOND
                if owner.window != number:
                    if owner.window != ABSENT:
                        its, seen = usual[which], counts[which]
                        at = close_window(owner, which, its, seen, limits, hours, bounds, place, out, at)
                    open_window(owner, number, offset[row])
                owner.rows += 1
                owner.window_to, owner.window_recv = offset[row], ts_recv[row]
                owner.window_flags |= flags[row]
            if owner.waiting and now - owner.waits[0].when > limits.grace:
                at = conclude_outside(owner, which, now, place, limits, out, at)
        while top < len(tops) and tops[top].row == row:
            book, it = tops[top], tops[top].instrument
            owner = owners[it]
            if book.state != _LIVE:
                if not owner.quoted:
                    lose_top(owner)
            elif owner.newest != ABSENT:
                if not owner.quoted:
                    bids, asks = (book.bid, book.bid_size), (book.ask, book.ask_size)
                    take_top(owner, bids, asks, offset[row], flags[row], owner.newest, limits)
                elif ABSENT not in (book.bid, book.ask) and not owner.halted:
                    times, now = (ts_event[row], ts_recv[row]), owner.newest
                    at = pass_through(owner, it, book.bid, book.ask, times, flags[row], now, place, limits, out, at)
            top += 1
        if which < 0:
            row += 1
            continue
        if what == _QUOTE and not flags[row] & _INELIGIBLE:
            owner = owners[which]
            if not owner.quoted:
                owner.quoted = 1
                lose_top(owner)
            owner.top_source = spoken
            if owner.newest != ABSENT:
                bids, asks = (price[row], size[row]), (ask_price[row], ask_size[row])
                take_top(owner, bids, asks, offset[row], flags[row], owner.newest, limits)
        elif what == _TRADE and not flags[row] & _NO_NEWS:
            owner = owners[which]
            owner.trade_source = spoken
            times = ts_event[row], ts_recv[row]
            if timely[row] and owner.calendar >= 0:
                at = hold_against_hours(owner, which, times, flags[row], limits, hours, bounds, place, out, at)
            aggregated = flags[row] & _AGGREGATED != 0
            if not aggregated:
                owner.raw = 1
            late = not timely[row] or ts_event[row] < owner.newest - LATE_NS
            if late:
                meter[LATE] += 1
            elif not flags[row] & _INELIGIBLE and not (aggregated and owner.raw) and price[row] > 0:
                now = owner.newest
                owner.trades += 1
                if size[row] > 0 and not code[row] & _NO_VOLUME:
                    owner.notional += price[row] * 1e-9 * (size[row] * POWERS[size_exp[row] + 18])
                if not flags[row] & _VOLUME_ONLY:
                    paid = price[row]
                    if now - owner.ring_when > RING_NS:
                        owner.ring_count = 0
                    if not owner.bucket_from <= now < owner.bucket_to:
                        bucket_at(owner, now, hours, bounds)
                    judged = owner.bucket != AUCTION and not owner.halted and now >= owner.settled
                    if owner.ring_count >= RING and judged:
                        far, slot = distance(owner, paid), owner.bucket % BUCKETS
                        known = usual[which, slot, JUMP]
                        if far > known.threshold and not explains(owner, paid, now, limits):
                            at = tell_jump(owner, which, far, times, flags[row], now, known, limits, place, out, at)
                        counts[which, slot, bin_of(JUMP, far)] += np.uint16(1)
                        known.total += 1
                        if known.total >= MOST:
                            halve(JUMP, counts[which, slot], known)
                    remember(owner, paid, offset[row], now)
                    if judged and owner.bid != ABSENT and not owner.bid <= paid <= owner.ask:
                        hold_against(owner, paid, ts_event[row], ts_recv[row], offset[row], flags[row], now, limits)
                        at = pass_through(owner, which, paid, paid, times, flags[row], now, place, limits, out, at)
                    owner.close, owner.close_offset = level(owner), level_offset(owner)
        row += 1
    return (row, mark, top), at
