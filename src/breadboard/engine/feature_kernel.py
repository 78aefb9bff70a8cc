"""The features' inner loop: the tape, the marks and the books' tops, walked side by side in journal order."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.feature_state import INTERVALS
from breadboard.engine.feature_tops import lose_depth, lose_top, take_depth, take_top
from breadboard.engine.feature_trades import await_mid, count, pour, settle, sign_of
from breadboard.engine.feature_windows import close_until, enter
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.engine.scales import POWERS
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState, EventKind, Flag, OrderAction, StatusCode, Uncounted

OPEN, LATE, UNTIMED = range(3)
"""Slots of ``meter``: open windows; trades whose window was over (per interval); trades without a time to believe."""
METERS: Final = 3

_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_DELTA: Final = int(EventKind.BOOK_DELTA)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLEAR: Final = int(OrderAction.CLEAR)
_LIVE: Final = int(BookState.LIVE)
_HALTED: Final = int(StatusCode.HALTED)
_RESUMED: Final = int(StatusCode.RESUMED)
_QUOTING: Final = int(StatusCode.QUOTING)
_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_STALE: Final = int(StatusCode.STALE)
_MAINTENANCE: Final = int(StatusCode.MAINTENANCE)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_VOLUME_ONLY: Final = int(Flag.VOLUME_ONLY)
_INELIGIBLE: Final = int(Flag.INELIGIBLE)
_NO_NEWS: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN)
_NOT_COUNTED: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.INELIGIBLE)
_NO_VOLUME: Final = int(Uncounted.VOLUME)


@kernel
def _remark(code: int, what: int, spoken: int, whole: bool, owner: Record, slots: NDArray[np.void]) -> None:
    """Take what a STATUS or GAP row says of one instrument; ``whole``, of all that its source tells of.

    An instrument may have its trades and its quotes of two sources, and its book of a third.
    """
    told_halt = owner.halted == 1 and spoken == owner.halted_by
    if told_halt and what == _STATUS and code in (_DOWN, _UP):
        owner.halted = 0  # whether trading is resumed meanwhile is not known
    of_top = spoken in (owner.top_source, EVERY_SOURCE)
    if whole and not of_top and not told_halt and spoken != owner.source:
        return
    if what == _STATUS and code in (_RESUMED, _QUOTING):
        owner.halted = 0
    elif what == _STATUS and code == _HALTED:
        owner.halted, owner.halted_by = 1, spoken
        lose_top(owner, slots)
        lose_depth(owner, slots)
    elif owner.quoted and of_top and (what == _GAP or code in (_DOWN, _STALE, _MAINTENANCE)):
        lose_top(owner, slots)


@kernel
def _hear(owner: Record, what: int, flags: int, spoken: int) -> None:
    """Note whose watermark closes its windows: that of its trades, so that they end at the rows at which bars do."""
    trade = what == _TRADE and not flags & _NO_NEWS and not (flags & _AGGREGATED and owner.raw)
    if trade or not owner.traded:
        owner.source = spoken
    if trade:
        owner.traded = 1


@kernel
def _scaled(size: int, exponent: int) -> float:
    """Return a size as a float; NaN where it is not known."""
    return size * POWERS[exponent + 18] if size >= 0 else np.nan


@kernel
def run(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    cursor: tuple[int, int, int],
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    side: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    ts_event: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    ask_size_exp: NDArray[np.int8],
    timely: NDArray[np.bool_],
    marks: NDArray[np.void],
    tops: NDArray[np.void],
    depths: NDArray[np.void],
    owners: NDArray[np.void],
    slots: NDArray[np.void],
    many: int,
    seconds: NDArray[np.int64],
    meter: NDArray[np.int64],
    spots: NDArray[np.int64],
    out: NDArray[np.void],
) -> tuple[tuple[int, int, int], int]:
    """Take rows from ``cursor`` (row, mark, top) on; return where it came to and how many WINDOWs are in ``out``.

    It stops before a row for which ``out`` might not suffice. ``seconds`` by source is the state of the marks so far,
    ``spots`` room for a place an interval.
    """
    row, mark, top = cursor
    at = 0
    while row < len(kind):
        if len(out) - at < meter[OPEN] + INTERVALS:
            break
        before = at
        while mark < len(marks) and marks[mark].row == row:
            if not marks[mark].ended:
                seconds[marks[mark].source] = marks[mark].second
            at = close_until(marks[mark], offset[row], owners, slots, many, out, at)
            mark += 1
        meter[OPEN] -= at - before
        what, which = kind[row], instrument[row]
        if what in (_STATUS, _GAP):
            for each in range(many) if which < 0 else range(which, which + 1):
                _remark(code[row], what, int(source[row]), which < 0, owners[each], slots[each])
        market = which >= 0 and (what <= _SNAPSHOT or what == _ORDER)
        when = ts_event[row]
        spots[:] = -1
        if market and timely[row]:
            owner = owners[which]
            opened, before = owner.open, at
            _hear(owner, what, flags[row], source[row])
            at = enter(owner, slots[which], which, when, seconds[owner.source], offset[row], spots, out, at)
            meter[OPEN] += owner.open - opened
            settle(owner, slots[which], spots, when)
        # It brings everything: what is other than before is no order flow.
        anew = what == _SNAPSHOT or (what == _ORDER and code[row] == _CLEAR)
        while top < len(tops) and tops[top].row == row:
            owner, its = owners[tops[top].instrument], slots[tops[top].instrument]
            if tops[top].state != _LIVE:
                lose_depth(owner, its)
                if not owner.quoted:
                    lose_top(owner, its)
            elif market and not owner.halted:
                depth = depths[top]
                take_depth(owner, its, spots, timely[row], when, anew, depth)
                if not owner.quoted:
                    prices, sizes = (depth.bid_price[0], depth.ask_price[0]), (depth.bid_size[0], depth.ask_size[0])
                    take_top(owner, its, spots, timely[row], when, anew, prices[0], sizes[0], prices[1], sizes[1])
            top += 1
        if market and what == _QUOTE and not flags[row] & _INELIGIBLE and (timely[row] or owners[which].quoted):
            owner = owners[which]
            if not owner.quoted:
                owner.quoted = 1
                lose_top(owner, slots[which])
            owner.top_source = source[row]
            bid_size = _scaled(size[row], size_exp[row])
            best = ask_price[row], _scaled(ask_size[row], ask_size_exp[row])
            take_top(owner, slots[which], spots, timely[row], when, False, price[row], bid_size, best[0], best[1])
        elif market and what == _TRADE and not flags[row] & _NOT_COUNTED and not code[row] & _NO_VOLUME:
            owner, its = owners[which], slots[which]
            aggregated = flags[row] & _AGGREGATED != 0
            if timely[row] and not aggregated:
                owner.raw = 1
            if not timely[row]:
                meter[UNTIMED] += 1
            elif not (aggregated and owner.raw):
                volume = _scaled(size[row], size_exp[row])
                for interval in range(INTERVALS):
                    if spots[interval] < 0:
                        meter[LATE] += 1
                    elif volume > 0.0:
                        its[spots[interval]].volume += volume
                        its[spots[interval]].notional += price[row] * 1e-9 * volume
                if flags[row] & _VOLUME_ONLY == 0:
                    sign = sign_of(owner, side[row], price[row])
                    if size[row] > 0 and sign != 0:
                        pour(owner, size[row], size_exp[row], sign)
                    count(owner, its, spots, price[row], volume, sign, when)
                    await_mid(owner, price[row], volume, sign, when)
        row += 1
    return (row, mark, top), at
