"""Coinbase Exchange as it speaks on the wire (docs.cdp.coinbase.com/exchange/websocket-feed; forms as recorded).

The side of a match is the maker's. Books have no numbers: a snapshot on subscribing, then l2update. ``level2_batch``
collects 50 ms. A client that subscribes to nothing within five seconds is sent away.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from breadboard.sim.binance import decimal_text
from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.server import Answer, Client

SUBSCRIBE_WITHIN_S: Final = 5.0
BATCH_S: Final = 0.05
ACKNOWLEDGED_AS: Final = {"level2_batch": "level2_50"}
CHANNELS: Final = ("level2", "level2_batch", "matches", "ticker", "heartbeat")
_WORD: Final = {BUY: "buy", SELL: "sell"}


@dataclass(slots=True)
class Last:
    """The last trade of a product."""

    side: int
    price: int
    size: int
    time: str


@dataclass(slots=True)
class Batch:
    """Changes of one product that wait for the next ``level2_batch`` message."""

    due_s: float = 0.0
    changes: dict[tuple[int, int], int] = field(default_factory=dict)


class Coinbase:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._batches: dict[str, Batch] = {}
        self._last: dict[str, Last] = {}
        self._next_heartbeat_s = 0.0

    def update(self, update: Update, now_ns: int) -> None:
        """Publish matches and tickers, then the book."""
        book, stamp = update.book, _time(now_ns)
        number = book.trade_id - len(update.trades)
        for side, price, size in update.trades:
            number += 1
            self._last[book.symbol] = Last(side, price, size, stamp)
            self._match(book, number, "match")
            if self._exchange.listening("ticker:" + book.symbol):
                self._exchange.publish("ticker:" + book.symbol, self._ticker(book, number), (number, number))
        if self._exchange.listening("level2:" + book.symbol):
            changes = [(side, price, size) for side, price, size in update.changes]
            self._changes("level2:" + book.symbol, book, changes, stamp)
        batch = self._batches.get(book.symbol)
        if batch is not None:
            for side, price, size in update.changes:
                batch.changes[side, price] = size

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish batches that are 50 ms old, and the heartbeats of every second."""
        stamp = _time(now_ns)
        for symbol, batch in self._batches.items():
            if batch.changes and now_s >= batch.due_s:
                batch.due_s = now_s + BATCH_S
                changes = [(side, price, size) for (side, price), size in batch.changes.items()]
                batch.changes.clear()
                self._changes("level2_batch:" + symbol, self._exchange.market.by_symbol[symbol], changes, stamp)
        if now_s >= self._next_heartbeat_s:
            self._next_heartbeat_s = now_s + 1.0
            for book in self._exchange.market.books:
                if self._exchange.listening("heartbeat:" + book.symbol):
                    self._heartbeat(book, stamp)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer ``/products``; anything else is 404."""
        del query
        if path != "/products":
            return Answer(404, b'{"message":"NotFound"}')
        told = [
            {"id": book.symbol, "quote_increment": decimal_text(1, book.tick_decimals, 0), "status": "online"}
            for book in self._exchange.market.books
        ]
        return Answer(200, json.dumps(told).encode())

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Wait for a subscription, but not long."""
        del path, query
        asyncio.get_running_loop().call_later(SUBSCRIBE_WITHIN_S, self._send_away, client)

    def closed(self, client: Client) -> None:
        """Stop collecting for products that nobody hears."""
        del client
        for symbol in [s for s in self._batches if not self._exchange.listening("level2_batch:" + s)]:
            del self._batches[symbol]

    def said(self, client: Client, text: str) -> None:
        """Answer subscribe and unsubscribe; anything else is an error message."""
        try:
            asked = json.loads(text)
            method = asked["type"]
            wanted = [pair for channel in asked["channels"] for pair in _pairs(channel, asked.get("product_ids", []))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _send(client, {"type": "error", "message": "Malformed JSON", "reason": str(error)})
        refused = self._refusal(method, wanted)
        if refused:
            return _send(client, {"type": "error", "message": f"Failed to {method}", "reason": refused})
        for channel, product in wanted:
            if method == "subscribe":
                self._exchange.subscribe(client, f"{channel}:{product}")
            else:
                self._exchange.unsubscribe(client, f"{channel}:{product}")
        _send(client, {"type": "subscriptions", "channels": self._subscriptions(client)})
        if method == "subscribe":
            self._begin(client, wanted)
        return None

    def _refusal(self, method: str, wanted: list[tuple[str, str]]) -> str:
        if method not in {"subscribe", "unsubscribe"}:
            return f"{method} is not a valid type"
        if not wanted:
            return "channels and product_ids must not be empty"
        for channel, product in wanted:
            if channel not in CHANNELS:
                return f"{channel} is not a valid channel"
            if product not in self._exchange.market.by_symbol:
                return f"{product} is not a valid product"
        return ""

    def _begin(self, client: Client, wanted: list[tuple[str, str]]) -> None:
        """Send what a new subscription begins with: the last match, a ticker, the whole book."""
        for channel, product in wanted:
            book = self._exchange.market.by_symbol[product]
            if channel in {"level2", "level2_batch"}:
                self._snapshot(client, book)
            elif channel == "matches" and product in self._last:
                client.send(self._match_text(book, book.trade_id, "last_match"))
            elif channel == "ticker" and product in self._last:
                client.send(self._ticker(book, book.trade_id))
            if channel == "level2_batch":
                # What others still wait for is in the snapshot already; sizes are absolute, so twice is harmless.
                self._batches.setdefault(product, Batch())

    def _snapshot(self, client: Client, book: Book) -> None:
        sides = {
            key: [[_price(book, p), _size(book, s)] for p, s in book.levels(side, len(book.sides[side]))]
            for key, side in (("asks", SELL), ("bids", BUY))
        }
        stamp = _time(self._exchange.clock.wall())
        _send(client, {"type": "snapshot", "product_id": book.symbol, **sides, "time": stamp})

    def _changes(self, stream: str, book: Book, changes: list[tuple[int, int, int]], stamp: str) -> None:
        rows = ",".join(f'["{_WORD[side]}","{_price(book, p)}","{_size(book, s)}"]' for side, p, s in changes)
        text = f'{{"type":"l2update","product_id":"{book.symbol}","changes":[{rows}],"time":"{stamp}"}}'
        self._exchange.publish(stream, text.encode(), (book.update_id, book.update_id), book=True)

    def _match(self, book: Book, number: int, kind: str) -> None:
        stream = "matches:" + book.symbol
        if self._exchange.listening(stream):
            self._exchange.publish(stream, self._match_text(book, number, kind), (number, number))

    def _match_text(self, book: Book, number: int, kind: str) -> bytes:
        last = self._last[book.symbol]
        maker = UUID(int=(book.index << 96) | number, version=4)
        taker = UUID(int=(book.index << 96) | (1 << 90) | number, version=4)
        return (
            f'{{"type":"{kind}","trade_id":{number},"maker_order_id":"{maker}","taker_order_id":"{taker}",'
            f'"side":"{_WORD[1 - last.side]}","size":"{_size(book, last.size)}","price":"{_price(book, last.price)}",'
            f'"product_id":"{book.symbol}","sequence":{book.update_id},"time":"{last.time}"}}'
        ).encode()

    def _ticker(self, book: Book, number: int) -> bytes:
        last, (bid, ask) = self._last[book.symbol], book.best
        price, size = _price(book, last.price), _size(book, last.size)
        bid_size, ask_size = _size(book, book.sides[BUY][bid]), _size(book, book.sides[SELL][ask])
        return (
            f'{{"type":"ticker","sequence":{book.update_id},"product_id":"{book.symbol}","price":"{price}",'
            f'"open_24h":"{price}","volume_24h":"0.00000000","low_24h":"{price}","high_24h":"{price}",'
            f'"volume_30d":"0.00000000","best_bid":"{_price(book, bid)}","best_bid_size":"{bid_size}",'
            f'"best_ask":"{_price(book, ask)}","best_ask_size":"{ask_size}",'
            f'"side":"{_WORD[last.side]}","time":"{last.time}","trade_id":{number},"last_size":"{size}"}}'
        ).encode()

    def _heartbeat(self, book: Book, stamp: str) -> None:
        text = (
            f'{{"type":"heartbeat","last_trade_id":{book.trade_id},"product_id":"{book.symbol}",'
            f'"sequence":{book.update_id},"time":"{stamp}"}}'
        )
        ids = (book.trade_id, book.trade_id)
        self._exchange.publish("heartbeat:" + book.symbol, text.encode(), ids)

    def _subscriptions(self, client: Client) -> list[dict[str, Any]]:
        channels: dict[str, list[str]] = {}
        for stream in self._exchange.subscribed(client):
            channel, _, product = stream.partition(":")
            channels.setdefault(ACKNOWLEDGED_AS.get(channel, channel), []).append(product)
        return [{"name": name, "product_ids": products} for name, products in channels.items()]

    def _send_away(self, client: Client) -> None:
        if client.is_open and not self._exchange.subscribed(client):
            client.close(1008, "no subscription within 5 seconds")


def _pairs(channel: str | Mapping[str, Any], products: list[str]) -> list[tuple[str, str]]:
    if isinstance(channel, str):
        return [(channel, product) for product in products]
    return [(str(channel["name"]), product) for product in channel.get("product_ids", products)]


def _price(book: Book, ticks: int) -> str:
    return decimal_text(ticks, book.tick_decimals, 0)


def _size(book: Book, lots: int) -> str:
    return decimal_text(lots, book.lot_decimals, 8) if lots else "0"


def _time(ns: int) -> str:
    """Return RFC 3339 with microseconds, as the venue writes it."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _send(client: Client, message: Mapping[str, Any]) -> None:
    client.send(json.dumps(message, separators=(",", ":")).encode())
