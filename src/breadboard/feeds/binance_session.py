"""The conversation with Binance: streams by URL, and a depth snapshot whenever a book needs one.

Source: binance-spot-api-docs ``web-socket-streams.md``, "How to manage a local order book correctly"; the futures
documentation for ``pu``. The session looks at update numbers only; what a book holds is the engine's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import msgspec

from breadboard.conversations import Allowance, Fetch, Reconnect, Request, Send
from breadboard.errors import UsageError
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import AUDIT_EVERY_S, Subscriptions
from breadboard.feeds.wishes import ANY_ALPHABET, wanted_channels, wanted_symbols
from breadboard.model.kinds import SequenceRule
from breadboard.model.sequences import fell_back
from breadboard.ports import Capabilities

CHANNELS: Final = {"trade": "trade", "quote": "bookTicker", "book": "depth@100ms"}
LONGEST_URL: Final = 4000
"""Characters; with more streams than fit, SUBSCRIBE messages name them."""
STREAMS_A_MESSAGE: Final = 256
"""1024 streams in four messages stay under five messages a second."""
NEVER_HEARD_S: Final = 60.0
"""A symbol that says nothing for so long may be none: the venue accepts any stream's name, and is asked for a price."""
NO_SUCH_SYMBOL: Final = b"-1121"
_NAME_BEGINS: Final = len(b'{"stream":"')
_DEPTH: Final = f"@{CHANNELS['book']}".encode()
BAN_DELAY_S: Final = 60.0
ASKED_TOO_OFTEN_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 60.0
SETTLED: Final = 100
"""Depth frames in sequence after which a book is no longer held to be in trouble."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where a market lives, and how fast it may be asked for depth."""

    url: str
    rest_url: str
    depth_path: str
    depth_limit: int
    pace_s: float
    """Seconds between snapshots that keep within the venue's request weight."""
    burst: int
    """Snapshots that may be asked for at once on top of that."""

    @property
    def allowed(self) -> Allowance:
        """What one address may ask of it."""
        return Allowance(self.pace_s, self.burst)


