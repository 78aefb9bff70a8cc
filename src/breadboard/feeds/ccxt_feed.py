"""The long tail of venues, through ccxt: `ccxt-kucoin`, `ccxt-gate`, … (extra `breadboard[ccxt]`).

What ccxt hands on is not what the venue sent: it parsed the numbers (through a float), rebuilt the book and may have
conflated it, and says nothing of what it missed. So a frame here is ccxt's own answer as JSON, its ``info`` (the
venue's fields) included, and the guarantees are lower: see ``capabilities``. A venue with a feed of its own should be
recorded by that.

Source: docs.ccxt.com, "unified API": structures of trade, order book and ticker. ``side`` of a public trade is the
side of the taker.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from breadboard.conversations import Request, Send
from breadboard.feeds.readers import At, ReadingDecoder
from breadboard.feeds.reading import (
    CONTROL,
    Event,
    Level,
    Meaning,
    Refused,
    parse_numbers_as_text,
    price_of,
    quote_side,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
)
from breadboard.feeds.rows import read_rows
from breadboard.feeds.times import parse_epoch
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP, parse_size
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, SequenceRule, Side, StatusCode
from breadboard.ports import Capabilities, Wish

PREFIX: Final = "ccxt-"
CHANNELS: Final = {"trade": "trades", "quote": "ticker", "book": "orderbook"}
_NAME: Final = re.compile(r"[a-z0-9]{1,40}")
_SYMBOL: Final = re.compile(r"[A-Za-z0-9.$]{1,30}/[A-Za-z0-9.$]{1,30}(?::[A-Za-z0-9.$-]{1,30})?")

Number = Annotated[str, msgspec.Meta(max_length=64)]
"""A JSON number, as its text."""


class Trade(msgspec.Struct, frozen=True):
    """A ccxt trade."""

    price: Number
    amount: Number
    side: Literal["buy", "sell"] | None = None
    timestamp: Number | None = None
    id: str | None = None


class Ticker(msgspec.Struct, frozen=True):
    """A ccxt ticker: best bid and offer where the venue's ticker has them."""

    bid: Number | None = None
    bid_volume: Number | None = msgspec.field(name="bidVolume", default=None)
    ask: Number | None = None
    ask_volume: Number | None = msgspec.field(name="askVolume", default=None)
    timestamp: Number | None = None


class OrderBook(msgspec.Struct, frozen=True):
    """A ccxt order book: the whole of it, as ccxt rebuilt it."""

    bids: list[list[Number | None]]
    asks: list[list[Number | None]]
    timestamp: Number | None = None
    nonce: Number | None = None


_TRADE: Final = frozenset(
    {
        *("info", "id", "timestamp", "datetime", "symbol", "order", "type", "side", "takerOrMaker", "price"),
        *("amount", "cost", "fee", "fees"),
    }
)
_TICKER: Final = frozenset(
    {
        *("info", "symbol", "timestamp", "datetime", "high", "low", "bid", "bidVolume", "ask", "askVolume", "vwap"),
        *("open", "close", "last", "previousClose", "change", "percentage", "average", "quoteVolume", "baseVolume"),
        *("markPrice", "indexPrice"),
    }
)
_BOOK: Final = frozenset({"info", "bids", "asks", "symbol", "timestamp", "datetime", "nonce"})
_KNOWN: Final = {"trades": _TRADE, "ticker": _TICKER, "orderbook": _BOOK}
"""What ccxt's structures have, by our channel."""
_ENVELOPE: Final = frozenset({"channel", "symbol", "data", "exchange", "ccxt"})


class CcxtReader:
    """A ``readers.FrameReader`` without a memory."""

    words: ClassVar[frozenset[str]] = frozenset()
    """The venue's own fields are among ccxt's (``info``), and may be named as they like."""

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what one answer of ccxt means."""
        payload = parse_numbers_as_text(frame)
        meaning = self._read(payload, at)
        unknown = _unknown(payload)
        return msgspec.structs.replace(meaning, unknown=unknown) if unknown else meaning

    def _read(self, payload: Mapping[str, Any], at: At) -> Meaning:
        channel, symbol = payload.get("channel"), payload.get("symbol")
        if channel == "hello":
            return CONTROL
        if not isinstance(symbol, str):
            raise Refused("an answer without a symbol")
        symbol = symbol_of(symbol)
        match channel:
            case "trades":
                trades = payload.get("data")
                if not isinstance(trades, list):
                    raise Refused("trades that are no list")
                return read_rows("trade", trades, lambda row: _trade(symbol, _object(row)), symbol, at)
            case "ticker":
                return read_rows("quote", [payload.get("data")], lambda row: _quote(symbol, _object(row)), symbol, at)
            case "orderbook":
                return Meaning((_book(symbol, _object(payload.get("data"))),))
            case "error":
                said = {"error": str(payload.get("data"))[:200]}
                event = Event(kind=EventKind.STATUS, symbol=symbol, code=StatusCode.REFUSED, notes=said)
                return Meaning((event,), control=True)
        raise unknown_type(channel)

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a document means: ccxt fetches by itself, so there are none of ours."""
        return Meaning(ignored=f"document:{head.tag[:40]}")

    def lost_book(self, frame: bytes, _at: At) -> str | None:
        """Say that no book is lost for good: the next answer brings all of it."""
        del frame
        return None

    def snapshot(self) -> bytes:
        """Return no bytes: nothing is remembered."""
        return b""

    def restore(self, state: bytes) -> None:
        """Take back nothing."""


