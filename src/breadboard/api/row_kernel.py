"""Rows as JSON, compiled: byte for byte what ``wire`` and msgspec write, without the interpreter.

A row is made field by field as its layout says, and lies in the slot of its instrument until that changes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api.value_kernel import (
    BRACE,
    COMMA,
    FALSE,
    HOURS,
    NULL,
    NUMBER,
    OF_CLOSE,
    OF_OPEN,
    PIECE_COUNT,
    PIECES,
    QUOTE,
    TRUE,
    TYPES,
    WHOLE,
    WORD,
    WORDS,
    places_of,
    provenance_of,
    put,
    put_value,
    put_word,
    side_of,
)
from breadboard.model.decimals import ABSENT, PRICE_DECIMALS
from breadboard.model.kernels import Record, brief, inlined, kernel
from breadboard.model.kinds import Flag
from breadboard.model.listing import MARKET_HOURS, QUOTE_TYPES
from breadboard.model.number_text import (
    Text,
    price_places,
    put_decimal,
    put_fraction,
    put_milliseconds,
    put_natural,
    put_percent,
)
from breadboard.model.pointers import pointer

FIXED: Final = 3
"""So many of these never change; of the others a record knows better, where it knows."""
ROW_FIELDS: Final = (
    *PIECES,
    *("price", "bid", "ask", "bid_size", "ask_size"),
    *("price_hint", "time", "trades", "ts_event", "ts_recv", "ts_engine"),
    *("side", "provenance", "delayed", "conflated", "change_from"),
    *("change", "change_percent", "volume", "lag_ms"),
)
BEGIN, LENGTH, TOLD = 0, 1, 2
"""Columns of a table of slots: where the row of an instrument lies, how long it is, of which revision."""

(_PRICE, _BID, _ASK, _BID_SIZE, _ASK_SIZE, _HINT, _TIME, _TRADES, _TS_EVENT, _TS_RECV, _TS_ENGINE,
 _SIDE, _PROVENANCE, _DELAYED, _CONFLATED, _CHANGE_FROM, _CHANGE, _CHANGE_PERCENT, _VOLUME, _LAG_MS,
) = range(len(PIECES), len(ROW_FIELDS))  # fmt: skip
_MOST_HOURS, _MOST_TYPES = len(MARKET_HOURS), len(QUOTE_TYPES)
_QUOTE_TYPE, _MARKET_HOURS = PIECES.index("quote_type"), PIECES.index("market_hours")
_NOBODY_SAYS: Final = WORDS.index('""')
"""The provenance where no row has come, as of imported bars alone: no flags are those of a live row, too."""
_FLAG_DELAYED, _FLAG_CONFLATED = int(Flag.DELAYED), int(Flag.CONFLATED)
_LOWEST: Final = np.uint64(1 << 63)
"""How far ABSENT lies from 0."""


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
        return record.bid_size, places_of(record.bid_size_exp)
    return record.ask_size, places_of(record.ask_size_exp)


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
        return side_of(record.side)
    if code == _PROVENANCE:
        return provenance_of(record.flags) if record.updates != 0 else _NOBODY_SAYS
    if code == _CHANGE_FROM:
        if record.previous_close != ABSENT:
            return OF_CLOSE
        return NULL if record.open == ABSENT else OF_OPEN
    flag = _FLAG_DELAYED if code == _DELAYED else _FLAG_CONFLATED
    return TRUE if record.flags & flag else FALSE


@inlined
def _better_known(record: Record, code: int) -> int:
    """Return the word that a record has for one of an instrument's pieces; 0 for none."""
    if code == _MARKET_HOURS and 0 < record.market_hours < _MOST_HOURS:
        return int(HOURS + record.market_hours)
    if code == _QUOTE_TYPE and 0 < record.quote_type < _MOST_TYPES:
        return int(TYPES + record.quote_type)
    return 0


@inlined
def _put_change(out: Text, at: int, text: Text, record: Record, hint: int, percent: bool) -> int:
    """Write what the price is above the previous close, or the day's open, in its own units or percent."""
    price, base = record.price, record.open if record.previous_close == ABSENT else record.previous_close
    fallen = price < base
    change = np.uint64(base) - np.uint64(price) if fallen else np.uint64(price) - np.uint64(base)
    unknown = ABSENT in (price, base) or (fallen and change == _LOWEST)
    if unknown or (percent and base <= 0):
        return put_word(out, at, text, NULL)
    out[at] = QUOTE
    if percent:
        at = put_percent(out, at + 1, fallen, change, np.uint64(base))
    else:
        at = put_decimal(out, at + 1, fallen, change, PRICE_DECIMALS, hint)
    out[at] = QUOTE
    return at + 1


@inlined
def _put_volume(out: Text, at: int, text: Text, record: Record) -> int:
    if record.day < 0:
        return put_word(out, at, text, NULL)
    out[at] = QUOTE
    at = put_natural(out, at + 1, np.uint64(record.volume_whole))
    at = put_fraction(out, at, np.uint64(record.volume_fraction), 0)
    out[at] = QUOTE
    return at + 1


@inlined
def _put_lag(out: Text, at: int, text: Text, record: Record) -> int:
    event, recv = record.ts_event, record.ts_recv
    if ABSENT in (event, recv):
        return put_word(out, at, text, NULL)
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
    kind, value, places, at_least = WORD, 0, 0, 0
    if code < _HINT:
        kind = NUMBER
        value, places = _number_of(record, code)
        at_least = hint if code <= _ASK else 0
    elif code < _SIDE:
        kind, value = WHOLE, _whole_of(record, code, hint)
    else:
        value = _word_of(record, code)
    return put_value(out, at, text, kind, value, places, at_least)


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
        word = _better_known(record, code) if FIXED <= code < PIECE_COUNT else NULL
        if word != NULL:
            end = put_word(made, end, text, word)
        elif code < PIECE_COUNT:
            end = put(made, end, text, pieces[index, code], pieces[index, code + 1])
        else:
            end = _put_field(made, end, text, record, hint, code)
    made[end] = BRACE
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
    are beyond those ``known``: ``out`` has room for each row once. For the rest see ``trade_kernel``.
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
