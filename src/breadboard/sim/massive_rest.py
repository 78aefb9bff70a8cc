"""Massive's REST interface over what the simulator has sent, so that a gap can be refilled and bars compared."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from breadboard.clock import Clock
from breadboard.sim.massive_tickers import Ticker, Window
from breadboard.sim.server import Answer

PUBLIC: Final = "https://api.massive.com"
SPANS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
DEFAULT_LIMIT: Final = 1000
MOST: Final = 50_000
RULES: Final = {
    2: ("Average Price Trade", (False, False, True)),
    5: ("Bunched Sold Trade", (True, False, True)),
    7: ("Cash Sale", (False, False, True)),
    37: ("Odd Lot Trade", (False, False, True)),
}
"""The conditions that occur here and a few more: name, and whether they update high and low, open and close, volume."""
MICS: Final = {4: ("TRF", "FINN"), 8: ("exchange", "EDGX"), 10: ("exchange", "XNYS"), 11: ("exchange", "ARCX")} | {
    12: ("exchange", "XNAS"),
    19: ("exchange", "BATS"),
}
ACTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "splits": {"execution_date": "2020-08-31", "split_from": 1, "split_to": 4},
    "dividends": {
        "cash_amount": 0.205,
        "currency": "USD",
        "declaration_date": "2020-10-29",
        "dividend_type": "CD",
        "ex_dividend_date": "2020-11-06",
        "frequency": 4,
        "pay_date": "2020-11-12",
        "record_date": "2020-11-09",
    },
}
"""What every stock here once did."""
_SECOND_NS: Final = 1_000_000_000
_NEW_YORK: Final = ZoneInfo("America/New_York")


class Rest:
    """Answers GET requests. ``public`` is where the next page is said to be."""

    def __init__(self, tickers: Mapping[str, Ticker], clock: Clock, public: str = PUBLIC) -> None:
        self._tickers = tickers
        self._clock = clock
        self.public = public

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer one request; 404 for a path or a stock that there is not, 400 for a parameter that is none."""
        try:
            return self._get([part for part in path.split("/") if part], query)
        except (ValueError, KeyError, OverflowError) as error:
            return _answer({"status": "ERROR", "request_id": "0", "error": f"bad request: {error}"}, 400)

    def _get(self, parts: Sequence[str], query: Mapping[str, str]) -> Answer:  # noqa: PLR0911 - one line a path
        match parts:
            case ["v2", "aggs", "ticker", symbol, "range", multiplier, span, begin, end] if symbol in self._tickers:
                return self._aggregates(self._tickers[symbol], int(multiplier), span, begin, end, query)
            case ["v2", "aggs", "ticker", symbol, "prev"] if symbol in self._tickers:
                return _answer(_head(0) | {"ticker": symbol, "adjusted": True, "results": []})
            case ["v2", "aggs", "grouped", "locale", "us", "market", "stocks", date]:
                return self._grouped(date)
            case ["v3", ("trades" | "quotes") as what, symbol] if symbol in self._tickers:
                ticker = self._tickers[symbol]
                rows = [t for t, _ in ticker.trades] if what == "trades" else list(ticker.quotes)
                return self._ticks(what, symbol, [(row.ts, row.fetched()) for row in rows], query)
            case ["v3", "reference", "conditions"]:
                return _answer(_head(len(RULES)) | {"results": [_condition(number) for number in RULES]})
            case ["v3", "reference", "exchanges"]:
                return _answer(_head(len(MICS)) | {"results": [_exchange(number) for number in MICS]})
            case ["v3", "reference", ("splits" | "dividends") as what]:
                symbol = query.get("ticker", "")
                results = [{"ticker": symbol, **ACTIONS[what]}] if symbol in self._tickers else []
                return _answer(_head(len(results)) | {"results": results})
            case ["v1", "marketstatus", "now"]:
                return _answer(self._now())
        return _answer({"status": "NOT_FOUND", "request_id": "0", "message": "Not found"}, 404)

    def _aggregates(
        self, ticker: Ticker, multiplier: int, span: str, begin: str, end: str, query: Mapping[str, str]
    ) -> Answer:
        seconds = multiplier * SPANS[span]
        path = f"/v2/aggs/ticker/{quote(ticker.symbol)}/range/{multiplier}/{span}/{begin}/{end}"
        windows = _windows(ticker, seconds, _ns(begin, 1_000_000), _ns(end, 1_000_000, last=True))
        if query.get("sort") == "desc":
            windows.reverse()
        at, limit = int(query.get("cursor", "0")), min(int(query.get("limit", "5000")), MOST)
        results = [_bar(ticker, window, window.start_ns) for window in windows[at : at + limit]]
        head = {"ticker": ticker.symbol, "queryCount": len(ticker.trades), "adjusted": query.get("adjusted") != "false"}
        more = at + limit < len(windows)
        return _raw(head | _head(len(results)) | (self._next(path, query, at + limit) if more else {}), results)

    def _next(self, path: str, query: Mapping[str, str], cursor: int) -> dict[str, str]:
        """Return where the next page is; never with a key."""
        kept = {key: value for key, value in query.items() if key not in {"cursor", "apiKey"}}
        return {"next_url": f"{self.public}{path}?{urlencode(kept | {'cursor': str(cursor)})}"}

    def _grouped(self, date: str) -> Answer:
        """Return the day's bar of every stock that traded; unlike other bars these are stamped with their end."""
        begin, end = _ns(date, 1), _ns(date, 1, last=True)
        results = [
            _bar(ticker, window, end + 1, symbol=True)
            for ticker in self._tickers.values()
            for window in _windows(ticker, SPANS["day"], begin, end)
        ]
        return _raw({"queryCount": len(results), "adjusted": True} | _head(len(results)), results)

    def _ticks(self, what: str, symbol: str, rows: list[tuple[int, str]], query: Mapping[str, str]) -> Answer:
        """Return a page of trades or quotes: newest first unless asked otherwise, as at the venue."""
        low, high = _between(query)
        found = [(ts, text) for ts, text in rows if low <= ts <= high]
        if query.get("order", "desc") == "desc":
            found.reverse()
        begin, limit = int(query.get("cursor", "0")), min(int(query.get("limit", DEFAULT_LIMIT)), MOST)
        head = _head(None)
        if begin + limit < len(found):
            head |= self._next(f"/v3/{what}/{quote(symbol)}", query, begin + limit)
        return _raw(head, [text for _, text in found[begin : begin + limit]])

    def _now(self) -> dict[str, Any]:
        stamp = datetime.fromtimestamp(self._clock.wall() / 1e9, UTC).isoformat(timespec="seconds")
        states = {"market": "open", "earlyHours": False, "afterHours": False, "serverTime": stamp}
        return states | {"exchanges": dict.fromkeys(("nyse", "nasdaq", "otc"), "open"), "currencies": {"fx": "open"}}


