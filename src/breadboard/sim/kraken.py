"""Kraken as it speaks on the wire, WebSocket v2 (docs.kraken.com/api/docs/websocket-v2); v1 is in ``kraken_v1``.

A book is the best ``depth`` levels: who listens cuts off what is pushed out, and hears again of what comes back. Each
message carries the CRC32 of the ten best levels a side after it. Prices and sizes are JSON numbers whose trailing zeros
count.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zlib import crc32

from breadboard.sim.binance import decimal_text
from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.ranked import Ranked, Told
from breadboard.sim.server import Answer, Client

DEPTHS: Final = (10, 25, 100, 500, 1000)
CHANNELS: Final = ("book", "ticker", "trade")
CHECKED_LEVELS: Final = 10


class KrakenV2:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._ranked: dict[str, Ranked] = {}
        self._next_heartbeat_s = 0.0

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades, the book, and the best bid and offer where they changed."""
        book, stamp, exchange = update.book, rfc3339(now_ns), self._exchange
        if update.trades and exchange.listening("trade:" + book.symbol):
            exchange.publish(*self._trades(update, stamp))
        ranked = self._ranked.get(book.symbol)
        if ranked is not None:
            depths = [depth for depth in DEPTHS if exchange.listening(f"book:{depth}:{book.symbol}")]
            for depth, told in ranked.take(update.changes, depths, removes=False).items():
                if told:
                    ids, stream = (book.update_id, book.update_id), f"book:{depth}:{book.symbol}"
                    total = exchange.checksum(stream, checksum(ranked), ids)
                    exchange.publish(stream, self._book(ranked, told, "update", stamp, total), ids, book=True)
        if update.top and exchange.listening("ticker:" + book.symbol):
            ids = (book.update_id, book.update_id)
            exchange.publish("ticker:" + book.symbol, _ticker(book, "update", stamp), ids)

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish a heartbeat a second to whoever has subscribed to something."""
        del now_ns
        if now_s >= self._next_heartbeat_s:
            self._next_heartbeat_s = now_s + 1.0
            self._exchange.publish("heartbeat", b'{"channel":"heartbeat"}', (0, 0))

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer nothing: market data comes by WebSocket alone here."""
        del path, query
        return Answer(404, b'{"error":["EGeneral:Unknown method"]}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Tell the state of the trading engine."""
        del path, query
        data = [{"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": id(client)}]
        greet(client, {"channel": "status", "type": "update", "data": data})

    def closed(self, client: Client) -> None:
        """Keep nothing of a client."""

    def said(self, client: Client, text: str) -> None:
        """Answer ping, subscribe and unsubscribe; anything else is an error message."""
        stamp = rfc3339(self._exchange.clock.wall())
        times = {"time_in": stamp, "time_out": stamp}
        try:
            asked = json.loads(text)
            method, params = asked["method"], asked.get("params", {})
            times |= {"req_id": asked["req_id"]} if "req_id" in asked else {}
            if method == "ping":
                return send(client, {"method": "pong"} | times)
            channel, symbols = params["channel"], [str(symbol) for symbol in params["symbol"]]
            depth = int(params.get("depth", 10))
        except (ValueError, KeyError, TypeError, AttributeError):
            return send(client, {"error": "Malformed request", "success": False} | times)
        for symbol in symbols:
            error = self._refusal(client, method, channel, symbol, depth)
            if error:
                send(client, {"error": error, "method": method, "success": False, "symbol": symbol} | times)
                continue
            result = {"channel": channel, "symbol": symbol} | ({"depth": depth} if channel == "book" else {})
            if method == "subscribe":
                result["snapshot"] = params.get("snapshot", channel != "trade")
            send(client, {"method": method, "result": result, "success": True} | times)
            self._switch(client, method, channel, symbol, depth, snapshot=bool(result.get("snapshot")))
        return None

    def _refusal(self, client: Client, method: str, channel: str, symbol: str, depth: int) -> str:
        if method not in {"subscribe", "unsubscribe"}:
            return f"Unsupported event {method}"
        if channel not in CHANNELS:
            return f"Subscription {channel} not supported"
        if symbol not in self._exchange.market.by_symbol:
            return f"Currency pair not supported {symbol}"
        if depth not in DEPTHS:
            return "Subscription depth not supported"
        there = stream_of(channel, symbol, depth) in self._exchange.subscribed(client)
        if there == (method == "subscribe"):
            return "Already subscribed" if there else "Subscription Not Found"
        return ""

    def _switch(self, client: Client, method: str, channel: str, symbol: str, depth: int, *, snapshot: bool) -> None:
        """Begin or end a subscription; it begins with what the venue holds now."""
        stream, book = stream_of(channel, symbol, depth), self._exchange.market.by_symbol[symbol]
        if method == "unsubscribe":
            self._exchange.unsubscribe(client, stream)
            return
        self._exchange.subscribe(client, stream)
        self._exchange.subscribe(client, "heartbeat")
        stamp = rfc3339(self._exchange.clock.wall())
        if channel == "book":
            ranked = self._ranked.setdefault(symbol, Ranked(book))
            whole = [Told(side, *level) for side in (BUY, SELL) for level in ranked.top(side, depth)]
            client.send(self._book(ranked, whole, "snapshot", stamp, checksum(ranked)))
        elif channel == "ticker" and snapshot:
            client.send(_ticker(book, "snapshot", stamp))

    def _book(self, ranked: Ranked, told: Iterable[Told], kind: str, stamp: str, total: int) -> bytes:
        book = ranked.book
        sides: tuple[list[str], list[str]] = ([], [])
        for level in told:
            price, size = price_text(book, level.price), size_text(book, level.size)
            sides[level.side].append(f'{{"price":{price},"qty":{size}}}')
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{book.symbol}","bids":[{",".join(sides[BUY])}],'
            f'"asks":[{",".join(sides[SELL])}],"checksum":{total},"timestamp":"{stamp}"}}]}}'
        ).encode()

    def _trades(self, update: Update, stamp: str) -> tuple[str, bytes, tuple[int, int]]:
        book = update.book
        first = book.trade_id - len(update.trades) + 1
        rows = ",".join(
            f'{{"symbol":"{book.symbol}","side":"{"buy" if side == BUY else "sell"}","price":{price_text(book, price)},'
            f'"qty":{size_text(book, size)},"ord_type":"market","trade_id":{number},"timestamp":"{stamp}"}}'
            for number, (side, price, size) in enumerate(update.trades, first)
        )
        payload = f'{{"channel":"trade","type":"update","data":[{rows}]}}'.encode()
        return "trade:" + book.symbol, payload, (first, book.trade_id)


