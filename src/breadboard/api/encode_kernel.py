"""Rows and trades as JSON, compiled: byte for byte what ``wire`` and msgspec write, without the interpreter.

All that is text lies in one pool: words, keys with the comma before them, and of each instrument the values that never
change, escaped by msgspec. A row is made field by field as its layout says; numbers are written in place.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, PRICE_DECIMALS
from breadboard.model.kernels import Record, brief, inlined, kernel
from breadboard.model.kinds import Flag, Side
from breadboard.model.listing import DAY_OPEN, MARKET_HOURS, PREVIOUS_CLOSE, QUOTE_TYPES
from breadboard.model.number_text import (
    MOST_PLACES,
    Text,
    magnitude_of,
    price_places,
    put_decimal,
    put_fraction,
    put_milliseconds,
    put_natural,
    put_percent,
    put_whole,
)
from breadboard.model.pointers import eight_bytes, pointer, put_eight_bytes

PIECES: Final = ("id", "symbol", "exchange", "quote_type", "market_hours")
"""What is known of an instrument by its name. A field's code is its place in these and those that follow."""
FIXED: Final = 3
"""So many of these never change; of the others a record knows better, where it knows."""
ROW_FIELDS: Final = (
    *PIECES,
    *("price", "bid", "ask", "bid_size", "ask_size"),
    *("price_hint", "time", "trades", "ts_event", "ts_recv", "ts_engine"),
    *("side", "provenance", "delayed", "conflated", "change_from"),
    *("change", "change_percent", "volume", "lag_ms"),
)
TRADE_FIELDS: Final = (
    *PIECES,
    *("price", "size"),
    *("seq", "trade_id", "ts_event", "ts_recv", "ts_read", "ts_engine", "offset", "index"),
    *("side", "provenance"),
)
WORDS: Final = (
    *("null", "false", "true", '"buy"', '"sell"', '"live"', '"synthetic"', '"replay"', '"history"'),
    *(f'"{word}"' for word in (PREVIOUS_CLOSE, DAY_OPEN, *MARKET_HOURS[1:], *QUOTE_TYPES[1:])),
)
"""What the pool of texts begins with."""
ROOM: Final = 44
"""No number is longer as text, with its quotation marks, and no word."""
BEGIN, LENGTH, TOLD = 0, 1, 2
"""Columns of a table of slots: where the row of an instrument lies, how long it is, of which revision."""

(_PRICE, _BID, _ASK, _BID_SIZE, _ASK_SIZE, _HINT, _TIME, _TRADES, _TS_EVENT, _TS_RECV, _TS_ENGINE,
 _SIDE, _PROVENANCE, _DELAYED, _CONFLATED, _CHANGE_FROM, _CHANGE, _CHANGE_PERCENT, _VOLUME, _LAG_MS,
) = range(len(PIECES), len(ROW_FIELDS))  # fmt: skip
(_OF_PRICE, _OF_SIZE, _OF_SEQ, _OF_ID, _OF_TS_EVENT, _OF_TS_RECV, _OF_TS_READ, _OF_TS_ENGINE, _OF_OFFSET, _OF_INDEX,
 _OF_SIDE, _OF_PROVENANCE,
) = range(len(PIECES), len(TRADE_FIELDS))  # fmt: skip
_NULL, _FALSE, _TRUE, _BUY, _SELL, _LIVE, _SYNTHETIC, _REPLAY, _HISTORY, _PREVIOUS_CLOSE, _DAY_OPEN = range(11)
_HOURS: Final = _DAY_OPEN
_TYPES: Final = _HOURS + len(MARKET_HOURS) - 1
"""Where the words of both begin, which count from 1."""
_MOST_HOURS, _MOST_TYPES = len(MARKET_HOURS), len(QUOTE_TYPES)
_QUOTE_TYPE, _MARKET_HOURS = PIECES.index("quote_type"), PIECES.index("market_hours")
_WORD_ENDS: Final = np.cumsum([0, *map(len, WORDS)])
_NUMBER, _WHOLE, _WORD = 0, 1, 2
_PIECES: Final = len(PIECES)
_FLAG_SYNTHETIC, _FLAG_REPLAYED, _FLAG_HISTORY = int(Flag.SYNTHETIC), int(Flag.REPLAYED), int(Flag.HISTORY)
_FLAG_DELAYED, _FLAG_CONFLATED = int(Flag.DELAYED), int(Flag.CONFLATED)
_SIDE_BUY, _SIDE_SELL = int(Side.BUY), int(Side.SELL)
_QUOTE, COMMA, _CLOSE = 34, 44, 125
_LOWEST: Final = np.uint64(1 << 63)
"""How far ABSENT lies from 0."""


