"""Outputs made from a seed and an offset alone, so that any run of offsets can be made again, in any sizes."""

import numpy as np
from numpy.typing import NDArray

from breadboard.model.bars import BAR
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState, EventKind, GapReason
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape

START = 1_723_161_253_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
BAR_EVERY = 100
"""A bar of 1 s becomes final at every offset that this divides."""


def instruments() -> Instruments:
    known = Instruments()
    for symbol in SYMBOLS:
        known.intern("BINANCE", symbol)
    return known


def outputs(first: int, end: int) -> Outputs:
    """Trades, quotes and book deltas in turn, one an offset; a bar a hundred offsets; a gap at every 500th."""
    offset = np.arange(first, end, dtype=np.int64)
    count = len(offset)
    turn = offset % 3
    kind = np.choose(turn, [EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA])
    price = 60_000 * 10**9 + (offset * 7919 % 1000) * 10**7
    levels = np.where(turn == 2, 2, 0)
    stop = np.cumsum(levels)
    level_of = np.repeat(offset, levels)
    tape = Tape.of(
        count,
        {
            "kind": kind,
            "instrument": offset % len(SYMBOLS),
            "offset": offset,
            "ts_recv": START + offset * 1_000_003,
            "ts_event": START + offset * 1_000_003 - 5_000_000,
            "sequence": offset + 1000,
            "trade_id": offset,
            "price": price,
            "size": offset + 1,
            "side": 1 + offset % 2,
            "ask_price": price + 10**7,
            "ask_size": offset + 2,
            "level_begin": stop - levels,
            "level_end": stop,
        },
        {
            "level_side": 1 + np.arange(len(level_of)) % 2,
            "level_price": 60_000 * 10**9 + level_of * 10**7,
            "level_size": level_of,
            "level_size_exp": np.full(len(level_of), -8),
        },
    )
    gaps = tuple((int(one), -1, Gap(0, GapReason.DISCONNECT, START, START + 1)) for one in offset[offset % 500 == 0])
    bars = final_bars(first, end)
    ts_bars = START + bars["offset"] * 1_000_003
    return Outputs(first, end, tape, bars, gaps, tape.ts_recv + 1000, ts_bars=ts_bars)


def _bar(number: int, state: BarState, offset: int) -> NDArray[np.void]:
    bar = np.zeros(1, BAR)
    bar["instrument"], bar["interval"] = number % len(SYMBOLS), 1
    bar["ts_open"] = START // 10**9 * 10**9 + number * 10**9
    bar["ts_close"] = bar["ts_open"] + 10**9
    bar["open"] = bar["high"] = bar["low"] = bar["close"] = (60_000 + number) * 10**9
    bar["volume_whole"], bar["volume_fraction"], bar["notional"] = 2, 5 * 10**17, 2.5 * (60_000 + number)
    bar["trades"], bar["state"], bar["completeness"], bar["offset"] = 3, state, 1.0, offset
    return bar


def final_bars(first: int, end: int) -> NDArray[np.void]:
    numbers = [one for one in range(first, end) if one % BAR_EVERY == 0 and one]
    return np.concatenate([np.empty(0, BAR), *(_bar(one // BAR_EVERY, BarState.FINAL, one) for one in numbers)])


def open_bars(end: int) -> NDArray[np.void]:
    """The bar after the last final one, as it stands at ``end``."""
    return _bar((end - 1) // BAR_EVERY + 1, BarState.PROVISIONAL, end - 1)
