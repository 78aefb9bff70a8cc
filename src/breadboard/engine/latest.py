"""The newest of everything: last trade, last quote and the day so far, per instrument."""

from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import pack, unpack
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kernels import brief, kernel
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.latest import blank
from breadboard.model.sizes import split_size
from breadboard.model.tape import Tape

# Compiled code takes plain numbers.
_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_BOOK_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_NOT_NEW: Final = int(Flag.DUPLICATE | Flag.WITHDRAWN)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_DAY_NS: Final = 86_400_000_000_000
_AHEAD_NS: Final = 60_000_000_000
"""An event time counts for no more than this after its receipt: a mistaken one must not stay the newest for years."""


@kernel
def add_volume(whole: int, fraction: int, size: int, exponent: int) -> tuple[int, int]:
    """Return the volume with one size added: exact, and held at the largest int64 rather than wrapped."""
    if size < 0:  # ABSENT: a price without a size
        return whole, fraction
    more_whole, more_fraction = split_size(size, exponent)
    return add_split(whole, fraction, more_whole, more_fraction)


@kernel
def add_split(whole: int, fraction: int, more_whole: int, more_fraction: int) -> tuple[int, int]:
    """Return the volume with a size added that was split before."""
    fraction += more_fraction
    if fraction >= 1_000_000_000_000_000_000:
        fraction -= 1_000_000_000_000_000_000
        more_whole += 1
    if whole > INT64_MAX - more_whole:
        return INT64_MAX, 999_999_999_999_999_999
    return whole + more_whole, fraction


@kernel
def _when(ts_event: int, ts_recv: int) -> int:
    """Return the time by which a trade is older or newer than another; ABSENT, before everything, for no trade."""
    return ts_recv if ts_event == ABSENT else min(ts_event, ts_recv + _AHEAD_NS)


@brief
def _keep(
    records: NDArray[np.void],
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
) -> None:
    """Keep the newest trade and quote of each instrument, and the day's statistics."""
    for row in range(len(kind)):
        if instrument[row] < 0 or (kind[row] > _BOOK_SNAPSHOT and kind[row] != _ORDER):
            continue
        record = records[instrument[row]]
        record.ts_seen = ts_recv[row]
        record.source = source[row]
        if kind[row] == _QUOTE:
            record.bid, record.bid_size, record.bid_size_exp = price[row], size[row], size_exp[row]
            record.ask, record.ask_size, record.ask_size_exp = ask_price[row], ask_size[row], ask_size_exp[row]
            record.quote_ts_event, record.quote_ts_recv = ts_event[row], ts_recv[row]
        elif kind[row] == _TRADE and not flags[row] & _NOT_NEW:
            when = _when(ts_event[row], ts_recv[row])
            if when >= _when(record.trade_ts_event, record.trade_ts_recv):
                record.price, record.size, record.size_exp = price[row], size[row], size_exp[row]
                record.side, record.trade_id = side[row], trade_id[row]
                record.trade_ts_event, record.trade_ts_recv = ts_event[row], ts_recv[row]
            day = when // _DAY_NS
            if not flags[row] & _LAST_KNOWN and day >= record.day:
                if day > record.day:
                    record.day, record.trades = day, 0
                    record.volume_whole = record.volume_fraction = 0
                    record.open = record.high = record.low = price[row]
                record.trades += 1
                record.high = max(record.high, price[row])
                record.low = min(record.low, price[row])
                volume = add_volume(record.volume_whole, record.volume_fraction, size[row], size_exp[row])
                record.volume_whole = volume[0]
                record.volume_fraction = volume[1]
        else:
            continue
        record.ts_event, record.ts_recv = ts_event[row], ts_recv[row]
        record.flags = flags[row]
        record.updates += 1


_COLUMNS: Final = attrgetter(
    *("kind", "flags", "side", "source", "instrument", "ts_event", "ts_recv", "trade_id"),
    *("price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
)


class Latest:
    """Stage: last trade by event time, last quote by journal order, and the trades of the UTC day so far.

    A trade without event time counts by the time we received it. Trades already seen (DUPLICATE) count for nothing. A
    trade sent on subscribing (LAST_KNOWN) is shown as the last one, but is not in the day; nor is a late trade of an
    earlier day. A missing side of a quote stays ABSENT.
    """

    def __init__(self) -> None:
        self._known = 0
        self._records = blank(0)

    @property
    def records(self) -> NDArray[np.void]:
        """The ``LATEST`` records by dense instrument id: a living view, for the thread that runs the engine."""
        return self._records[: self._known]

    def on_tape(self, tape: Tape) -> None:
        """Take the next rows."""
        self._grow(tape.contents.instruments)
        _keep(self._records, *_COLUMNS(tape))

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack({"records": self.records})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        self._records = unpack(state)["records"]
        self._known = len(self._records)

    def _grow(self, count: int) -> None:
        if count > len(self._records):
            wider = blank(max(count, 2 * len(self._records), 16))
            wider[: self._known] = self._records[: self._known]
            self._records = wider
        self._known = max(self._known, count)