@inlined
def put(out: Text, at: int, text: Text, begin: int, end: int) -> int:
    """Copy a text, and return where it ends; up to seven bytes beyond that are overwritten."""
    for i in range(0, end - begin, 8):
        put_eight_bytes(out, at + i, eight_bytes(text, begin + i))
    return at + end - begin


@inlined
def _put_word(out: Text, at: int, text: Text, word: int) -> int:
    return put(out, at, text, _WORD_ENDS[word], _WORD_ENDS[word + 1])


@inlined
def _put_value(out: Text, at: int, text: Text, kind: int, value: int, places: int, at_least: int) -> int:
    """Write a decimal of so many places as a string, a whole number, null for one that is absent, or a word."""
    if kind == _WORD or value == ABSENT:
        return _put_word(out, at, text, _NULL if value == ABSENT else value)
    if kind == _WHOLE:
        return put_whole(out, at, value)
    out[at] = _QUOTE
    at = put_decimal(out, at + 1, value < 0, magnitude_of(value), places, at_least)
    out[at] = _QUOTE
    return at + 1


@inlined
def _places(size_exp: int) -> int:
    return min(max(0 - size_exp, 0), MOST_PLACES)  # 0 - an int8 is an int64


@inlined
def _side(side: int) -> int:
    return _BUY if side == _SIDE_BUY else _SELL if side == _SIDE_SELL else _NULL


@inlined
def _provenance(flags: int) -> int:
    if flags & _FLAG_SYNTHETIC:
        return _SYNTHETIC
    if flags & _FLAG_REPLAYED:
        return _REPLAY
    return _HISTORY if flags & _FLAG_HISTORY else _LIVE


@inlined
def _number_of(record: Record, code: int) -> tuple[int, int]:
    """Return a price or size of a record, and its decimal places."""
    if code == _PRICE:
        return record.price, PRICE_DECIMALS
    if code == _BID:
        return record.bid, PRICE_DECIMALS
    if code == _ASK:
        return record.ask, PRICE_DECIMALS
    if code == _BID_SIZE:
        return record.bid_size, _places(record.bid_size_exp)
    return record.ask_size, _places(record.ask_size_exp)


@inlined
def _whole_of(record: Record, code: int, hint: int) -> int:
    value: int = record.ts_engine
    if code == _HINT:
        value = hint
    elif code == _TIME:
        value = record.trade_ts_event if record.ts_event == ABSENT else record.ts_event
        value = value if value == ABSENT else value // 1_000_000
    elif code == _TRADES:
        value = ABSENT if record.day < 0 else record.trades
    elif code == _TS_EVENT:
        value = record.ts_event
    elif code == _TS_RECV:
        value = record.ts_recv
    return value


@inlined
def _word_of(record: Record, code: int) -> int:
    if code == _SIDE:
        return _side(record.side)
    if code == _PROVENANCE:
        return _provenance(record.flags)
    if code == _CHANGE_FROM:
        if record.previous_close != ABSENT:
            return _PREVIOUS_CLOSE
        return _NULL if record.open == ABSENT else _DAY_OPEN
    flag = _FLAG_DELAYED if code == _DELAYED else _FLAG_CONFLATED
    return _TRUE if record.flags & flag else _FALSE


