"""OKX v5's public channels as they speak on the wire (www.okx.com/docs-v5; forms as recorded).

``books`` has 400 levels, collects 100 ms, removes in so many words what is pushed out, and links its messages by
``prevSeqId``; after a minute without a change it says so. Checksums are sent, as the venue did until 2026.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final
from zlib import crc32

from breadboard.sim.exchange import Exchange
from breadboard.sim.kraken import price_text, send, size_text
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.ranked import Ranked
from breadboard.sim.server import Answer, Client

DEPTH: Final = 400
CHECKED_LEVELS: Final = 25
BATCH_S: Final = 0.1
QUIET_S: Final = 60.0
CHANNELS: Final = ("books", "tickers", "trades")


@dataclass(slots=True)
class Batch:
    """One book as its listeners know it, and what has changed since."""

    ranked: Ranked
    number: int
    """The ``seqId`` of the last message."""
    sent_s: float = 0.0
    changes: dict[tuple[int, int], int] = field(default_factory=dict)


class Okx:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._batches: dict[str, Batch] = {}
        self._tops: dict[str, Book] = {}
        self._next_s = 0.0

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades; collect the rest for 100 ms."""
        book = update.book
        if update.trades and self._exchange.listening("trades:" + book.symbol):
            first = book.trade_id - len(update.trades) + 1
            rows = [
                {"instId": book.symbol, "tradeId": str(number), "px": price_text(book, price)}
                | {"sz": size_text(book, size), "side": "buy" if side == BUY else "sell"}
                | {"ts": _ms(now_ns), "count": "1", "seqId": book.update_id}
                for number, (side, price, size) in enumerate(update.trades, first)
            ]
            payload = _push("trades", book.symbol, rows)
            self._exchange.publish("trades:" + book.symbol, payload, (first, book.trade_id))
        batch = self._batches.get(book.symbol)
        if batch is not None:
            for told in batch.ranked.take(update.changes, (DEPTH,), removes=True)[DEPTH]:
                batch.changes[told.side, told.price] = told.size
        if update.top and self._exchange.listening("tickers:" + book.symbol):
            self._tops[book.symbol] = book

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish what was collected, every 100 ms."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + BATCH_S
        for symbol, batch in list(self._batches.items()):
            if not self._exchange.listening("books:" + symbol):
                del self._batches[symbol]
            elif batch.changes or now_s - batch.sent_s >= QUIET_S:
                batch.sent_s = now_s
                self._flush(batch, now_ns)
        for symbol, book in self._tops.items():
            ids = (book.update_id, book.update_id)
            self._exchange.publish("tickers:" + symbol, _ticker(book, now_ns), ids)
        self._tops.clear()

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer nothing: market data comes by WebSocket alone here."""
        del path, query
        return Answer(404, b'{"code":"404","msg":"Not Found"}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Say nothing: this venue waits to be asked."""

    def closed(self, client: Client) -> None:
        """Keep nothing of a client."""

    def said(self, client: Client, text: str) -> None:
        """Answer ping, subscribe and unsubscribe; anything else is an error message."""
        if text == "ping":
            client.send(b"pong")
            return
        try:
            asked = json.loads(text)
            operation = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe}[asked["op"]]
            wanted = [(str(arg["channel"]), str(arg["instId"])) for arg in asked["args"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            _error(client, "60012", f"Illegal request: {text[:200]}")
            return
        for channel, symbol in wanted:
            if channel in CHANNELS and symbol in self._exchange.market.by_symbol:
                operation(client, channel, symbol)
            else:
                words = "doesn't exist. Please use the correct URL, channel and parameters referring to API document."
                _error(client, "60018", f"Wrong URL or channel:{channel},instId:{symbol} {words}")

    def _subscribe(self, client: Client, channel: str, symbol: str) -> None:
        book, now_ns = self._exchange.market.by_symbol[symbol], self._exchange.clock.wall()
        send(client, {"event": "subscribe", "arg": {"channel": channel, "instId": symbol}, "connId": _id(client)})
        if channel == "books":
            batch = self._batches.get(symbol)
            if batch is None:
                batch = self._batches[symbol] = Batch(Ranked(book), book.update_id)
            # What the others still wait for is in this snapshot, and the next message links to its number.
            self._flush(batch, now_ns)
            client.send(_book(batch, "snapshot", {}, -1, now_ns, checksum(batch.ranked)))
        elif channel == "tickers":
            client.send(_ticker(book, now_ns))
        self._exchange.subscribe(client, f"{channel}:{symbol}")

    def _unsubscribe(self, client: Client, channel: str, symbol: str) -> None:
        self._exchange.unsubscribe(client, f"{channel}:{symbol}")
        send(client, {"event": "unsubscribe", "arg": {"channel": channel, "instId": symbol}, "connId": _id(client)})

    def _flush(self, batch: Batch, now_ns: int) -> None:
        book, before = batch.ranked.book, batch.number
        batch.number = book.update_id
        ids, stream = (before, batch.number), "books:" + book.symbol
        total = self._exchange.checksum(stream, checksum(batch.ranked), ids)
        payload = _book(batch, "update", batch.changes, before, now_ns, total)
        self._exchange.publish(stream, payload, ids, book=True)
        batch.changes.clear()


def checksum(ranked: Ranked) -> int:
    """Return the signed CRC32 of 25 levels, bid and ask in turns, the longer side going on alone."""
    bids, asks = ([_texts(ranked.book, *level) for level in ranked.top(side, CHECKED_LEVELS)] for side in (BUY, SELL))
    words = [word for pair in zip_longest(bids, asks, fillvalue=()) for level in pair for word in level]
    found = crc32(":".join(words).encode())
    return found - 2**32 if found >= 2**31 else found


def _book(
    batch: Batch, action: str, changes: Mapping[tuple[int, int], int], before: int, now_ns: int, total: int
) -> bytes:
    ranked = batch.ranked
    sides: dict[int, list[list[str]]] = {BUY: [], SELL: []}
    if action == "snapshot":
        changes = {(side, price): size for side in sides for price, size in ranked.top(side, DEPTH)}
    for (side, price), size in changes.items():
        sides[side].append([*_texts(ranked.book, price, size), "0", "1" if size else "0"])
    data = {"asks": sides[SELL], "bids": sides[BUY], "ts": _ms(now_ns), "checksum": total}
    return _push("books", ranked.book.symbol, [data | {"seqId": batch.number, "prevSeqId": before}], action)


def _ticker(book: Book, now_ns: int) -> bytes:
    bid, ask = book.best
    price, size = _texts(book, bid, book.sides[BUY][bid])
    ask_price, ask_size = _texts(book, ask, book.sides[SELL][ask])
    row = {"instType": "SPOT", "instId": book.symbol, "last": price, "lastSz": size, "askPx": ask_price}
    row |= {"askSz": ask_size, "bidPx": price, "bidSz": size, "open24h": price, "high24h": price, "low24h": price}
    row |= {"sodUtc0": price, "sodUtc8": price, "volCcy24h": "0", "vol24h": "0", "ts": _ms(now_ns)}
    return _push("tickers", book.symbol, [row])


def _push(channel: str, symbol: str, data: list[dict[str, Any]], action: str = "") -> bytes:
    head = {"arg": {"channel": channel, "instId": symbol}} | ({"action": action} if action else {})
    return json.dumps(head | {"data": data}, separators=(",", ":")).encode()


def _texts(book: Book, price: int, size: int) -> tuple[str, str]:
    """Return price and size as this venue writes them: without trailing zeros."""
    return _short(price_text(book, price)), _short(size_text(book, size))


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _error(client: Client, code: str, message: str) -> None:
    send(client, {"event": "error", "code": code, "msg": message, "connId": _id(client)})


def _id(client: Client) -> str:
    return f"{id(client) & 0xFFFFFFFF:08x}"


def _ms(ns: int) -> str:
    return str(ns // 1_000_000)
