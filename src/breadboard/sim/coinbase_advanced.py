"""Coinbase Advanced Trade as it speaks on the wire (docs.cdp.coinbase.com, Advanced Trade WebSocket).

Every message of a connection has the next ``sequence_num``, whatever its channel, and also one that a fault withholds.
One channel a subscription. The side of a trade is the maker's; trades of a quarter of a second come in one message, the
newest first. ``level2`` answers as ``l2_data``.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from breadboard.sim.binance import decimal_text
from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.server import Answer, Client

CHANNELS: Final = ("heartbeats", "level2", "market_trades", "ticker", "ticker_batch", "candles", "status")
BATCH_S: Final = {"level2": 0.05, "market_trades": 0.25}
KNOWN_TRADES: Final = 50
"""Trades that a subscription to ``market_trades`` begins with, at most."""
EVERYTHING: Final = "heartbeats:"
_WORD: Final = {BUY: "BUY", SELL: "SELL"}
_SIDE: Final = {BUY: "bid", SELL: "offer"}

Made = tuple[int, int, int, int, str]
"""A trade: number, aggressor side, price, size, time."""


class CoinbaseAdvanced:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        exchange.finish = self._numbered
        self._exchange = exchange
        self._numbers: dict[Client, int] = {}
        self._changes: dict[str, dict[tuple[int, int], int]] = {}
        self._trades: dict[str, list[Made]] = {}
        """Those that wait for the next message."""
        self._known: dict[str, list[Made]] = {}
        self._due_s = dict.fromkeys(BATCH_S, 0.0)
        self._heartbeat_s = 0.0
        self._heartbeats = 0

    def update(self, update: Update, now_ns: int) -> None:
        """Keep trades and changes for the next messages; publish a ticker after a trade."""
        book, stamp = update.book, _time(now_ns)
        number = book.trade_id - len(update.trades)
        for side, price, size in update.trades:
            number += 1
            made = (number, side, price, size, stamp)
            self._known[book.symbol] = [*self._known.get(book.symbol, ())[-KNOWN_TRADES + 1 :], made]
            self._trades.setdefault(book.symbol, []).append(made)
        stream = "ticker:" + book.symbol
        if update.trades and self._exchange.listening(stream):
            self._exchange.publish(
                stream, _envelope("ticker", stamp, [_ticker(book, update, "update")]), (number, number)
            )
        changes = self._changes.setdefault(book.symbol, {})
        for side, price, size in update.changes:
            changes[side, price] = size

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish what was kept for a while, and the heartbeats of every second."""
        stamp = _time(now_ns)
        if now_s >= self._due_s["market_trades"]:
            self._due_s["market_trades"] = now_s + BATCH_S["market_trades"]
            for symbol, made in self._trades.items():
                book, ids = self._exchange.market.by_symbol[symbol], (made[0][0], made[-1][0])
                payload = _envelope("market_trades", stamp, [_trades(book, made, "update")])
                self._exchange.publish("market_trades:" + symbol, payload, ids)
            self._trades.clear()
        if now_s >= self._due_s["level2"]:
            self._due_s["level2"] = now_s + BATCH_S["level2"]
            for symbol, changes in self._changes.items():
                book = self._exchange.market.by_symbol[symbol]
                rows = [(side, price, size) for (side, price), size in changes.items()]
                payload = _envelope("l2_data", stamp, [_levels(book, rows, stamp, "update")])
                self._exchange.publish("level2:" + symbol, payload, (book.update_id, book.update_id), book=True)
            self._changes.clear()
        if now_s >= self._heartbeat_s:
            self._heartbeat_s = now_s + 1.0
            self._heartbeats += 1
            event = {"current_time": stamp.replace("T", " ").replace("Z", " +0000 UTC")}
            beat = _envelope("heartbeats", stamp, [event | {"heartbeat_counter": self._heartbeats}])
            self._exchange.publish(EVERYTHING, beat, (self._heartbeats, self._heartbeats))

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer nothing: there is no REST here."""
        del path, query
        return Answer(404, b'{"error":"NOT_FOUND"}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Begin to count."""
        del path, query
        self._numbers[client] = 0

    def closed(self, client: Client) -> None:
        """Forget the client's number."""
        del self._numbers[client]

    def said(self, client: Client, text: str) -> None:
        """Answer subscribe and unsubscribe; anything else is an error message."""
        try:
            asked = json.loads(text)
            method, channel, products = asked["type"], asked["channel"], asked.get("product_ids") or []
            refused = self._refusal(method, channel, products)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            refused = f"malformed message: {error}"
        if refused:
            client.send(json.dumps({"type": "error", "message": refused}, separators=(",", ":")).encode())
            return
        streams = [f"{channel}:{product}" for product in products] if channel != "heartbeats" else [EVERYTHING]
        for stream in streams:
            if method == "subscribe":
                self._exchange.subscribe(client, stream)
            else:
                self._exchange.unsubscribe(client, stream)
        if method == "subscribe":
            self._begin(client, channel, products)
        self._send(client, "subscriptions", [{"subscriptions": self._subscriptions(client)}])

    def _refusal(self, method: str, channel: str, products: list[str]) -> str:
        if method not in {"subscribe", "unsubscribe"}:
            return f"unknown type {method}"
        if channel not in CHANNELS:
            return "channel not supported"
        unknown = [product for product in products if product not in self._exchange.market.by_symbol]
        return f"product_ids invalid: {', '.join(unknown)}" if unknown else ""

    def _begin(self, client: Client, channel: str, products: list[str]) -> None:
        """Send what a new subscription begins with."""
        stamp = _time(self._exchange.clock.wall())
        for product in products:
            book = self._exchange.market.by_symbol[product]
            if channel == "level2":
                rows = [(side, *level) for side in (BUY, SELL) for level in book.levels(side, len(book.sides[side]))]
                self._send(client, "l2_data", [_levels(book, rows, stamp, "snapshot")])
            elif channel == "market_trades":
                # What waits for the next message comes with that: no trade is told twice, and none is left out.
                waiting = {made[0] for made in self._trades.get(product, ())}
                known = [made for made in self._known.get(product, ()) if made[0] not in waiting]
                self._send(client, "market_trades", [_trades(book, known, "snapshot")])
            elif channel == "ticker":
                self._send(client, "ticker", [_ticker(book, None, "snapshot")])

    def _subscriptions(self, client: Client) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for stream in self._exchange.subscribed(client):
            channel, _, product = stream.partition(":")
            told.setdefault(channel, []).append(product or "heartbeats")
        return told

    def _send(self, client: Client, channel: str, events: list[dict[str, Any]]) -> None:
        client.send(self._numbered(client, _envelope(channel, _time(self._exchange.clock.wall()), events)))

    def _numbered(self, client: Client, payload: bytes) -> bytes:
        number = self._numbers[client]
        self._numbers[client] = number + 1
        return payload % number