@inlined
def _better_known(record: Record, code: int) -> int:
    """Return the word that a record has for one of an instrument's pieces; 0 for none."""
    if code == _MARKET_HOURS and 0 < record.market_hours < _MOST_HOURS:
        return int(_HOURS + record.market_hours)
    if code == _QUOTE_TYPE and 0 < record.quote_type < _MOST_TYPES:
        return int(_TYPES + record.quote_type)
    return 0


@inlined
def _put_change(out: Text, at: int, text: Text, record: Record, hint: int, percent: bool) -> int:
    """Write what the price is above the previous close, or the day's open, in its own units or percent."""
    price, base = record.price, record.open if record.previous_close == ABSENT else record.previous_close
    fallen = price < base
    change = np.uint64(base) - np.uint64(price) if fallen else np.uint64(price) - np.uint64(base)
    unknown = ABSENT in (price, base) or (fallen and change == _LOWEST)
    if unknown or (percent and base <= 0):
        return _put_word(out, at, text, _NULL)
    out[at] = _QUOTE
    if percent:
        at = put_percent(out, at + 1, fallen, change, np.uint64(base))
    else:
        at = put_decimal(out, at + 1, fallen, change, PRICE_DECIMALS, hint)
    out[at] = _QUOTE
    return at + 1


@inlined
def _put_volume(out: Text, at: int, text: Text, record: Record) -> int:
    if record.day < 0:
        return _put_word(out, at, text, _NULL)
    out[at] = _QUOTE
    at = put_natural(out, at + 1, np.uint64(record.volume_whole))
    at = put_fraction(out, at, np.uint64(record.volume_fraction), 0)
    out[at] = _QUOTE
    return at + 1


@inlined
def _put_lag(out: Text, at: int, text: Text, record: Record) -> int:
    event, recv = record.ts_event, record.ts_recv
    if ABSENT in (event, recv):
        return _put_word(out, at, text, _NULL)
    late = np.uint64(recv) - np.uint64(event)
    return put_milliseconds(out, at, recv < event, np.uint64(0) - late if recv < event else late)


@inlined
def _hint(record: Record) -> int:
    """Return the decimals, at least two, that all of an instrument's prices can be told with."""
    hint = 2
    for price in (record.price, record.bid, record.ask):
        if price != ABSENT:
            hint = max(hint, price_places(price))
    return hint


@inlined
def _put_field(out: Text, at: int, text: Text, record: Record, hint: int, code: int) -> int:
    """Write the value of one field of a record."""
    if code >= _CHANGE:
        if code <= _CHANGE_PERCENT:
            return _put_change(out, at, text, record, hint, code == _CHANGE_PERCENT)
        return _put_volume(out, at, text, record) if code == _VOLUME else _put_lag(out, at, text, record)
    kind, value, places, at_least = _WORD, 0, 0, 0
    if code < _HINT:
        kind = _NUMBER
        value, places = _number_of(record, code)
        at_least = hint if code <= _ASK else 0
    elif code < _SIDE:
        kind, value = _WHOLE, _whole_of(record, code, hint)
    else:
        value = _word_of(record, code)
    return _put_value(out, at, text, kind, value, places, at_least)


@inlined
def _whole_of_trade(trade: Record, code: int) -> int:
    value: int = trade.index
    if code == _OF_SEQ:
        value = trade.seq
    elif code == _OF_ID:
        value = trade.trade_id
    elif code == _OF_TS_EVENT:
        value = trade.ts_event
    elif code == _OF_TS_RECV:
        value = trade.ts_recv
    elif code == _OF_TS_READ:
        value = trade.ts_read
    elif code == _OF_TS_ENGINE:
        value = trade.ts_engine
    elif code == _OF_OFFSET:
        value = trade.offset
    return value


@inlined
def _put_trade_field(out: Text, at: int, text: Text, trade: Record, code: int) -> int:
    """Write the value of one field of a trade."""
    kind, places = _NUMBER, PRICE_DECIMALS
    if code == _OF_PRICE:
        value = trade.price
    elif code == _OF_SIZE:
        value, places = trade.size, _places(trade.size_exp)
    elif code < _OF_SIDE:
        kind, value = _WHOLE, _whole_of_trade(trade, code)
    else:
        kind, value = _WORD, _side(trade.side) if code == _OF_SIDE else _provenance(trade.flags)
    return _put_value(out, at, text, kind, value, places, 0)


