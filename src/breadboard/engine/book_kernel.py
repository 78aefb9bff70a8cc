"""The order books' inner loop: sorted levels in one shared pool, best at the end of each side.

A level's key is its price for a bid and its negated price for an ask, so both sides ascend towards the best and one
search serves both. Updates cluster near the best: the search gallops from the end, and little is shifted.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.book_depth import note_depth
from breadboard.engine.level_rooms import (
    BEGIN,
    COUNT,
    CROSSED,
    EVENTS,
    IGNORED,
    NOWHERE,
    ROOM,
    SIZES,
    UNSYNCED,
    give_back,
    move,
    size_of,
    take_room,
)
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState, EventKind, Flag, OrderAction, SequenceRule, StatusCode
from breadboard.model.sequences import fell_back

HEAD: Final = np.dtype(
    [
        ("sequence", np.int64),  # the last venue number applied; ABSENT where the venue has none
        ("ts_event", np.int64),  # of the last event applied
        ("ts_recv", np.int64),
        ("offset", np.int64),
        ("ignored", np.int64),  # stale events in a row: a venue that began to count anew looks like this
        ("crossed", np.int64),  # events after which the live book's bid was not below its ask
        ("source", np.uint16),
        ("state", np.uint8),  # BookState
        ("rule", np.uint8),  # SequenceRule
        ("joining", np.uint8),  # 1: after a snapshot, before the first event that is not in it
        ("is_crossed", np.uint8),
    ]
)
"""What is known of one book beside its levels."""

TOP: Final = np.dtype(
    [
        ("row", np.int64),  # of the tape just taken
        ("instrument", np.int32),
        ("source", np.uint16),
        ("state", np.uint8),  # BookState; no prices unless LIVE
        ("ts_recv", np.int64),  # of the last event in the book
        ("bid", np.int64),
        ("bid_size", np.int64),
        ("bid_size_exp", np.int8),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("ask_size_exp", np.int8),
    ]
)
"""The best levels of a watched book after one row; ABSENT where a side has nothing."""

BIDS, ASKS = 0, 1

APPLY, STALE, BREAK = 0, 1, 2
"""What the venue's numbers say about an event."""
MAX_LEVELS: Final = 200_000
"""A book of more levels is no book: deltas are taken no more until a snapshot comes."""
MAX_IGNORED: Final = 1000
"""More stale events in a row than this are no repetition: the venue counts anew, and the book is out of step. Numbers
that fall far back say so at once (``fell_back``)."""

_DELTA: Final = int(EventKind.BOOK_DELTA)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_CLEAR: Final = int(OrderAction.CLEAR)
_UNKNOWN_ORDER: Final = int(Flag.UNKNOWN_ORDER)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_FEED_DOWN: Final = int(StatusCode.FEED_DOWN)
_LIVE: Final = int(BookState.LIVE)
_SYNCING: Final = int(BookState.SYNCING)
_EMPTY: Final = int(BookState.EMPTY)
_NONE: Final = int(SequenceRule.NONE)
_OVERLAP: Final = int(SequenceRule.OVERLAP)
_LINK: Final = int(SequenceRule.LINK)
_AFTER: Final = int(SequenceRule.AFTER)
_BUY: Final = 1
_fell_back: Final = kernel(fell_back)


@kernel
def judge(  # noqa: C901, PLR0911 - one return a line of the venues' own rules
    rule: int, joining: int, book: int, first: int, last: int, prev: int
) -> int:
    """Return what the numbers of an event say to a book that has come to ``book``: APPLY, STALE or BREAK."""
    if rule == _NONE:
        return APPLY
    if rule == _LINK:
        if prev == book:
            return APPLY
        return STALE if last == book and last != ABSENT else BREAK  # the same message once more
    if last != ABSENT and _fell_back(last, book):
        return BREAK
    if rule == _AFTER:
        return STALE if last <= book else APPLY
    if rule == _OVERLAP:
        if last <= book:
            return STALE
        return APPLY if first != ABSENT and first <= book + 1 else BREAK
    if prev == book and last >= book:
        return APPLY
    if joining:
        if last < book:
            return STALE
        return APPLY if first != ABSENT and first <= book else BREAK
    return STALE if last <= book else BREAK