class _Numbers(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    previous: int | None = msgspec.field(name="pu", default=None)


class _Envelope(msgspec.Struct, gc=False):
    data: _Numbers


class _Answer(msgspec.Struct, gc=False):
    update_id: int = msgspec.field(name="lastUpdateId")


class _Refusal(msgspec.Struct, gc=False):
    msg: str = ""


class _Reply(msgspec.Struct, gc=False):
    """What the venue answers to a message of ours; a refusal comes in one of two forms."""

    id: int
    result: list[str] | None = None
    error: _Refusal | None = None
    code: int | None = None
    msg: str = ""


_reply: Final = msgspec.json.Decoder(_Reply)
_envelope: Final = msgspec.json.Decoder(_Envelope)
_numbers: Final = msgspec.json.Decoder(_Numbers)
_answer: Final = msgspec.json.Decoder(_Answer)


@dataclass(slots=True)
class _Book:
    """What is known of one symbol's update numbers on this connection."""

    first: int
    """The first update number since the stream began or broke."""
    last: int
    waiting: bool = True
    """A snapshot was asked for."""
    troubles: int = 0
    """Snapshots asked for in vain, or breaks, since the book was last settled."""
    in_sequence: int = 0


@dataclass(slots=True)
class BinanceSession:
    """A ``conversations.Session``."""

    capabilities: Capabilities
    host: Host
    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    rest_url: str
    _streams: tuple[str, ...] = field(init=False)
    _keys: dict[str, Key] = field(init=False)
    """Symbol and channel of each stream."""
    _books: dict[str, _Book] = field(init=False, default_factory=dict)
    _sent: dict[int, tuple[str, ...]] = field(init=False, default_factory=dict)
    """The streams of each subscription that was not answered yet, by its number."""
    _number: int = field(init=False, default=0)
    _audit: int = field(init=False, default=0)
    """The number of the question for all subscriptions; 0: none waits for an answer."""
    _audit_due_s: float | None = field(init=False, default=None)
    subscriptions: Subscriptions = field(init=False)

    def __post_init__(self) -> None:
        """Check the wishes and name the streams. Raises UsageError."""
        venue, most = self.capabilities.venue, self.capabilities.max_streams_per_connection
        self.symbols = wanted_symbols(venue, self.symbols, pattern=ANY_ALPHABET)
        names = wanted_channels(venue, self.channels, CHANNELS)
        channel_of = {CHANNELS[channel]: channel for channel in self.channels}
        self._keys = {
            f"{symbol.lower()}@{name}": (symbol, channel_of[name]) for symbol in self.symbols for name in names
        }
        self._streams = tuple(self._keys)
        self.subscriptions = Subscriptions(
            {stream.encode(): key for stream, key in self._keys.items()}, self._again, self.capabilities.heartbeat_s
        )
        if len(self._streams) > most:
            raise UsageError(
                f"{len(self._streams)} streams are more than the {most} that {venue} allows on a connection",
                hint=f"split the symbols over several sources of at most {most // len(names)} symbols",
            )
        base = (self.url or self.host.url).rstrip("/")
        named = f"{base}/stream?streams={quote('/'.join(self._streams), safe='/@')}"
        self.url = named if len(named) <= LONGEST_URL else f"{base}/stream"
        self.rest_url = (self.rest_url or self.host.rest_url).rstrip("/") + self.host.depth_path

    def on_connect(self) -> list[Request]:
        """Forget the old connection's numbers; subscribe, unless the URL has done so."""
        self._books.clear()
        self._sent.clear()
        self._number = self._audit = 0
        self._audit_due_s = None
        self.subscriptions.begin()
        if "?" in self.url:
            return []
        parts = [self._streams[i : i + STREAMS_A_MESSAGE] for i in range(0, len(self._streams), STREAMS_A_MESSAGE)]
        return [self._subscribe(part) for part in parts]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Ask for a snapshot of a book that is new or broke; leave when the venue announces a shutdown."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            name = frame[_NAME_BEGINS : frame.find(b'"', _NAME_BEGINS)]
            if name in counts:
                counts[name] += 1
                if name.endswith(_DEPTH):
                    self._on_depth(frame, requests)
            elif b'"depthUpdate"' in frame:
                self._on_depth(frame, requests)
            elif b'"serverShutdown"' in frame:
                requests.append(Reconnect("the venue announces a shutdown"))
            elif b'"id"' in frame:
                requests += self._on_reply(frame)
        return requests

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Accept a snapshot that joins the stream; ask again for one that is too old, was refused or is no snapshot."""
        if tag.startswith("symbol:"):
            unknown = status == 400 and NO_SUCH_SYMBOL in body
            return self.subscriptions.refused(tag.removeprefix("symbol:"), None, "no such symbol") if unknown else []
        symbol = tag.removeprefix("depth:")
        book = self._books.get(symbol)
        if book is None or symbol == tag:
            return []
        book.waiting = False
        if status in (418, 429):
            # Retry-After comes with both and is obeyed by who fetches; a ban is no matter of seconds in any case.
            return [self._fetch(symbol, book, BAN_DELAY_S if status == 418 else ASKED_TOO_OFTEN_DELAY_S)]
        try:
            joins = status == 200 and self._joins(_answer.decode(body).update_id, book)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            joins = False
        if joins:
            return []
        book.troubles += 1
        return [self._fetch(symbol, book, _back_off(book.troubles))]

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; once a minute have the venue list them; doubt symbols that never say anything."""
        requests = self.subscriptions.on_time(now_s)
        if self._audit_due_s is None:
            self._audit_due_s = now_s + AUDIT_EVERY_S / 2
        if now_s >= self._audit_due_s:
            self._audit_due_s = now_s + AUDIT_EVERY_S
            self._number += 1
            self._audit = self._number
            requests.append(Send(msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": self._audit}).decode()))
        price = self.rest_url.removesuffix("depth") + "ticker/price"
        return requests + [
            Fetch(f"symbol:{symbol}", f"{price}?symbol={quote(symbol)}", at * self.host.pace_s)
            for at, symbol in enumerate(self.subscriptions.never_heard(NEVER_HEARD_S))
        ]

    def _subscribe(self, streams: Sequence[str], method: str = "SUBSCRIBE") -> Send:
        self._number += 1
        if method == "SUBSCRIBE":
            self._sent[self._number] = tuple(streams)
            self.subscriptions.asked(self._keys[stream] for stream in streams)
        return Send(msgspec.json.encode({"method": method, "params": streams, "id": self._number}).decode())

    def _again(self, keys: Sequence[Key]) -> list[Request]:
        wanted = set(keys)
        for symbol, channel in keys:
            if channel == "book":
                self._books.pop(symbol, None)  # the next update asks for a snapshot: the gap made the book doubtful
        streams = [stream for stream, key in self._keys.items() if key in wanted]
        parts = [streams[i : i + STREAMS_A_MESSAGE] for i in range(0, len(streams), STREAMS_A_MESSAGE)]
        return [self._subscribe(part, method) for part in parts for method in ("UNSUBSCRIBE", "SUBSCRIBE")]

    def _on_reply(self, frame: bytes) -> list[Request]:
        """Take an acknowledgement, a list of subscriptions, or a refusal, which names no stream: halves are tried."""
        try:
            reply = _reply.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        if reply.result is not None and reply.id == self._audit:
            self._audit = 0
            self.subscriptions.audited({stream.encode() for stream in reply.result})
        streams = self._sent.pop(reply.id, ())
        if reply.error is None and reply.code is None:
            self.subscriptions.acknowledged(self._keys[stream] for stream in streams)
            return []
        if len(streams) == 1:
            return self.subscriptions.refused(*self._keys[streams[0]], reply.error.msg if reply.error else reply.msg)
        half = len(streams) // 2
        return [self._subscribe(part) for part in (streams[:half], streams[half:]) if part]

    def _joins(self, update_id: int, book: _Book) -> bool:
        """Tell whether a snapshot reaches the first kept update: the engine can join the two."""
        overlap = self.capabilities.sequence_rule is SequenceRule.OVERLAP
        return update_id + overlap >= book.first and not fell_back(book.last, update_id)

    def _on_depth(self, frame: bytes, requests: list[Request]) -> None:
        try:
            numbers = _envelope.decode(frame).data
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            try:
                numbers = _numbers.decode(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return  # not for this reader; the decoder will say why
        book = self._books.get(numbers.symbol)
        if book is None:
            if numbers.symbol in self.symbols:
                book = self._books[numbers.symbol] = _Book(numbers.first, numbers.last, waiting=False)
                requests.append(self._fetch(numbers.symbol, book, 0.0))
            return
        anew = fell_back(numbers.last, book.last)
        if numbers.last <= book.last and not anew:
            return  # an update that was sent again
        if not anew and self._follows(numbers, book):
            book.last = numbers.last
            book.in_sequence += 1
            if book.in_sequence >= SETTLED:
                book.troubles = 0
            return
        book.first, book.last, book.in_sequence = numbers.first, numbers.last, 0
        if not book.waiting:
            requests.append(self._fetch(numbers.symbol, book, _back_off(book.troubles)))
            book.troubles += 1

    def _follows(self, numbers: _Numbers, book: _Book) -> bool:
        if self.capabilities.sequence_rule is SequenceRule.CHAIN:
            return numbers.previous == book.last
        return numbers.first <= book.last + 1

    def _fetch(self, symbol: str, book: _Book, delay_s: float) -> Fetch:
        """Ask for a snapshot, behind those already asked for: more than ``burst`` at once are paced."""
        ahead = sum(other.waiting for other in self._books.values())
        book.waiting = True
        pace = max(0, ahead - self.host.burst + 1) * self.host.pace_s
        url = f"{self.rest_url}?symbol={quote(symbol)}&limit={self.host.depth_limit}"
        return Fetch(f"depth:{symbol}", url, max(delay_s, pace), allowed=self.host.allowed)


def _back_off(troubles: int) -> float:
    """Return 0 s for the first trouble, then 2, 4, 8 … to a minute."""
    return 0.0 if troubles == 0 else min(LONGEST_DELAY_S, 2.0 ** min(troubles, 10))
