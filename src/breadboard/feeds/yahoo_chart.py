"""Yahoo's chart documents (``/v8/finance/chart/SYMBOL``): bars, dividends, splits, and every way to be refused.

Prices are adjusted for splits by the venue, and volumes multiplied; a bar is stamped at its start, a daily one with the
opening of the session. The numbers were float32 at the venue and are told as doubles: 129.0399932861328 is 129.04.

Left out, and counted in the notes: rows without prices, a row that another of the same time replaces, rows outside the
regular session where only that was asked for, and the last row while it still grows. Rows before and after hours that
were asked for (``tradingPeriods`` then names those hours) are kept, and counted.
"""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from breadboard.feeds.reading import Event, Meaning, Refused, VendorBar, parse_object, symbol_of, typed
from breadboard.model.decimals import PRICE_DECIMALS, parse_price, parse_size
from breadboard.model.kinds import EventKind, Flag, StatusCode

SECONDS: Final[Mapping[str, int]] = {
    "1m": 60,
    "2m": 120,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "60m": 3600,
    "90m": 5400,
    "1h": 3600,
    "4h": 14_400,
    "1d": 86_400,
    "5d": 432_000,
    "1wk": 604_800,
}
"""Granularities of a fixed length; months have none and make no bars here."""
_DAY_S: Final = 86_400
_MONTHS: Final = frozenset({"1mo", "3mo"})
_S: Final = 1_000_000_000

Number = int | float | None
Prices = tuple[int, int, int, int]


class Period(msgspec.Struct, frozen=True):
    """One session, in s since 1970."""

    start: int
    end: int


class Current(msgspec.Struct, frozen=True):
    """Today's sessions."""

    regular: Period


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """What a chart says of itself."""

    symbol: str
    data_granularity: str
    gmtoffset: int = 0
    currency: str | None = None
    exchange_timezone_name: str | None = None
    instrument_type: str | None = None
    regular_market_time: int | None = None
    current_trading_period: Current | None = None
    trading_periods: list[list[Period]] | dict[str, list[list[Period]]] | None = None


class Quote(msgspec.Struct, frozen=True):
    """Columns of equal length; none at all where the window is empty."""

    open: list[Number] = []
    high: list[Number] = []
    low: list[Number] = []
    close: list[Number] = []
    volume: list[Number] = []


class Indicators(msgspec.Struct, frozen=True):
    """The columns' wrapping."""

    quote: list[Quote]


class Dividend(msgspec.Struct, frozen=True):
    """Cash a share, or a capital gain paid out."""

    amount: Number
    date: int
    currency: str | None = None


class Split(msgspec.Struct, frozen=True):
    """``numerator`` new shares for ``denominator`` old ones."""

    date: int
    numerator: Number
    denominator: Number


class Actions(msgspec.Struct, frozen=True, rename="camel"):
    """Corporate actions by their time as text."""

    dividends: dict[str, Dividend] = {}
    splits: dict[str, Split] = {}
    capital_gains: dict[str, Dividend] = {}


class Result(msgspec.Struct, frozen=True):
    """A chart."""

    meta: Meta
    indicators: Indicators
    timestamp: list[int] = []
    events: Actions = Actions()


class Trouble(msgspec.Struct, frozen=True):
    """What the venue says is wrong."""

    code: str
    description: str = ""


class Chart(msgspec.Struct, frozen=True):
    """Either a result or an error."""

    result: list[Result] | None = None
    error: Trouble | None = None


class Document(msgspec.Struct, frozen=True):
    """The whole answer."""

    chart: Chart


