"""The inner loop of bars by activity."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.latest_kernel import add_volume
from breadboard.model.activity import Activity
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag, Side, Uncounted

Record = Any
"""A record of an array: numpy's own type for it knows no field names."""

SPEC: Final = np.dtype(
    [
        ("threshold", np.float64),
        ("whole", np.int64),  # the threshold as a volume, exact
        ("fraction", np.int64),
        ("brick", np.int64),  # 1e-9
        ("kind", np.uint8),
    ]
)
STATE: Final = np.dtype(
    [
        ("number", np.int64),  # of the bar that is open
        ("ts_open", np.int64),
        ("ts_close", np.int64),
        ("open", np.int64),
        ("high", np.int64),
        ("low", np.int64),
        ("close", np.int64),
        ("whole", np.int64),
        ("fraction", np.int64),
        ("notional", np.float64),
        ("trades", np.int64),  # 0: no bar is open
        ("imbalance", np.int64),
        ("expected", np.float64),  # of an imbalance bar: trades
        ("skew", np.float64),  # and the usual imbalance of a trade, 0 before the first bar
        ("top", np.int64),  # of the last brick
        ("bottom", np.int64),
        ("sign", np.int64),  # of the last trade that had one, or moved the price
        ("last", np.int64),  # its price; ABSENT before any
        ("gapped", np.uint8),
        ("bricks", np.uint8),  # 1: there is a last brick
    ]
)
KNOWN: Final = np.dtype([("source", np.int64), ("raw", np.int64)])
"""Per instrument: who told of it last, and whether it has unaggregated trades."""
MOST_BRICKS: Final = 10_000
"""One trade concludes no more than so many; a longer jump is one gapped brick, and they are counted on from there."""
ALPHA: Final = 2.0 / 21.0
"""What a bar adds to what is usual: an average over about twenty."""
LEAST_SKEW: Final = 0.1
"""Of a usual trade: without it a market in balance would conclude a bar at every trade."""
ROUNDING: Final = 1e-12
"""Of an amount of money: its float64 sum may be so much short of it where the exact one is not (ten times a tenth)."""
FAR: Final = 4.0
"""Times the configured number that the expected one stays within: left alone it runs away."""

_TRADE: Final = int(EventKind.TRADE)
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_LEFT_OUT: Final = int(Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.INELIGIBLE)
_AGGREGATED: Final = int(Flag.AGGREGATED)
_VOLUME_ONLY: Final = int(Flag.VOLUME_ONLY)
_NO_VOLUME: Final = int(Uncounted.VOLUME)
_TICK: Final = int(Activity.TICK)
_VOLUME: Final = int(Activity.VOLUME)
_DOLLAR: Final = int(Activity.DOLLAR)
_IMBALANCE: Final = int(Activity.IMBALANCE)
_RENKO: Final = int(Activity.RENKO)


@kernel
def _sign(bar: Record, side: int, price: int) -> int:
    """Return 1 for a trade that bought, -1 for one that sold: its side, else the tick rule, else as before."""
    if side == _BUY:
        bar.sign = 1
    elif side == _SELL:
        bar.sign = -1
    elif bar.last not in (ABSENT, price):
        bar.sign = 1 if price > bar.last else -1
    bar.last = price
    return int(bar.sign)


@kernel
def _add(bar: Record, price: int, size: int, exponent: int, side: int, when: int, priced: bool) -> None:
    """Take one trade into the open bar, which is as old as its oldest trade: they come in any order of event time."""
    if bar.trades == 0:
        bar.ts_open = bar.ts_close = when
        bar.open = ABSENT
        bar.whole = bar.fraction = bar.imbalance = 0
        bar.notional = 0.0
    if priced:
        if bar.open == ABSENT:
            bar.open = bar.high = bar.low = price
        bar.high, bar.low, bar.close = max(bar.high, price), min(bar.low, price), price
        bar.imbalance += _sign(bar, side, price)
    volume = add_volume(bar.whole, bar.fraction, size, exponent)
    bar.whole = volume[0]
    bar.fraction = volume[1]
    if size > 0:
        bar.notional += price * 1e-9 * (size * 10.0**exponent)
    bar.trades += 1
    bar.ts_open, bar.ts_close = min(bar.ts_open, when), max(bar.ts_close, when)


@kernel
def _is_full(spec: Record, bar: Record) -> bool:
    """Tell whether the open bar has as much as its kind wants; one without a price waits for one."""
    if bar.open == ABSENT:
        return False
    if spec.kind == _TICK:
        return bool(bar.trades >= spec.threshold)
    if spec.kind == _VOLUME:
        return bool(bar.whole > spec.whole or (bar.whole == spec.whole and bar.fraction >= spec.fraction))
    if spec.kind == _DOLLAR:
        return bool(bar.notional >= spec.threshold * (1.0 - ROUNDING))
    skew = max(abs(bar.skew), LEAST_SKEW) if bar.number > 1 else 1.0
    return bool(abs(bar.imbalance) >= bar.expected * skew)


