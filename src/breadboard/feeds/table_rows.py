"""What one row of a table means: a trade, a quote, or a bar."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from breadboard.feeds.conditions import flags_of
from breadboard.feeds.reading import Event, Refused, VendorBar
from breadboard.feeds.table_cells import Cells
from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kinds import EventKind, Flag, Side, Uncounted

_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400
_LONGEST_S: Final = 366 * _DAY_S
_SIDES: Final = (
    dict.fromkeys(("buy", "b", "bid", "1", "+1", "buyer"), Side.BUY)
    | dict.fromkeys(("sell", "s", "a", "ask", "offer", "-1", "seller"), Side.SELL)
    | dict.fromkeys(("", "none", "n", "unknown", "u"), Side.NONE)
)
"""0 is none of them: beside 1 it is a sell, and beside 1 and -1 nobody's."""
_TRUE: Final = frozenset(["true", "t", "1", "yes"])
_FALSE: Final = frozenset(["false", "f", "0", "no"])
_KEPT: Final = (
    *(Flag.AGGREGATED, Flag.LAST_KNOWN, Flag.SYNTHETIC, Flag.DELAYED, Flag.CONFLATED, Flag.WITHDRAWN, Flag.LATE_PRINT),
    *(Flag.INELIGIBLE, Flag.SNAPSHOT, Flag.VOLUME_ONLY),
)
"""What our own files say of a print that is still so: it was live, or replayed, and now is history."""
_UNITS: Final = (
    dict.fromkeys(("s", "sec", "second", "seconds"), 1)
    | dict.fromkeys(("m", "min", "minute", "minutes", "T"), 60)
    | dict.fromkeys(("h", "H", "hour", "hours"), 3600)
    | dict.fromkeys(("d", "D", "day", "days", "daily"), _DAY_S)
    | dict.fromkeys(("wk", "w", "W", "week", "weeks", "weekly"), 7 * _DAY_S)
)
_INTERVAL: Final = re.compile(r"(\d{0,8})([A-Za-z]*)", re.ASCII)
_NO_BARS: Final = frozenset(["provisional", "withdrawn"])
"""States of our own bars that are none yet, or none any more."""


def trade(cells: Cells) -> Event:
    """Return a trade, AGGREGATED where it has the number of an aggregate alone. Raises ValueError."""
    instrument = cells.instrument()
    price, (size, exponent) = cells.price("price"), cells.size("size")
    if price == ABSENT:
        raise Refused("no price")
    if price == 0 and not cells.own:
        raise Refused("an impossible price: 0")
    if size == 0 and not cells.own:
        raise Refused("a trade of size 0")
    denied, flags = Uncounted(0), Flag(0)
    if cells.own:
        denied = _uncounted(cells.text("uncounted"))
        flags = _flags(cells) | flags_of(denied)
    number = "trade_id"
    if cells.has("agg_trade_id") and not cells.has("trade_id"):  # Binance's aggTrade, as its stream tells it
        number, flags = "agg_trade_id", flags | Flag.AGGREGATED
    return Event(
        kind=EventKind.TRADE,
        symbol=instrument,
        flags=flags,
        code=denied or None,
        side=_side(cells),
        ts_event=cells.ts_event(instrument),
        sequence=cells.whole("sequence"),
        trade_id=cells.whole(number),
        price=price,
        size=size,
        size_exp=exponent,
    )


def quote(cells: Cells) -> Event:
    """Return a quote; a side without a price, or whose size is 0, is empty. Raises ValueError."""
    instrument = cells.instrument()
    bid, ask = _quoted(cells, "bid"), _quoted(cells, "ask")
    return Event(
        kind=EventKind.QUOTE,
        symbol=instrument,
        flags=_flags(cells) if cells.own else Flag(0),
        ts_event=cells.ts_event(instrument),
        sequence=cells.whole("sequence"),
        price=bid[0],
        size=bid[1],
        size_exp=bid[2],
        ask_price=ask[0],
        ask_size=ask[1],
        ask_size_exp=ask[2],
    )