def read_chart(symbol: str, status: int, body: bytes, now_ns: int = 0) -> Meaning:
    """Return the bars of a chart, its corporate actions in the notes; or in what way it was refused.

    ``now_ns`` is when it was received, 0 where nobody knows. Raises Refused for what is no answer of this venue.
    """
    said = refusal(status, body)
    if said is not None:
        code, reason = said
        named = symbol_of(symbol) if symbol else None
        flags = Flag(0) if named else Flag.FEED_WIDE
        notes = {"status": status, "reason": reason}
        return Meaning((Event(kind=EventKind.STATUS, symbol=named, flags=flags, code=code, notes=notes),), control=True)
    found = _result(body)
    meta = found.meta
    if symbol and symbol.upper() != meta.symbol.upper():
        raise Refused(f"a chart of {meta.symbol[:40]!r} for {symbol[:40]!r}")
    symbol_of(meta.symbol)
    if meta.data_granularity in _MONTHS:
        return Meaning(ignored=f"chart:{meta.data_granularity}", notes=_notes(found, Counter()))
    if meta.data_granularity not in SECONDS:
        raise Refused(f"unknown granularity {meta.data_granularity[:40]!r}: bars here are of {' '.join(SECONDS)}")
    left_out: Counter[str] = Counter()
    rows = _rows(found, left_out)
    rows = _in_hours(rows, meta, left_out)
    rows = _settled(rows, meta, now_ns // _S, left_out)
    bars = tuple(_bar(meta, *row) for row in rows)
    return Meaning(bars=bars, notes=_notes(found, left_out) | ({} if bars else {"empty": True}))


def refusal(status: int, body: bytes) -> tuple[StatusCode, str] | None:
    """Return in what way the venue refused, with its own words; None where it answered."""
    trouble = _trouble(body)
    words = f"{trouble.code}: {trouble.description}" if trouble else body[:200].decode("utf-8", "replace").strip()
    if status == 429 or b"Too Many Requests" in body[:200]:
        return StatusCode.VENUE_ERROR, "rate limited"
    if status == 401:
        return StatusCode.NOT_ENTITLED, words or "the crumb is not accepted"
    if b"Will be right back" in body:
        return StatusCode.MAINTENANCE, "the venue is down: Will be right back"
    if status == 404 or (trouble is not None and trouble.code == "Not Found"):
        return StatusCode.REFUSED, words
    if status != 200 or trouble is not None:
        return StatusCode.VENUE_ERROR, words or f"HTTP {status}"
    return None


def _trouble(body: bytes) -> Trouble | None:
    if b'"error"' not in body:
        return None
    try:
        return msgspec.json.decode(body, type=Document).chart.error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _result(body: bytes) -> Result:
    document = typed(parse_object(body), Document)
    results = document.chart.result
    if not results or len(results) != 1:
        raise Refused(f"a chart of {len(results or ())} results")
    if len(results[0].indicators.quote) != 1:
        raise Refused(f"{len(results[0].indicators.quote)} quotes in a chart")
    return results[0]


Row = tuple[int, Prices, str]
"""Start in s since 1970, prices in 1e-9, volume as text."""


def _rows(found: Result, left_out: Counter[str]) -> list[Row]:
    """Return the rows that have prices; of several of one time the last."""
    quote = found.indicators.quote[0]
    columns = (quote.open, quote.high, quote.low, quote.close)
    if any(len(column) != len(found.timestamp) for column in (*columns, quote.volume)):
        raise Refused("columns of different lengths")
    rows: list[Row] = []
    for start, volume, *prices in zip(found.timestamp, quote.volume, *columns, strict=True):
        if any(price is None or price == 0 for price in prices):
            left_out["without_prices"] += 1
            continue
        if rows and start < rows[-1][0]:
            raise Refused(f"a row of {start} after one of {rows[-1][0]}")
        if rows and start == rows[-1][0]:
            left_out["same_time"] += 1
            rows.pop()
        first, high, low, last = (chart_price(price) for price in prices)
        rows.append((start, (first, high, low, last), _whole(volume)))
    return rows


def _in_hours(rows: list[Row], meta: Meta, left_out: Counter[str]) -> list[Row]:
    """Drop rows outside the regular sessions, where the chart names only those; count them where it names all."""
    periods = meta.trading_periods
    if not periods or SECONDS[meta.data_granularity] >= _DAY_S:
        return rows
    regular = periods.get("regular", []) if isinstance(periods, dict) else periods
    sessions = [period for day in regular for period in day]
    inside = [row for row in rows if any(each.start <= row[0] < each.end for each in sessions)]
    if isinstance(periods, dict):
        left_out["kept_from_extended_hours"] += len(rows) - len(inside)
        return rows
    left_out["outside_hours"] += len(rows) - len(inside)
    return inside


def _settled(rows: list[Row], meta: Meta, now_s: int, left_out: Counter[str]) -> list[Row]:
    """Drop a last row that still grows: stamped with the last trade, inside the row before, or not yet over."""
    if not rows:
        return rows
    start, seconds = rows[-1][0], SECONDS[meta.data_granularity]
    today = meta.current_trading_period.regular if meta.current_trading_period else Period(0, 0)
    opens = start == today.start
    end = today.end if opens and seconds == _DAY_S else start + seconds
    live = start % 60 != 0 or (seconds >= _DAY_S and start == meta.regular_market_time and not opens)
    again = len(rows) > 1 and _repeats(rows[-2][0], start, seconds, meta.gmtoffset)
    if live or again or 0 < now_s < end:
        left_out["still_growing"] += 1
        return rows[:-1]
    return rows


def _repeats(before: int, start: int, seconds: int, offset_s: int) -> bool:
    """Tell whether a last row lies inside the one before it; of daily rows, on the same day at the exchange."""
    if seconds == _DAY_S:
        return (before + offset_s) // _DAY_S == (start + offset_s) // _DAY_S
    return start - before < seconds - (3600 if seconds > _DAY_S else 0)  # the week in which clocks go forward


def _bar(meta: Meta, start: int, prices: Prices, volume: str) -> VendorBar:
    size, exponent = parse_size(volume)
    return VendorBar(
        symbol=meta.symbol,
        interval_s=SECONDS[meta.data_granularity],
        ts_open=start * _S,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=size,
        volume_exp=exponent,
    )


def chart_price(value: Number) -> int:
    """Return in 1e-9 what the venue had: the shortest decimal of its float32, where the number is one."""
    text = shortest(value)
    decimals = len(text.partition(".")[2])
    return parse_price(text if decimals <= PRICE_DECIMALS else format(round(Decimal(text), PRICE_DECIMALS), "f"))


def shortest(value: Number) -> str:
    """Return a number of a chart in the fewest plain digits that mean it."""
    if isinstance(value, int):
        return str(value)
    if value is None or not np.isfinite(value):
        raise Refused(f"{value} is no number")
    text = _float32_text(value) or repr(value)
    return format(Decimal(text), "f") if "e" in text else text.removesuffix(".0")


def _float32_text(value: float) -> str | None:
    """Return the shortest text of a double that is a float32 written with the 16 or so digits of a double."""
    try:
        single = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return None
    return str(np.float32(single)) if abs(single - value) <= abs(value) * 1e-15 else None


def _whole(volume: Number) -> str:
    """Return a volume as text; none is 0, as FX and indices have it."""
    text = "0" if volume is None else shortest(volume)
    if text.startswith("-"):
        raise Refused(f"a volume of {text[:40]}")
    return text


def _notes(found: Result, left_out: Mapping[str, int]) -> dict[str, Any]:
    """Return what a chart says beyond its bars."""
    meta = found.meta
    told: dict[str, Any] = {
        "symbol": meta.symbol,
        "granularity": meta.data_granularity,
        "currency": meta.currency,
        "timezone": meta.exchange_timezone_name,
        "instrument_type": meta.instrument_type,
        "adjusted": "splits",
        "dividends": _payments(found.events.dividends.values()),
        "capital_gains": _payments(found.events.capital_gains.values()),
        "splits": [
            {"ts": each.date * _S, "numerator": shortest(each.numerator), "denominator": shortest(each.denominator)}
            for each in sorted(found.events.splits.values(), key=lambda each: each.date)
        ],
        "rows": {name: count for name, count in left_out.items() if count},
    }
    return {name: value for name, value in told.items() if value not in (None, [], {})}


def _payments(payments: Any) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401 - a view of a dict's values
    return [
        {"ts": each.date * _S, "amount": shortest(each.amount)} | ({"currency": each.currency} if each.currency else {})
        for each in sorted(payments, key=lambda each: each.date)
    ]
