"""Bybit v5: spot, linear and inverse. Books that begin with a snapshot in the stream and count their updates.

Source: bybit-exchange.github.io/docs/v5/ws/connect and /websocket/public. A book whose update ids jump is subscribed to
anew, alone: the venue then sends a new snapshot, and nothing else of the connection is lost.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

import msgspec

from breadboard.conversations import Missing, Reconnect, Request, Send
from breadboard.errors import UsageError
from breadboard.feeds.book_renewal import BookRenewal
from breadboard.feeds.bybit_messages import BybitReader, is_readable
from breadboard.feeds.plain_levels import LEVELS, PlainMilliseconds
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.kinds import GapReason, SequenceRule
from breadboard.ports import Capabilities, Keepalive, Wish

CHANNELS: Final = {"trade": "publicTrade", "quote": "orderbook.1", "book": "orderbook.200"}
_CHANNEL_OF: Final = {name: channel for channel, name in CHANNELS.items()}
ARGS_A_REQUEST: Final = 10
"""What spot takes; derivatives take more, and are asked as gently."""
ARGS_CHARACTERS: Final = 21_000
"""Of all topics of one connection."""
QUIET_S: Final = 15.0
"""``orderbook.1`` is sent again after three seconds without a change: five times that is no quiet market."""
SNAPSHOT_S: Final = 10.0
"""How long a book may wait for the snapshot that a subscription begins with."""
LONGEST_S: Final = 3600.0
_NO_SYMBOL: Final = re.compile(r"invalid symbol|handler not found|not exist|not support", re.IGNORECASE)
"""In the texts of refusals that are for good, as far as they are known."""
_TOPIC: Final = b'"topic":"'
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,47}")


class _Numbers(msgspec.Struct, gc=False):
    u: int


class _Book(msgspec.Struct, gc=False):
    topic: str
    type: str
    data: _Numbers


class _PlainData(_Numbers, gc=False):
    s: str
    b: msgspec.Raw
    a: msgspec.Raw


class _PlainBook(msgspec.Struct, gc=False):
    """A book that the decoder takes for certain, where its levels are plain."""

    topic: str
    type: Literal["snapshot", "delta"]
    data: _PlainData
    ts: PlainMilliseconds
    cts: PlainMilliseconds | None = None


class _Answer(msgspec.Struct, gc=False):
    success: bool
    op: str = ""
    req_id: str = ""
    ret_msg: str = ""


_book: Final = msgspec.json.Decoder(_Book)
_plain: Final = msgspec.json.Decoder(_PlainBook)
_answer: Final = msgspec.json.Decoder(_Answer)


@dataclass(slots=True)
class _Watched:
    """What is known of one order book topic on this connection."""

    last: int | None = None
    """The update id it has come to; None while it waits for a snapshot."""
    heard_s: float | None = None
    """When the next silence began, on the clock of ``on_time``; None: with the next tick."""
    patience_s: float = SNAPSHOT_S
    told: bool = False
    """Its silence is on the tape, and told further until its next snapshot."""


@dataclass(slots=True)
class BybitSession:
    """A ``conversations.Session``."""

    home: str
    """The market's own address."""
    capabilities: Capabilities
    wish: Wish
    url: str = field(init=False)
    symbols: Sequence[str] = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    _topics: tuple[str, ...] = field(init=False)
    _books: dict[str, _Watched] = field(init=False, default_factory=dict)
    """``orderbook`` topics, also those of depth 1."""
    _renewal: BookRenewal = field(init=False)
    """Of topics that miss a message which cannot be read, though its number can."""
    _asked: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)
    """By request id, the topics of subscriptions that were not yet answered."""
    _requests: int = field(init=False, default=0)
    _heard: bool = field(init=False, default=True)
    """Whether any topic has said anything since the last tick."""
    _mute_s: float = field(init=False, default=0.0)
    """Since when none has, on the clock of ``on_time``."""

    def __post_init__(self) -> None:
        """Check the wishes and name the topics. Raises UsageError."""
        can, wish = self.capabilities, self.wish
        self.url = wish.url or self.home
        self.symbols = wanted_symbols(can.venue, wish.symbols, pattern=_SYMBOL)
        names = wanted_channels(can.venue, wish.channels, CHANNELS)
        self._topics = tuple(f"{name}.{symbol}" for symbol in self.symbols for name in names)
        keys: dict[Hashable, Key] = {
            f"{CHANNELS[channel]}.{symbol}".encode(): (symbol, channel)
            for symbol in self.symbols
            for channel in wish.channels
        }
        self.subscriptions = Subscriptions(keys, self._anew, can.heartbeat_s)
        self._renewal = BookRenewal(self._topics, self._renew)
        if sum(map(len, self._topics)) > ARGS_CHARACTERS:
            raise UsageError(
                f"the {len(self._topics)} topics of {can.venue} are longer than the {ARGS_CHARACTERS} characters that "
                "it takes on a connection",
                hint="split the symbols over several sources",
            )

    def on_connect(self) -> list[Request]:
        """Subscribe to everything, ten topics a request."""
        self._books = {topic: _Watched() for topic in self._topics if topic.startswith("orderbook.")}
        self._asked.clear()
        self._renewal.on_connect()
        self.subscriptions.begin()
        self._requests = 0
        self._heard = True
        parts = [self._topics[i : i + ARGS_A_REQUEST] for i in range(0, len(self._topics), ARGS_A_REQUEST)]
        return [self._subscribe(part) for part in parts]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; subscribe anew to a book whose numbers jump, and singly to what was refused together."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            begin = frame.find(_TOPIC) + len(_TOPIC)
            topic = frame[begin : frame.find(b'"', begin)]
            if topic in counts:
                counts[topic] += 1
            if b'"orderbook.' in frame and b'"success"' not in frame:
                requests += self._on_book(frame)
                self._heard = True
            elif b'"success"' in frame:
                requests += self._on_answer(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Subscribe anew to a book without a snapshot, and to a best bid and offer that stopped; tell of the latter.

        Where all of them have stopped the connection is mute, though it answers pings: it is left.
        """
        if self._heard:
            self._heard, self._mute_s = False, now_s
        mute_s = now_s - self._mute_s
        if mute_s > QUIET_S and any(topic.startswith("orderbook.1.") for topic in self._books):
            self._heard = True
            why = f"no book for {mute_s:.0f} s, though the venue repeats each best bid and offer every 3 s"
            return [Missing(None, None, GapReason.SUBSCRIPTION, self._mute_s, why), Reconnect(f"mute: {why}")]
        requests = self.subscriptions.on_time(now_s) + self._renewal.on_time(now_s)
        for topic, book in self._books.items():
            if book.heard_s is None:
                book.heard_s = now_s
            if topic.startswith("orderbook.1."):
                requests += self._stopped(topic, book, now_s - book.heard_s)
            elif book.last is None and now_s - book.heard_s > book.patience_s:
                book.heard_s, book.patience_s = None, min(LONGEST_S, 2 * book.patience_s)
                requests += self._again(topic)
        return requests

    def _stopped(self, topic: str, book: _Watched, silent_s: float) -> list[Request]:
        """Tell of a best bid and offer that stopped or never came, once: telling and asking go on by themselves."""
        if book.told or book.heard_s is None or silent_s <= QUIET_S:
            return []
        book.told = True
        symbol, channel = key = self._key(topic)
        why = f"nothing for {silent_s:.0f} s, though the venue repeats it every 3 s"
        self.subscriptions.renewing([key])
        return [Missing(symbol, channel, GapReason.SUBSCRIPTION, book.heard_s, why), *self._again(topic)]

    def _on_book(self, frame: bytes) -> list[Request]:
        message = _seen(frame)
        book = None if message is None else self._books.get(message.topic)
        if message is None or book is None:
            return []  # the decoder will say why; the next update does not follow, and the book is asked for again
        book.heard_s = None
        if isinstance(message, _Book) and not is_readable(frame):
            self._on_unread(message.topic, book)
            return []
        if message.type == "snapshot":
            book.last, book.told, book.patience_s = message.data.u, False, SNAPSHOT_S
            self.subscriptions.renewed(self._key(message.topic))
            return []
        if book.last is None or message.data.u == book.last:
            return []  # a delta of the subscription that was given up, or one that is sent once more
        if message.data.u != book.last + 1:
            book.last, book.patience_s = None, SNAPSHOT_S
            self.subscriptions.renewing([self._key(message.topic)])
            return self._again(message.topic)
        book.last = message.data.u
        return []

    def _on_unread(self, topic: str, book: _Watched) -> None:
        """Begin a book anew of which a message cannot be read: the decoder lacks it, whatever its number.

        A best bid and offer comes again by itself.
        """
        book.last = None
        if not topic.startswith("orderbook.1."):
            self._renewal.lost(topic)

    def _renew(self, topics: Sequence[str]) -> list[Request]:
        self.subscriptions.renewing(map(self._key, topics))
        return [request for topic in topics for request in self._again(topic)]

    def _on_answer(self, frame: bytes) -> list[Request]:
        """Ask singly for topics that were refused together: one wrong symbol must not cost its neighbours."""
        try:
            answer = _answer.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        topics = self._asked.pop(answer.req_id, ())
        is_there = len(topics) == 1 and "already subscribed" in answer.ret_msg
        if answer.success or is_there:
            self.subscriptions.acknowledged(map(self._key, topics))
            return []
        if len(topics) == 1:
            if _NO_SYMBOL.search(answer.ret_msg) is None:
                return []  # it may pass: what is not acknowledged is asked for again
            book = self._books.get(topics[0])
            if book is not None and book.last is None:
                del self._books[topics[0]]  # refused for good: there is nothing to wait for
            return self.subscriptions.refused(*self._key(topics[0]), answer.ret_msg)
        return [self._subscribe((topic,)) for topic in topics]

    def _again(self, topic: str) -> list[Request]:
        return [_say("unsubscribe", (topic,), ""), self._subscribe((topic,))]

    def _key(self, topic: str) -> Key:
        name, _, symbol = topic.rpartition(".")
        return symbol, _CHANNEL_OF[name]

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        topics = tuple(f"{CHANNELS[channel]}.{symbol}" for symbol, channel in keys)
        parts = [topics[i : i + ARGS_A_REQUEST] for i in range(0, len(topics), ARGS_A_REQUEST)]
        return [each for part in parts for each in (_say("unsubscribe", part, ""), self._subscribe(part))]

    def _subscribe(self, topics: tuple[str, ...]) -> Send:
        self._requests += 1
        self._asked[str(self._requests)] = topics
        self.subscriptions.asked(map(self._key, topics))
        return _say("subscribe", topics, str(self._requests))


def _seen(frame: bytes) -> "_PlainBook | _Book | None":
    """Return a message of a book, plain where it is; None where not even its topic and number can be read."""
    try:
        message = _plain.decode(frame)
        said = message.data
        if message.topic.endswith(f".{said.s}") and LEVELS.fullmatch(said.b) and LEVELS.fullmatch(said.a):
            return message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _book.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _say(op: str, topics: tuple[str, ...], req_id: str) -> Send:
    return Send(msgspec.json.encode({"req_id": req_id, "op": op, "args": topics}).decode())


def _market(venue: str, path: str) -> ReadingFeed:
    return ReadingFeed(
        Capabilities(
            venue=venue,
            completeness="full",
            sequence_rule=SequenceRule.LINK,
            sequence_scope="symbol",
            checksum="none",
            heartbeat_s=25.0,  # the answer to our ping every 20 s
            ts_event_unit="ms",
            trade_ids_contiguous=False,
            trade_ids_growing=True,  # of spot; derivatives name theirs, and no number of such a name is on the tape
            connection_lifetime_s=None,
            max_streams_per_connection=450,  # topics, of 46 characters at the most: 21,000 in all
            client_messages_per_s=10.0,
            frame_cap=4 << 20,
            keepalive=Keepalive('{"op":"ping"}', 20.0),
        ),
        partial(BybitSession, f"wss://stream.bybit.com/v5/public/{path}"),
        BybitReader,
    )


SPOT: Final = _market("BYBIT", "spot")
LINEAR: Final = _market("BYBIT_LINEAR", "linear")
INVERSE: Final = _market("BYBIT_INVERSE", "inverse")
