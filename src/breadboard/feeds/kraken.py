"""Kraken, WebSocket v1: books of 1000 levels with a checksum, spread, trades without numbers."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from breadboard.feeds.book_watch import BookWatch
from breadboard.feeds.kraken_messages import KrakenReader
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.watching import Key, Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Request, Send, Wish

CHANNELS: Final = {"trade": "trade", "quote": "spread", "book": "book"}
DEPTH: Final = 1000
"""All the venue gives: what was not recorded cannot be had later, and a smaller book is in a larger one."""
PAIRS_A_MESSAGE: Final = 100
_TAIL: Final = 80
"""Bytes from the end in which channel and pair stand."""
PATTERN: Final = re.compile(r"[A-Za-z0-9.]{1,20}/[A-Za-z0-9.]{1,20}")
_TOKENISED: Final = re.compile(r"[A-Z.]{1,10}x/[A-Z]{3,5}")


def spelled(symbol: str) -> str:
    """Return a pair as the venue spells it: upper case, but for the small x of a tokenised stock (``AAPLx/USD``)."""
    return symbol if _TOKENISED.fullmatch(symbol) else symbol.upper()


@dataclass(slots=True)
class KrakenSession:
    """A ``ports.Session``. A book needs no request: its snapshot comes first in the stream."""

    venue: str
    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    heartbeat_s: float | None = None
    subscriptions: Subscriptions = field(init=False)
    _names: tuple[str, ...] = field(init=False)
    _watch: BookWatch = field(init=False)

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        self.symbols = wanted_symbols(self.venue, self.symbols, pattern=PATTERN, example="XBT/USD", spell=spelled)
        self._names = wanted_channels(self.venue, self.channels, CHANNELS)
        self.url = self.url or "wss://ws.kraken.com"
        wires: dict[Hashable, Key] = {
            (CHANNELS[channel].encode(), symbol.encode()): (symbol, channel)
            for symbol in self.symbols
            for channel in self.channels
        }
        self.subscriptions = Subscriptions(wires, self._anew, self.heartbeat_s)
        self._watch = BookWatch(self.venue, self.symbols, KrakenReader, self._again, self.subscriptions)

    def on_connect(self) -> list[Request]:
        """Subscribe each channel."""
        self._watch.on_connect()
        self.subscriptions.begin()
        parts = [self.symbols[i : i + PAIRS_A_MESSAGE] for i in range(0, len(self.symbols), PAIRS_A_MESSAGE)]
        return [_say("subscribe", name, part) for name in self._names for part in parts]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; hold the books against their checksums."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            wire = _wire_of(frame)
            if wire in counts:
                counts[wire] += 1
            if b'"book' in frame:
                requests += self._watch.on_frame(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; return what the books call for as time passes."""
        return self.subscriptions.on_time(now_s) + self._watch.on_time(now_s)

    def _again(self, symbol: str) -> list[Request]:
        return [_say("unsubscribe", "book", [symbol]), _say("subscribe", "book", [symbol])]

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        requests: list[Request] = []
        for name in self._names:
            symbols = [symbol for symbol, channel in keys if CHANNELS[channel] == name]
            for begin in range(0, len(symbols), PAIRS_A_MESSAGE):
                part = symbols[begin : begin + PAIRS_A_MESSAGE]
                requests += [_say(method, name, part) for method in ("unsubscribe", "subscribe")]
        return requests


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return channel and pair, with which an array ends: ``…,"book-1000","XBT/USD"]``."""
    parts = frame[-_TAIL:].rsplit(b'"', 4)
    return (parts[1].partition(b"-")[0], parts[3]) if len(parts) == 5 else (b"", b"")


def _say(event: str, name: str, pairs: Sequence[str]) -> Send:
    subscription: dict[str, Any] = {"name": name, "depth": DEPTH} if name == "book" else {"name": name}
    return Send(msgspec.json.encode({"event": event, "pair": pairs, "subscription": subscription}).decode())


@dataclass
class KrakenFeed:
    """Kraken's WebSocket v1 as a ``ports.Feed``."""

    capabilities: Capabilities

    def session(self, wish: Wish) -> KrakenSession:
        """Return a conversation; see ``ports.Feed.session``. This venue is never asked over HTTP."""
        return KrakenSession(
            self.capabilities.venue, wish.symbols, wish.channels, wish.url, self.capabilities.heartbeat_s
        )

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; the reference reader does all the work, ``fast`` or not."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, KrakenReader(), instruments)


KRAKEN = KrakenFeed(
    Capabilities(
        venue="KRAKEN",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="crc32",
        heartbeat_s=5.0,  # one heartbeat a second where nothing else is said
        ts_event_unit="us",
        trade_ids_contiguous=False,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=10.0,
        frame_cap=4 << 20,
    )
)