def _envelope(channel: str, stamp: str, events: list[dict[str, Any]]) -> bytes:
    """Return a message that lacks nothing but its number, at ``%d``. Nothing else in it has a percent sign."""
    head = f'{{"channel":"{channel}","client_id":"","timestamp":"{stamp}","sequence_num":%d,"events":'
    return (head + json.dumps(events, separators=(",", ":")) + "}").encode()


def _levels(book: Book, rows: list[tuple[int, int, int]], stamp: str, kind: str) -> dict[str, Any]:
    updates = [
        {
            "side": _SIDE[side],
            "event_time": stamp if kind == "update" else "1970-01-01T00:00:00Z",
            "price_level": decimal_text(price, book.tick_decimals, 0),
            "new_quantity": decimal_text(size, book.lot_decimals, 8) if size else "0",
        }
        for side, price, size in rows
    ]
    return {"type": kind, "product_id": book.symbol, "updates": updates}


def _trades(book: Book, made: list[Made], kind: str) -> dict[str, Any]:
    trades = [
        {
            "trade_id": str(number),
            "product_id": book.symbol,
            "price": decimal_text(price, book.tick_decimals, 0),
            "size": decimal_text(size, book.lot_decimals, 0),
            "side": _WORD[1 - side],
            "time": stamp,
        }
        for number, side, price, size, stamp in reversed(made)
    ]
    return {"type": kind, "trades": trades}


def _ticker(book: Book, update: Update | None, kind: str) -> dict[str, Any]:
    bid, ask = book.best
    last = update.trades[-1][1] if update is not None else bid
    price = decimal_text(last, book.tick_decimals, 0)
    told = {
        "type": "ticker",
        "product_id": book.symbol,
        "price": price,
        "volume_24_h": "0",
        "low_24_h": price,
        "high_24_h": price,
        "low_52_w": price,
        "high_52_w": price,
        "price_percent_chg_24_h": "0",
        "best_bid": decimal_text(bid, book.tick_decimals, 0),
        "best_bid_quantity": decimal_text(book.sides[BUY][bid], book.lot_decimals, 0),
        "best_ask": decimal_text(ask, book.tick_decimals, 0),
        "best_ask_quantity": decimal_text(book.sides[SELL][ask], book.lot_decimals, 0),
    }
    return {"type": kind, "tickers": [told]}


def _time(ns: int) -> str:
    """Return RFC 3339 with nanoseconds, as the venue writes it."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
