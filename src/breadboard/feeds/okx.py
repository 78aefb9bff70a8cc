"""OKX v5, public channels: books of 400 levels that link by numbers, tickers, trades."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from breadboard.feeds.book_watch import BookWatch
from breadboard.feeds.okx_messages import UPGRADE, OkxReader
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.watching import Key, Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Keepalive, Reconnect, Request, Send, Wish

CHANNELS: Final = {"trade": "trades", "quote": "tickers", "book": "books"}
ARGUMENTS_A_MESSAGE: Final = 300
"""Keeps a subscription well under the 64 KB that the venue takes."""
_CHANNEL: Final = b'"channel":"'
_INSTRUMENT: Final = b'"instId":"'
_HEAD: Final = 40
"""Bytes in which an answer to a subscription says that it is one."""
PATTERN: Final = re.compile(r"[A-Za-z0-9_]{1,20}(?:-[A-Za-z0-9_]{1,20}){1,5}")


class _Notice(msgspec.Struct):
    event: str
    code: str = ""
    msg: str = ""


_notice: Final = msgspec.json.Decoder(_Notice)


@dataclass(slots=True)
class OkxSession:
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
        self.symbols = wanted_symbols(self.venue, self.symbols, pattern=PATTERN, example="BTC-USDT")
        self._names = wanted_channels(self.venue, self.channels, CHANNELS)
        self.url = self.url or "wss://ws.okx.com:8443/ws/v5/public"
        wires: dict[Hashable, Key] = {
            (CHANNELS[channel].encode(), symbol.encode()): (symbol, channel)
            for symbol in self.symbols
            for channel in self.channels
        }
        self.subscriptions = Subscriptions(wires, self._anew, self.heartbeat_s, answers=True)
        self._watch = BookWatch(self.venue, self.symbols, OkxReader, self._again, self.subscriptions)

    def on_connect(self) -> list[Request]:
        """Subscribe every channel of every instrument: requests are counted by the hour, arguments are not."""
        self._watch.on_connect()
        self.subscriptions.begin()
        return [_say("subscribe", part) for part in _parts([(n, s) for n in self._names for s in self.symbols])]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; hold the books against numbers and checksums; leave before an upgrade of the venue."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            wire = _wire_of(frame)
            if wire in counts:
                counts[wire] += b'"event"' not in frame[:_HEAD]
            if b'"books"' in frame:
                requests += self._watch.on_frame(frame)
            elif b'"notice"' in frame:
                requests += _leave(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; return what the books call for as time passes."""
        return self.subscriptions.on_time(now_s) + self._watch.on_time(now_s)

    def _again(self, symbol: str) -> list[Request]:
        return [_say("unsubscribe", [("books", symbol)]), _say("subscribe", [("books", symbol)])]

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        parts = _parts([(CHANNELS[channel], symbol) for symbol, channel in keys])
        return [_say(operation, part) for part in parts for operation in ("unsubscribe", "subscribe")]


def _parts(wanted: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    return [wanted[i : i + ARGUMENTS_A_MESSAGE] for i in range(0, len(wanted), ARGUMENTS_A_MESSAGE)]


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return the channel and instrument that a push begins with, without reading the rest."""
    channel, symbol = frame.find(_CHANNEL) + len(_CHANNEL), frame.find(_INSTRUMENT) + len(_INSTRUMENT)
    return frame[channel : frame.find(b'"', channel)], frame[symbol : frame.find(b'"', symbol)]


def _leave(frame: bytes) -> list[Request]:
    try:
        notice = _notice.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    if notice.event != "notice" or notice.code != UPGRADE:
        return []
    return [Reconnect(f"the venue says: {notice.msg}"[:200])]


def _say(operation: str, wanted: Sequence[tuple[str, str]]) -> Send:
    arguments = [{"channel": channel, "instId": symbol} for channel, symbol in wanted]
    return Send(msgspec.json.encode({"op": operation, "args": arguments}).decode())


@dataclass
class OkxFeed:
    """OKX's public channels as a ``ports.Feed``."""

    capabilities: Capabilities

    def session(self, wish: Wish) -> OkxSession:
        """Return a conversation; see ``ports.Feed.session``. This venue is never asked over HTTP."""
        return OkxSession(self.capabilities.venue, wish.symbols, wish.channels, wish.url, self.capabilities.heartbeat_s)

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; the reference reader does all the work, ``fast`` or not."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, OkxReader(), instruments)


OKX = OkxFeed(
    Capabilities(
        venue="OKX",
        completeness="full",
        sequence_rule=SequenceRule.LINK,
        sequence_scope="symbol",
        checksum="crc32",
        heartbeat_s=35.0,  # at the latest the pong to our ping
        ts_event_unit="ms",
        trade_ids_contiguous=False,  # the channel joins matches, whose numbers it then leaves out
        trade_ids_growing=True,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=3.0,
        frame_cap=4 << 20,
        keepalive=Keepalive("ping", 25.0),  # silent for 30 s, the venue hangs up
    )
)
