"""Binance as it speaks on the wire: spot, USD-M and COIN-M futures.

Forms and key order follow real recordings; the rules are the venue's documents (web-socket-streams.md): U/u contiguous
for spot, pu chained for futures, trade ids contiguous, a depth snapshot whose lastUpdateId lies on the stream.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.server import Answer, Client


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between the three markets."""

    rest: str
    futures: bool
    price_padding: int
    """Zeros after the ticks: spot writes eight decimals, futures the tick's own."""
    size_padding: int
    contracts: bool = False
    """Sizes are whole contracts (COIN-M)."""
    default_interval_s: float = 1.0


FLAVOURS: Final = {
    "binance": Flavour("/api/v3/", futures=False, price_padding=8, size_padding=8),
    "binance-usdm": Flavour("/fapi/v1/", futures=True, price_padding=0, size_padding=0, default_interval_s=0.25),
    "binance-coinm": Flavour(
        "/dapi/v1/", futures=True, price_padding=0, size_padding=0, contracts=True, default_interval_s=0.25
    ),
}
ENTRIES: Final = ("/public", "/market")
"""Paths before those of USD-M's streams; here either has all of them."""
INTERVALS: Final = {"depth@100ms": 0.1, "depth@0ms": 0.0, "depth@250ms": 0.25, "depth@500ms": 0.5, "depth@1000ms": 1.0}
LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000, 5000)


@lru_cache(maxsize=1 << 17)
def decimal_text(value: int, decimals: int, padding: int) -> str:
    """Return ``value / 10**decimals`` in plain digits, with zeros up to ``padding`` decimals."""
    if decimals == 0:
        return str(value)
    digits = str(value).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:].ljust(padding, '0')}"


@dataclass(slots=True)
class Collected:
    """Book changes that wait for the next message of one depth stream."""

    book: Book
    stream: str
    interval_s: float
    first: int
    """The update number of the first change in the next message."""
    previous: int
    """The last update number of the previous message (``pu``)."""
    due_s: float = 0.0
    changes: dict[tuple[int, int], int] = field(default_factory=dict)


