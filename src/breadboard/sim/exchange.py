"""What every simulated venue shares: a market that goes on, streams and who listens, faults, the truth."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from random import Random
from typing import Protocol

from breadboard.clock import Clock
from breadboard.model.kinds import Provenance
from breadboard.sim import pipes
from breadboard.sim.faults import Faults
from breadboard.sim.market import Market, Update
from breadboard.sim.mischief import ACTS, SILENCED, Link, Message, SkewedClock, Step, channel_of, passed, steps
from breadboard.sim.server import Answer, Client
from breadboard.sim.truth import Ids, Made, Sent, Truth

FLOOD_UPDATES = 1000
"""Updates between two writes when the clients set the pace."""
RETRY_AFTER = {"Retry-After": "2"}


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

    __slots__ = ("client", "enveloped", "forgotten", "muted", "sent", "steps")

    def __init__(self, client: Client, sent: Sent, *, enveloped: bool = False) -> None:
        self.client = client
        self.sent = sent
        self.enveloped = enveloped
        self.muted = ""
        """The fault that withholds everything from it."""
        self.steps: list[Step] = []
        self.forgotten: set[str] = set()
        """Streams it subscribed to that a fault made us forget."""


class Exchange:
    """Runs a market and tells listeners of it in a dialect; implements ``server.Venue``.

    ``rate`` is messages a second over all streams, counted as Binance tells them (trade, bookTicker, depth@100ms) and
    whoever listens, so that the market does not depend on its listeners; 0 goes as fast as the slowest client reads.
    """

    provenance = Provenance.SYNTHETIC.value

    def __init__(self, market: Market, truth: Truth, faults: Faults, clock: Clock, seed: int) -> None:
        self.market = market
        self.truth = truth
        self.clock: Clock = SkewedClock(clock, int(faults["clock-skew"] * 1e9)) if faults["clock-skew"] else clock
        """The venue's; the truth is told by ours."""
        self._ours = clock
        self.dialect: Dialect
        self.address = ""
        """Of the HTTP interface, once it listens, for answers that name the next one's."""
        self.finish: Callable[[Client, bytes], bytes] | None = None
        """Completes a message for one client, also one that a fault withholds: a venue that counts what it sends."""
        self.listeners: dict[Client, Listener] = {}
        self._streams: dict[str, list[Listener]] = {}
        self._told_in = [0] * len(market.books)
        self.faults = faults
        self._began_s = 0.0
        self._upgrades, self._logins, self._gets, self._checksums = count(1), count(1), count(1), count(1)
        self._random = Random(seed ^ 0xFA17)  # noqa: S311 - when faults happen, no secret

    def listening(self, stream: str) -> bool:
        """Say whether anybody listens to a stream, or did, where the truth is a witness."""
        return stream in self._streams or (self.truth.witness and stream in self.truth.streams)

    def subscribe(self, client: Client, stream: str) -> None:
        """Let a client listen to a stream, once."""
        self.listeners[client].forgotten.discard(stream)
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
        """Return the streams that a client listens to, as far as we know."""
        listener = self.listeners[client]
        mine = (stream for stream, listeners in self._streams.items() if listener in listeners)
        return [stream for stream in mine if stream not in listener.forgotten]

    def publish(self, stream: str, payload: bytes, ids: Ids, *, book: bool = False) -> None:
        """Send a message to everybody who listens to ``stream``; ``ids`` are the first and last in it."""
        if not self.listening(stream):
            return
        listeners = self._streams.get(stream, ())
        self.truth.stream(stream).note(*ids)
        made = self.made(stream, ids)
        envelope = b""
        for listener in listeners:
            said = payload if self.finish is None else self.finish(listener.client, payload)
            if listener.steps or listener.muted or made is not None:
                self._mischievous(listener, Message(stream, said, ids, book, made))
            elif listener.enveloped:
                envelope = envelope or _enveloped(stream, payload)
                listener.client.send(envelope)
            else:
                listener.client.send(said)

    def made(self, stream: str, ids: Ids) -> Made | None:
        """Return the record that a witness keeps of a message, which has what is then sent of it."""
        return self.truth.makes(stream, ids, self._ours.wall(), heard=stream in self._streams)

    def told(self, client: Client, message: Message) -> Iterable[Message]:
        """Return what a dialect is to send one client in place of a message, where it does the sending itself."""
        listener = self.listeners[client]
        if listener.muted:
            self._did(listener, listener.muted, message, True)
            return ()
        return passed(message, listener.steps)

    def checksum(self, stream: str, value: int, ids: Ids) -> int:
        """Return the checksum that a dialect is to write: ``value``, or a wrong one where the fault strikes."""
        if not self.faults.hits("checksum", next(self._checksums)):
            return value
        self.truth.did("checksum", self._ours.wall(), stream=stream, ids=ids)
        return value ^ 1

    def login_fails(self) -> bool:
        """Say whether a dialect is to refuse this login."""
        fails = next(self._logins) <= self.faults["auth"]
        if fails:
            self.truth.did("auth", self._ours.wall())
        return fails

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

    def _mischievous(self, listener: Listener, message: Message) -> None:
        """Send a message the long way: past the listener's faults."""
        for each in self.told(listener.client, message):
            enveloped = listener.enveloped and not each.bare
            wire = _enveloped(each.stream, each.payload) if enveloped else each.payload
            if each.made is not None:
                each.made.sent.append(wire)
            listener.client.send(wire)

    async def get(self, client: Client, path: str, query: Mapping[str, str]) -> Answer:  # noqa: ARG002 - server.Venue
        """Answer a GET request; ``/_sim/truth`` is ours."""
        if path == "/_sim/truth":
            return Answer(200, json.dumps(self.truth.told()).encode())
        if self.faults.hits("http-429", next(self._gets)):
            self.truth.did("http-429", self._ours.wall(), stream=path)
            answer = Answer(429, b'{"code":-1003,"msg":"Too many requests."}', RETRY_AFTER)
        else:
            answer = self.dialect.get(path, query)
        self.truth.gets.append((self._ours.wall(), path, answer.status))
        return answer

    def refuses(self, path: str) -> Answer | None:  # noqa: ARG002 - server.Venue
        """Take everybody, but for the faults that refuse."""
        limit = self.faults["limit"]
        if limit and len(self.listeners) >= limit:
            self.truth.did("limit", self._ours.wall())
            return Answer(429, b'{"msg":"too many connections"}', RETRY_AFTER)
        if next(self._upgrades) <= self.faults["refuse"]:
            self.truth.did("refuse", self._ours.wall())
            return Answer(self.faults.code("refuse"), b'{"msg":"not now"}', RETRY_AFTER)
        return None

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> Sent:
        """Take a listener, and plan its faults."""
        sent = self.truth.connection()
        listener = Listener(client, sent, enveloped=path.rstrip("/").endswith("/stream"))
        self.listeners[client] = listener
        self._plan(listener)
        self.dialect.opened(client, path, query)
        return sent

    def said(self, client: Client, text: str) -> None:
        """Hand a client's message to the dialect."""
        if client in self.listeners:
            self.dialect.said(client, text)

    def closed(self, client: Client) -> None:
        """Forget a listener."""
        self.listeners[client].forgotten.clear()
        for stream in self.subscribed(client):
            self.unsubscribe(client, stream)
        self.dialect.closed(client)
        del self.listeners[client]

    def _plan(self, listener: Listener) -> None:
        """Put a new connection's faults in its way."""
        loop, client, faults = asyncio.get_running_loop(), listener.client, self.faults
        began_s = loop.time()
        if not self._began_s:
            self._began_s = began_s
            if faults["sequence-reset"]:
                loop.call_later(faults["sequence-reset"], self._renumber)
        link = Link(
            partial(self._did, listener),
            lambda: loop.time() - began_s,
            lambda: loop.time() - self._began_s,
            self.clock.wall,
            self._random,
            lambda stream: channel_of(stream, self.market.by_symbol),
            lambda: self.subscribed(client),
            listener.forgotten,
        )
        listener.steps = steps(link, faults.__getitem__)
        for name in ACTS:
            if faults[name]:
                # Only a cut connection comes at a time that nobody can foresee; the others are asked for by the second.
                spread = self._random.uniform(0.5, 1.5) if name == "disconnect" else 1.0
                loop.call_later(faults[name] * spread, self._act, listener, name)
        if faults["delay"]:
            client.through(partial(pipes.late, delay_s=faults["delay"] / 1000))
        if faults["slow-drip"]:
            client.through(partial(pipes.dripping, most=int(faults["slow-drip"]), random=self._random))

    def _act(self, listener: Listener, name: str) -> None:
        """Let what was planned befall a connection, where there still is one."""
        if listener.client.is_open:
            self._did(listener, name)
            if name in SILENCED:
                listener.muted = name
            ACTS[name](listener.client, self.faults.code(name))

    def _did(self, listener: Listener, fault: str, message: Message | None = None, lost: bool = False) -> None:
        about = () if message is None else (message.stream, message.ids)
        self.truth.did(fault, self._ours.wall(), listener.sent.number, *about, lost=lost)

    def _renumber(self) -> None:
        """Let all numbers fall back, as after maintenance."""
        self.truth.did("sequence-reset", self._ours.wall())
        for book in self.market.books:
            book.renumber()


def _enveloped(stream: str, payload: bytes) -> bytes:
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
