"""Level 1 updates of IQFeed (``Q``), compiled: lines in, tape columns out.

It takes lines of the announced fields whose every number is plain and not below zero, of symbols that are known, on a
date in New York that has one offset. All others are left to the reference reader (``iqfeed_level1``), which has the
last word.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.line_tokens import clock_at, cut_line, pointed_price, quote_side, whole_at
from breadboard.feeds.words import SymbolTable, bare_symbols, symbol_place
from breadboard.model.decimal_kernel import size_at
from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag, Side
from breadboard.model.pointers import pointer

COLUMNS: Final = (
    *("kind", "flags", "code", "side", "instrument", "ts_event", "sequence", "sequence_first", "sequence_prev"),
    *("trade_id", "price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp", "index"),
)
"""Of what ``read_updates`` writes, a row of ``out`` each."""
PLACES: Final = (
    *("contents", "delay", "price", "size", "time", "date", "aggressor", "tick_id"),
    *("bid", "bid_size", "bid_time", "ask", "ask_size", "ask_time"),
)
"""Of a line's fields, those that are read, in the order of ``Lines.places``: of the trade, of the quote, and others."""
LETTERS: Final = "CEO"
"""Of Message Contents: what traded. Where a trade stands may depend on it."""
_OTHERWISE: Final = 2
"""The letter whose trades have the names that a summary's has."""
MOST_FIELDS: Final = 64
ODD, PLAIN, STOP = 0, 1, 2
"""Of a line: left to the reader; read; left to the reader, and what it says may change how the next ones are read."""
SPANS: Final = 6
"""Where a trade's line has the symbol, the time and the tick id: what a summary is compared with."""

_CONTENTS, _DELAY, _PRICE, _SIZE, _TIME, _DATE, _AGGRESSOR, _TICK_ID = range(8)
_BID, _BID_SIZE, _BID_TIME, _ASK, _ASK_SIZE, _ASK_TIME = range(8, 14)
_COMMA: Final = 44
_Q, _P, _S, _C, _E, _O, _LOWER_A, _LOWER_B, _ZERO, _ONE, _TWO = b"QPSCEOab012"
_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_INELIGIBLE: Final = int(Flag.INELIGIBLE)
_DATE_LENGTH: Final = 10
_SHORTEST: Final = 2
_HOUR: Final = 3_600_000_000_000
_HALF_DAY: Final = 43_200_000_000_000
_DAY: Final = 2 * _HALF_DAY
_WIDTH: Final = len(COLUMNS)


class Lines(NamedTuple):
    """How the lines of each connection in a batch are to be read. ``N`` connections."""

    places: NDArray[np.int64]
    """``[N, LETTERS, PLACES]``: which field; -1 for one that was not selected."""
    fields: NDArray[np.int64]
    """``[N]``: how many a line has, its kind among them; 0 where nobody knows, and the reader takes them all."""
    delayed: NDArray[np.uint8]
    """``[N]``: whether all of the connection is."""
    flags: NDArray[np.int64]
    """``[3, 2]``: of trades by letter (C, E, O), and whether delayed."""
    codes: NDArray[np.int64]
    """``[3]``: what a trade does not count for."""
    quote_flags: NDArray[np.int64]
    """``[2]``"""


class Today(NamedTuple):
    """A date in New York that has one offset, between two that have the same."""

    span: NDArray[np.int64]
    """First moment, first after it; ns UTC. Equal: there is none."""
    text: NDArray[np.uint8]
    """``MM/DD/YYYY``."""


@kernel
def _near(clock: int, ts_recv: int, midnight: int) -> int:
    """Return the moment nearest to its receipt at which a clock shows this."""
    found = midnight + clock
    away = found - ts_recv
    if away > _HALF_DAY:
        return found - _DAY
    return found + _DAY if away < -_HALF_DAY else found


@kernel
def _field(ends: NDArray[np.int64], place: int, end: int) -> tuple[int, int]:
    """Return the span of a field; an empty one at the line's end where it was not selected."""
    return (ends[place - 1] + 1, ends[place]) if place > 0 else (end, end)


