"""The inner loop of arbitrage: rows in order, books and legs as they are after each, and the routes that they touch."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_books import FIRST, LAST, NOTHING, catch_up
from breadboard.engine.arbitrage_routes import TRADES, conclude, good_until, look, weigh
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState, EventKind, StatusCode
from breadboard.model.opportunities import MAX_LEGS, Cause, OpportunityState

DEADLINE, NUMBER, TOLD, CONFLATED, LOOKED, WALKED, DUE, PHASE, LOW, HIGH, WIDENS = range(11)
"""Slots of ``meter``: no open route ages before this time; opportunities opened; rows told; changes told with others;
times a route was looked at, and its books walked; nothing on paper is due before this time; how far the present row was
taken; first and last route to look at (none where the last is before the first); the leg that needs room."""
METERS: Final = 11
KEPT: Final = DUE
"""Slots before this one are state; the rest is of one row, or of others."""
NEVER: Final = 2**63 - 1
ENDED, SHORT, COPY, WIDEN, FALLS_DUE, SPOKE, STEPPED = range(7)
"""Why ``run`` returns: the tape is over; ``out`` may be too short; a book is to be copied; the pool is full; something
on paper is due before this row; the row opened something; the row set our clock (the last two where paper is kept)."""
_START, _STEPPED, _BOOKS, _DONE = range(4)
_NONE: Final = int(Cause.NONE)
_OPENED: Final = int(OpportunityState.OPENED)
_UPDATED: Final = int(OpportunityState.UPDATED)
_CLOSED: Final = int(OpportunityState.CLOSED)

_STATUS: Final = int(EventKind.STATUS)
_CLOCK: Final = int(EventKind.CLOCK)
_HALTED: Final = int(StatusCode.HALTED)
_RESUMED: Final = int(StatusCode.RESUMED)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_UP: Final = int(StatusCode.FEED_UP)
_LIVE: Final = int(BookState.LIVE)


@kernel
def touch(
    leg: int, touching: NDArray[np.int32], reach: NDArray[np.int64], dirty: NDArray[np.bool_], meter: NDArray[np.int64]
) -> None:
    """Have the routes of a leg looked at when the row is done."""
    for place in range(reach[leg], reach[leg + 1]):
        route = touching[place]
        dirty[route] = True
        meter[LOW], meter[HIGH] = min(meter[LOW], route), max(meter[HIGH], route)


@kernel
def _step(
    step: int, legs: NDArray[np.void], held: NDArray[np.void], standing: NDArray[np.void], meter: NDArray[np.int64]
) -> None:
    """Our wall clock was set: tell what is known in terms of the new one."""
    for leg in range(len(legs)):
        legs[leg].ts_recv += step
    for route in range(len(held)):
        held[route].opened_ts += step
        standing[route].told += step
    meter[DEADLINE] = ABSENT  # found anew on this row: a rate of a date does not move with our clock


@kernel
def _halt(
    which: int,
    source: int,
    code: int,
    leg: int,
    legs: NDArray[np.void],
    halts: NDArray[np.int32],
    touching: NDArray[np.int32],
    reach: NDArray[np.int64],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Note that a leg (of no ``which``: every leg of a source) is halted, or traded again.

    Where a line is lost, or begins, it is not known of the halts that it told of: nothing may tell that they are over.
    """
    line = code != _HALTED and code != _RESUMED  # noqa: PLR1714 - numba compiles `in` to a loop
    for each in range(len(legs)):
        told_by = halts[each] == source
        mine = told_by if line else each == leg or (which < 0 and (told_by or legs[each].source == source))
        if mine:
            halts[each] = source if code == _HALTED else TRADES
            touch(each, touching, reach, dirty, meter)


@kernel
def _find_old(
    now: int,
    limits: NDArray[np.int64],
    legs: NDArray[np.void],
    terms: NDArray[np.void],
    rates: NDArray[np.void],
    routes: NDArray[np.void],
    standing: NDArray[np.void],
    dirty: NDArray[np.bool_],
    meter: NDArray[np.int64],
) -> None:
    """Have every open route looked at that has become too old, and find the time at which to look again."""
    deadline = NEVER
    for route in range(len(routes)):
        if not standing[route].open:
            continue
        until = good_until(routes[route], legs, terms, rates, limits)
        if now > until:
            dirty[route] = True
            meter[LOW], meter[HIGH] = min(meter[LOW], route), max(meter[HIGH], route)
        else:
            deadline = min(deadline, until)
    meter[DEADLINE] = deadline


@kernel
def _mixed(key: int, offset: int, index: int) -> Any:  # noqa: ANN401 - numba infers uint64
    """Return one number of three: splitmix64, so that neighbours have nothing in common."""
    mixed = np.uint64(key) ^ (np.uint64(offset) * np.uint64(65_536) + np.uint64(index))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@kernel
def _begin(line: Record, route: Record, instrument_of: NDArray[np.int32], meter: NDArray[np.int64]) -> None:
    """Give an opportunity its id and number, and the instruments of its legs."""
    meter[NUMBER] += 1
    line.number = meter[NUMBER]
    line.id = _mixed(route.key, line.offset, line.index)
    for place in range(MAX_LEGS):
        leg = route.legs[place]
        line.leg_instrument[place] = instrument_of[leg] if leg >= 0 else -1


