"""Coinbase Exchange: level 2 without numbers, matches, ticker and a heartbeat a product."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec

from breadboard.feeds.coinbase_messages import WORDS, dialect, lost_book, read, read_document
from breadboard.feeds.decoding import JsonDecoder, Language
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Reconnect, Request, Send, Wish

CHANNELS: Final = {"trade": "matches", "quote": "ticker", "book": "level2_batch"}
PRODUCTS_A_MESSAGE: Final = 100
"""Keeps a subscription well under the size at which the venue answers "Message too big"."""
MOST_REFUSALS: Final = 3


class _Error(msgspec.Struct):
    type: str
    message: str = ""
    reason: str = ""


_error: Final = msgspec.json.Decoder(_Error)


@dataclass(slots=True)
class CoinbaseSession:
    """A ``ports.Session``. The book needs no request: a snapshot comes first in the stream."""

    venue: str
    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    _names: tuple[str, ...] = field(init=False)
    _refusals: int = field(init=False, default=0)
    """Connections in a row that the venue answered with an error; outlives them on purpose."""

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        self.symbols = wanted_symbols(self.venue, self.symbols)
        self._names = (*wanted_channels(self.venue, self.channels, CHANNELS), "heartbeat")
        self.url = self.url or "wss://ws-feed.exchange.coinbase.com"

    def on_connect(self) -> list[Request]:
        """Subscribe at once: the venue hangs up after five silent seconds."""
        parts = [self.symbols[i : i + PRODUCTS_A_MESSAGE] for i in range(0, len(self.symbols), PRODUCTS_A_MESSAGE)]
        return [
            Send(msgspec.json.encode({"type": "subscribe", "product_ids": part, "channels": self._names}).decode())
            for part in parts
        ]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Reconnect on an error; after three in a row live with what the venue does send, the error is on the tape."""
        for frame in frames:
            if b'"error"' not in frame:
                continue
            try:
                error = _error.decode(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if error.type == "error":
                self._refusals += 1
                if self._refusals <= MOST_REFUSALS:
                    return [Reconnect(f"the venue says: {error.message} {error.reason}".strip()[:200])]
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, _now_s: float) -> list[Request]:
        """Return nothing: nothing here waits for time."""
        return []


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
        return CoinbaseSession(self.capabilities.venue, wish.symbols, wish.channels, wish.url)

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
        frame_cap=10_000_000,
    )
)