def bar(cells: Cells) -> VendorBar | None:
    """Return a bar; None for one of our own that is not over, or was taken back. Raises ValueError."""
    if cells.own and (state := cells.text("state")) in _NO_BARS:
        cells.remark(state)
        return None
    instrument = cells.instrument()
    begin, high, low, end = (cells.price(name) for name in ("open", "high", "low", "close"))
    if ABSENT in (begin, high, low, end):
        raise Refused("a bar without one of its four prices")
    if not low <= min(begin, end) <= max(begin, end) <= high:
        raise Refused("a bar whose open or close lies outside its low and high")
    volume, exponent = cells.size("volume")
    stamp = cells.ts_event(instrument)
    seconds = _interval(cells, stamp)
    if cells.layout.at_end and seconds < _DAY_S:  # days and weeks are named by their dates
        stamp -= seconds * _NS
    if cells.own and cells.text("provenance") == "synthetic":
        cells.remark("synthetic")
    return VendorBar(
        symbol=instrument,
        interval_s=seconds,
        ts_open=stamp,
        open=begin,
        high=high,
        low=low,
        close=end,
        volume=0 if volume == ABSENT else volume,
        volume_exp=exponent,
        vwap=cells.vwap(),
        trades=max(0, cells.whole("trades")),
    )


READERS: Final[Mapping[str, Callable[[Cells], Event | VendorBar | None]]] = {
    "trades": trade,
    "quotes": quote,
    "bars": bar,
}
"""By what the rows are (``model.tables.KINDS``)."""


@lru_cache(maxsize=1 << 10)
def seconds_of(text: str) -> int:
    """Return the seconds of ``5s``, ``1m``, ``1h``, ``1d``, ``1wk`` or ``daily``. Raises Refused.

    A bare number is none: ``5`` of a column ``resolution`` are minutes as often as seconds.
    """
    match = _INTERVAL.fullmatch(text)
    unit = None if match is None else _UNITS.get(match[2], _UNITS.get(match[2].lower()) if len(match[2]) > 1 else None)
    if match is None or unit is None:
        raise Refused(f"not a length of bars (5s, 1m, 1h, 1d, 1wk): {text[:40]!r}")
    seconds = int(match[1] or 1) * unit
    if not 0 < seconds <= _LONGEST_S:
        raise Refused(f"not a length of bars: {text[:40]!r}")
    return seconds


def _interval(cells: Cells, stamp: int) -> int:
    """Return the seconds of a bar that begins at ``stamp``: as it says, else to its end, else as the user says."""
    if text := cells.text("interval"):
        return seconds_of(text)
    end = cells.time("ts_close")
    if end != ABSENT:
        seconds = round((end - stamp) / _NS)  # some tell the last ms within the bar
        if not 0 < seconds <= _LONGEST_S or abs(end - stamp - seconds * _NS) > _NS // 1000:
            raise Refused("a bar whose end is no whole number of seconds after its begin")
        return seconds
    if not cells.layout.interval_s:
        raise Refused("a bar that does not say how long it is")
    return cells.layout.interval_s


def _quoted(cells: Cells, side: str) -> tuple[int, int, int]:
    price, (size, exponent) = cells.price(f"{side}_price"), cells.size(f"{side}_size")
    if price == ABSENT or ((price == 0 or size == 0) and not cells.own):
        return ABSENT, ABSENT, SIZE_EXP
    return price, size, exponent


def _side(cells: Cells) -> Side:
    """Return the side that crossed the spread. Raises Refused for a word that tells none."""
    text = cells.text("side").lower()
    found = _SIDES.get(text)
    if found is None:
        raise Refused(f"not a side (buy or sell, 1 or -1): {text[:40]!r}")
    if not text and (maker := cells.text("buyer_maker").lower()):
        if maker not in _TRUE | _FALSE:
            raise Refused(f"neither true nor false: {maker[:40]!r}")
        return Side.SELL if maker in _TRUE else Side.BUY
    return found


def _flags(cells: Cells) -> Flag:
    """Return what our own file says of a print or quote."""
    number = cells.whole("flags")
    found = Flag(0)
    for flag in _KEPT if number > 0 else ():
        found |= flag & number
    return found | Flag.SYNTHETIC if cells.text("provenance") == "synthetic" else found


@lru_cache(maxsize=1 << 10)
def _uncounted(text: str) -> Uncounted:
    found = Uncounted(0)
    for word in text.split():
        try:
            found |= Uncounted[word.upper()]
        except KeyError:
            raise Refused(f"not a part of a bar: {word[:40]!r}") from None
    return found
