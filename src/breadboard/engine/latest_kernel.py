"""The inner loop of ``Latest``: what one row changes of what is known of its instrument."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.closes import compared_with, is_taken, settle, take_back, turn
from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP
from breadboard.model.kernels import Record, brief, inlined, kernel
from breadboard.model.kinds import UNCOUNTED_OF_DAY, EventKind, Flag, StatusCode, Uncounted
from breadboard.model.sizes import split_size

# Compiled code takes plain numbers.
_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_BOOK_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_STATUS: Final = int(EventKind.STATUS)
_CLOCK: Final = int(EventKind.CLOCK)
_LISTING: Final = int(StatusCode.LISTING)
_NOT_THE_LAST: Final = int(Uncounted.OPEN_CLOSE)
_NOT_THE_CLOSE: Final = int(Uncounted.DAY_OPEN_CLOSE)
_OF_DAY: Final = UNCOUNTED_OF_DAY
_NOTHING: Final = int(Uncounted.ALL)
_NO_OPEN: Final = int(Uncounted.OPEN_CLOSE)
_NO_EXTREME: Final = int(Uncounted.HIGH_LOW)
_NO_VOLUME: Final = int(Uncounted.VOLUME)
_NOT_NEW: Final = int(Flag.DUPLICATE | Flag.WITHDRAWN)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_INELIGIBLE: Final = int(Flag.INELIGIBLE)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_UNSAID: Final = int(Flag.LAST_KNOWN | Flag.LATE_PRINT)
"""IQFeed says of the print that it holds, or puts in, no basis: in ``code`` nothing then means not known."""
_HISTORY: Final = int(Flag.HISTORY)
"""Comes with its conditions, corrected or not."""
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
def _when(ts_event: int, ts_recv: int, ahead: int) -> int:
    """Return the time by which a trade is older or newer than another; ABSENT, before everything, for no trade."""
    return ts_recv if ts_event == ABSENT else min(ts_event, ts_recv + ahead)


@inlined
def _into_day(
    record: Record, close: Record, when: int, trade: int, price: int, size: int, exponent: int, denied: int
) -> None:
    """Take a trade into the statistics of its UTC day, but not for what it is ``denied``; an older one comes too late.

    The open is that of the first trade by time and number, as in bars.
    """
    day = when // _DAY_NS
    if day < record.day or denied == _NOTHING:
        return
    if day > record.day:
        record.day, record.trades = day, 0
        record.volume_whole = record.volume_fraction = 0
        record.open = record.high = record.low = ABSENT
    record.trades += 1
    if denied & _NO_OPEN == 0 and (
        record.open == ABSENT or when < close.open_when or (when == close.open_when and trade < close.open_trade)
    ):
        record.open, close.open_when, close.open_trade = price, when, trade
    if denied & _NO_EXTREME == 0:
        record.high = max(record.high, price)
        record.low = price if record.low == ABSENT else min(record.low, price)
    if denied & _NO_VOLUME == 0:
        volume = add_volume(record.volume_whole, record.volume_fraction, size, exponent)
        record.volume_whole = volume[0]
        record.volume_fraction = volume[1]


@kernel
def _lose_last(record: Record, price: int, when: int, trade: int, ahead: int) -> None:
    """Take a print back: where it was the last trade, none is known until the next that is not older."""
    last = _when(record.trade_ts_event, record.trade_ts_recv, ahead)
    if price == record.price and is_taken(when, trade, last, record.trade_id):
        record.price = record.size = record.trade_id = ABSENT
        record.size_exp, record.side = SIZE_EXP, 0


@kernel
def _listed(record: Record, close: Record, what: int, hours: int, price: int) -> None:
    """Take what a venue says of an instrument; of what it leaves out, what it said before holds no longer."""
    record.quote_type = what
    close.told, close.told_hours = price, hours
    record.market_hours, record.previous_close = hours, compared_with(close)


@brief
def keep(  # noqa: C901, PLR0912, PLR0915 - one loop, entered once a batch; a call a row would cost more than the row
    begin: int,
    stop: int,
    records: NDArray[np.void],
    closes: NDArray[np.void],
    spans: NDArray[np.void],
    table: NDArray[np.void],
    back: NDArray[np.int64],
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    code: NDArray[np.uint16],
    side: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    sequence: NDArray[np.int64],
    trade_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    ask_size_exp: NDArray[np.int8],
) -> None:
    """Keep the newest trade and quote of each instrument, the day's statistics, and the closes of sessions.

    Who has no calendar is not looked up: what its venue says of its closes and hours is kept where it says it.
    ``back`` is one number: by how much our clock has been set back in all; the venues' clocks were not.
    """
    some = len(table) > 0
    ahead = _AHEAD_NS + max(0, back[0])
    for row in range(begin, stop):
        which = instrument[row]
        if which < 0:
            if kind[row] == _CLOCK and size[row] != ABSENT:
                back[0] -= size[row]  # below 0 where it was set forward
                ahead = _AHEAD_NS + max(0, back[0])
            continue
        if kind[row] > _BOOK_SNAPSHOT and kind[row] != _ORDER:
            if kind[row] == _STATUS and code[row] == _LISTING:
                _listed(records[which], closes[which], sequence[row], trade_id[row], price[row])
            continue
        record = records[which]
        record.ts_seen = ts_recv[row]
        record.source = source[row]
        if kind[row] != _QUOTE and kind[row] != _TRADE:
            continue
        dated = some and spans[which].first < spans[which].last
        when = _when(ts_event[row], ts_recv[row], ahead) if dated or kind[row] == _TRADE else 0
        if dated:
            turn(spans[which], when, table)
        if kind[row] == _QUOTE and flags[row] & _INELIGIBLE:
            continue  # its vendor finds it suspicious
        if kind[row] == _QUOTE:
            record.bid, record.bid_size, record.bid_size_exp = price[row], size[row], size_exp[row]
            record.ask, record.ask_size, record.ask_size_exp = ask_price[row], ask_size[row], ask_size_exp[row]
            record.quote_ts_event, record.quote_ts_recv = ts_event[row], ts_recv[row]
        elif flags[row] & _NOT_NEW:
            if flags[row] & _DUPLICATE:
                continue
            _lose_last(record, price[row], when, trade_id[row], ahead)
            if dated:
                take_back(closes[which], price[row], when, trade_id[row])
                record.previous_close = compared_with(closes[which])
            continue
        elif flags[row] & _AGGREGATED and closes[which].raw:
            continue  # bars count it with the trades that it is made of
        else:
            if not flags[row] & _AGGREGATED:
                closes[which].raw = 1
            last = _when(record.trade_ts_event, record.trade_ts_recv, ahead)
            newest = when >= last and not code[row] & _NOT_THE_LAST
            if newest:
                record.price, record.size, record.size_exp = price[row], size[row], size_exp[row]
                record.side, record.trade_id = side[row], trade_id[row]
                record.trade_ts_event, record.trade_ts_recv = ts_event[row], ts_recv[row]
            if dated:
                session = ABSENT if code[row] & _NOT_THE_CLOSE else spans[which].session
                if when >= session and code[row] == 0 and flags[row] & _UNSAID and not flags[row] & _HISTORY:
                    session = ABSENT  # it may be of the auction, or after hours: nobody says what it counts for
                settle(closes[which], session, price[row], when, ts_recv[row], trade_id[row])
                if newest:
                    closes[which].source = source[row]
                    closes[which].ended = spans[which].ended if session == ABSENT else spans[which].before
                record.previous_close = compared_with(closes[which])
            if not flags[row] & _LAST_KNOWN:
                # The day of who keeps no calendar is like any other bar.
                denied = (code[row] >> _OF_DAY if dated else code[row]) & _NOTHING
                its = closes[which]
                _into_day(record, its, when, trade_id[row], price[row], size[row], size_exp[row], denied)
        if dated:
            told = closes[which].told_hours
            record.market_hours = told if told > 0 else spans[which].hours
        record.ts_event, record.ts_recv = ts_event[row], ts_recv[row]
        record.flags = flags[row]
        record.updates += 1
