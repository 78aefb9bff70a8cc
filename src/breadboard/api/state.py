"""The latest state of every instrument, as one structured array, updated by columns.

One compiled pass over a run of the tape; the last row of each instrument wins because it comes last.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.tape import Tape

DAY_NS: Final = 86_400_000_000_000
BILLION: Final = 1_000_000_000
POWERS: Final = 10 ** np.arange(19, dtype=np.int64)
# Compiled code takes plain numbers.
TRADE: Final = int(EventKind.TRADE)
QUOTE: Final = int(EventKind.QUOTE)
BOOK_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
DUPLICATE: Final = int(Flag.DUPLICATE)
LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
MARKS: Final = int(Flag.SYNTHETIC | Flag.REPLAYED | Flag.DELAYED | Flag.CONFLATED)
"""The flags that say where a row comes from; an instrument carries those of its newest row."""

STATE: Final = np.dtype(
    [
        ("price", np.int64),  # last trade, 1e-9
        ("size", np.int64),
        ("size_exp", np.int8),
        ("side", np.uint8),
        ("trade_id", np.int64),
        ("trade_ts_event", np.int64),
        ("trade_ts_recv", np.int64),
        ("bid", np.int64),
        ("bid_size", np.int64),
        ("bid_size_exp", np.int8),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("ask_size_exp", np.int8),
        ("quote_ts_event", np.int64),
        ("quote_ts_recv", np.int64),
        ("ts_event", np.int64),  # newest trade or quote
        ("ts_recv", np.int64),
        ("ts_engine", np.int64),
        ("ts_seen", np.int64),  # newest row of any kind, book included
        ("source", np.int32),  # -1 until a row was seen
        ("flags", np.uint16),
        ("day", np.int64),  # days since 1970 UTC
        ("open", np.int64),
        ("high", np.int64),
        ("low", np.int64),
        ("volume", np.int64),  # whole units
        ("volume_nano", np.int64),  # and 1e-9, below 1e9
        ("volume_atto", np.int64),  # and 1e-18, below 1e9
        ("trades", np.int64),
        ("updates", np.int64),  # trades and quotes applied
        ("revision", np.int64),  # of the market, when this record last changed
    ]
)
_BLANK: Final = {
    **dict.fromkeys(("price", "size", "trade_id", "trade_ts_event", "trade_ts_recv"), ABSENT),
    **dict.fromkeys(("bid", "bid_size", "ask", "ask_size", "quote_ts_event", "quote_ts_recv"), ABSENT),
    **dict.fromkeys(("ts_event", "ts_recv", "ts_engine", "ts_seen", "open", "high", "low"), ABSENT),
    **dict.fromkeys(("size_exp", "bid_size_exp", "ask_size_exp"), SIZE_EXP),
    **dict.fromkeys(("source", "day"), -1),
}


_COLUMNS: Final = (
    *("kind", "flags", "side", "source", "instrument", "ts_event", "ts_recv", "trade_id"),
    *("price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
)


def blank(count: int) -> NDArray[np.void]:
    """Return records of instruments about which nothing is known."""
    state = np.zeros(count, STATE)
    for name, value in _BLANK.items():
        state[name] = value
    return state


@kernel
def _take(
    state: NDArray[np.void],
    trades: NDArray[np.int64],
    ts_engine: int,
    revision: int,
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    side: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    trade_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    ask_size_exp: NDArray[np.int8],
) -> tuple[int, int]:
    found = 0
    updates = 0
    for row in range(len(kind)):
        if instrument[row] < 0 or instrument[row] >= len(state) or kind[row] > BOOK_SNAPSHOT:
            continue
        record = state[instrument[row]]
        record.ts_seen = ts_recv[row]
        record.source = source[row]
        if kind[row] == QUOTE:
            record.bid, record.bid_size, record.bid_size_exp = price[row], size[row], size_exp[row]
            record.ask, record.ask_size, record.ask_size_exp = ask_price[row], ask_size[row], ask_size_exp[row]
            record.quote_ts_event, record.quote_ts_recv = ts_event[row], ts_recv[row]
        elif kind[row] == TRADE and flags[row] & DUPLICATE == 0:
            trades[found] = row
            found += 1
            record.price, record.size, record.size_exp = price[row], size[row], size_exp[row]
            record.side, record.trade_id = side[row], trade_id[row]
            record.trade_ts_event, record.trade_ts_recv = ts_event[row], ts_recv[row]
            day = (ts_recv[row] if ts_event[row] == ABSENT else ts_event[row]) // DAY_NS
            if flags[row] & LAST_KNOWN == 0 and day >= record.day:
                if day > record.day:
                    record.day, record.trades = day, 0
                    record.volume, record.volume_nano, record.volume_atto = 0, 0, 0
                    record.open = record.high = record.low = price[row]
                record.high = max(record.high, price[row])
                record.low = min(record.low, price[row])
                record.trades += 1
                whole = size[row] // POWERS[-size_exp[row]]
                fraction = (size[row] - whole * POWERS[-size_exp[row]]) * POWERS[18 + size_exp[row]]
                atto = record.volume_atto + fraction % BILLION
                nano = record.volume_nano + fraction // BILLION + atto // BILLION
                record.volume_atto = atto % BILLION
                record.volume_nano = nano % BILLION
                record.volume += whole + nano // BILLION
        else:
            continue
        record.ts_event, record.ts_recv, record.ts_engine = ts_event[row], ts_recv[row], ts_engine
        record.flags = flags[row] & MARKS
        record.updates += 1
        record.revision = revision
        updates += 1
    return found, updates


def take(state: NDArray[np.void], tape: Tape, ts_engine: int, revision: int) -> tuple[NDArray[np.int64], int]:
    """Put a tape into the records, one per dense instrument id; changed records get ``revision``.

    Returns the rows that are trades (without duplicates), and how many trades and quotes there were. Day statistics
    leave out trades that happened before we listened (LAST_KNOWN) and late trades of an earlier UTC day; a trade
    without ``ts_event`` counts for the day it was received. A missing side of a quote stays ABSENT.
    """
    trades = np.empty(len(tape), np.int64)
    columns = (getattr(tape, name) for name in _COLUMNS)
    found, updates = _take(state, trades, ts_engine, revision, *columns)
    return trades[:found], updates


def warm() -> None:
    """Compile what is compiled here, so that the first tick does not wait for it."""
    take(blank(1), Tape.of(1, {"instrument": [0], "kind": [TRADE], "price": [1], "size": [1]}), 0, 1)
