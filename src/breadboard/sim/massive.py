"""Massive (formerly Polygon.io) stocks as it speaks on the wire (massive.com/docs/websocket/quickstart).

A greeting, a login, topics; every frame is an array, often of several events of several kinds. One connection a key:
the second is let in, told that it is one too many, and shown out. What is told of the market is ``massive_tickers``'s.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from breadboard.sim.exchange import Exchange
from breadboard.sim.market import Update
from breadboard.sim.massive_rest import Rest
from breadboard.sim.massive_tickers import Ticker
from breadboard.sim.mischief import Message
from breadboard.sim.server import Answer, Client
from breadboard.sim.truth import Made

LOGIN_WITHIN_S: Final = 10.0
BAD_KEY: Final = "bad"
BANDS_EVERY_S: Final = 5.0
FRAME_SIZES: Final = (1, 3, 2, 5, 4)
"""Events a frame while much happens, in turn; what is left goes with the next look at the clock."""
KINDS: Final = ("T", "Q", "A", "AM", "LULD")
_TOPIC: Final = re.compile(r"([A-Z]+)\.(\S{1,64})")


@dataclass(slots=True)
class Conversation:
    """One client: its key once it is let in, and the events that wait for the next frame."""

    key: str = ""
    waiting: list[bytes] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    """What a witness knows of those that wait."""
    sizes: "cycle[int]" = field(default_factory=lambda: cycle(FRAME_SIZES))
    size: int = 1


class Massive:
    """The dialect; implements ``exchange.Dialect``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._conversations: dict[Client, Conversation] = {}
        self._topics: dict[str, list[Client]] = {}
        self._tickers: dict[str, Ticker] = {book.symbol: Ticker(book) for book in exchange.market.books}
        self._rest = Rest(self._tickers, exchange.clock)
        self._next_bands_s = 0.0

    def update(self, update: Update, now_ns: int) -> None:
        """Publish trades, then the new best bid and offer."""
        ticker = self._tickers[update.book.symbol]
        self._bars(ticker, now_ns)
        number = update.book.trade_id - len(update.trades)
        for _, price, size in update.trades:
            number += 1
            trade = ticker.trade(number, price, size, now_ns)
            self._tell("T", ticker.symbol, trade.streamed(), trade.sequence)
        if update.top:
            quote = ticker.quote(now_ns)
            self._tell("Q", ticker.symbol, quote.streamed(), quote.sequence)
        for client in self._conversations:
            self._flush(client, at_least=True)

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish the bars whose second or minute is over, the bands now and then, and what waits."""
        for ticker in self._tickers.values():
            self._bars(ticker, now_ns)
        if now_s >= self._next_bands_s:
            self._next_bands_s = now_s + BANDS_EVERY_S
            for ticker in self._tickers.values():
                self._tell("LULD", ticker.symbol, *ticker.bands(now_ns))
        for client in self._conversations:
            self._flush(client)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer the REST interface from what was traded and quoted."""
        if query.get("apiKey") == BAD_KEY:
            return Answer(401, b'{"status":"ERROR","request_id":"0","error":"Unknown API Key"}')
        self._rest.public = self._exchange.address or self._rest.public
        return self._rest.get(path, query)

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Greet, and wait for the login, but not long."""
        del query
        del path
        self._conversations[client] = Conversation()
        loop = asyncio.get_running_loop()
        loop.call_soon(self._greet, client)  # the server takes nothing to send before it knows where to count it
        loop.call_later(LOGIN_WITHIN_S, self._too_late, client)

    def closed(self, client: Client) -> None:
        """Forget a client and its topics."""
        self._conversations.pop(client, None)
        for topic in [topic for topic, clients in self._topics.items() if client in clients]:
            self._leave(client, topic)

    def said(self, client: Client, text: str) -> None:
        """Answer auth, subscribe and unsubscribe; anything else is an error status."""
        try:
            asked = json.loads(text)
            action, params = asked["action"], asked["params"]
        except (ValueError, KeyError, TypeError):
            return self._status(client, "error", "invalid message")
        if not isinstance(params, str) or action not in {"auth", "subscribe", "unsubscribe"}:
            return self._status(client, "error", f"unknown action {action!r}")
        if action == "auth":
            return self._login(client, params)
        if not self._conversations[client].key:
            return self._status(client, "auth_required", "authentication required")
        for topic in filter(None, (part.strip() for part in params.split(","))):
            if action == "subscribe":
                self._subscribe(client, topic)
            else:
                self._leave(client, topic)
                self._status(client, "success", f"unsubscribed to: {topic}")
        return self._flush(client)

    def _greet(self, client: Client) -> None:
        if client in self._conversations:
            self._status(client, "connected", "Connected Successfully")
            client.flush()

    def _login(self, client: Client, key: str) -> None:
        if not key or key == BAD_KEY or self._exchange.login_fails():
            self._status(client, "auth_failed", "authentication failed")
            return client.close(1008, "authentication failed")
        crowded = any(other.key == key for other in self._conversations.values())
        self._status(client, "auth_success", "authenticated")
        if crowded:
            self._status(client, "max_connections", "Maximum number of websocket connections exceeded.")
            return client.close(1008, "maximum number of connections exceeded")
        self._conversations[client].key = key
        return None

    def _subscribe(self, client: Client, topic: str) -> None:
        """Let a client hear a topic; all of a kind takes the place of the single ones."""
        named = _TOPIC.fullmatch(topic)
        if (
            named is None
            or named.group(1) not in KINDS
            or (named.group(2) not in self._tickers and named.group(2) != "*")
        ):
            return self._status(client, "error", f"subscription is invalid: {topic}", together=True)
        kind, symbol = named.groups()
        heard = [other for other, clients in self._topics.items() if client in clients and other.startswith(kind + ".")]
        if symbol == "*":
            for other in heard:
                self._leave(client, other)
        if f"{kind}.*" not in heard:
            self._topics.setdefault(topic, []).append(client) if topic not in heard else None
            self._exchange.subscribe(client, topic)
        self._status(client, "success", f"subscribed to: {topic}", together=True)
        return None

    def _leave(self, client: Client, topic: str) -> None:
        clients = self._topics.get(topic, [])
        if client in clients:
            clients.remove(client)
        if not clients:
            self._topics.pop(topic, None)
        self._exchange.unsubscribe(client, topic)

    def _bars(self, ticker: Ticker, now_ns: int) -> None:
        for kind, bar, number in ticker.finished(now_ns):
            self._tell(kind, ticker.symbol, bar, number)

    def _tell(self, kind: str, symbol: str, event: bytes, number: int) -> None:
        """Give an event to everybody who hears it, and the truth its number."""
        for topic in (f"{kind}.{symbol}", f"{kind}.*"):
            if not self._exchange.listening(topic):
                continue
            self._exchange.truth.stream(topic).note(number, number)
            ids = (number, number)
            said = Message(topic, event, ids, book=False, made=self._exchange.made(topic, ids))
            for client in self._topics.get(topic, ()):
                for message in self._exchange.told(client, said):
                    self._wait(client, message)

    def _wait(self, client: Client, message: Message) -> None:
        """Let an event wait for the next frame; nonsense is a frame of its own."""
        talk = self._conversations[client]
        if message.bare:
            self._flush(client)
            client.send(message.payload)
            return
        talk.waiting.append(message.payload)
        if message.made is not None:
            talk.made.append(message.made)

    def _flush(self, client: Client, *, at_least: bool = False) -> None:
        """Send what waits as one frame; ``at_least`` only when it fills one."""
        talk = self._conversations[client]
        if talk.waiting and (not at_least or len(talk.waiting) >= talk.size):
            frame = b"[" + b",".join(talk.waiting) + b"]"
            client.send(frame)
            for made in talk.made:
                made.sent.append(frame)
            talk.waiting.clear()
            talk.made.clear()
            talk.size = next(talk.sizes)

    def _status(self, client: Client, status: str, message: str, *, together: bool = False) -> None:
        """Send a status, or let it wait for its neighbours."""
        event = json.dumps({"ev": "status", "status": status, "message": message}, separators=(",", ":")).encode()
        self._conversations[client].waiting.append(event)
        if not together:
            self._flush(client)

    def _too_late(self, client: Client) -> None:
        talk: Any = self._conversations.get(client)
        if talk is not None and not talk.key and client.is_open:
            self._status(client, "auth_timeout", "No authentication request received.")
            client.close(1008, "no login")