@kernel
def run(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    top: int,
    move: int,
    copied: NDArray[np.int64],
    copy: int,
    tops: NDArray[np.void],
    moves: NDArray[np.void],
    leg_of: NDArray[np.int64],
    instrument_of: NDArray[np.int32],
    behind: NDArray[np.int64],
    later: NDArray[np.int64],
    legs: NDArray[np.void],
    halts: NDArray[np.int32],
    terms: NDArray[np.void],
    rates: NDArray[np.void],
    worth: NDArray[np.int64],
    routes: NDArray[np.void],
    touching: NDArray[np.int32],
    reach: NDArray[np.int64],
    standing: NDArray[np.void],
    held: NDArray[np.void],
    around: NDArray[np.int64],
    found: NDArray[np.void],
    dirty: NDArray[np.bool_],
    limits: NDArray[np.int64],
    paper: bool,
    meter: NDArray[np.int64],
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    pool_meter: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    size: NDArray[np.int64],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_exp: NDArray[np.int8],
) -> tuple[int, int, int, int, int, int]:
    """Take rows from ``row`` on; return why it ended, the first row, top, move, copy not taken, and rows in ``out``.

    ``tops`` and ``moves`` are of the same tape. Of a top whose place is in ``copied`` the book is to be put in place by
    the caller (COPY); of every other live one the row's levels are applied, but not before somebody looks at that book.
    """
    count = len(routes)
    levels = (level_begin, level_end, level_side, level_price, level_size, level_exp)
    pool = (sides, keys, sizes, exps, pool_meter)
    while row < len(kind):
        now = ts_recv[row]
        if meter[PHASE] == _START:
            if kind[row] == _CLOCK and size[row] != ABSENT:
                _step(size[row], legs, held, standing, meter)
                if paper:
                    meter[PHASE] = _STEPPED
                    return STEPPED, row, top, move, copy, at
            meter[PHASE] = _STEPPED
        if meter[PHASE] == _STEPPED:
            if now > meter[DUE]:
                return FALLS_DUE, row, top, move, copy, at
            if at + count > len(out):
                return SHORT, row, top, move, copy, at
            meter[PHASE] = _BOOKS
        if meter[PHASE] == _BOOKS:
            while top < len(tops) and tops[top].row == row:
                leg = leg_of[tops[top].instrument]
                if leg >= 0 and tops[top].state == _LIVE:
                    if copy < len(copied) and copied[copy] == top:
                        return COPY, row, top, move, copy, at
                    later[top] = NOTHING
                    if behind[leg, FIRST] == NOTHING:
                        behind[leg, FIRST] = top
                    else:
                        later[behind[leg, LAST]] = top
                    behind[leg, LAST] = top
                    touch(leg, touching, reach, dirty, meter)
                top += 1
            while move < len(moves) and moves[move].row == row:
                leg = moves[move].leg
                legs[leg] = moves[move]
                touch(leg, touching, reach, dirty, meter)
                move += 1
            if kind[row] == _STATUS and (
                code[row] == _HALTED or code[row] == _RESUMED or code[row] == _DOWN or code[row] == _UP
            ):
                which = instrument[row]
                leg = leg_of[which] if which >= 0 else -1
                _halt(which, source[row], code[row], leg, legs, halts, touching, reach, dirty, meter)
            if now > meter[DEADLINE]:
                _find_old(now, limits, legs, terms, rates, routes, standing, dirty, meter)
            opened = False
            for route in range(meter[LOW], meter[HIGH] + 1):
                if not dirty[route]:
                    continue
                cause, rate_age = weigh(routes[route], now, legs, halts, terms, rates, worth, limits)
                if cause == _NONE:
                    for place in range(MAX_LEGS):
                        leg = routes[route].legs[place]
                        if leg >= 0 and not catch_up(leg, behind, later, tops, *levels, *pool):
                            meter[WIDENS] = leg
                            return WIDEN, row, top, move, copy, at
                    meter[WALKED] += 1
                    cause = look(routes[route], legs, terms, worth, limits, sides, keys, sizes, exps, around, found[0])
                told = 0
                if cause == _NONE or standing[route].open:
                    told = conclude(route, cause, now, rate_age, legs, routes, standing, held, found[0], limits)
                dirty[route] = False
                meter[LOOKED] += 1
                if standing[route].open:
                    until = good_until(routes[route], legs, terms, rates, limits)
                    meter[DEADLINE] = min(meter[DEADLINE], until)
                if told == 0:
                    continue
                line = held[route]
                line.offset, line.index, line.ts_event = offset[row], index[row], ts_event[row]
                if told == _OPENED:
                    _begin(line, routes[route], instrument_of, meter)
                    opened = True
                meter[TOLD] += 1
                meter[CONFLATED] += line.changes - 1
                out[at] = line
                at += 1
            meter[LOW], meter[HIGH] = count, -1
            meter[PHASE] = _DONE
            if paper and opened:
                return SPOKE, row, top, move, copy, at
        row += 1
        meter[PHASE] = _START
    return ENDED, row, top, move, copy, at
