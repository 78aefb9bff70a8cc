"""Bybit v5's public streams as they speak on the wire: spot, linear and inverse (bybit-exchange.github.io/docs/v5).

A book of a depth is a stream of its own with update ids of its own: a snapshot on subscribing, then what entered,
changed or left its levels. Depth 1 is always a snapshot, and is sent again after three seconds without a change.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from breadboard.sim.binance import decimal_text
from breadboard.sim.exchange import Exchange
from breadboard.sim.market import BUY, SELL, Book, Update
from breadboard.sim.server import Answer, Client

DEPTHS: Final = {1: 0.01, 50: 0.02, 200: 0.1, 1000: 0.2}
"""Depth to seconds between two messages."""
REPEAT_S: Final = 3.0
SPOT_ARGS: Final = 10
ARGS_CHARACTERS: Final = 21_000
RESTARTED: Final = 1
"""The update id of the first message after the service was restarted."""

Side = dict[int, int]


@dataclass(slots=True)
class Stream:
    """A book of one depth: what was told of it last, and under which number."""

    book: Book
    topic: str
    depth: int
    number: int
    sides: tuple[Side, Side] = field(default_factory=lambda: ({}, {}))
    changed: bool = False
    due_s: float = 0.0
    repeat_s: float = 0.0


class Bybit:
    """The dialect of one market; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange, market: str) -> None:
        self._exchange = exchange
        self._spot = market == "spot"
        self._streams: dict[str, dict[str, Stream]] = {}

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades; note that the book is another one."""
        book = update.book
        topic = f"publicTrade.{book.symbol}"
        if update.trades and self._exchange.listening(topic):
            self._trades(topic, book, update.trades, now_ns // 1_000_000)
        for stream in self._streams.get(book.symbol, {}).values():
            stream.changed = True

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish the books whose interval has passed."""
        for streams in self._streams.values():
            for stream in streams.values():
                if stream.changed and now_s >= stream.due_s:
                    stream.due_s, stream.changed = now_s + DEPTHS[stream.depth], False
                    if self._tell(stream, now_ns):
                        stream.repeat_s = now_s + REPEAT_S
                if stream.depth == 1 and now_s >= stream.repeat_s:
                    stream.repeat_s = now_s + REPEAT_S
                    self._publish(stream, "snapshot", stream.sides, now_ns)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer nothing: there is no REST here."""
        del path, query
        return Answer(404, b'{"retCode":10404,"retMsg":"Not found"}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Wait for a subscription."""
        del client, path, query

    def closed(self, client: Client) -> None:
        """Stop keeping books that nobody hears."""
        del client
        self._forget()

    def said(self, client: Client, text: str) -> None:
        """Answer ping, subscribe and unsubscribe; anything else is refused."""
        try:
            asked = json.loads(text)
            op, number, args = asked["op"], str(asked.get("req_id", "")), asked.get("args", [])
            topics = [str(topic) for topic in args]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._answer(client, "", "", success=False, message="Params Error")
        if op == "ping":
            return self._answer(client, "ping", number, success=True, message="pong")
        if op not in {"subscribe", "unsubscribe"}:
            return self._answer(client, str(op), number, success=False, message=f"error:invalid op {op}")
        refused = self._refusal(client, topics, subscribing=op == "subscribe")
        self._answer(client, op, number, success=not refused, message=refused or (op if self._spot else ""))
        for topic in topics if not refused else ():
            if op == "subscribe":
                self._begin(client, topic)
            else:
                self._exchange.unsubscribe(client, topic)
        self._forget()
        return None

    def _refusal(self, client: Client, topics: list[str], *, subscribing: bool) -> str:
        if not topics:
            return "Params Error"
        if self._spot and len(topics) > SPOT_ARGS:
            return f"args size >{SPOT_ARGS}"
        mine = self._exchange.subscribed(client)
        if subscribing and sum(map(len, mine)) + sum(map(len, topics)) > ARGS_CHARACTERS:
            return "args length exceeds the limit"
        for topic in topics:
            if not self._has(topic):
                return f"Invalid symbol :[{topic}]" if self._spot else f"error:handler not found,topic:{topic}"
            if subscribing and topic in mine:
                return f"error:already subscribed,topic:{topic}"
        return ""

    def _has(self, topic: str) -> bool:
        kind, _, rest = topic.partition(".")
        if kind in {"publicTrade", "tickers"}:
            return rest in self._exchange.market.by_symbol
        depth, _, symbol = rest.partition(".")
        known = depth.isdecimal() and int(depth) in DEPTHS
        return kind == "orderbook" and known and symbol in self._exchange.market.by_symbol

    def _begin(self, client: Client, topic: str) -> None:
        """Let a client listen, and tell it what a book has come to."""
        self._exchange.subscribe(client, topic)
        if not topic.startswith("orderbook."):
            return
        _, depth, symbol = topic.split(".")
        book = self._exchange.market.by_symbol[symbol]
        streams = self._streams.setdefault(symbol, {})
        stream = streams.get(topic)
        if stream is None:
            stream = streams[topic] = Stream(book, topic, int(depth), book.update_id)
            stream.sides = _top(stream)
        client.send(_message(stream, "snapshot", stream.sides, self._exchange.clock.wall()))

    def _forget(self) -> None:
        for streams in self._streams.values():
            for topic in [topic for topic in streams if not self._exchange.listening(topic)]:
                del streams[topic]

    def _tell(self, stream: Stream, now_ns: int) -> bool:
        """Publish what differs from what was told; return whether anything does."""
        new = _top(stream)
        changes = tuple(
            {price: size for price, size in after.items() if before.get(price) != size}
            | dict.fromkeys(before.keys() - after.keys(), 0)
            for before, after in zip(stream.sides, new, strict=True)
        )
        if not any(changes):
            return False
        stream.sides = new
        stream.number += 1
        if stream.depth == 1:
            self._publish(stream, "snapshot", new, now_ns)
        else:
            self._publish(stream, "delta", (changes[BUY], changes[SELL]), now_ns)
        return True

    def _publish(self, stream: Stream, kind: str, sides: tuple[Side, Side], now_ns: int) -> None:
        ids = (stream.number, stream.number)
        self._exchange.publish(stream.topic, _message(stream, kind, sides, now_ns), ids, book=stream.depth > 1)

    def _trades(self, topic: str, book: Book, trades: list[tuple[int, int, int]], ms: int) -> None:
        first = book.trade_id - len(trades) + 1
        rows = ",".join(
            f'{{"{"i" if self._spot else "T"}":{self._id(book, first + at) if self._spot else ms},'
            f'"{"T" if self._spot else "i"}":{ms if self._spot else self._id(book, first + at)},'
            f'"p":"{_price(book, price)}","v":"{_size(book, size)}","S":"{"Buy" if side == BUY else "Sell"}",'
            f'"s":"{book.symbol}","BT":false,"RPI":false,"seq":{book.update_id}'
            + ("}" if self._spot else ',"L":"ZeroPlusTick"}')
            for at, (side, price, size) in enumerate(trades)
        )
        text = f'{{"topic":"{topic}","ts":{ms},"type":"snapshot","data":[{rows}]}}'
        self._exchange.publish(topic, text.encode(), (first, book.trade_id))

    def _id(self, book: Book, number: int) -> str:
        """Spot numbers its trades, derivatives name them."""
        return f'"{number}"' if self._spot else f'"{UUID(int=(book.index << 96) | number, version=4)}"'

    def _answer(self, client: Client, op: str, number: str, *, success: bool, message: str) -> None:
        told = {"success": success, "ret_msg": message, "conn_id": f"sim-{id(client):x}", "req_id": number, "op": op}
        client.send(json.dumps(told, separators=(",", ":")).encode())


def _top(stream: Stream) -> tuple[Side, Side]:
    """Return the best levels that the stream has, best first."""
    book = stream.book
    if stream.depth == 1:
        bid, ask = book.best
        return {bid: book.sides[BUY][bid]}, {ask: book.sides[SELL][ask]}
    return dict(book.levels(BUY, stream.depth)), dict(book.levels(SELL, stream.depth))


def _message(stream: Stream, kind: str, sides: tuple[Side, Side], now_ns: int) -> bytes:
    book, ms = stream.book, now_ns // 1_000_000
    bids, asks = (
        ",".join(f'["{_price(book, price)}","{_size(book, size)}"]' for price, size in side.items()) for side in sides
    )
    return (
        f'{{"topic":"{stream.topic}","type":"{kind}","ts":{ms},"data":{{"s":"{book.symbol}","b":[{bids}],"a":[{asks}],'
        f'"u":{stream.number},"seq":{book.update_id}}},"cts":{ms}}}'
    ).encode()


def _price(book: Book, ticks: int) -> str:
    return decimal_text(ticks, book.tick_decimals, 0)


def _size(book: Book, lots: int) -> str:
    return decimal_text(lots, book.lot_decimals, 0) if lots else "0"
