"""Yahoo Finance: conflated snapshots of anything that has a price, 100 symbols a connection, no key."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from breadboard.errors import UsageError
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.feeds.yahoo_messages import PricingReader
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Request, Send, Wish

CHANNELS: Final = {"trade": "pricing", "quote": "pricing"}
SYMBOLS_A_CONNECTION: Final = 100
"""Counted over the life of a connection; what is beyond them is ignored in silence, and a wrong one counts too."""
CANARY: Final = "BTC-USD"
_SYMBOL: Final = re.compile(r"\^?[\w.&-]{1,60}(=[A-Za-z]{1,2})?", re.ASCII)


@dataclass(slots=True)
class YahooSession:
    """A ``ports.Session``. The venue answers nothing, so there is nothing to check but that the canary ticks."""

    venue: str
    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    _asked: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        self.symbols = wanted_symbols(self.venue, self.symbols, pattern=_SYMBOL, example="AAPL, ^GSPC, EURUSD=X, ES=F")
        wanted_channels(self.venue, self.channels, CHANNELS)
        if len(self.symbols) > SYMBOLS_A_CONNECTION:
            raise UsageError(
                f"{self.venue} takes {SYMBOLS_A_CONNECTION} symbols a connection, not {len(self.symbols)}",
                hint="spread them over several connections",
            )
        self._asked = tuple(dict.fromkeys((*self.symbols, CANARY)))[:SYMBOLS_A_CONNECTION]
        self.url = self.url or "wss://streamer.finance.yahoo.com"
        if "?" not in self.url:
            self.url = f"{self.url.rstrip('/')}/?version=2"

    def on_connect(self) -> list[Request]:
        """Subscribe to everything in one message; the venue does not acknowledge it."""
        return [Send(msgspec.json.encode({"subscribe": self._asked}).decode())]

    def on_frames(self, _frames: Sequence[bytes]) -> list[Request]:
        """Return nothing: the venue never asks for anything."""
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, _now_s: float) -> list[Request]:
        """Return nothing: nothing here waits for time."""
        return []


@dataclass
class YahooFeed:
    """Yahoo's streamer as a ``ports.Feed``."""

    capabilities: Capabilities

    def session(self, wish: Wish) -> YahooSession:
        """Return a conversation; see ``ports.Feed.session``."""
        return YahooSession(self.capabilities.venue, wish.symbols, wish.channels, wish.url)

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; there is one way to read these frames."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, PricingReader(), instruments)


YAHOO = YahooFeed(
    Capabilities(
        venue="YAHOO",
        completeness="conflated",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="none",
        heartbeat_s=60.0,  # the canary ticks every five seconds or so, day and night
        ts_event_unit="ms",
        trade_ids_contiguous=False,
        connection_lifetime_s=None,
        max_streams_per_connection=len(CHANNELS) * SYMBOLS_A_CONNECTION,
        client_messages_per_s=5.0,
        frame_cap=4 << 20,
        channels=tuple(CHANNELS),
        max_symbols_per_connection=SYMBOLS_A_CONNECTION,
        canary=(CANARY,),
    )
)
