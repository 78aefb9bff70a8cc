"""Bitstamp as it speaks on the wire (bitstamp.net/websocket/v2 and /api; forms and key order as recorded).

Changes of a book are collected for a tenth of a second and numbered by their microsecond. A book's beginning comes over
HTTP, and may be a second old. Any pair is acknowledged, as at the venue: one that does not exist stays silent, and over
HTTP it is 404.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from breadboard.sim.binance import decimal_text
from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.server import Answer, Client

BATCH_S: Final = 0.1
ANSWER_AGE_S: Final = 1.0
"""How long a book answer is given to everybody who asks."""
TOP: Final = 100
"""Levels a side of ``order_book``."""
CHANNELS: Final = ("diff_order_book", "detail_order_book", "order_book", "live_trades", "live_orders")
REST: Final = "/api/v2/"


@dataclass(slots=True)
class Told:
    """What is known of one book: changes that wait for the next message, its last number, its last answer."""

    changes: dict[tuple[int, int], int] = field(default_factory=dict)
    due_s: float = 0.0
    microseconds: int = 0
    answer: bytes = b""
    answer_us: int = 0


class Bitstamp:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._told = {book.symbol: Told() for book in exchange.market.books}

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades; keep the changes of a book for its next message."""
        book = update.book
        stream = f"live_trades_{book.symbol}"
        if update.trades and self._exchange.listening(stream):
            number = book.trade_id - len(update.trades)
            for side, price, size in update.trades:
                number += 1
                self._exchange.publish(
                    stream, _trade(book, number, side, price, size, now_ns // 1000), (number, number)
                )
        changes = self._told[book.symbol].changes
        for side, price, size in update.changes:
            changes[side, price] = size

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish the books that have changed a tenth of a second ago."""
        for symbol, told in self._told.items():
            if not told.changes or now_s < told.due_s:
                continue
            told.due_s = now_s + BATCH_S
            book = self._exchange.market.by_symbol[symbol]
            number = _next(told, now_ns)
            rows = [(side, price, size) for (side, price), size in told.changes.items()]
            told.changes.clear()
            self._book(f"diff_order_book_{symbol}", book, rows, number)
            stream = f"order_book_{symbol}"
            if self._exchange.listening(stream):
                top = [(side, *level) for side in (BUY, SELL) for level in book.levels(side, TOP)]
                self._book(stream, book, top, number)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer ``order_book/PAIR`` and ``trading-pairs-info``; anything else is 404."""
        del query
        call, _, pair = path.removeprefix(REST).strip("/").partition("/")
        if call == "trading-pairs-info" and not pair:
            return Answer(200, json.dumps([_described(book) for book in self._exchange.market.books]).encode())
        book = self._exchange.market.by_symbol.get(pair)
        if call != "order_book" or book is None:
            return Answer(404, b'{"status":"error","reason":"Not found.","code":"API0023"}')
        told, now_ns = self._told[pair], self._exchange.clock.wall()
        if not told.answer or now_ns // 1000 - told.answer_us > ANSWER_AGE_S * 1e6:
            told.answer_us = _next(told, now_ns)
            rows = [(side, *level) for side in (BUY, SELL) for level in book.levels(side, len(book.sides[side]))]
            told.answer = _data(book, rows, told.answer_us).encode()
        return Answer(200, told.answer)

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Wait for a subscription."""
        del client, path, query

    def closed(self, client: Client) -> None:
        """Forget nothing: books are collected whoever listens."""
        del client

    def said(self, client: Client, text: str) -> None:
        """Answer subscribe, unsubscribe and heartbeat; anything else is an error message."""
        try:
            asked = json.loads(text)
            event, data = asked["event"], asked.get("data") or {}
            channel = data.get("channel", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _send(client, "bts:error", "", {"code": None, "message": "Incorrect JSON format."})
        if event == "bts:heartbeat":
            return _send(client, event, "", {"status": "success"})
        if event not in {"bts:subscribe", "bts:unsubscribe"}:
            return _send(client, "bts:error", "", {"code": None, "message": "Bad subscription string."})
        if not isinstance(channel, str) or not channel.startswith(tuple(f"{name}_" for name in CHANNELS)):
            return _send(client, "bts:error", str(channel), {"code": None, "message": "Bad subscription string."})
        if event == "bts:subscribe":
            self._exchange.subscribe(client, channel)
            return _send(client, "bts:subscription_succeeded", channel, {})
        self._exchange.unsubscribe(client, channel)
        return _send(client, "bts:unsubscription_succeeded", channel, {})

    def _book(self, stream: str, book: Book, rows: list[tuple[int, int, int]], number: int) -> None:
        if self._exchange.listening(stream):
            text = f'{{"data":{_data(book, rows, number)},"channel":"{stream}","event":"data"}}'
            self._exchange.publish(stream, text.encode(), (number, number), book=True)


def _next(told: Told, now_ns: int) -> int:
    """Return the next number of a book: the microsecond, or one more than the last where time stood still."""
    told.microseconds = max(now_ns // 1000, told.microseconds + 1)
    return told.microseconds


def _data(book: Book, rows: list[tuple[int, int, int]], number: int) -> str:
    bids, asks = (
        ",".join(
            f'["{decimal_text(price, book.tick_decimals, 0)}","{decimal_text(size, book.lot_decimals, 8)}"]'
            for side, price, size in rows
            if side == wanted
        )
        for wanted in (BUY, SELL)
    )
    return f'{{"timestamp":"{number // 1_000_000}","microtimestamp":"{number}","bids":[{bids}],"asks":[{asks}]}}'


def _trade(book: Book, number: int, side: int, price: int, size: int, microseconds: int) -> bytes:
    amount, cost = (
        decimal_text(size, book.lot_decimals, 8),
        decimal_text(price, book.tick_decimals, 0),
    )
    buy, sell = (2 * number, 2 * number - 1) if side == BUY else (2 * number - 1, 2 * number)
    return (
        f'{{"data":{{"id":{number},"timestamp":"{microseconds // 1_000_000}","amount":{_short(amount)},'
        f'"amount_str":"{amount}","price":{_short(cost)},"price_str":"{cost}","type":{int(side == SELL)},'
        f'"microtimestamp":"{microseconds}","buy_order_id":{buy},"sell_order_id":{sell}}},'
        f'"channel":"live_trades_{book.symbol}","event":"trade"}}'
    ).encode()


def _short(text: str) -> str:
    """Return a number as JSON writes a float: without zeros at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _described(book: Book) -> dict[str, object]:
    return {
        "name": book.symbol.upper(),
        "url_symbol": book.symbol,
        "base_decimals": book.lot_decimals,
        "counter_decimals": book.tick_decimals,
        "trading": "Enabled",
    }


def _send(client: Client, event: str, channel: str, data: Mapping[str, object]) -> None:
    client.send(json.dumps({"event": event, "channel": channel, "data": data}, separators=(",", ":")).encode())
