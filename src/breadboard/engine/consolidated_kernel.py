"""The inner loop of consolidated books: rows in order, what they change of which leg, and what is told of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.clock_skew import SUSPECT_NS
from breadboard.engine.consolidated_legs import (
    BOOK,
    GOOD,
    HEARD,
    INHERITED,
    MISSING,
    QUOTE,
    SAID_STALE,
    SILENT,
    UNKNOWN,
    best,
    changed,
    note_moves,
)
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState, EventKind, Flag, StatusCode

DEADLINE, SOURCES, LOW, HIGH = range(4)
"""Slots of ``meter``: no source can fall silent before this time; source numbers in use; the first and the last group
to look at (none where the last is before the first)."""
METERS: Final = 4
NEVER: Final = 2**63 - 1
NO_RULE: Final = 1 << 61
"""The silence, in ns, of a venue whose silence proves nothing; added to a time it still is one."""

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_DELTA: Final = int(EventKind.BOOK_DELTA)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
_ORDER: Final = int(EventKind.ORDER)
_FEED_DOWN: Final = int(StatusCode.FEED_DOWN)
_TOLD_STALE: Final = int(StatusCode.STALE)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_NOT_STANDING: Final = int(Flag.LAST_KNOWN | Flag.INELIGIBLE | Flag.WITHDRAWN)
"""Remarks on a quote that was, or is not to be relied upon: nobody stands behind it now."""
_LIVE: Final = int(BookState.LIVE)
_BOOK_STALE: Final = int(BookState.STALE)


@kernel
def _mark(group: int, dirty: NDArray[np.bool_], meter: NDArray[np.int64]) -> None:
    """Have a group looked at when the row is done."""
    dirty[group] = True
    meter[LOW], meter[HIGH] = min(meter[LOW], group), max(meter[HIGH], group)


@kernel
def _mark_source(
    source: int,
    faces: NDArray[np.void],
    leg_group: NDArray[np.int64],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Have the groups looked at that hear a source."""
    for leg in range(len(faces)):
        for side in range(2):
            if faces[leg, side].state != UNKNOWN and faces[leg, side].source == source:
                _mark(leg_group[leg], dirty, meter)