@dataclass(slots=True)
class CcxtSession:
    """A ``conversations.Session`` with ``capture.ccxt_source``: it says what to watch, a line each."""

    venue: str
    url: str
    symbols: Sequence[str]
    names: Sequence[str]

    def on_connect(self) -> list[Request]:
        """Ask for every symbol's channels."""
        return [Send(json.dumps({"watch": name, "symbol": symbol})) for symbol in self.symbols for name in self.names]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:  # noqa: ARG002 - the port has it
        """Return nothing: ccxt keeps its own conversation."""
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, _now_s: float) -> list[Request]:
        """Return nothing: nothing here waits for time."""
        return []


@dataclass
class CcxtFeed:
    """One of ccxt's venues as a ``ports.Feed``."""

    exchange: str
    capabilities: Capabilities

    def session(self, wish: Wish) -> CcxtSession:
        """Return a conversation; see ``ports.Feed.session``. ``url`` and ``rest_url`` replace the venue's hosts."""
        venue = self.capabilities.venue
        places = "&".join(f"{key}={place}" for key, place in (("ws", wish.url), ("rest", wish.rest_url)) if place)
        return CcxtSession(
            venue,
            f"ccxt://{self.exchange}" + (f"?{places}" if places else ""),
            wanted_symbols(venue, wish.symbols, pattern=_SYMBOL, example="BTC/USDT"),
            wanted_channels(venue, wish.channels, CHANNELS),
        )

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; there is one way to read these frames."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, CcxtReader(), instruments, stamped=True)


@cache
def ccxt_feed(exchange: str) -> CcxtFeed:
    """Return the feed of a ccxt exchange id. Raises KeyError for what cannot be one."""
    if not _NAME.fullmatch(exchange):
        raise KeyError(exchange)
    return CcxtFeed(
        exchange,
        Capabilities(
            venue=f"CCXT_{exchange.upper()}",
            completeness="conflated",  # ccxt may join updates of a book, and does not say what it missed
            sequence_rule=SequenceRule.NONE,
            sequence_scope="none",
            checksum="none",
            heartbeat_s=60.0,
            ts_event_unit="ms",
            trade_ids_contiguous=False,
            connection_lifetime_s=None,
            max_streams_per_connection=300,
            client_messages_per_s=20.0,
            frame_cap=4 << 20,
        ),
    )


def _unknown(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names in an answer that ccxt's structures do not have."""
    found = payload.keys() - _ENVELOPE
    known, data = _KNOWN.get(payload["channel"], frozenset()), payload.get("data")
    for each in data if isinstance(data, list) else (data,):
        found |= each.keys() - known if isinstance(each, dict) else set()
    return tuple(sorted(found))


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"not a ccxt structure but {type(value).__name__}")
    return value


def _time(text: str | None) -> int:
    if text is None:
        return ABSENT
    if not text.isdecimal():
        raise Refused(f"not a time in ms: {text[:40]!r}")
    return parse_epoch(int(text))


def _trade(symbol: str, payload: Mapping[str, Any]) -> Event:
    trade = typed(dict(payload), Trade)
    size, exponent = trade_size(trade.amount)
    known = trade.id is not None and trade.id.isdecimal() and len(trade.id) < 20 and int(trade.id) <= INT64_MAX
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol,
        side={"buy": Side.BUY, "sell": Side.SELL, None: Side.NONE}[trade.side],
        ts_event=_time(trade.timestamp),
        trade_id=int(trade.id) if known and trade.id else ABSENT,
        price=price_of(trade.price),
        size=size,
        size_exp=exponent,
        notes={} if known or trade.id is None else {"id": trade.id},
    )


def _quote(symbol: str, payload: Mapping[str, Any]) -> Event:
    ticker = typed(dict(payload), Ticker)
    absent = (ABSENT, ABSENT, SIZE_EXP)
    bid, bid_size, bid_exp = absent if ticker.bid is None else quote_side(ticker.bid, ticker.bid_volume)
    ask, ask_size, ask_exp = absent if ticker.ask is None else quote_side(ticker.ask, ticker.ask_volume)
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol,
        ts_event=_time(ticker.timestamp),
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
    )


def _book(symbol: str, payload: Mapping[str, Any]) -> Event:
    book = typed(dict(payload), OrderBook)
    nonce = book.nonce if book.nonce is not None and book.nonce.isdecimal() else None
    return Event(
        kind=EventKind.BOOK_SNAPSHOT,
        symbol=symbol,
        ts_event=_time(book.timestamp),
        sequence=min(int(nonce), INT64_MAX) if nonce is not None else ABSENT,
        levels=(*_levels(Side.BUY, book.bids), *_levels(Side.SELL, book.asks)),
    )


def _levels(side: Side, levels: Sequence[Sequence[str | None]]) -> tuple[Level, ...]:
    found = []
    for level in levels:
        if len(level) < 2 or level[0] is None or level[1] is None:
            raise Refused("a level without a price or a size")
        found.append((side, price_of(level[0]), *parse_size(level[1])))
    return tuple(found)
