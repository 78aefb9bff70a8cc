"""Yahoo's streamer as it behaves (measured, it has no documents): snapshots at most once a second a symbol.

Nothing is acknowledged. A connection has 100 places, first come, first served; a symbol nobody knows takes one too and
stays silent, one too many is ignored, and unsubscribing gives its place back. Right after subscribing comes the last
known price. What cannot be read as a request closes the connection without a code. Version 2 wraps the base64 in JSON.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from breadboard.sim.exchange import Exchange
from breadboard.sim.market import REFERENCE, Book, Update
from breadboard.sim.server import Answer, Client
from breadboard.sim.yahoo_chart import Minute, answer
from breadboard.sim.yahoo_protobuf import Value, encode

PLACES: Final = 100
EVERY_S: Final = 1.0
VERSION: Final = "2"
REGULAR: Final = 1
EQUITY, INDEX, CURRENCY, FUTURE, CRYPTOCURRENCY = 8, 9, 14, 18, 41
_DAY_S: Final = 86_400
MINUTES_KEPT: Final = 8 * 24 * 60


@dataclass(slots=True)
class Told:
    """The day of one symbol, as a snapshot tells it. Prices in ticks."""

    book: Book
    quote_type: int
    time_ms: int
    price: int
    open: int
    high: int
    low: int
    day_volume: int
    last_size: int = 0
    number: int = 0
    due_s: float = 0.0
    news: bool = False
    minutes: list[Minute] = field(default_factory=list)


class Yahoo:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._asked: dict[Client, tuple[str, dict[str, None]]] = {}
        began_s = exchange.clock.wall() // 1_000_000_000
        self._told = {book.symbol: _began(book, began_s) for book in exchange.market.books}

    def update(self, update: Update, now_ns: int) -> None:
        """Take trades into the day; they are told when a second has passed."""
        told, now_s = self._told[update.book.symbol], now_ns // 1_000_000_000
        for _, price, size in update.trades:
            if now_s // _DAY_S != told.time_ms // 1000 // _DAY_S:
                told.day_volume, told.open, told.high, told.low = 0, price, price, price
            told.time_ms, told.price, told.last_size, told.news = now_s * 1000, price, size, True
            told.high, told.low = max(told.high, price), min(told.low, price)
            told.day_volume += size
            _into_minute(told.minutes, now_s // 60 * 60, price, size)

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish each symbol that has news and was not told of for a second."""
        del now_ns
        for symbol, told in self._told.items():
            if told.news and now_s >= told.due_s:
                told.news, told.due_s = False, now_s + EVERY_S
                told.number += 1
                message = b64encode(encode(_fields(told)))
                ids = (told.number, told.number)
                self._exchange.publish(f"2:{symbol}", _wrapped(message), ids)
                self._exchange.publish(f"1:{symbol}", message, ids)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer charts, and the way to a crumb."""
        root = "/v8/finance/chart/"
        if not path.startswith(root):
            return _crumb(path)
        if query.get("crumb", CRUMB) != CRUMB:
            words = {"chart": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
            return Answer(401, json.dumps(words).encode())
        told = self._told.get(path.removeprefix(root).upper())
        return answer(told.book if told else None, told.minutes if told else [], query, self._exchange.clock.wall())

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Note the version that the address asks for."""
        del path
        self._asked[client] = ("2" if query.get("version") == VERSION else "1", {})

    def closed(self, client: Client) -> None:
        """Forget a client."""
        del self._asked[client]

    def said(self, client: Client, text: str) -> None:
        """Do what a message asks; close without a code on one that is none."""
        try:
            wanted = _requests(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            client.close(None, "")
            return
        version, places = self._asked[client]
        for action, symbol in wanted:
            if action == "unsubscribe":
                places.pop(symbol, None)
                self._exchange.unsubscribe(client, f"{version}:{symbol}")
            elif symbol not in places and len(places) < PLACES:
                places[symbol] = None
                self._begin(client, version, symbol)

    def _begin(self, client: Client, version: str, symbol: str) -> None:
        told = self._told.get(symbol)
        if told is None:
            return
        self._exchange.subscribe(client, f"{version}:{symbol}")
        message = b64encode(encode(_fields(told)))
        client.send(_wrapped(message) if version == VERSION else message)


def _requests(asked: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """Return what is asked for, symbol by symbol. Raises TypeError for what the venue takes amiss."""
    if not asked:
        return []
    if not isinstance(asked, dict) or not asked.keys() <= {"subscribe", "unsubscribe"}:
        raise TypeError("no request")
    wanted = [(action, symbol) for action, symbols in asked.items() for symbol in _listed(symbols)]
    if not all(isinstance(symbol, str) for _, symbol in wanted):
        raise TypeError("not a symbol")
    return wanted


def _listed(symbols: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    if not isinstance(symbols, list):
        raise TypeError("symbols that are no list")
    return symbols


def _wrapped(message: bytes) -> bytes:
    return b'{"type":"pricing","message":"%b"}' % message


def _began(book: Book, began_s: int) -> Told:
    """Return a symbol that last traded an hour ago."""
    price = book.reference
    volume = 100_000 + 10_007 * book.index
    return Told(book, kind_of(book.symbol), (began_s - 3600) * 1000, price, price, price, price, volume)


def kind_of(symbol: str) -> int:
    """Return the quote type that a symbol's spelling shows."""
    if symbol.startswith("^"):
        return INDEX
    if symbol.endswith("=X"):
        return CURRENCY
    if symbol.endswith("=F"):
        return FUTURE
    return CRYPTOCURRENCY if symbol.endswith("-USD") else EQUITY


def spelled(name: str) -> str:
    """Return a coin as a pair with the dollar, anything else as it is."""
    return f"{name}-USD" if name in REFERENCE else name


def _fields(told: Told) -> Mapping[str, Value]:
    """Return the fields that the venue fills for this kind of thing."""
    unit = 10.0**-told.book.tick_decimals
    change = told.price - told.book.reference
    fields: dict[str, Value] = {
        "id": told.book.symbol,
        "price": told.price * unit,
        "time": told.time_ms,
        "exchange": "SIM",
        "quote_type": told.quote_type,
        "market_hours": REGULAR,
        "change": change * unit,
        "change_percent": 100.0 * change / told.book.reference,
        "price_hint": told.book.tick_decimals,
    }
    if told.quote_type not in (INDEX, CURRENCY):
        fields |= {"day_volume": told.day_volume} | ({"last_size": told.last_size} if told.last_size else {})
    if told.quote_type == CRYPTOCURRENCY:
        fields |= {"currency": "USD", "from_currency": told.book.symbol.removesuffix("-USD")}
        fields |= {"day_high": told.high * unit, "day_low": told.low * unit, "open_price": told.open * unit}
        fields |= {"vol_24hr": told.day_volume, "vol_all_currencies": told.day_volume}
    return fields


def _into_minute(minutes: list[Minute], start_s: int, price: int, size: int) -> None:
    if not minutes or minutes[-1].start_s != start_s:
        del minutes[: len(minutes) + 1 - MINUTES_KEPT]
        minutes.append(Minute(start_s, price, price, price, price))
    minute = minutes[-1]
    minute.high, minute.low, minute.close = max(minute.high, price), min(minute.low, price), price
    minute.volume += size


def _crumb(path: str) -> Answer:
    """Answer the cookie's address (with 404, as the venue does) and the crumb's."""
    if path == "/v1/test/getcrumb":
        return Answer(200, CRUMB.encode(), {"Content-Type": "text/plain"})
    return Answer(404, b"", {"Set-Cookie": "A3=simulated; Path=/"})


CRUMB: Final = "simulated.1"
