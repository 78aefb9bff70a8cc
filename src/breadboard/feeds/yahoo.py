"""Yahoo Finance: conflated snapshots of anything that has a price, 100 symbols a connection, no key."""

import re
from binascii import a2b_base64
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from breadboard.conversations import Request, Send
from breadboard.errors import UsageError
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.feeds.yahoo_messages import PricingReader
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish

CHANNELS: Final = {"trade": "pricing", "quote": "pricing"}
SYMBOLS_A_CONNECTION: Final = 100
"""Counted over the life of a connection; what is beyond them is ignored in silence, and a wrong one counts too."""
CANARY: Final = "BTC-USD"
UNKNOWN_AFTER_S: Final = 60.0
"""The last price of a symbol that the venue knows comes right after subscribing, however old it is."""
_MESSAGE: Final = b'"message":"'
_HEAD: Final = 88
"""Base64 of the id, which comes first in a message, and of more."""
_SYMBOL: Final = re.compile(r"\^?[\w.&-]{1,60}(=[A-Za-z]{1,2})?", re.ASCII)


@dataclass(slots=True)
class YahooSession:
    """A ``conversations.Session``. The venue confirms and refuses nothing: who is never heard of is unknown to it."""

    capabilities: Capabilities
    wish: Wish
    url: str = field(init=False)
    symbols: Sequence[str] = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    _asked: tuple[str, ...] = field(init=False)
    _heard: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        can, wish = self.capabilities, self.wish
        self.symbols = wanted_symbols(can.venue, wish.symbols, pattern=_SYMBOL, example="AAPL, ^GSPC, EURUSD=X, ES=F")
        wanted_channels(can.venue, wish.channels, CHANNELS)
        if len(self.symbols) > SYMBOLS_A_CONNECTION:
            raise UsageError(
                f"{can.venue} takes {SYMBOLS_A_CONNECTION} symbols a connection, not {len(self.symbols)}",
                hint="spread them over several connections",
            )
        self._asked = tuple(dict.fromkeys((*self.symbols, CANARY)))[:SYMBOLS_A_CONNECTION]
        wires: dict[Hashable, Key] = {symbol.encode(): (symbol, wish.channels[0]) for symbol in self.symbols}
        self.subscriptions = Subscriptions(wires, self._again, can.heartbeat_s)
        self.url = wish.url or "wss://streamer.finance.yahoo.com"
        if "?" not in self.url:
            self.url = f"{self.url.rstrip('/')}/?version=2"

    def on_connect(self) -> list[Request]:
        """Subscribe to everything in one message."""
        self._heard = False
        self.subscriptions.begin()
        return [_message("subscribe", self._asked)]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes."""
        counts = self.subscriptions.counts
        for frame in frames:
            symbol = symbol_in(frame)
            self._heard |= symbol != b""
            if symbol in counts:
                counts[symbol] += 1
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; on a connection that speaks, tell of symbols that the venue says nothing of."""
        requests = self.subscriptions.on_time(now_s)
        for symbol in self.subscriptions.never_heard(UNKNOWN_AFTER_S) if self._heard else ():
            reason = f"no word of it in {UNKNOWN_AFTER_S:g} s, not even its last price: the venue does not know it"
            requests += self.subscriptions.refused(symbol, None, reason)
        return requests

    def _again(self, keys: Sequence[Key]) -> list[Request]:
        symbols = tuple(symbol for symbol, _ in keys)
        return [_message("unsubscribe", symbols), _message("subscribe", symbols)]


def symbol_in(frame: bytes) -> bytes:
    """Return the id that a pricing frame begins with, without reading the rest; empty where there is none."""
    begin = frame.find(_MESSAGE) + len(_MESSAGE) if frame[:1] == b"{" else 0
    head = frame[begin : begin + _HEAD].partition(b'"')[0]
    try:
        raw = a2b_base64(head[: len(head) // 4 * 4])
    except ValueError:
        return b""
    return raw[2 : 2 + raw[1]] if raw[:1] == b"\x0a" and len(raw) > 1 else b""


def _message(method: str, symbols: Sequence[str]) -> Send:
    return Send(msgspec.json.encode({method: symbols}).decode())


YAHOO: Final = ReadingFeed(
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
        bar_calendars=(("[A-Z]{1,5}(-[A-Z]{1,2})?", "XNYS"),),  # elsewhere listed ones have a suffix: VOD.L
    ),
    YahooSession,
    PricingReader,
)