@kernel
def _open_place(column: NDArray[Any], low: int, top: int) -> None:
    """Move ``column[low:top]`` one up. Unsigned places need no test for negative ones: the loop becomes a memmove."""
    one, place, end = np.uint64(1), np.uint64(top), np.uint64(low)
    while place > end:
        before = place - one
        column[place] = column[before]
        place = before


@kernel
def _close_place(column: NDArray[Any], low: int, top: int) -> None:
    """Move ``column[low + 1:top]`` one down."""
    one, place, end = np.uint64(1), np.uint64(low), np.uint64(top - 1)
    while place < end:
        after = place + one
        column[place] = column[after]
        place = after


@kernel
def _put(
    side: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    key: int,
    size: int,
    exponent: int,
) -> None:
    """Set, insert or (size 0) remove one level. There is room for it."""
    begin = side[BEGIN]
    top = begin + side[COUNT]
    high = top
    low = begin
    step = 1
    while high > begin:
        probe = max(high - step, begin)
        if keys[probe] < key:
            low = probe + 1
            break
        high = probe
        step *= 2
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    there = low < top and keys[low] == key
    if size != 0:
        if not there:
            _open_place(keys, low, top)
            _open_place(sizes, low, top)
            _open_place(exps, low, top)
            keys[low] = key
            side[COUNT] += 1
        sizes[low] = size
        exps[low] = exponent
    elif there:
        _close_place(keys, low, top)
        _close_place(sizes, low, top)
        _close_place(exps, low, top)
        side[COUNT] -= 1


@kernel
def _reserve(
    side: NDArray[np.int64],
    more: int,
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    meter: NDArray[np.int64],
) -> bool:
    """Make room for ``more`` levels on one side, moving it to a larger one; False where the pool is full."""
    count = side[COUNT]
    if count + more <= side[ROOM]:
        return True
    size = size_of(count + more)
    begin = take_room(size, keys, meter)
    if begin == NOWHERE:
        return False
    move(side, begin, keys, sizes, exps)
    give_back(side, keys, meter)
    side[BEGIN], side[ROOM] = begin, SIZES[size]
    return True


@kernel
def change(
    sides: NDArray[np.int64],
    begin: int,
    end: int,
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_exp: NDArray[np.int8],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    meter: NDArray[np.int64],
) -> bool:
    """Apply levels ``begin:end`` to one book (``sides[2, 3]``); False, and nothing done, where the pool is full."""
    bids = 0
    for level in range(begin, end):
        bids += level_side[level] == _BUY
    if not _reserve(sides[BIDS], bids, keys, sizes, exps, meter):
        return False
    if not _reserve(sides[ASKS], end - begin - bids, keys, sizes, exps, meter):
        return False
    for level in range(begin, end):
        if level_side[level] == _BUY:
            _put(sides[BIDS], keys, sizes, exps, level_price[level], level_size[level], level_exp[level])
        else:
            _put(sides[ASKS], keys, sizes, exps, -level_price[level], level_size[level], level_exp[level])
    return True


@kernel
def note_crossed(sides: NDArray[np.int64], keys: NDArray[np.int64]) -> bool:
    """Return whether the book's best bid is at or above its best ask."""
    if sides[BIDS, COUNT] == 0 or sides[ASKS, COUNT] == 0:
        return False
    best_bid = keys[sides[BIDS, BEGIN] + sides[BIDS, COUNT] - 1]
    best_ask = -keys[sides[ASKS, BEGIN] + sides[ASKS, COUNT] - 1]
    return bool(best_bid >= best_ask)


