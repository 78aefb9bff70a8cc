"""Trades as JSON, compiled: byte for byte what ``wire`` and msgspec write, without the interpreter."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api.value_kernel import (
    BRACE,
    COMMA,
    NUMBER,
    PIECE_COUNT,
    PIECES,
    WHOLE,
    WORD,
    places_of,
    provenance_of,
    put,
    put_value,
    side_of,
    uncounted_of,
)
from breadboard.model.decimals import PRICE_DECIMALS
from breadboard.model.kernels import Record, inlined, kernel
from breadboard.model.number_text import Text
from breadboard.model.pointers import pointer

TRADE_FIELDS: Final = (
    *PIECES,
    *("price", "size"),
    *("seq", "trade_id", "ts_event", "ts_recv", "ts_read", "ts_engine", "offset", "index", "flags"),
    *("side", "provenance", "uncounted"),
)

(_OF_PRICE, _OF_SIZE, _OF_SEQ, _OF_ID, _OF_TS_EVENT, _OF_TS_RECV, _OF_TS_READ, _OF_TS_ENGINE, _OF_OFFSET, _OF_INDEX,
 _OF_FLAGS, _OF_SIDE, _OF_PROVENANCE, _OF_UNCOUNTED,
) = range(len(PIECES), len(TRADE_FIELDS))  # fmt: skip


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
    elif code == _OF_FLAGS:
        value = trade.flags
    return value


@inlined
def _put_trade_field(out: Text, at: int, text: Text, trade: Record, code: int) -> int:
    """Write the value of one field of a trade."""
    kind, places = NUMBER, PRICE_DECIMALS
    if code == _OF_PRICE:
        value = trade.price
    elif code == _OF_SIZE:
        value, places = trade.size, places_of(trade.size_exp)
    elif code < _OF_SIDE:
        kind, value = WHOLE, _whole_of_trade(trade, code)
    elif code == _OF_SIDE:
        kind, value = WORD, side_of(trade.side)
    elif code == _OF_PROVENANCE:
        kind, value = WORD, provenance_of(trade.flags)
    else:
        kind, value = WORD, uncounted_of(trade.code)
    return put_value(out, at, text, kind, value, places, 0)


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
            if code < PIECE_COUNT:
                at = put(raw, at, text, pieces[instrument, code], pieces[instrument, code + 1])
            else:
                at = _put_trade_field(raw, at, text, trades[i], code)
        raw[at] = BRACE
        at += 1
    return at