@kernel
def put_trades(
    out: NDArray[np.uint8],
    trades: NDArray[np.void],
    known: int,
    pool: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> int:
    """Write these trades with a comma between them, and return how many bytes that is.

    ``layout`` has a line a field: its code, and where its key lies in the pool; ``pieces`` a line an instrument: where
    its texts begin, and the last one ends. Returns -1 for an instrument beyond those ``known``. ``out`` has room.
    """
    raw, text, at = pointer(out), pointer(pool), 0
    for i in range(len(trades)):
        instrument = trades[i].instrument
        if not 0 <= instrument < known:
            return -1
        if i:
            raw[at] = COMMA
            at += 1
        for f in range(len(layout)):
            code = layout[f, 0]
            at = put(raw, at, text, layout[f, 1], layout[f, 2])
            if code < _PIECES:
                at = put(raw, at, text, pieces[instrument, code], pieces[instrument, code + 1])
            else:
                at = _put_trade_field(raw, at, text, trades[i], code)
        raw[at] = _CLOSE
        at += 1
    return at


@inlined
def put_stale_row(
    made: Text,
    record: Record,
    index: int,
    slots: NDArray[np.int64],
    text: Text,
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> None:
    """Make the row of an instrument in its slot, where the one that lies there is of another revision."""
    if slots[index, TOLD] == record.revision:
        return
    begin = slots[index, BEGIN]
    end, hint = begin, _hint(record)
    for f in range(len(layout)):
        code = layout[f, 0]
        end = put(made, end, text, layout[f, 1], layout[f, 2])
        word = _better_known(record, code) if FIXED <= code < _PIECES else _NULL
        if word != _NULL:
            end = _put_word(made, end, text, word)
        elif code < _PIECES:
            end = put(made, end, text, pieces[index, code], pieces[index, code + 1])
        else:
            end = _put_field(made, end, text, record, hint, code)
    made[end] = _CLOSE
    slots[index, LENGTH], slots[index, TOLD] = end + 1 - begin, record.revision


@inlined
def _gather(
    out: NDArray[np.uint8],
    ids: NDArray[np.int64],
    known: int,
    records: NDArray[np.void],
    rows: NDArray[np.uint8],
    slots: NDArray[np.int64],
    pool: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> int:
    """Write the rows of these instruments with a comma between them, and return how many bytes that is.

    A row is made only where the one that lies in its slot is of another revision. Returns -1 where ids do not grow, or
    are beyond those ``known``: ``out`` has room for each row once. For the rest see ``put_trades``.
    """
    raw, made, text, at = pointer(out), pointer(rows), pointer(pool), 0
    for i in range(len(ids)):
        index = ids[i]
        if not (ids[i - 1] if i else -1) < index < known:
            return -1
        put_stale_row(made, records[index], index, slots, text, pieces, layout)
        if i:
            raw[at] = COMMA
            at += 1
        begin = slots[index, BEGIN]
        at = put(raw, at, made, begin, begin + slots[index, LENGTH])
    return at


@kernel
def gather_rows(
    out: NDArray[np.uint8],
    ids: NDArray[np.int64],
    known: int,
    records: NDArray[np.void],
    rows: NDArray[np.uint8],
    slots: NDArray[np.int64],
    pool: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> int:
    """See ``_gather``."""
    return _gather(out, ids, known, records, rows, slots, pool, pieces, layout)


@brief
def gather_few_rows(
    out: NDArray[np.uint8],
    ids: NDArray[np.int64],
    known: int,
    records: NDArray[np.void],
    rows: NDArray[np.uint8],
    slots: NDArray[np.int64],
    pool: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> int:
    """See ``_gather``; for a hundred rows, some microseconds: letting go of the interpreter costs more than they do."""
    return _gather(out, ids, known, records, rows, slots, pool, pieces, layout)
