"""Kraken's WebSocket v1 as it speaks on the wire (docs.kraken.com/api/docs/websocket-v1; forms as recorded).

Arrays with a channel id, the payload, the channel's name and the pair; both sides of a book changed at once are two
objects, the checksum in the last. A level that only came back into the depth is marked "r".
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from breadboard.sim.exchange import Exchange
from breadboard.sim.kraken import DEPTHS, checksum, greet, price_text, send, size_text, stream_of
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.ranked import Ranked, Told
from breadboard.sim.server import Answer, Client

CHANNELS: Final = ("book", "spread", "trade")


class KrakenV1:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._ranked: dict[str, Ranked] = {}
        self._next_heartbeat_s = 0.0

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades, the book, and the spread where it changed."""
        book, stamp, exchange = update.book, _seconds(now_ns), self._exchange
        ids = (book.update_id, book.update_id)
        if update.trades and exchange.listening("trade:" + book.symbol):
            rows = [
                [price_text(book, price), size_text(book, size), stamp, "b" if side == BUY else "s", "m", ""]
                for side, price, size in update.trades
            ]
            numbers = (book.trade_id - len(rows) + 1, book.trade_id)
            exchange.publish("trade:" + book.symbol, _array(book, [rows], "trade"), numbers)
        ranked = self._ranked.get(book.symbol)
        if ranked is not None:
            depths = [depth for depth in DEPTHS if exchange.listening(f"book:{depth}:{book.symbol}")]
            for depth, told in ranked.take(update.changes, depths, removes=False).items():
                if told:
                    stream = f"book:{depth}:{book.symbol}"
                    changes = _changes(ranked, told, stamp, exchange.checksum(stream, checksum(ranked), ids))
                    exchange.publish(stream, _array(book, changes, f"book-{depth}"), ids, book=True)
        if update.top and exchange.listening("spread:" + book.symbol):
            exchange.publish("spread:" + book.symbol, _spread(book, stamp), ids)

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish a heartbeat a second."""
        del now_ns
        if now_s >= self._next_heartbeat_s:
            self._next_heartbeat_s = now_s + 1.0
            self._exchange.publish("heartbeat", b'{"event":"heartbeat"}', (0, 0))

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer nothing: market data comes by WebSocket alone here."""
        del path, query
        return Answer(404, b'{"error":["EGeneral:Unknown method"]}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Tell the state of the trading engine."""
        del path, query
        greet(client, {"connectionID": id(client), "event": "systemStatus", "status": "online", "version": "1.9.6"})

    def closed(self, client: Client) -> None:
        """Keep nothing of a client."""

    def said(self, client: Client, text: str) -> None:
        """Answer ping, subscribe and unsubscribe; anything else is an error message."""
        try:
            asked = json.loads(text)
            event, number = asked["event"], {"reqid": asked["reqid"]} if "reqid" in asked else {}
            if event == "ping":
                return send(client, {"event": "pong"} | number)
            pairs, name = [str(pair) for pair in asked["pair"]], asked["subscription"]["name"]
            depth = int(asked["subscription"].get("depth", 10))
        except (ValueError, KeyError, TypeError, AttributeError):
            return send(client, {"errorMessage": "Malformed request", "event": "error"})
        for pair in pairs:
            self._answer(client, event, name, pair, depth, number)
        return None

    def _answer(self, client: Client, event: str, name: str, pair: str, depth: int, number: dict[str, Any]) -> None:
        subscription: dict[str, Any] = {"depth": depth, "name": name} if name == "book" else {"name": name}
        head: dict[str, Any] = {"event": "subscriptionStatus", "pair": pair, "subscription": subscription} | number
        error = self._refusal(client, event, name, pair, depth)
        if error:
            send(client, {"errorMessage": error, "status": "error"} | head)
            return
        book, stream = self._exchange.market.by_symbol[pair], stream_of(name, pair, depth)
        channel = {"channelID": _id(book, name), "channelName": f"book-{depth}" if name == "book" else name}
        send(client, channel | {"status": f"{event}d"} | head)
        if event == "unsubscribe":
            self._exchange.unsubscribe(client, stream)
            return
        self._exchange.subscribe(client, stream)
        self._exchange.subscribe(client, "heartbeat")
        stamp = _seconds(self._exchange.clock.wall())
        if name == "book":
            ranked = self._ranked.setdefault(pair, Ranked(book))
            whole = {
                key: [_level(book, Told(side, *level), stamp) for level in ranked.top(side, depth)]
                for key, side in (("as", SELL), ("bs", BUY))
            }
            client.send(_array(book, [whole], f"book-{depth}"))
        elif name == "spread":
            client.send(_spread(book, stamp))

    def _refusal(self, client: Client, event: str, name: str, pair: str, depth: int) -> str:
        if event not in {"subscribe", "unsubscribe"}:
            return "Unsupported event"
        if name not in CHANNELS:
            return "Subscription name invalid"
        if pair not in self._exchange.market.by_symbol:
            return f"Currency pair not supported {pair}"
        if depth not in DEPTHS:
            return "Subscription depth not supported"
        there = stream_of(name, pair, depth) in self._exchange.subscribed(client)
        if there == (event == "subscribe"):
            return "Already subscribed" if there else "Subscription Not Found"
        return ""


def _changes(ranked: Ranked, told: list[Told], stamp: str, total: int) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for key, side in (("a", SELL), ("b", BUY)):
        rows = [_level(ranked.book, level, stamp) for level in told if level.side == side]
        if rows:
            parts.append({key: rows})
    parts[-1]["c"] = str(total)
    return parts


def _level(book: Book, level: Told, stamp: str) -> list[str]:
    row = [price_text(book, level.price), size_text(book, level.size), stamp]
    return [*row, "r"] if level.again else row


def _spread(book: Book, stamp: str) -> bytes:
    bid, ask = book.best
    sizes = [size_text(book, book.sides[side][best]) for side, best in ((BUY, bid), (SELL, ask))]
    return _array(book, [[price_text(book, bid), price_text(book, ask), stamp, *sizes]], "spread")


def _array(book: Book, payload: list[Any], channel: str) -> bytes:
    message = [_id(book, channel.partition("-")[0]), *payload, channel, book.symbol]
    return json.dumps(message, separators=(",", ":")).encode()


def _id(book: Book, name: str) -> int:
    return 16 * (book.index + 1) + CHANNELS.index(name)


def _seconds(ns: int) -> str:
    return f"{ns // 1_000_000_000}.{ns % 1_000_000_000 // 1000:06d}"