@kernel
def _letter(raw: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return which of C, E, O the contents have first; -1 for none."""
    for i in range(begin, end):
        if raw[i] == _C:
            return 0
        if raw[i] == _E:
            return 1
        if raw[i] == _O:
            return 2
    return -1


@kernel
def _has(raw: NDArray[np.uint8], begin: int, end: int, letter: int) -> bool:
    for i in range(begin, end):  # noqa: SIM110 - numba has no any()
        if raw[i] == letter:
            return True
    return False


@kernel
def _begin_event(out: NDArray[np.int64], at: int, kind: int, flags: int, instrument: int) -> None:
    for column in range(_WIDTH):
        out[column, at] = ABSENT
    out[0, at], out[1, at], out[2, at], out[3, at], out[4, at] = kind, flags, 0, 0, instrument
    out[12, at] = out[15, at] = SIZE_EXP
    out[16, at] = 0


@kernel
def _trade_time(
    raw: NDArray[np.uint8],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
    end: int,
    ts_recv: int,
    today: Today,
) -> tuple[int, bool]:
    begin, stop = _field(ends, places[_TIME], end)
    if begin == stop:
        return ABSENT, True
    clock = clock_at(raw, begin, stop)
    if clock < 0:
        return 0, False
    begin, stop = _field(ends, places[_DATE], end)
    if begin == stop:
        return _near(clock, ts_recv, today.span[0]), True
    if stop - begin != _DATE_LENGTH:
        return 0, False
    for i in range(_DATE_LENGTH):
        if raw[begin + i] != today.text[i]:
            return 0, False
    return today.span[0] + clock, True


@kernel
def _trade(
    raw: NDArray[np.uint8],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
    end: int,
    ts_recv: int,
    today: Today,
    out: NDArray[np.int64],
    at: int,
) -> bool:
    """Fill in what a trade has of its own; False where the reader is to look."""
    ts_event, ok = _trade_time(raw, ends, places, end, ts_recv, today)
    if not ok:
        return False
    price, ok = pointed_price(raw, *_field(ends, places[_PRICE], end))
    if not ok or price == 0:
        return False
    size, exponent, ok = size_at(raw, *_field(ends, places[_SIZE], end))
    if not ok or (size == 0 and not out[1, at] & _INELIGIBLE):
        return False
    tick_id, ok = whole_at(raw, *_field(ends, places[_TICK_ID], end))
    if not ok:
        return False
    begin, stop = _field(ends, places[_AGGRESSOR], end)
    if stop - begin == 1:
        out[3, at] = _BUY if raw[begin] == _ONE else _SELL if raw[begin] == _TWO else 0
    out[5, at], out[6, at], out[9, at] = ts_event, tick_id, tick_id
    out[10, at], out[11, at], out[12, at] = price, size, exponent
    return True


@kernel
def _quote_time(
    raw: NDArray[np.uint8],
    bid: tuple[int, int],
    ask: tuple[int, int],
    ts_recv: int,
    today: Today,
) -> tuple[int, bool]:
    """Return when the later of two sides was quoted; of clocks of one hour the later is meant, whatever its date."""
    one = clock_at(raw, bid[0], bid[1]) if bid[1] > bid[0] else ABSENT
    other = clock_at(raw, ask[0], ask[1]) if ask[1] > ask[0] else ABSENT
    if one == -1 or other == -1:
        return 0, False
    if max(one, other) == ABSENT:
        return ABSENT, True
    midnight = today.span[0]
    if min(one, other) == ABSENT or one // _HOUR == other // _HOUR:
        return _near(max(one, other), ts_recv, midnight), True
    return max(_near(one, ts_recv, midnight), _near(other, ts_recv, midnight)), True


@kernel
def _quote(
    raw: NDArray[np.uint8],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
    end: int,
    ts_recv: int,
    today: Today,
    bids: bool,
    asks: bool,
    out: NDArray[np.int64],
    at: int,
) -> bool:
    """Fill in what a quote has of its own; False where the reader is to look."""
    none = (end, end)
    bid_clock = _field(ends, places[_BID_TIME], end) if bids else none
    ask_clock = _field(ends, places[_ASK_TIME], end) if asks else none
    ts_event, ok = _quote_time(raw, bid_clock, ask_clock, ts_recv, today)
    if not ok:
        return False
    bid, bid_size, bid_exp, ok = quote_side(
        raw, *_field(ends, places[_BID], end), *_field(ends, places[_BID_SIZE], end)
    )
    if not ok:
        return False
    ask, ask_size, ask_exp, ok = quote_side(
        raw, *_field(ends, places[_ASK], end), *_field(ends, places[_ASK_SIZE], end)
    )
    out[5, at], out[10, at], out[11, at], out[12, at] = ts_event, bid, bid_size, bid_exp
    out[13, at], out[14, at], out[15, at] = ask, ask_size, ask_exp
    return ok


@kernel
def _update(
    lines: Lines,
    where: int,
    today: Today,
    known: SymbolTable,
    raw: NDArray[np.uint8],
    first: int,
    last: int,
    ts_recv: int,
    cuts: NDArray[np.int64],
    out: NDArray[np.int64],
    spans: NDArray[np.int64],
    at: int,
) -> int:
    """Read one line into the events from ``at`` on; return how many they are, -1 where the reader is to look."""
    if cut_line(raw, first, last, _COMMA, cuts, MOST_FIELDS) != lines.fields[where]:
        return -1
    place = symbol_place(known, raw, cuts[0] + 1, cuts[1]) if cuts[1] > cuts[0] + 1 else -1
    if place < 0 or known.length[place] == 0:
        return -1
    places, instrument = lines.places[where, 0], known.ids[place]
    a, b = _field(cuts, places[_CONTENTS], last)
    letter, bids, asks = _letter(raw, a, b), _has(raw, a, b, _LOWER_B), _has(raw, a, b, _LOWER_A)
    if letter > 0:
        places = lines.places[where, letter]
    a, b = _field(cuts, places[_DELAY], last)
    delayed = 1 if lines.delayed[where] or (b > a and not (b - a == 1 and raw[a] == _ZERO)) else 0
    count = 0
    if letter >= 0:
        _begin_event(out, at, _TRADE, lines.flags[letter, delayed], instrument)
        out[2, at] = lines.codes[letter]
        if not _trade(raw, cuts, places, last, ts_recv, today, out, at):
            return -1
        spans[at, 0], spans[at, 1] = cuts[0] + 1, cuts[1]
        spans[at, 2], spans[at, 3] = _field(cuts, lines.places[where, _OTHERWISE, _TIME], last)
        spans[at, 4], spans[at, 5] = _field(cuts, places[_TICK_ID], last)
        count = 1
    # Without Message Contents, which have no place then, each line is the quote as of then.
    if (bids or asks or places[_CONTENTS] < 0) and (places[_BID] > 0 or places[_ASK] > 0):
        _begin_event(out, at + count, _QUOTE, lines.quote_flags[delayed], instrument)
        if not _quote(raw, cuts, places, last, ts_recv, today, bids, asks, out, at + count):
            return -1
        out[16, at + count] = count
        count += 1
    return count


@kernel
def read_updates(
    lines: Lines,
    connection: NDArray[np.int64],
    today: Today,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    row: int,
    told: NDArray[np.int8],
    out: NDArray[np.int64],
    rows: NDArray[np.int64],
    spans: NDArray[np.int64],
    at: int,
    ends: NDArray[np.int64],
) -> tuple[int, int]:
    """Read lines from ``row`` on; return the first not looked at, and the count of events so far.

    ``told[row]`` becomes PLAIN for a line that was read, ODD for one that was not; it ends behind one that is to STOP
    it. ``connection[row]`` is a place in ``lines``, -1 for what is none of ours. Event ``n`` is ``out[:, n]`` and comes
    of line ``rows[n]``; ``spans[n]`` are SPANS where it is a trade. A line has two events at most.
    """
    raw, cuts, known = pointer(buffer), pointer(ends), bare_symbols(symbols)
    while row < len(begin):
        where, first, last = connection[row], begin[row], end[row]
        told[row] = ODD
        kind = raw[first] if where >= 0 and last - first >= _SHORTEST else 0
        count = 0
        if kind == _Q and lines.fields[where] > 0:
            count = -1
            if raw[first + 1] == _COMMA and today.span[0] <= ts_recv[row] < today.span[1]:
                count = _update(lines, where, today, known, raw, first, last, ts_recv[row], cuts, out, spans, at)
            if count >= 0:
                told[row] = PLAIN
        if count < 0 or kind == _S or kind == _P:  # noqa: PLR1714, SIM109 - numba loops for `in`
            told[row] = STOP
            return row + 1, at
        for event in range(at, at + count):
            rows[event] = row
        at += count
        row += 1
    return row, at
