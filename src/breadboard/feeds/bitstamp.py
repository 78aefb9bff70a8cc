"""Bitstamp: changes of whole books in the stream, their beginning over HTTP, and trades.

Source: bitstamp.net/websocket/v2, bitstamp.net/api, a real recording. An answer over HTTP lags behind the stream, by up
to 2.6 s in the recording: a book is asked for once it has begun to change, and again while the answer is older than its
first change. One that does not change is asked for when the lag must be over. There is no stream of best bids and
offers: ``order_book`` sends a hundred levels each time, which the book has already.

Any pair is acknowledged; that there is no such one the venue says with 404 when its book is asked for. Since answers to
our own heartbeats show nothing but a living socket, silence of every channel is watched here.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from breadboard.conversations import Denied, Fetch, Reconnect, Request, Send
from breadboard.feeds.bitstamp_messages import (
    DIFFS,
    LAG_S,
    SUBSCRIBED,
    TRADES,
    UNSUBSCRIBED,
    BitstampReader,
    is_change,
    is_readable,
)
from breadboard.feeds.plain_levels import SIZE, WIDE_PRICE, array_of
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Keepalive, Wish

CHANNELS: Final = {"trade": TRADES, "book": DIFFS}
AT_ONCE: Final = 4
"""Answers that are waited for at the same time."""
LONGEST_DELAY_S: Final = 60.0
REFUSED_TRIES: Final = 4
"""As many answers that were too old make the delay that follows a refusal: eight seconds."""
MUTE_S: Final = 60.0
"""No pair said anything for so long: another connection is tried. Twice as long after each that said nothing at all."""
LONGEST_MUTE_S: Final = 3600.0
SETTLED: Final = 100
"""Changes in order after which a book is no longer held to be in trouble."""
OVERDUE_S: Final = 120.0
"""An answer that has not come by then never will."""
_CHANNEL: Final = b'"channel":"'
_PAIR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


class _Book(msgspec.Struct, gc=False):
    microtimestamp: str
    bids: msgspec.Raw
    asks: msgspec.Raw

    @property
    def is_plain(self) -> bool:
        """Whether the decoder takes its levels for certain."""
        return _levels.fullmatch(self.bids) is not None and _levels.fullmatch(self.asks) is not None


class _Message(msgspec.Struct, gc=False):
    event: str = ""
    channel: str = ""


class _Diff(msgspec.Struct, gc=False):
    channel: str
    data: _Book


_levels: Final = array_of(rb"\[%b,%b\]" % (WIDE_PRICE, SIZE))
_diff: Final = msgspec.json.Decoder(_Diff)
_message: Final = msgspec.json.Decoder(_Message)
_answer: Final = msgspec.json.Decoder(_Book)
_DIFF_CHANNEL: Final = re.compile(rb'"diff_order_book_([A-Za-z0-9-]{1,32})"')


@dataclass(slots=True)
class _Begun:
    """One book on this connection."""

    first: int = 0
    """The number of its first change, 0 before there is one."""
    last: int = 0
    since_s: float | None = None
    """When it was subscribed to, on the clock of ``on_time``."""
    joined: bool = False
    """An answer reached the stream."""
    asked: bool = False
    denied: bool = False
    """There is no such pair."""
    tries: int = 0
    in_order: int = 0
    """Changes since it last began."""
    overdue_s: float | None = None

    def begin_anew(self) -> None:
        """Forget its changes: the next is the first one, and no answer will do that may be older."""
        self.first, self.last, self.joined, self.since_s = 0, 0, False, None

    def is_reached_by(self, number: int, now_s: float) -> bool:
        """Tell whether an answer with this number begins the book, as ``BitstampReader`` does."""
        return number >= self.first if self.first else self.since_s is not None and now_s - self.since_s >= LAG_S


@dataclass(slots=True)
class BitstampSession:
    """A ``conversations.Session``."""

    capabilities: Capabilities
    wish: Wish
    url: str = field(init=False)
    rest_url: str = field(init=False)
    symbols: Sequence[str] = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    _names: tuple[str, ...] = field(init=False)
    _books: dict[str, _Begun] = field(init=False, default_factory=dict)
    """Of the pairs whose changes the venue has agreed to send."""
    _heard: bool = field(init=False, default=False)
    """Whether any pair said anything since the last tick."""
    _now_s: float = field(init=False, default=0.0)
    _heard_s: float | None = field(init=False, default=None)
    """When one last did, or the connection was made, on the clock of ``on_time``."""
    _patience_s: float = field(init=False, default=MUTE_S)
    """Outlives connections on purpose."""

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        can, wish = self.capabilities, self.wish
        self.symbols = wanted_symbols(can.venue, wish.symbols, pattern=_PAIR, example="btcusd", spell=str.lower)
        self._names = wanted_channels(can.venue, wish.channels, CHANNELS)
        keys: dict[Hashable, Key] = {
            f"{CHANNELS[channel]}{symbol}".encode(): (symbol, channel)
            for symbol in self.symbols
            for channel in wish.channels
        }
        self.subscriptions = Subscriptions(keys, self._anew, can.heartbeat_s, answers=True)
        self.url = wish.url or "wss://ws.bitstamp.net"
        self.rest_url = (wish.rest_url or "https://www.bitstamp.net").rstrip("/")

    def on_connect(self) -> list[Request]:
        """Forget the old connection's books; subscribe, one channel a message."""
        self._books.clear()
        self.subscriptions.begin()
        self.subscriptions.asked((symbol, channel) for symbol in self.symbols for channel in self.wish.channels)
        self._heard, self._heard_s = False, None
        return [_subscribe(name + symbol) for name in self._names for symbol in self.symbols]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; ask for a book that has begun to change; leave when the venue asks for it."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            if b'"bts:' in frame:
                requests += self._on_word(frame)
                continue
            begin = frame.find(_CHANNEL) + len(_CHANNEL)
            channel = frame[begin : frame.find(b'"', begin)]
            if channel in counts:
                counts[channel] += 1
            self._heard = True
            if is_change(frame):
                self._on_diff(frame)
        return requests + self._ask()

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Accept a book that reaches the stream; ask again for one that is too old, was refused or is no book."""
        book = self._books.get(tag.removeprefix("depth:"))
        if book is None or not tag.startswith("depth:"):
            return []
        book.asked, book.overdue_s = False, None
        try:
            book.joined = status == 200 and self._reaches(tag, body, book)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            book.joined = False
        if status == 404:
            book.denied = True
            return [Denied(tag.removeprefix("depth:"), None, "no such pair: its book is 404"), *self._ask()]
        if status != 200:
            book.tries = max(book.tries, REFUSED_TRIES)
        return self._ask()

    def _reaches(self, tag: str, body: bytes, book: _Begun) -> bool:
        """Tell whether an answer begins a book. Raises ValueError, or what msgspec does, for what is no book."""
        answer = _answer.decode(body)
        readable = answer.is_plain or is_readable(body, DocumentHead(tag, "", 200))
        return readable and book.is_reached_by(int(answer.microtimestamp), self._now_s)

    def on_time(self, now_s: float) -> list[Request]:
        """Ask for books that do not change, and again for an answer that never came; leave a mute connection."""
        self._now_s = now_s
        if self._heard:
            self._heard_s, self._heard, self._patience_s = now_s, False, MUTE_S
        elif self._heard_s is None:
            self._heard_s = now_s
        elif now_s - self._heard_s > self._patience_s:
            self._patience_s = min(LONGEST_MUTE_S, 2 * self._patience_s)
            return [Reconnect(f"mute: no pair said anything for {now_s - self._heard_s:.0f} s")]
        for book in self._books.values():
            if book.since_s is None:
                book.since_s = now_s
            if book.asked and book.overdue_s is None:
                book.overdue_s = now_s + OVERDUE_S
            if book.overdue_s is not None and now_s > book.overdue_s:
                book.asked, book.overdue_s = False, None
        return self.subscriptions.on_time(now_s) + self._ask(now_s)

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else; a book begins with another answer."""
        requests: list[Request] = []
        self.subscriptions.asked(keys)
        for symbol, channel in keys:
            name = CHANNELS[channel] + symbol
            requests += [_unsubscribe(name), _subscribe(name)]
            book = self._books.get(symbol) if channel == "book" else None
            if book is not None:
                book.begin_anew()
        return requests

    def _on_word(self, frame: bytes) -> list[Request]:
        try:
            said = _message.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._lost(frame)
            return []
        if said.event == "bts:request_reconnect":
            return [Reconnect("the venue asks for a reconnect")]
        if said.event == "bts:subscription_succeeded":
            prefixes = ((channel, name) for channel, name in CHANNELS.items() if said.channel.startswith(name))
            self.subscriptions.acknowledged((said.channel.removeprefix(name), channel) for channel, name in prefixes)
        symbol = said.channel.removeprefix(DIFFS)
        if said.event not in (SUBSCRIBED, UNSUBSCRIBED) or not said.channel.startswith(DIFFS):
            return []
        if said.event == SUBSCRIBED and symbol in self.symbols:
            self._books.setdefault(symbol, _Begun())
        if symbol in self._books:
            self._books[symbol].begin_anew()  # what came until now was of the old subscription
        return []

    def _on_diff(self, frame: bytes) -> None:
        """Note a book's first change; the next after one not read is a first one, too.

        After one that comes late the book begins anew, and no answer will do that is older than what it had come to.
        """
        try:
            diff = _diff.decode(frame)
            symbol, number = diff.channel.removeprefix(DIFFS), int(diff.data.microtimestamp)
            if not (diff.data.is_plain or is_readable(frame)):
                self._lost(frame)
                return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            self._lost(frame)
            return
        book = self._books.get(symbol)
        if book is None:
            return
        if number < book.last or not book.first:
            book.first, book.joined, book.in_order = max(book.last, number), False, 0
        book.last = number
        book.in_order += 1
        if book.joined and book.in_order >= SETTLED:
            book.tries = 0

    def _lost(self, frame: bytes) -> None:
        """Begin the book anew that a frame which cannot be read may have changed; any, where it does not say which."""
        named = _DIFF_CHANNEL.search(frame)
        lost = self._books.values() if named is None else [self._books.get(named.group(1).decode())]
        for book in lost if is_change(frame) else ():
            if book is not None:
                book.begin_anew()

    def _ask(self, now_s: float | None = None) -> list[Request]:
        """Ask for the books that are due, a few at a time; ``now_s`` where the time is known."""
        asked = sum(book.asked for book in self._books.values())
        requests: list[Request] = []
        for symbol, book in self._books.items():
            if asked >= AT_ONCE:
                break
            if book.joined or book.asked or book.denied:
                continue
            quiet = now_s is not None and book.since_s is not None and now_s - book.since_s >= LAG_S
            if book.first or quiet:
                asked += 1
                book.asked = True
                delay_s = min(LONGEST_DELAY_S, 2.0 ** (book.tries - 1)) if book.tries else 0.0
                book.tries = min(book.tries + 1, 10)
                url = f"{self.rest_url}/api/v2/order_book/{symbol}/"
                requests.append(Fetch(f"depth:{symbol}", url, delay_s))
        return requests


def _unsubscribe(channel: str) -> Send:
    return Send(msgspec.json.encode({"event": "bts:unsubscribe", "data": {"channel": channel}}).decode())


def _subscribe(channel: str) -> Send:
    return Send(msgspec.json.encode({"event": "bts:subscribe", "data": {"channel": channel}}).decode())


BITSTAMP: Final = ReadingFeed(
    Capabilities(
        venue="BITSTAMP",
        completeness="full",
        sequence_rule=SequenceRule.AFTER,
        sequence_scope="symbol",
        checksum="none",
        heartbeat_s=25.0,  # two answers to our heartbeats, and a little
        ts_event_unit="us",
        trade_ids_contiguous=False,  # counted over all pairs
        trade_ids_growing=True,
        connection_lifetime_s=None,
        max_streams_per_connection=200,
        client_messages_per_s=20.0,
        frame_cap=4 << 20,
        channels=("trade", "book"),
        keepalive=Keepalive('{"event":"bts:heartbeat"}', 10.0),
    ),
    BitstampSession,
    BitstampReader,
)
