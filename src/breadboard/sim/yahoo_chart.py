"""Yahoo's chart answers (``/v8/finance/chart/SYMBOL``) from what the simulated market traded, and its refusals.

Minutes and days of trades since the simulator began. Prices go out as doubles of float32, as the venue has them.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from breadboard.sim.market import Book
from breadboard.sim.server import Answer

DAY_S: Final = 86_400
SECONDS: Final = {"1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1800, "60m": 3600, "90m": 5400, "1h": 3600}
SECONDS_A_DAY: Final = {"1d": DAY_S}
WINDOWS: Final = {"1m": 30, "2m": 60, "5m": 60, "15m": 60, "30m": 60, "90m": 60, "60m": 730, "1h": 730}
"""Days back that the venue has, by granularity."""
MINUTES_A_REQUEST_DAYS: Final = 8
RANGES: Final = {"1d": 1, "5d": 5, "1mo": 30, "3mo": 90, "6mo": 180, "1y": 365, "2y": 730, "5y": 1826, "max": 20_000}
"""Days back of a ``range``, nearly."""


@dataclass(slots=True)
class Minute:
    """What traded in one minute. Prices in ticks."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0


def answer(book: Book | None, minutes: Sequence[Minute], query: Mapping[str, str], now_ns: int) -> Answer:
    """Answer a request for a chart, or refuse it in the venue's words."""
    if book is None:
        return _refused(404, "Not Found", "No data found, symbol may be delisted")
    interval, now_s = query.get("interval", "1d"), now_ns // 1_000_000_000
    seconds = (SECONDS | SECONDS_A_DAY).get(interval)
    try:
        end = int(query.get("period2", str(now_s + 1)))
        begin = int(query.get("period1", str(now_s - RANGES.get(query.get("range", "max"), 0) * DAY_S)))
    except ValueError:
        return _refused(400, "Bad Request", "Invalid input - period1, period2")
    if seconds is None or begin >= end:
        return _refused(422, "Unprocessable Entity", f"Invalid input - interval={interval} is not supported")
    if interval == "1m" and end - begin > MINUTES_A_REQUEST_DAYS * DAY_S:
        words = "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
        return _refused(422, "Unprocessable Entity", f"1m data not available for startTime={begin}. {words}")
    if interval in WINDOWS and begin < now_s - WINDOWS[interval] * DAY_S:
        words = f"The requested range must be within the last {WINDOWS[interval]} days."
        return _refused(422, "Unprocessable Entity", f"{interval} data not available for startTime={begin}. {words}")
    rows = _joined([minute for minute in minutes if begin <= minute.start_s < end], seconds)
    return Answer(200, json.dumps(_chart(book, rows, interval, now_s)).encode())


def _refused(status: int, code: str, words: str) -> Answer:
    return Answer(
        status, json.dumps({"chart": {"result": None, "error": {"code": code, "description": words}}}).encode()
    )


def _joined(minutes: Sequence[Minute], seconds: int) -> list[Minute]:
    """Return the minutes as bars of a granularity."""
    joined: list[Minute] = []
    for minute in minutes:
        start = minute.start_s // seconds * seconds
        if not joined or joined[-1].start_s != start:
            joined.append(Minute(start, minute.open, minute.high, minute.low, minute.close, minute.volume))
            continue
        bar = joined[-1]
        bar.high, bar.low, bar.close = max(bar.high, minute.high), min(bar.low, minute.low), minute.close
        bar.volume += minute.volume
    return joined


def _chart(book: Book, rows: Sequence[Minute], interval: str, now_s: int) -> Mapping[str, Any]:
    hours = _hours(now_s // DAY_S)
    names = ("open", "high", "low", "close")
    quote: dict[str, list[float] | list[int]] = {
        name: [_float32(getattr(row, name), book.tick_decimals) for row in rows] for name in names
    }
    quote["volume"] = [row.volume for row in rows]
    result: dict[str, Any] = {
        "meta": {
            "currency": "USD",
            "symbol": book.symbol,
            "exchangeName": "SIM",
            "instrumentType": "EQUITY",
            "hasPrePostMarketData": False,
            "gmtoffset": 0,
            "timezone": "UTC",
            "exchangeTimezoneName": "UTC",
            "regularMarketTime": now_s,
            "priceHint": book.tick_decimals,
            "regularMarketPrice": rows[-1].close * 10.0**-book.tick_decimals if rows else None,
            "currentTradingPeriod": {"pre": hours, "regular": hours, "post": hours},
            "tradingPeriods": [[_hours(day)] for day in sorted({row.start_s // DAY_S for row in rows})],
            "dataGranularity": interval,
            "range": "",
            "validRanges": list(RANGES),
        },
        "indicators": {"quote": [quote if rows else {}]},
    }
    if rows:
        result["timestamp"] = [row.start_s for row in rows]
    return {"chart": {"result": [result], "error": None}}


def _hours(day: int) -> Mapping[str, Any]:
    """Return the session of a day since 1970: all of it."""
    return {"timezone": "UTC", "start": day * DAY_S, "end": (day + 1) * DAY_S, "gmtoffset": 0}


def _float32(ticks: int, decimals: int) -> float:
    return float(struct.unpack("<f", struct.pack("<f", ticks * 10.0**-decimals))[0])