@kernel
def note_top(
    top: Record,
    row: int,
    which: int,
    head: Record,
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
) -> None:
    """Write the best levels of one book (``sides[2, 3]``) as they are after a row."""
    top.row, top.instrument = row, which
    top.source, top.state, top.ts_recv = head.source, head.state, head.ts_recv
    top.bid = top.bid_size = top.ask = top.ask_size = ABSENT
    top.bid_size_exp = top.ask_size_exp = 0
    if head.state != _LIVE:
        return
    if sides[BIDS, COUNT] > 0:
        best = sides[BIDS, BEGIN] + sides[BIDS, COUNT] - 1
        top.bid, top.bid_size, top.bid_size_exp = keys[best], sizes[best], exps[best]
    if sides[ASKS, COUNT] > 0:
        best = sides[ASKS, BEGIN] + sides[ASKS, COUNT] - 1
        top.ask, top.ask_size, top.ask_size_exp = -keys[best], sizes[best], exps[best]


@kernel
def run(  # noqa: C901, PLR0911, PLR0912 - one loop, entered once a batch; a call a row would cost more than the row
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
    sequence: NDArray[np.int64],
    sequence_first: NDArray[np.int64],
    sequence_prev: NDArray[np.int64],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_exp: NDArray[np.int8],
    heads: NDArray[np.void],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    meter: NDArray[np.int64],
    watched: NDArray[np.bool_],
    tops: NDArray[np.void],
    depths: NDArray[np.void],
    at: int,
) -> tuple[int, int]:
    """Apply deltas to live books from ``row`` on; return the first row that needs a second look, or ``stop``.

    Of ``watched`` instruments (empty: of none) the best levels after each event go to ``tops`` from ``at`` on, which
    has room for one a row; where they end is the second number. ``depths``, unless empty, takes more levels beside.
    """
    while row < stop:
        what = kind[row]
        if what in (_SNAPSHOT, _GAP) or (what == _STATUS and code[row] == _FEED_DOWN):
            return row, at
        if what == _ORDER and (code[row] == _CLEAR or flags[row] & _UNKNOWN_ORDER):
            return row, at
        which = instrument[row]
        if (what != _DELTA and what != _ORDER) or which < 0:  # noqa: PLR1714 - numba compiles `in` to a loop
            row += 1
            continue
        head = heads[which]
        if head.state != _LIVE:
            if head.rule != _NONE and head.rule != _LINK:  # noqa: PLR1714 - numba compiles `in` to a loop
                return row, at
            # Nothing joins a delta to a snapshot that is yet to come in the stream: it brings everything.
            if head.state == _EMPTY:
                head.state = _SYNCING
            head.source = source[row]
            meter[UNSYNCED] += 1
            row += 1
            continue
        if head.joining:
            return row, at  # the first after a snapshot: was there one between the two?
        verdict = judge(head.rule, 0, head.sequence, sequence_first[row], sequence[row], sequence_prev[row])
        if verdict == BREAK or (verdict == STALE and head.ignored >= MAX_IGNORED):
            return row, at
        if verdict == STALE:
            head.ignored += 1
            meter[IGNORED] += 1
            row += 1
            continue
        if sides[which, BIDS, COUNT] + sides[which, ASKS, COUNT] > MAX_LEVELS:
            return row, at
        if not change(
            sides[which],
            level_begin[row],
            level_end[row],
            level_side,
            level_price,
            level_size,
            level_exp,
            keys,
            sizes,
            exps,
            meter,
        ):
            return row, at
        head.ignored = 0
        head.sequence = sequence[row]
        head.ts_event = ts_event[row]
        head.ts_recv = ts_recv[row]
        head.offset = offset[row]
        head.source = source[row]
        crossed = note_crossed(sides[which], keys)
        head.is_crossed = crossed
        if crossed:
            head.crossed += 1
            meter[CROSSED] += 1
        meter[EVENTS] += 1
        if len(watched) != 0 and watched[which]:
            note_top(tops[at], row, which, head, sides[which], keys, sizes, exps)
            if len(depths) != 0:
                note_depth(depths[at], sides[which, BIDS], sides[which, ASKS], keys, sizes, exps)
            at += 1
        row += 1
    return row, at
