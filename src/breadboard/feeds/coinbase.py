"""Coinbase Exchange: level 2 without numbers, matches, ticker and a heartbeat a product."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec

from breadboard.conversations import Request, Send
from breadboard.feeds.book_renewal import BookRenewal
from breadboard.feeds.coinbase_messages import WORDS, dialect, is_readable, lost_book, read, read_document
from breadboard.feeds.decoding import JsonDecoder, Language
from breadboard.feeds.error_answers import ErrorAnswers
from breadboard.feeds.plain_levels import SIZE, TIME, WIDE_PRICE, array_of
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish

CHANNELS: Final = {"trade": "matches", "quote": "ticker", "book": "level2_batch"}
HEARTBEAT: Final = "heartbeat"
PRODUCTS_A_MESSAGE: Final = 100
"""Keeps a subscription well under the size at which the venue answers "Message too big"."""
UNQUOTED: Final = 4
"""Seconds with trades that may go without a ticker: the venue joins those of trades that follow each other closely."""

_TYPES: Final = {"trade": (b"match", b"last_match"), "quote": (b"ticker",), "book": (b"l2update", b"snapshot")}
"""Message types of each channel."""
_ACKNOWLEDGED: Final = {"matches": "trade", "ticker": "quote", "heartbeat": HEARTBEAT} | dict.fromkeys(
    ("level2", "level2_batch", "level2_50"), "book"
)
_NO_PRODUCT: Final = re.compile(r"([\w.-]{1,64}) is not a valid product", re.ASCII)
_TYPE_BEGINS: Final = len(b'{"type":"')
_PRODUCT: Final = b'"product_id":"'
_BOOK_UPDATE: Final = b'l2update","product_id":"'
"""How nearly all frames go on after their beginning: one slice then has type and product."""
_BOOK_PRODUCT_BEGINS: Final = _TYPE_BEGINS + len(_BOOK_UPDATE)
_NO_TIME: Final = msgspec.Raw(b"null")


class _Error(msgspec.Struct):
    type: str
    message: str = ""
    reason: str = ""


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] = []


class _Acknowledged(msgspec.Struct):
    channels: list[_Channel]


class _Changes(msgspec.Struct, gc=False):
    changes: msgspec.Raw
    time: msgspec.Raw = _NO_TIME

    @property
    def is_plain(self) -> bool:
        """Whether the decoder takes its time and its levels for certain."""
        return _time.fullmatch(self.time) is not None and _sided.fullmatch(self.changes) is not None


class _Snapshot(msgspec.Struct, gc=False):
    bids: msgspec.Raw
    asks: msgspec.Raw
    time: msgspec.Raw = _NO_TIME

    @property
    def is_plain(self) -> bool:
        """Whether the decoder takes its time and its levels for certain; 12 to 25 ms a megabyte."""
        sides = self.bids, self.asks
        return _time.fullmatch(self.time) is not None and all(_levels.fullmatch(side) for side in sides)


class _Numbered(msgspec.Struct, gc=False):
    product_id: str
    trade_id: int | None = None
    last_trade_id: int | None = None


_time: Final = re.compile(TIME + b"|null")
_levels: Final = array_of(rb"\[%b,%b\]" % (WIDE_PRICE, SIZE))
_sided: Final = array_of(rb'\["(?:buy|sell)",%b,%b\]' % (WIDE_PRICE, SIZE))
"""Levels that each name their side, as changes do."""
_error: Final = msgspec.json.Decoder(_Error)
_acknowledged: Final = msgspec.json.Decoder(_Acknowledged)
_changes: Final = msgspec.json.Decoder(_Changes)
_snapshot: Final = msgspec.json.Decoder(_Snapshot)
_numbered: Final = msgspec.json.Decoder(_Numbered)


@dataclass(slots=True)
class CoinbaseSession:
    """A ``conversations.Session``. The book needs no request: a snapshot comes first in the stream."""

    venue: str
    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    heartbeat_s: float | None = None
    subscriptions: Subscriptions = field(init=False)
    _names: dict[str, str] = field(init=False)
    """The venue's name of each channel."""
    _refused: set[str] = field(init=False, default_factory=set)
    """Products that the venue does not know, on this connection."""
    _trades: dict[str, int] = field(init=False, default_factory=dict)
    """The last trade number that came, by product."""
    _told: dict[str, int] = field(init=False, default_factory=dict)
    """The last trade number of which a heartbeat told, by product."""
    _unquoted: dict[str, int] = field(init=False, default_factory=dict)
    """Heartbeats that told of a new trade since the last ticker, by product."""
    _books: BookRenewal = field(init=False)
    _errors: ErrorAnswers = field(init=False, default_factory=ErrorAnswers)

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        self.symbols = wanted_symbols(self.venue, self.symbols, example="BTC-USD")
        wanted_channels(self.venue, self.channels, CHANNELS)
        self._names = {channel: CHANNELS[channel] for channel in self.channels} | {HEARTBEAT: HEARTBEAT}
        types = _TYPES | {HEARTBEAT: (b"heartbeat",)}
        wires: dict[Hashable, Key] = {
            (kind, symbol.encode()): (symbol, channel)
            for symbol in self.symbols
            for channel in self._names
            for kind in types[channel]
        }
        if "book" in self._names:
            wires |= {_BOOK_UPDATE + symbol.encode(): (symbol, "book") for symbol in self.symbols}
        self.subscriptions = Subscriptions(wires, self._again, self.heartbeat_s, dataless=(HEARTBEAT,))
        self._books = BookRenewal(self.symbols if "book" in self._names else (), self._renew)
        self.url = self.url or "wss://ws-feed.exchange.coinbase.com"

    def on_connect(self) -> list[Request]:
        """Subscribe at once: the venue hangs up after five silent seconds."""
        self._refused.clear()
        for numbers in (self._trades, self._told, self._unquoted):
            numbers.clear()
        self._books.on_connect()
        self._errors.on_connect()
        self.subscriptions.begin()
        return self._subscribe(self.symbols)

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; listen to refusals, acknowledgements and the numbers of trades."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            update = frame[_TYPE_BEGINS : frame.find(b'"', _BOOK_PRODUCT_BEGINS)]
            if update in counts:
                counts[update] += 1
                self._look(frame, _changes)
                continue
            kind = frame[_TYPE_BEGINS : frame.find(b'"', _TYPE_BEGINS)]
            begin = frame.find(_PRODUCT) + len(_PRODUCT)
            wire = (kind, frame[begin : frame.find(b'"', begin)])
            if wire in counts:
                counts[wire] += 1
                if kind == b"snapshot":
                    self._look(frame, _snapshot)
                    self.subscriptions.renewed((wire[1].decode(), "book"))
                else:
                    self._on_number(kind, frame)
            elif b'"error"' in frame:
                requests += self._on_error(frame)
            elif kind == b"subscriptions":
                self._on_acknowledged(frame)
            else:
                self._books.lost(lost_book(frame))
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; ask for snapshots of books that miss a message."""
        self._errors.on_time(now_s)
        return self.subscriptions.on_time(now_s) + self._books.on_time(now_s)

    def _look(self, frame: bytes, form: msgspec.json.Decoder[_Changes] | msgspec.json.Decoder[_Snapshot]) -> None:
        """Doubt a book whose message the decoder cannot take: nothing else would show that it misses one."""
        try:
            if form.decode(frame).is_plain:
                return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        if not is_readable(frame):
            self._books.lost(lost_book(frame))

    def _on_error(self, frame: bytes) -> list[Request]:
        """Do without a product that is none; else reconnect, three times: then live with what the venue does send."""
        try:
            error = _error.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        if error.type != "error":
            return []
        named = _NO_PRODUCT.search(error.reason)
        if named is not None and named[1] in self.symbols and named[1] not in self._refused:
            self._refused.add(named[1])
            rest = [symbol for symbol in self._part_of(named[1]) if symbol not in self._refused]
            return [*self.subscriptions.refused(named[1], None, error.reason), *self._subscribe(rest)]
        return [*self._errors.answered(f"{error.message} {error.reason}")]

    def _on_acknowledged(self, frame: bytes) -> None:
        """Take the venue's list of all that is subscribed by now."""
        try:
            channels = _acknowledged.decode(frame).channels
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        for channel in channels:
            name = _ACKNOWLEDGED.get(channel.name, channel.name)
            self.subscriptions.acknowledged((product, name) for product in channel.product_ids)

    def _on_number(self, kind: bytes, frame: bytes) -> None:
        """Compare the venue's number of the last trade, which every heartbeat has, with what came of it."""
        try:
            told = _numbered.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        product = told.product_id
        if kind == b"ticker":
            self._unquoted[product] = 0
            self.subscriptions.behind(product, "quote", 0)
        elif told.trade_id is not None:
            self._trades[product] = told.trade_id
            self.subscriptions.behind(product, "trade", 0)
        elif told.last_trade_id is not None:
            self._on_heartbeat(product, told.last_trade_id)

    def _on_heartbeat(self, product: str, last: int) -> None:
        """Look whether the last trade came, and whether trades came without a ticker, which each of them has."""
        ours = self._trades.setdefault(product, last)
        self.subscriptions.behind(product, "trade", last - ours)
        if last > self._told.setdefault(product, last):
            unquoted = self._unquoted[product] = self._unquoted.get(product, 0) + 1
            self.subscriptions.behind(product, "quote", unquoted - UNQUOTED)
        self._told[product] = last

    def _part_of(self, product: str) -> Sequence[str]:
        """Return the products that were asked for in one message with this one."""
        begin = self.symbols.index(product) // PRODUCTS_A_MESSAGE * PRODUCTS_A_MESSAGE
        return self.symbols[begin : begin + PRODUCTS_A_MESSAGE]

    def _subscribe(self, products: Sequence[str]) -> list[Request]:
        parts = [products[i : i + PRODUCTS_A_MESSAGE] for i in range(0, len(products), PRODUCTS_A_MESSAGE)]
        self.subscriptions.asked((product, channel) for product in products for channel in self._names)
        return [_message("subscribe", part, list(self._names.values())) for part in parts]

    def _again(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew; for trades the venue then says which was the last."""
        requests: list[Request] = []
        for channel, name in self._names.items():
            products = [product for product, each in keys if each == channel]
            for begin in range(0, len(products), PRODUCTS_A_MESSAGE):
                part = products[begin : begin + PRODUCTS_A_MESSAGE]
                requests += [_message(method, part, [name]) for method in ("unsubscribe", "subscribe")]
            if channel == "trade":
                for product in products:
                    self._trades.pop(product, None)
            if channel == "quote":
                for product in products:
                    self._unquoted.pop(product, None)
        self.subscriptions.asked(keys)
        return requests

    def _renew(self, products: Sequence[str]) -> list[Request]:
        self.subscriptions.renewing((product, "book") for product in products)
        return self._again([(product, "book") for product in products])


def _message(method: str, products: Sequence[str], names: Sequence[str]) -> Send:
    return Send(msgspec.json.encode({"type": method, "product_ids": products, "channels": names}).decode())


@dataclass
class CoinbaseFeed:
    """Coinbase Exchange as a ``ports.Feed``."""

    capabilities: Capabilities

    @cached_property
    def language(self) -> Language:
        """What its bytes mean; made once, when first asked for."""
        cap = self.capabilities
        return Language(
            cap.venue, cap.sequence_rule, cap.frame_cap, dialect(), read, read_document, lost_book, words=WORDS
        )

    def session(self, wish: Wish) -> CoinbaseSession:
        """Return a conversation; see ``ports.Feed.session``. This venue is never asked over HTTP."""
        return CoinbaseSession(
            self.capabilities.venue, wish.symbols, wish.channels, wish.url, self.capabilities.heartbeat_s
        )

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> JsonDecoder:
        """Return a decoder; ``fast=False`` has the reference reader do all the work."""
        return JsonDecoder(self.language, instruments, fast=fast)


COINBASE = CoinbaseFeed(
    Capabilities(
        venue="COINBASE",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="none",
        heartbeat_s=5.0,  # one heartbeat a second for every product
        ts_event_unit="us",
        trade_ids_contiguous=True,
        connection_lifetime_s=None,
        max_streams_per_connection=10_000,
        client_messages_per_s=100.0,
        frame_cap=10_000_000,  # the snapshot of a big product's whole book is one message, of several MB
    )
)