@kernel
def _learn(spec: Record, bar: Record) -> None:
    """Let a concluded imbalance bar count for what is usual."""
    skew = bar.imbalance / bar.trades
    bar.skew = skew if bar.number == 1 else bar.skew + ALPHA * (skew - bar.skew)
    expected = bar.expected + ALPHA * (bar.trades - bar.expected)
    bar.expected = min(max(expected, spec.threshold / FAR), spec.threshold * FAR)


@kernel
def _write(bar: Record, which: int, spec: Record, offset: int, index: int, out: NDArray[np.void], at: int) -> int:
    """Conclude the open bar; return the next place in ``out``."""
    told = out[at]
    told.instrument, told.kind, told.threshold, told.number = which, spec.kind, spec.threshold, bar.number
    told.ts_open, told.ts_close = bar.ts_open, bar.ts_close
    told.open, told.high, told.low, told.close = bar.open, bar.high, bar.low, bar.close
    told.volume_whole, told.volume_fraction, told.notional = bar.whole, bar.fraction, bar.notional
    told.trades, told.imbalance, told.gapped = bar.trades, bar.imbalance, bar.gapped
    told.offset, told.index = offset, index
    bar.number += 1
    bar.trades = 0
    bar.gapped = 0
    return at + 1


@kernel
def bricks_of(bar: Record, brick: int, price: int) -> int:
    """Return how many bricks a price concludes: up from the last one's top, or down from its bottom."""
    if bar.bricks == 0:
        return 0
    if price >= bar.top + brick:
        return int((price - bar.top) // brick)
    if price <= bar.bottom - brick:
        return -int((bar.bottom - price) // brick)
    return 0


@kernel
def _renko(
    bar: Record, spec: Record, price: int, which: int, offset: int, index: int, out: NDArray[np.void], at: int
) -> int:
    """Conclude the bricks that a price makes. The first has what traded; those that it passes over, nothing."""
    if bar.bricks == 0:
        bar.bricks, bar.top, bar.bottom = 1, price, price
    brick = spec.brick
    count = bricks_of(bar, brick, price)
    jump = abs(count) > MOST_BRICKS
    height = brick * abs(count) if jump else brick
    bar.gapped |= jump
    for _ in range(1 if jump else abs(count)):
        if count > 0:
            bar.bottom, bar.top = bar.top, bar.top + height
            bar.open, bar.close = bar.bottom, bar.top
        else:
            bar.bottom, bar.top = bar.bottom - height, bar.bottom
            bar.open, bar.close = bar.top, bar.bottom
        bar.high, bar.low = bar.top, bar.bottom
        at = _write(bar, which, spec, offset, index, out, at)
        bar.ts_open = bar.ts_close
        bar.whole = bar.fraction = bar.imbalance = 0
        bar.notional = 0.0
    return at


@kernel
def run(  # noqa: C901 - one loop, entered once a batch; a call a row would cost more than the row
    row: int,
    stop: int,
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    side: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    specs: NDArray[np.void],
    state: NDArray[np.void],
    known: NDArray[np.void],
    out: NDArray[np.void],
) -> tuple[int, int]:
    """Take rows up to ``stop``; return ``(next row, bars in out)``, early where ``out`` might not suffice."""
    at = 0
    while row < stop:
        which = instrument[row]
        if kind[row] != _TRADE or which < 0 or flags[row] & _LEFT_OUT or code[row] & _NO_VOLUME:
            row += 1
            continue
        known[which].source = source[row]
        if flags[row] & _AGGREGATED == 0:
            known[which].raw = 1
        elif known[which].raw:
            row += 1
            continue
        priced = flags[row] & _VOLUME_ONLY == 0
        need = len(specs)
        for place in range(len(specs)):
            if specs[place].kind == _RENKO and priced:
                need += min(abs(bricks_of(state[which, place], specs[place].brick, price[row])), MOST_BRICKS)
        if len(out) - at < need:
            return row, at
        when = ts_recv[row] if ts_event[row] == ABSENT else ts_event[row]
        for place in range(len(specs)):
            spec, bar = specs[place], state[which, place]
            bar.number = max(bar.number, 1)
            _add(bar, price[row], size[row], size_exp[row], side[row], when, priced)
            if spec.kind == _RENKO:
                if priced:
                    at = _renko(bar, spec, price[row], which, offset[row], index[row], out, at)
            elif _is_full(spec, bar):
                if spec.kind == _IMBALANCE:
                    _learn(spec, bar)
                at = _write(bar, which, spec, offset[row], index[row], out, at)
        row += 1
    return row, at