def _windows(ticker: Ticker, seconds: int, begin: int, end: int) -> list[Window]:
    """Return what traded in windows that begin in ``[begin, end]``, oldest first."""
    windows: dict[int, Window] = {}
    for trade, price in ticker.trades:
        start = _midnight(trade.ts) if seconds == SPANS["day"] else trade.ts - trade.ts % (seconds * _SECOND_NS)
        if begin <= start <= end:
            windows.setdefault(start, Window(start, price, price, price, price)).add(price, trade.shares)
    return list(windows.values())


def _bar(ticker: Ticker, window: Window, stamp_ns: int, *, symbol: bool = False) -> str:
    o, h, low, c = (ticker.price(ticks) for ticks in (window.open, window.high, window.low, window.close))
    named = f'"T":"{ticker.symbol}",' if symbol else ""
    return (
        f'{{{named}"v":{window.shares},"vw":{ticker.vwap(window)},"o":{o},"c":{c},"h":{h},"l":{low},'
        f'"t":{stamp_ns // 1_000_000},"n":{window.trades}}}'
    )


def _between(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the first and last nanosecond that the ``timestamp`` parameters ask for."""
    low, high = 0, 1 << 63
    for name, value in query.items():
        if name in {"timestamp", "timestamp.gte", "timestamp.gt"}:
            low = max(low, _ns(value, 1, last=name.endswith(".gt")) + name.endswith(".gt"))
        if name in {"timestamp", "timestamp.lte", "timestamp.lt"}:
            high = min(high, _ns(value, 1, last=not name.endswith(".lt")) - name.endswith(".lt"))
    return low, high


def _ns(text: str, unit: int, *, last: bool = False) -> int:
    """Return the first (or last) nanosecond of a day, or that of a count of ``unit`` nanoseconds."""
    if text.isdigit():
        return int(text) * unit
    day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_NEW_YORK)
    return int((day + timedelta(days=1)).timestamp()) * _SECOND_NS - 1 if last else int(day.timestamp()) * _SECOND_NS


def _midnight(ts: int) -> int:
    """Return when the day of a moment began in New York, as the vendor's days do."""
    there = datetime.fromtimestamp(ts // _SECOND_NS, _NEW_YORK)
    return int(there.replace(hour=0, minute=0, second=0).timestamp()) * _SECOND_NS


def _condition(number: int) -> dict[str, Any]:
    name, updates = RULES[number]
    rules = dict(zip(("updates_high_low", "updates_open_close", "updates_volume"), updates, strict=True))
    told = {"id": number, "type": "sale_condition", "name": name, "asset_class": "stocks", "data_types": ["trade"]}
    return told | {"update_rules": {"consolidated": rules, "market_center": rules}}


def _exchange(number: int) -> dict[str, Any]:
    kind, mic = MICS[number]
    return {"id": number, "type": kind, "asset_class": "stocks", "locale": "us", "name": mic, "mic": mic}


def _head(results: int | None) -> dict[str, Any]:
    counted = {} if results is None else {"resultsCount": results, "count": results}
    return {"status": "OK", "request_id": "0"} | counted


def _raw(head: Mapping[str, Any], results: Iterable[str]) -> Answer:
    """Return an answer whose results are JSON already: their digits stay as they were sent."""
    text = json.dumps(head, separators=(",", ":"))
    return Answer(200, f'{text[:-1]},"results":[{",".join(results)}]}}'.encode())


def _answer(body: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, json.dumps(body, separators=(",", ":")).encode())