@kernel
def lose_quotes(
    source: int,
    only: int,
    every: bool,
    faces: NDArray[np.void],
    leg_group: NDArray[np.int64],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Believe no quote of a source (of ``every`` one; of leg ``only``, where that is not -1) until it is renewed."""
    for leg in range(len(faces)):
        face = faces[leg, QUOTE]
        if face.state != GOOD or (only >= 0 and leg != only):
            continue
        if every or only >= 0 or face.source == source:
            face.state = MISSING
            _mark(leg_group[leg], dirty, meter)


@kernel
def _hear(
    source: int,
    ts_recv: int,
    of_market: bool,
    sources: NDArray[np.void],
    faces: NDArray[np.void],
    leg_group: NDArray[np.int64],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Take it that a source spoke: it is no longer silent; no longer said to be stale if it spoke of the market."""
    heard = sources[source]
    heard.seen = ts_recv
    meter[SOURCES] = max(meter[SOURCES], source + 1)
    if heard.carries:
        meter[DEADLINE] = min(meter[DEADLINE], ts_recv + heard.silence)
    if heard.quiet == SILENT or (heard.quiet == SAID_STALE and of_market):
        heard.quiet = HEARD
        _mark_source(source, faces, leg_group, dirty, meter)


@kernel
def _carry(source: Record, silence: int, meter: NDArray[np.int64]) -> None:
    """Let a leg speak through this source from now on: its silence counts."""
    if not source.carries:
        source.carries, source.silence = 1, silence
        meter[DEADLINE] = min(meter[DEADLINE], source.seen + silence)


@kernel
def _step(
    step: int, sources: NDArray[np.void], faces: NDArray[np.void], moved: NDArray[np.void], meter: NDArray[np.int64]
) -> None:
    """Our wall clock was set: tell what is known in terms of the new one."""
    for leg in range(len(moved)):
        moved[leg].ts_recv += step
    for source in range(meter[SOURCES]):
        if sources[source].seen != 0:
            sources[source].seen += step
    for leg in range(len(faces)):
        for face in (BOOK, QUOTE):
            if faces[leg, face].state != UNKNOWN:
                faces[leg, face].ts_recv += step
    if meter[DEADLINE] != NEVER:
        meter[DEADLINE] += step


@kernel
def _find_silent(
    ts_recv: int,
    sources: NDArray[np.void],
    faces: NDArray[np.void],
    leg_group: NDArray[np.int64],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Mark the sources that have said nothing for too long, and find the time at which to look again."""
    deadline = NEVER
    for source in range(meter[SOURCES]):
        each = sources[source]
        if not each.carries or each.quiet == SILENT:
            continue
        if ts_recv - each.seen > each.silence:
            if each.quiet == HEARD:
                each.quiet = SILENT
                _mark_source(source, faces, leg_group, dirty, meter)
        else:
            deadline = min(deadline, each.seen + each.silence)
    meter[DEADLINE] = deadline


@kernel
def _take_top(face: Record, top: Record) -> None:
    """Take what a book says now."""
    if top.state != _LIVE:
        face.state = MISSING if top.state == _BOOK_STALE else UNKNOWN
        return
    face.state, face.source, face.ts_recv = GOOD, top.source, top.ts_recv
    face.bid, face.bid_size, face.bid_size_exp = top.bid, top.bid_size, top.bid_size_exp
    face.ask, face.ask_size, face.ask_size_exp = top.ask, top.ask_size, top.ask_size_exp


@kernel
def run(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    taken: int,
    top: int,
    tops: NDArray[np.void],
    leg_of: NDArray[np.int64],
    leg_group: NDArray[np.int64],
    silence: NDArray[np.int64],
    group_begin: NDArray[np.int64],
    faces: NDArray[np.void],
    sources: NDArray[np.void],
    last: NDArray[np.void],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
    moved: NDArray[np.void],
    moves: NDArray[np.void],
    moves_at: int,
    out: NDArray[np.void],
    at: int,
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    code: NDArray[np.uint16],
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
    ask_size_exp: NDArray[np.int8],
) -> tuple[int, int, int, int]:
    """Take rows from ``row`` on; return the first row and top not taken, and how many rows ``moves`` and ``out`` hold.

    Returns before a GAP row, unless its quotes were lost already (``taken``), and where ``out`` or ``moves`` may be too
    short. ``moved`` is what was told of each leg; empty where nobody asks for moves.
    """
    groups = len(last)
    while row < len(kind):
        what, which, now = kind[row], instrument[row], ts_recv[row]
        short = at + groups > len(out) or moves_at + len(moved) > len(moves)
        if short or (what == _GAP and row != taken):
            return row, top, moves_at, at
        if what == _CLOCK and size[row] != ABSENT:
            _step(size[row], sources, faces, moved, meter)
        leg = leg_of[which] if which >= 0 else -1
        down = what == _STATUS and code[row] == _FEED_DOWN
        stale = what == _STATUS and code[row] == _TOLD_STALE
        of_market = what <= _SNAPSHOT or what == _ORDER
        if what != _CLOCK and what != _GAP and not down:  # noqa: PLR1714 - numba compiles `in` to a loop
            _hear(source[row], now, of_market, sources, faces, leg_group, dirty, meter)
        if (_TRADE <= what <= _DELTA or what == _ORDER) and ts_event[row] != ABSENT and not flags[row] & _LAST_KNOWN:
            heard = sources[source[row]]
            if what != _ORDER or heard.lags > 0:  # orders alone do not make a source one whose clock is judged
                heard.lags += 1
                heard.late += now - ts_event[row] < SUSPECT_NS
        while top < len(tops) and tops[top].row == row:
            of = leg_of[tops[top].instrument]
            if of < 0:  # watched for others
                top += 1
                continue
            _take_top(faces[of, BOOK], tops[top])
            if tops[top].instrument == which and of_market:
                faces[of, BOOK].flags, faces[of, BOOK].told_stale = flags[row] & INHERITED, 0
            _mark(leg_group[of], dirty, meter)
            if faces[of, BOOK].state == GOOD:
                _carry(sources[faces[of, BOOK].source], silence[of], meter)
            top += 1
        if leg >= 0 and what == _QUOTE and not flags[row] & _NOT_STANDING:
            face = faces[leg, QUOTE]
            face.state, face.source, face.ts_recv, face.told_stale = GOOD, source[row], now, 0
            face.flags = flags[row] & INHERITED
            # A size of nothing is no interest at all; a size that was not said is one.
            has_bid, has_ask = size[row] != 0, ask_size[row] != 0
            face.bid, face.ask = price[row] if has_bid else ABSENT, ask_price[row] if has_ask else ABSENT
            face.bid_size, face.ask_size = size[row] if has_bid else ABSENT, ask_size[row] if has_ask else ABSENT
            face.bid_size_exp, face.ask_size_exp = size_exp[row], ask_size_exp[row]
            _mark(leg_group[leg], dirty, meter)
            _carry(sources[source[row]], silence[leg], meter)
        elif down:
            if which < 0:
                sources[source[row]].carries = 0
            if which < 0 or leg >= 0:
                lose_quotes(source[row], leg, False, faces, leg_group, dirty, meter)
        elif stale and which < 0:
            sources[source[row]].quiet = SAID_STALE
            _mark_source(source[row], faces, leg_group, dirty, meter)
        elif stale and leg >= 0:
            faces[leg, BOOK].told_stale = faces[leg, QUOTE].told_stale = 1
            _mark(leg_group[leg], dirty, meter)
        if now > meter[DEADLINE]:
            _find_silent(now, sources, faces, leg_group, dirty, meter)
        for group in range(meter[LOW], meter[HIGH] + 1):
            if not dirty[group]:
                continue
            dirty[group] = False
            begin = group_begin[group]
            if len(moved) != 0:
                moves_at = note_moves(row, begin, group_begin[group + 1], faces, sources, moved, moves, moves_at)
            told = out[at]
            best(faces, begin, group_begin[group + 1], sources, now, told)
            if changed(told, last[group]):
                told.offset, told.index, told.group = offset[row], index[row], group
                told.leg = leg - begin if leg >= 0 and leg_group[leg] == group else -1
                told.ts_event, told.ts_recv = ts_event[row], now
                last[group] = told
                at += 1
        meter[LOW], meter[HIGH] = groups, -1
        row += 1
    return row, top, moves_at, at
