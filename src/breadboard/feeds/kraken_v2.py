"""Kraken, WebSocket v2: books of 1000 levels with a checksum, best bid and offer, numbered trades."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from breadboard.feeds.book_watch import BookWatch
from breadboard.feeds.kraken import DEPTH, PAIRS_A_MESSAGE, PATTERN, spelled
from breadboard.feeds.kraken_v2_messages import KrakenV2Reader
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.watching import Key, Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Request, Send, Wish

CHANNELS: Final = {"trade": "trade", "quote": "ticker", "book": "book"}
_CHANNEL: Final = b'"channel":"'
_SYMBOL: Final = b'"symbol":"'
PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    # The trades of a snapshot happened before we listened: they would close a hole in the numbers and be in no table.
    "trade": {"snapshot": False},
    "ticker": {"event_trigger": "bbo"},
    "book": {"depth": DEPTH, "snapshot": True},
}


@dataclass(slots=True)
class KrakenV2Session:
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
        self.symbols = wanted_symbols(self.venue, self.symbols, pattern=PATTERN, example="BTC/USD", spell=spelled)
        self._names = wanted_channels(self.venue, self.channels, CHANNELS)
        self.url = self.url or "wss://ws.kraken.com/v2"
        wires: dict[Hashable, Key] = {
            (CHANNELS[channel].encode(), symbol.encode()): (symbol, channel)
            for symbol in self.symbols
            for channel in self.channels
        }
        self.subscriptions = Subscriptions(wires, self._anew, self.heartbeat_s)
        self._watch = BookWatch(self.venue, self.symbols, KrakenV2Reader, self._again, self.subscriptions)

    def on_connect(self) -> list[Request]:
        """Subscribe each channel."""
        self._watch.on_connect()
        self.subscriptions.begin()
        parts = [self.symbols[i : i + PAIRS_A_MESSAGE] for i in range(0, len(self.symbols), PAIRS_A_MESSAGE)]
        return [_say("subscribe", name, part, **PARAMETERS[name]) for name in self._names for part in parts]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; hold the books against their checksums."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            wire = _wire_of(frame)
            if wire in counts:
                counts[wire] += 1
            if b'"book"' in frame:
                requests += self._watch.on_frame(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; return what the books call for as time passes."""
        return self.subscriptions.on_time(now_s) + self._watch.on_time(now_s)

    def _again(self, symbol: str) -> list[Request]:
        stop = _say("unsubscribe", "book", [symbol], depth=DEPTH)
        return [stop, _say("subscribe", "book", [symbol], **PARAMETERS["book"])]

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else; an unsubscription names the depth of books alone."""
        requests: list[Request] = []
        for name in self._names:
            symbols = [symbol for symbol, channel in keys if CHANNELS[channel] == name]
            for begin in range(0, len(symbols), PAIRS_A_MESSAGE):
                part = symbols[begin : begin + PAIRS_A_MESSAGE]
                stop = {"depth": DEPTH} if name == "book" else {}
                requests += [_say("unsubscribe", name, part, **stop), _say("subscribe", name, part, **PARAMETERS[name])]
        return requests


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return the channel and the first symbol of a message, without reading the rest."""
    channel, symbol = frame.find(_CHANNEL) + len(_CHANNEL), frame.find(_SYMBOL) + len(_SYMBOL)
    return frame[channel : frame.find(b'"', channel)], frame[symbol : frame.find(b'"', symbol)]


def _say(method: str, channel: str, symbols: Sequence[str], **parameters: object) -> Send:
    said = {"method": method, "params": {"channel": channel, "symbol": symbols} | parameters}
    return Send(msgspec.json.encode(said).decode())


@dataclass
class KrakenV2Feed:
    """Kraken's WebSocket v2 as a ``ports.Feed``."""

    capabilities: Capabilities

    def session(self, wish: Wish) -> KrakenV2Session:
        """Return a conversation; see ``ports.Feed.session``. This venue is never asked over HTTP."""
        return KrakenV2Session(
            self.capabilities.venue, wish.symbols, wish.channels, wish.url, self.capabilities.heartbeat_s
        )

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; the reference reader does all the work, ``fast`` or not."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, KrakenV2Reader(), instruments)


KRAKEN_V2 = KrakenV2Feed(
    Capabilities(
        venue="KRAKEN_V2",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="crc32",
        heartbeat_s=5.0,  # about one heartbeat a second once something is subscribed
        ts_event_unit="us",
        trade_ids_contiguous=True,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=10.0,
        frame_cap=4 << 20,
    )
)