class Binance:
    """The dialect of one flavour; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange, venue: str) -> None:
        self._exchange = exchange
        self._flavour = FLAVOURS[venue]
        self._collected: dict[str, dict[str, Collected]] = {}
        self._aggregates: dict[str, int] = {}
        self._names = {book.symbol: book.symbol.lower() for book in exchange.market.books}

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades, then the new best prices, then the book, as the venue orders them."""
        book, ms = update.book, now_ns // 1_000_000
        name = self._names[book.symbol]
        if update.trades:
            self._trades(book, name, update.trades, ms)
        stream = name + "@bookTicker"
        if update.top and self._exchange.listening(stream):
            self._exchange.publish(stream, self._ticker(book, ms), (book.update_id, book.update_id))
        for collected in self._collected.get(book.symbol, {}).values():
            for side, price, size in update.changes:
                collected.changes[side, price] = size
            if not collected.interval_s:
                self._depth(collected, now_ns)

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish the books whose interval has passed."""
        for streams in self._collected.values():
            for collected in streams.values():
                if collected.changes and now_s >= collected.due_s:
                    collected.due_s = now_s + collected.interval_s
                    self._depth(collected, now_ns)

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Subscribe to ``/stream?streams=a/b`` or ``/ws/a/b``, also behind the paths of USD-M."""
        for entry in ENTRIES if self._flavour.rest == "/fapi/v1/" else ():
            path = path.removeprefix(entry)
        names = query.get("streams", "") if path.startswith("/stream") else path.removeprefix("/ws").strip("/")
        for stream in filter(None, names.split("/")):
            self._subscribe(client, stream)

    def said(self, client: Client, text: str) -> None:
        """Answer SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS; anything else is an error answer."""
        try:
            asked = json.loads(text)
        except ValueError as error:
            return _send(client, {"code": 3, "msg": f"Invalid JSON: {error}"})
        number = asked.get("id") if isinstance(asked, dict) else None
        params = asked.get("params", []) if isinstance(asked, dict) else None
        method = asked.get("method") if isinstance(asked, dict) else None
        if not isinstance(params, list) or not all(isinstance(stream, str) for stream in params):
            return _send(client, {"code": 2, "msg": "Invalid request: params must be a list of strings", "id": number})
        if method == "LIST_SUBSCRIPTIONS":
            return _send(client, {"result": self._exchange.subscribed(client), "id": number})
        if method not in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            return _send(client, {"code": 2, "msg": f"Invalid request: unknown method {method!r}", "id": number})
        _send(client, {"result": None, "id": number})
        for stream in params:
            if method == "SUBSCRIBE":
                self._subscribe(client, stream)
            else:
                self._exchange.unsubscribe(client, stream)
        return None

    def closed(self, client: Client) -> None:
        """Stop collecting for depth streams that nobody hears."""
        del client
        for streams in self._collected.values():
            for name in [name for name in streams if not self._exchange.listening(name)]:
                del streams[name]

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer ``depth``, ``ticker/price`` and ``exchangeInfo``; anything else is 404."""
        call = path.removeprefix(self._flavour.rest)
        if path.endswith("/exchangeInfo"):
            ours = self._symbols() if call == "exchangeInfo" else []  # clients ask for the other markets, too
            return _answer({"timezone": "UTC", "serverTime": self._ms(), "symbols": ours})
        if call not in {"depth", "ticker/price"}:
            return Answer(404, b'{"code":-1000,"msg":"no such path"}')
        book = self._exchange.market.by_symbol.get(query.get("symbol", ""))
        limit = query.get("limit", "100" if not self._flavour.futures else "500")
        if book is None:
            return _answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        if call == "ticker/price":
            return _answer({"symbol": book.symbol, "price": self._price(book, book.best[0])})
        if not limit.isdigit() or not 0 < int(limit) <= 5000 or (self._flavour.futures and int(limit) not in LIMITS):
            return _answer({"code": -4021, "msg": f"'{limit}' is not valid depth limit."}, 400)
        return _answer(self._snapshot(book, int(limit)))

    def _subscribe(self, client: Client, stream: str) -> None:
        """Streams nobody has are accepted and silent, as at the venue."""
        self._exchange.subscribe(client, stream)
        name, _, kind = stream.partition("@")
        book = self._exchange.market.by_symbol.get(name.upper())
        interval_s = self._flavour.default_interval_s if kind == "depth" else INTERVALS.get(kind)
        if book is None or name != name.lower() or interval_s is None:
            return
        streams = self._collected.setdefault(book.symbol, {})
        if stream not in streams:
            streams[stream] = Collected(book, stream, interval_s, book.update_id + 1, book.update_id)

    def _trades(self, book: Book, name: str, trades: list[tuple[int, int, int]], ms: int) -> None:
        number = book.trade_id - len(trades)
        stream, aggregate = name + "@trade", name + "@aggTrade"
        for side, price, size in trades:
            number += 1
            if self._exchange.listening(stream):
                self._exchange.publish(stream, self._trade(book, number, side, price, size, ms), (number, number))
            if self._exchange.listening(aggregate):
                self._aggregate(aggregate, book, number, side, price, size, ms)

    def _trade(self, book: Book, number: int, side: int, price: int, size: int, ms: int) -> bytes:
        p, q = self._price(book, price), self._size(book, size)
        maker = "true" if side == SELL else "false"  # m: the buyer rested, so the seller crossed
        if self._flavour.futures:
            text = (
                f'{{"e":"trade","E":{ms},"T":{ms},"s":"{book.symbol}","t":{number},'
                f'"p":"{p}","q":"{q}","X":"MARKET","m":{maker}}}'
            )
        else:
            text = (
                f'{{"e":"trade","E":{ms},"s":"{book.symbol}","t":{number},"p":"{p}","q":"{q}",'
                f'"T":{ms},"m":{maker},"M":true}}'
            )
        return text.encode()

    def _aggregate(self, stream: str, book: Book, number: int, side: int, price: int, size: int, ms: int) -> None:
        """Publish one trade as an aggregate of itself: our fills of one order are at different prices."""
        a = self._aggregates[book.symbol] = self._aggregates.get(book.symbol, book.index * 1000) + 1
        maker = "true" if side == SELL else "false"
        text = (
            f'{{"e":"aggTrade","E":{ms},"s":"{book.symbol}","a":{a},"p":"{self._price(book, price)}",'
            f'"q":"{self._size(book, size)}","f":{number},"l":{number},"T":{ms},"m":{maker}'
            + ("}" if self._flavour.futures else ',"M":true}')
        )
        self._exchange.publish(stream, text.encode(), (a, a))

    def _ticker(self, book: Book, ms: int) -> bytes:
        bid, ask = book.best
        text = (
            f'"b":"{self._price(book, bid)}","B":"{self._size(book, book.sides[BUY][bid])}",'
            f'"a":"{self._price(book, ask)}","A":"{self._size(book, book.sides[SELL][ask])}"'
        )
        if not self._flavour.futures:
            return f'{{"u":{book.update_id},"s":"{book.symbol}",{text}}}'.encode()
        if self._flavour.contracts:
            head = f'"u":{book.update_id},"e":"bookTicker","s":"{book.symbol}","ps":"{_pair(book)}"'
        else:
            head = f'"e":"bookTicker","u":{book.update_id},"s":"{book.symbol}"'
        return f'{{{head},{text},"T":{ms},"E":{ms}}}'.encode()

    def _depth(self, collected: Collected, now_ns: int) -> None:
        book, ms = collected.book, now_ns // 1_000_000
        if book.update_id < collected.first:  # the numbers fell back
            collected.first, collected.previous = book.begun + 1, book.begun
        sides: tuple[list[str], list[str]] = ([], [])
        for (side, price), size in collected.changes.items():
            sides[side].append(f'["{self._price(book, price)}","{self._size(book, size)}"]')
        extra = f'"U":{collected.first},"u":{book.update_id}'
        if self._flavour.futures:
            pair = f'"ps":"{_pair(book)}",' if self._flavour.contracts else ""
            head = f'"T":{ms},"s":"{book.symbol}",{pair}{extra},"pu":{collected.previous}'
        else:
            head = f'"s":"{book.symbol}",{extra}'
        body = f'"b":[{",".join(sides[BUY])}],"a":[{",".join(sides[SELL])}]'
        payload = f'{{"e":"depthUpdate","E":{ms},{head},{body}}}'.encode()
        ids = (collected.first, book.update_id)
        collected.changes.clear()
        collected.previous, collected.first = book.update_id, book.update_id + 1
        self._exchange.publish(collected.stream, payload, ids, book=True)

    def _snapshot(self, book: Book, limit: int) -> dict[str, Any]:
        told: dict[str, Any] = {"lastUpdateId": book.update_id}
        if self._flavour.futures:
            told |= {"E": self._ms(), "T": self._ms()}
        if self._flavour.contracts:
            told |= {"symbol": book.symbol, "pair": _pair(book)}
        for key, side in (("bids", BUY), ("asks", SELL)):
            told[key] = [[self._price(book, p), self._size(book, s)] for p, s in book.levels(side, limit)]
        return told

    def _symbols(self) -> list[dict[str, Any]]:
        return [
            {
                "symbol": book.symbol,
                "status": "TRADING",
                **self._assets(book),
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": self._price(book, 1)},
                    {"filterType": "LOT_SIZE", "stepSize": self._size(book, 1)},
                ],
            }
            for book in self._exchange.market.books
        ]

    def _assets(self, book: Book) -> dict[str, Any]:
        quote = "USDT" if book.symbol.endswith("USDT") else "USD"
        spot = not self._flavour.futures
        return {
            "baseAsset": book.symbol.partition("_")[0].removesuffix(quote),
            "quoteAsset": quote,
            "baseAssetPrecision": book.lot_decimals,
            "quoteAssetPrecision": book.tick_decimals,
            "orderTypes": ["LIMIT", "MARKET"],
        } | ({"isSpotTradingAllowed": True, "permissions": ["SPOT"], "permissionSets": [["SPOT"]]} if spot else {})

    def _price(self, book: Book, ticks: int) -> str:
        return decimal_text(ticks, book.tick_decimals, self._flavour.price_padding)

    def _size(self, book: Book, lots: int) -> str:
        return (
            str(lots) if self._flavour.contracts else decimal_text(lots, book.lot_decimals, self._flavour.size_padding)
        )

    def _ms(self) -> int:
        return self._exchange.clock.wall() // 1_000_000


def _pair(book: Book) -> str:
    return book.symbol.partition("_")[0]


def _send(client: Client, message: Mapping[str, Any]) -> None:
    client.send(json.dumps(message, separators=(",", ":")).encode())


def _answer(body: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, json.dumps(body, separators=(",", ":")).encode())
