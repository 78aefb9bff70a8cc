"""What every simulated venue shares: a market that goes on, streams and who listens, faults, the truth."""

import asyncio
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from breadboard.clock import Clock
from breadboard.model.kinds import Provenance
from breadboard.sim.faults import Faults
from breadboard.sim.market import Market, Update
from breadboard.sim.server import Answer, Client
from breadboard.sim.truth import Sent, Truth

FLOOD_UPDATES = 1000
"""Updates between two writes when the clients set the pace."""


class Dialect(Protocol):
    """How one venue tells of the market."""

    def update(self, update: Update, now_ns: int) -> None:
        """Publish what happened."""
        ...

    def due(self, now_s: float, now_ns: int) -> None:
        """Publish what is due by time: batched books, heartbeats."""
        ...

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer a GET request."""
        ...

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> None:
        """Subscribe a new client to what its address asks for."""
        ...

    def said(self, client: Client, text: str) -> None:
        """Answer a client's message."""
        ...

    def closed(self, client: Client) -> None:
        """Forget a client."""
        ...


class Listener:
    """One client as the exchange sees it: its share of the faults, and whether frames wait to be written."""

    __slots__ = ("books", "client", "enveloped", "muted", "sent")

    def __init__(self, client: Client, sent: Sent, *, enveloped: bool = False) -> None:
        self.client = client
        self.sent = sent
        self.enveloped = enveloped
        self.muted = False
        self.books = 0


class Exchange:
    """Runs a market and tells listeners of it in a dialect; implements ``server.Venue``.

    ``rate`` is messages a second over all streams, counted as Binance tells them (trade, bookTicker, depth@100ms) and
    whoever listens, so that the market does not depend on its listeners; 0 goes as fast as the slowest client reads.
    """

    provenance = Provenance.SYNTHETIC.value

    def __init__(self, market: Market, truth: Truth, faults: Faults, clock: Clock, seed: int) -> None:
        self.market = market
        self.truth = truth
        self.clock = clock
        self.dialect: Dialect
        self.finish: Callable[[Client, bytes], bytes] | None = None
        """Completes a message for one client, also one that a fault withholds: a venue that counts what it sends."""
        self.listeners: dict[Client, Listener] = {}
        self._streams: dict[str, list[Listener]] = {}
        self._told_in = [0] * len(market.books)
        self._faults = faults
        self._random = Random(seed ^ 0xFA17)  # noqa: S311 - when faults happen, no secret

    def listening(self, stream: str) -> bool:
        """Say whether anybody listens to a stream."""
        return stream in self._streams

    def subscribe(self, client: Client, stream: str) -> None:
        """Let a client listen to a stream, once."""
        listeners = self._streams.setdefault(stream, [])
        if self.listeners[client] not in listeners:
            listeners.append(self.listeners[client])

    def unsubscribe(self, client: Client, stream: str) -> None:
        """Let a client no longer listen."""
        listeners = self._streams.get(stream, [])
        if self.listeners[client] in listeners:
            listeners.remove(self.listeners[client])
        if not listeners:
            self._streams.pop(stream, None)

    def subscribed(self, client: Client) -> list[str]:
        """Return the streams that a client listens to."""
        listener = self.listeners[client]
        return [stream for stream, listeners in self._streams.items() if listener in listeners]

    def publish(self, stream: str, payload: bytes, ids: tuple[int, int], *, book: bool = False) -> None:
        """Send a message to everybody who listens to ``stream``; ``ids`` are the first and last in it."""
        listeners = self._streams.get(stream)
        if not listeners:
            return
        told = self.truth.stream(stream)
        told.note(*ids)
        envelope = b""
        for listener in listeners:
            said = payload if self.finish is None else self.finish(listener.client, payload)
            if listener.muted or (book and self._withholds(listener)):
                told.dropped.append(ids)
                continue
            if listener.enveloped:
                envelope = envelope or b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
                listener.client.send(envelope)
            else:
                listener.client.send(said)

    async def run(self, rate: float) -> None:
        """Let the market go on until cancelled."""
        loop = asyncio.get_running_loop()
        pause_s = 0.002 if rate > 2000 else 0.005
        due, last = 0.0, loop.time()
        while True:
            now = loop.time()
            if rate:
                # After a pause of our own (a busy machine) at most a fifth of a second is made up for.
                due = min(due + (now - last) * rate, rate / 5 + 1)
                last = now
                due -= self._advance(due, now)
                await asyncio.sleep(pause_s)
            else:
                for _ in range(FLOOD_UPDATES):
                    self.dialect.update(self.market.step(), self.clock.wall())
                self._finish(now)
                await asyncio.gather(*(client.writable() for client in list(self.listeners)))
                await asyncio.sleep(0)

    def _advance(self, messages: float, now_s: float) -> int:
        """Let as much happen as makes so many messages; return how many."""
        made, interval = 0, int(now_s * 10)
        while made < messages:
            update = self.market.step()
            made += len(update.trades) + update.top
            if self._told_in[update.book.index] != interval:
                self._told_in[update.book.index] = interval
                made += 1
            self.dialect.update(update, self.clock.wall())
        self._finish(now_s)
        return made

    def _finish(self, now_s: float) -> None:
        self.dialect.due(now_s, self.clock.wall())
        for client in list(self.listeners):
            client.flush()

    def _withholds(self, listener: Listener) -> bool:
        listener.books += 1
        return bool(self._faults.drop_depth) and listener.books % self._faults.drop_depth == 0

    async def get(self, client: Client, path: str, query: Mapping[str, str]) -> Answer:  # noqa: ARG002 - server.Venue
        """Answer a GET request; ``/_sim/truth`` is ours."""
        if path == "/_sim/truth":
            return Answer(200, json.dumps(self.truth.told()).encode())
        return self.dialect.get(path, query)

    def refuses(self, path: str) -> Answer | None:  # noqa: ARG002 - server.Venue
        """Take everybody."""
        return None

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> Sent:
        """Take a listener, and plan its faults."""
        sent = self.truth.connection()
        listener = Listener(client, sent, enveloped=path.startswith("/stream"))
        self.listeners[client] = listener
        loop = asyncio.get_running_loop()
        if self._faults.disconnect:
            after = self._faults.disconnect * self._random.uniform(0.5, 1.5)
            loop.call_later(after, client.abort, "cut by a fault")
        if self._faults.mute:
            loop.call_later(self._faults.mute, setattr, listener, "muted", True)
        self.dialect.opened(client, path, query)
        return sent

    def said(self, client: Client, text: str) -> None:
        """Hand a client's message to the dialect."""
        if client in self.listeners:
            self.dialect.said(client, text)

    def closed(self, client: Client) -> None:
        """Forget a listener."""
        for stream in self.subscribed(client):
            self.unsubscribe(client, stream)
        self.dialect.closed(client)
        del self.listeners[client]
