"""Coinbase Advanced Trade: one channel a subscription, and a number on every message of the connection.

Source: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket. A hole in the numbers may have cost any book a
change and any product a trade: level 2 and trades are subscribed to anew, which brings a snapshot of each, and the
connection with its tickers stays. Market data needs no key.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from breadboard.conversations import Missing, Reconnect, Request, Send
from breadboard.feeds.book_renewal import BookRenewal
from breadboard.feeds.coinbase_advanced_messages import CoinbaseAdvancedReader, unread_books
from breadboard.feeds.connection_numbers import ConnectionNumbers, Verdict
from breadboard.feeds.error_answers import ErrorAnswers
from breadboard.feeds.plain_levels import SIZE, TIME, WIDE_PRICE, array_of
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.kinds import GapReason, SequenceRule
from breadboard.ports import Capabilities, Wish

CHANNELS: Final = {"trade": "market_trades", "quote": "ticker", "book": "level2"}
_TOLD_IN: Final = CHANNELS | {"book": "l2_data"}
_ACKNOWLEDGED: Final = {channel: (CHANNELS[channel], _TOLD_IN[channel]) for channel in CHANNELS}
_PRODUCT: Final = b'"product_id":"'
RENEWED: Final = ("level2", "market_trades")
"""Channels that begin with a snapshot, which mends what a hole has cost."""
PRODUCTS_A_MESSAGE: Final = 100
RESUBSCRIBED_S: Final = 2.0
MOST_LOOKED_AT: Final = 64 << 10
"""Bytes of a level 2 message whose levels are looked at; snapshots of whole books are megabytes, and are not."""
SNAPSHOTS_S: Final = 20.0
"""How long the books may wait for their snapshots after a subscription."""


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    product_id: str = ""


class _Head(msgspec.Struct, gc=False):
    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: int | None = None


class _Books(msgspec.Struct, gc=False):
    events: list[_Event]


class _PlainChanges(msgspec.Struct, gc=False):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: msgspec.Raw


class _PlainBooks(msgspec.Struct, gc=False):
    """A message of level 2 that the decoder takes for certain, where time and levels are plain."""

    timestamp: msgspec.Raw
    events: list[_PlainChanges]


class _Subscribed(msgspec.Struct, gc=False):
    subscriptions: dict[str, list[str]] = {}


class _Acknowledged(msgspec.Struct, gc=False):
    events: list[_Subscribed]


_head: Final = msgspec.json.Decoder(_Head)
_books: Final = msgspec.json.Decoder(_Books)
_plain: Final = msgspec.json.Decoder(_PlainBooks)
_time: Final = re.compile(TIME)
_changes: Final = array_of(
    rb'\{"side":"(?:bid|offer|ask)","event_time":%b,"price_level":%b,"new_quantity":%b\}' % (TIME, WIDE_PRICE, SIZE)
)
_acknowledged: Final = msgspec.json.Decoder(_Acknowledged)


@dataclass(slots=True)
class CoinbaseAdvancedSession:
    """A ``conversations.Session``."""

    capabilities: Capabilities
    wish: Wish
    url: str = field(init=False)
    symbols: Sequence[str] = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    _names: tuple[str, ...] = field(init=False)
    _numbers: ConnectionNumbers = field(init=False, default_factory=ConnectionNumbers)
    _waiting: set[str] = field(init=False, default_factory=set)
    """Products whose book waits for a snapshot, once the numbers had a hole."""
    _since_s: float | None = field(init=False, default=None)
    """Since when, on the clock of ``on_time``."""
    _now_s: float = field(init=False, default=0.0)
    _untraded_s: float | None = field(init=False, default=None)
    """Since when trades are being subscribed to anew, on the clock of ``on_time``."""
    _resubscribed_s: float = field(init=False, default=0.0)
    """When that was last said."""
    _owed: list[Request] = field(init=False, default_factory=list)
    """What is still to be put on record of the connection before."""
    _broken: bool = field(init=False, default=False)
    """The numbers had another hole meanwhile."""
    _errors: ErrorAnswers = field(init=False, default_factory=ErrorAnswers)
    _renewal: BookRenewal = field(init=False)
    """Of products whose book misses a change that cannot be read."""
    _renewing: set[str] = field(init=False, default_factory=set)
    """Of these, the ones whose snapshot is to come."""

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        can, wish = self.capabilities, self.wish
        self.symbols = wanted_symbols(can.venue, wish.symbols, example="BTC-USD")
        self._names = wanted_channels(can.venue, wish.channels, CHANNELS)
        self.subscriptions = Subscriptions(_wires(self.symbols, wish.channels), self._anew, can.heartbeat_s)
        self._renewal = BookRenewal(self.symbols if "level2" in self._names else (), self._renew)
        self.url = wish.url or "wss://advanced-trade-ws.coinbase.com"

    def on_connect(self) -> list[Request]:
        """Forget the old connection's numbers; ask for heartbeats first, which keep quiet channels open."""
        self._numbers = ConnectionNumbers()
        self._waiting.clear()
        self._renewing.clear()
        self._renewal.on_connect()
        self.subscriptions.begin()
        self._errors.on_connect()
        if self._untraded_s is not None:
            self._owed = [self._untraded(self._untraded_s, over=True)]
        self._since_s, self._broken, self._untraded_s = None, False, None
        return [_say("subscribe", "heartbeats", ()), *self._all("subscribe", self._names)]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; follow the numbers; after a hole subscribe anew to what begins with a snapshot."""
        requests: list[Request] = []
        for frame in frames:
            try:
                head = _head.decode(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                if b'"l2_data"' in frame:
                    requests += self._on_hole()  # the decoder will say why; the book misses it
                continue
            if head.type == "error":
                requests += self._errors.answered(head.message)
            elif head.sequence_num is not None:
                begin = frame.find(_PRODUCT) + len(_PRODUCT)
                wire = (head.channel, frame[begin : frame.find(b'"', begin)])
                if wire in self.subscriptions.counts:
                    self.subscriptions.counts[wire] += 1
                if head.channel == "l2_data":
                    self._on_book(frame)
                elif head.channel == "subscriptions":
                    self._on_acknowledged(frame)
                if self._numbers.take(head.sequence_num) in (Verdict.HOLE, Verdict.ANEW):
                    requests += self._on_hole()
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; begin once more after another hole; leave where what is owed stays away."""
        self._errors.on_time(now_s)
        owed, self._owed = self._owed, []
        requests = owed + self.subscriptions.on_time(now_s) + self._tell_untraded(now_s)
        requests += self._renewal.on_time(now_s)
        if not self._waiting:
            self._since_s = None
            if self._broken:
                self._broken = False
                requests += self._on_hole()
            return requests
        if self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s > SNAPSHOTS_S:
            self._waiting.clear()
            requests.append(Reconnect("messages were lost, and the snapshots that were asked for did not come"))
        return requests

    def _on_hole(self) -> list[Request]:
        """Ask for snapshots; where they are still under way, once more after they have come."""
        if self._waiting:
            self._broken = True
            return []
        names = [name for name in self._names if name in RENEWED]
        if "market_trades" in names:
            self._resubscribed_s = self._now_s
            self._untraded_s = self._now_s if self._untraded_s is None else self._untraded_s
        if "level2" in names:
            self._waiting = set(self.symbols)
            self.subscriptions.renewing((symbol, "book") for symbol in self.symbols)
        return self._all("unsubscribe", names) + self._all("subscribe", names)

    def _tell_untraded(self, now_s: float) -> list[Request]:
        """Put on record that trades may be missing that were made between our two words, a second after them.

        Where they were said again meanwhile, that is not the end of it.
        """
        since_s, self._now_s = self._untraded_s, now_s
        if since_s is None or now_s - since_s < RESUBSCRIBED_S:
            return []
        again = now_s - self._resubscribed_s < RESUBSCRIBED_S
        self._untraded_s = now_s if again else None
        return [self._untraded(since_s or now_s - RESUBSCRIBED_S, over=not again)]

    def _untraded(self, since_s: float, *, over: bool) -> Missing:
        return Missing(None, "trade", GapReason.SUBSCRIPTION, since_s, "trades were subscribed to anew", over=over)

    def _look(self, frame: bytes) -> None:
        """Doubt a book of which a change cannot be read: no number of the connection shows that it is missing."""
        if len(frame) > MOST_LOOKED_AT:
            return
        try:
            said = _plain.decode(frame)
            if _time.fullmatch(said.timestamp) and all(_changes.fullmatch(each.updates) for each in said.events):
                return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        for product in unread_books(frame):
            self._renewal.lost(product)
            self._renewal.lost(f"{product}C" if product else None)  # BTC-USDC is answered as BTC-USD

    def _renew(self, products: Sequence[str]) -> list[Request]:
        self._renewing |= set(products)
        keys = [(product, "book") for product in products]
        self.subscriptions.renewing(keys)
        return self._anew(keys)

    def _on_book(self, frame: bytes) -> None:
        """Look whether it can be read; note the snapshots that were asked for."""
        self._look(frame)
        if not (self._waiting or self._renewing):
            return
        try:
            events = _books.decode(frame).events
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        told = {event.product_id for event in events if event.type == "snapshot"}
        told |= {f"{product}C" for product in told}  # BTC-USDC is answered as BTC-USD
        self._waiting -= told
        self._renewing -= told
        for product in told:
            self.subscriptions.renewed((product, "book"))

    def _on_acknowledged(self, frame: bytes) -> None:
        """Take the venue's list of all that is subscribed by now; BTC-USDC may be in it by either of its names."""
        try:
            events = _acknowledged.decode(frame).events
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        for channel, names in _ACKNOWLEDGED.items():
            products = {product for event in events for name in names for product in event.subscriptions.get(name, ())}
            products |= {f"{product}C" for product in products}
            self.subscriptions.acknowledged((product, channel) for product in products)

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        self.subscriptions.asked(keys)
        requests: list[Request] = []
        for channel, name in CHANNELS.items():
            products = [symbol for symbol, each in keys if each == channel]
            for begin in range(0, len(products), PRODUCTS_A_MESSAGE):
                part = products[begin : begin + PRODUCTS_A_MESSAGE]
                requests += [_say(method, name, part) for method in ("unsubscribe", "subscribe")]
        return requests

    def _all(self, method: str, names: Sequence[str]) -> list[Request]:
        size = PRODUCTS_A_MESSAGE
        if method == "subscribe":
            channels = [channel for channel, name in CHANNELS.items() if name in names]
            self.subscriptions.asked((symbol, channel) for symbol in self.symbols for channel in channels)
        parts = [self.symbols[i : i + size] for i in range(0, len(self.symbols), size)]
        return [_say(method, name, part) for name in names for part in parts]