def checksum(ranked: Ranked) -> int:
    """Return the CRC32 of the ten best asks and bids, points and leading zeros left out."""
    book = ranked.book
    texts = [
        number.replace(".", "").lstrip("0")
        for side in (SELL, BUY)
        for price, size in ranked.top(side, CHECKED_LEVELS)
        for number in (price_text(book, price), size_text(book, size))
    ]
    return crc32("".join(texts).encode())


def stream_of(channel: str, symbol: str, depth: int) -> str:
    """Return the name of a stream."""
    return f"book:{depth}:{symbol}" if channel == "book" else f"{channel}:{symbol}"


def price_text(book: Book, ticks: int) -> str:
    """Return a price with all the decimals of its pair."""
    return decimal_text(ticks, book.tick_decimals, 0)


def size_text(book: Book, lots: int) -> str:
    """Return a size with eight decimals."""
    return decimal_text(lots, book.lot_decimals, 8)


def rfc3339(ns: int) -> str:
    """Return RFC 3339 with microseconds."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def send(client: Client, message: Mapping[str, Any]) -> None:
    """Send a message as compact JSON."""
    client.send(json.dumps(message, separators=(",", ":")).encode())


def greet(client: Client, message: Mapping[str, Any]) -> None:
    """Send a first message, once the connection is one: inside ``opened`` nothing can be sent yet."""
    asyncio.get_running_loop().call_soon(send, client, message)


def _ticker(book: Book, kind: str, stamp: str) -> bytes:
    bid, ask = book.best
    price = price_text(book, bid)
    bid_size, ask_size = (size_text(book, book.sides[side][best]) for side, best in ((BUY, bid), (SELL, ask)))
    return (
        f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{book.symbol}","bid":{price},"bid_qty":{bid_size},'
        f'"ask":{price_text(book, ask)},"ask_qty":{ask_size},"last":{price},"volume":0.00000000,"vwap":{price},'
        f'"low":{price},"high":{price},"change":0.0,"change_pct":0.00,"timestamp":"{stamp}"}}]}}'
    ).encode()