def _wires(symbols: Sequence[str], channels: Sequence[str]) -> dict[Hashable, Key]:
    """Name what is heard; BTC-USDC is answered as BTC-USD, and cannot be told from it where both are asked for."""
    told = {symbol: symbol.removesuffix("C") if symbol.endswith("-USDC") else symbol for symbol in symbols}
    wires: dict[Hashable, Key] = {}
    for channel in channels:
        for symbol in sorted(symbols, key=lambda each: told[each] == each):  # the product of that name comes last
            wires[_TOLD_IN[channel], told[symbol].encode()] = (symbol, channel)
    return wires


def _say(method: str, channel: str, products: Sequence[str]) -> Send:
    said = {"type": method, "channel": channel} | ({"product_ids": products} if products else {})
    return Send(msgspec.json.encode(said).decode())


COINBASE_ADVANCED: Final = ReadingFeed(
    Capabilities(
        venue="COINBASE_ADVANCED",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="connection",
        checksum="none",
        heartbeat_s=5.0,  # one heartbeat a second
        ts_event_unit="ns",
        # As on Coinbase Exchange, whose matches these are. A snapshot sends known trades again: they must be known.
        trade_ids_contiguous=True,
        connection_lifetime_s=None,
        max_streams_per_connection=1_000,
        client_messages_per_s=8.0,
        frame_cap=10 << 20,  # a snapshot of a whole book, about a hundred bytes a level
    ),
    CoinbaseAdvancedSession,
    CoinbaseAdvancedReader,
)
