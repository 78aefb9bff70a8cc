"""OKX v5's public messages: pushes ``{"arg","data"}``, and answers with an ``event``.

Source: www.okx.com/docs-v5. The side of a trade is the taker's; a push of the channel ``trades`` may join several
matches of one order at one price (``count``). Book numbers chain: ``prevSeqId`` is the book's last ``seqId``, also when
``seqId`` becomes smaller once after maintenance, or stays the same because nothing changed for a minute. Captures from
before 2023 have no numbers; since 2026 the checksum is sent as 0, which means that there is none. Every channel of
books has numbers of its own: of several, the deepest is the book.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.answers import best, converted, subscription, unasked
from breadboard.feeds.checked_book import BookMemory, CheckedBook, compared, level_of, okx_sum, okx_text, on_tape
from breadboard.feeds.deepest_book import DeepestBook
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Event,
    Level,
    Meaning,
    Refused,
    parse_object,
    price_of,
    says,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import read_rows, symbol_in
from breadboard.feeds.times import parse_epoch
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode

BOOKS: Final = {"books50-l2-tbt": 50, "books": 400, "books-l2-tbt": 401}
"""Channels of a snapshot and updates, and their ranks: the depth, and of two as deep the one that tells each change.

Levels that leave the depth are removed by the venue itself."""
IGNORED: Final = frozenset(
    {"books5", "bbo-tbt", "trades-all", "instruments", "open-interest", "funding-rate", "price-limit", "mark-price"}
    | {"index-tickers", "estimated-price", "opt-summary", "status", "liquidation-orders", "option-trades"}
    | {"block-tickers", "adl-warning", "books-elp", "books-elp-all", "books-rpi"}
    | {"call-auction-details", "event-contract-markets", "economic-calendar"}
    | {"public-block-trades", "public-struc-block-trades"}
    | {"sprd-bbo-tbt", "sprd-books5", "sprd-books-l2-tbt", "sprd-public-trades", "sprd-tickers"}
)
"""Channels that are understood and make no event here.

``books-elp``, ``books-elp-all`` and ``books-rpi`` are books with orders for retail clients; block trades are told a
quarter of an hour late; ``sprd-`` is of spreads, which are no instruments here."""
CANDLES: Final = ("candle", "index-candle", "mark-price-candle", "sprd-candle")
"""How the names of channels begin whose rows are lists of texts, and no objects."""
NO_INSTRUMENT: Final = frozenset({"60018"})
"""Errors that refuse one subscription: no such instrument or channel."""
UPGRADE: Final = "64008"
"""The notice that this connection will soon be closed for an upgrade of the service."""
_Number = int | None
_Levels = list[list[str]]


class _Arg(msgspec.Struct, frozen=True):
    """What a push or an answer speaks of."""

    channel: str
    instId: str | None = None  # noqa: N815 - the venue's spelling


class _Push(msgspec.Struct, frozen=True):
    """A push of a channel that is read here."""

    arg: _Arg
    data: list[Any]
    action: Literal["snapshot", "update"] | None = None


class _Book(msgspec.Struct, frozen=True):
    """``books``: levels ``[price, size, deprecated, orders]`` after this message."""

    asks: _Levels
    bids: _Levels
    ts: str
    checksum: int | None = 0
    seqId: _Number = None  # noqa: N815 - the venue's spelling
    prevSeqId: _Number = None  # noqa: N815 - the venue's spelling


class _Trade(msgspec.Struct, frozen=True):
    """``trades``: a match, or ``count`` of them."""

    instId: str  # noqa: N815 - the venue's spelling
    tradeId: str  # noqa: N815 - the venue's spelling
    px: str
    sz: str
    side: Literal["buy", "sell"]
    ts: str
    count: str = "1"
    seqId: _Number = None  # noqa: N815 - the venue's spelling


class _Ticker(msgspec.Struct, frozen=True):
    """``tickers``: best bid and offer; a side without orders is an empty text."""

    instId: str  # noqa: N815 - the venue's spelling
    askPx: str  # noqa: N815 - the venue's spelling
    askSz: str  # noqa: N815 - the venue's spelling
    bidPx: str  # noqa: N815 - the venue's spelling
    bidSz: str  # noqa: N815 - the venue's spelling
    ts: str


class _Answer(msgspec.Struct, frozen=True):
    """An answer or a notice."""

    event: str
    arg: _Arg | None = None
    code: str = ""
    msg: str = ""


class OkxReader:
    """A ``readers.FrameReader``: remembers the books that checksums are compared with, their channels and numbers."""

    words: ClassVar = frozenset(
        {
            *("arg", "channel", "instId", "instType", "instFamily", "uly", "action", "data", "event", "code", "msg"),
            *(
                "id",
                "connId",
                "connCount",
                "asks",
                "bids",
                "ts",
                "checksum",
                "seqId",
                "prevSeqId",
                "tradeId",
                "px",
                "sz",
            ),
            *("side", "count", "source", "last", "lastSz", "askPx", "askSz", "bidPx", "bidSz", "open24h", "high24h"),
            *("low24h", "sodUtc0", "sodUtc8", "volCcy24h", "vol24h"),
        }
    )

    def __init__(self) -> None:
        self.memory = BookMemory()
        self.deepest = DeepestBook()

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        if frame == b"pong":
            return CONTROL
        said = parse_object(frame)
        if "event" in said:
            return self._event(typed(said, _Answer), at)
        if "arg" not in said:
            raise unknown_type(None)
        channel = converted(said["arg"], _Arg).channel
        if channel in IGNORED or channel.startswith(CANDLES):
            return Meaning(ignored=channel)
        push = typed(said, _Push)
        if channel in BOOKS:
            return self._books(push, at)
        if channel == "trades":
            return read_rows("trade", push.data, lambda row: _trade(converted(row, _Trade)), _whose(push.arg), at)
        if channel == "tickers":
            return read_rows("quote", push.data, lambda row: _quote(converted(row, _Ticker)), _whose(push.arg), at)
        raise unknown_type(channel)

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
        return unasked(head)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return the instrument whose book misses a refused frame; see ``readers.FrameReader``."""
        if b'"books' not in frame or b'"event"' in frame or _OTHER_BOOK.search(frame):
            return None
        named = _INSTRUMENT.search(frame)
        symbol, channel = named.group(1).decode("ascii") if named else "", _CHANNEL.search(frame)
        if channel is not None and self.deepest.is_another(symbol, channel.group(1).decode("ascii"), at):
            return None
        self.memory.lose(symbol, at)
        return symbol

    def snapshot(self) -> bytes:
        """Return the books and their channels as bytes."""
        return msgspec.msgpack.encode((self.memory.snapshot(), self.deepest.snapshot()))

    def restore(self, state: bytes) -> None:
        """Go back to the books that ``snapshot`` returned."""
        books, channels = msgspec.msgpack.decode(state, type=tuple[bytes, bytes]) if state else (b"", b"")
        self.memory.restore(books)
        self.deepest.restore(channels)

    def _event(self, said: _Answer, at: At) -> Meaning:
        """Return what an answer means; a book that is unsubscribed from is its instrument's no longer."""
        if said.event == "unsubscribe" and said.arg is not None and said.arg.instId is not None:
            self.deepest.end(said.arg.instId, said.arg.channel, at)
        return _event(said)

    def _books(self, push: _Push, at: At) -> Meaning:
        if push.arg.instId is None or push.action is None or len(push.data) != 1:
            raise Refused("a book without its instrument, its action, or of several parts")
        symbol, said = symbol_of(push.arg.instId), converted(push.data[0], _Book)
        number, before = _number(said.seqId), _number(said.prevSeqId)
        begins = push.action == "snapshot"
        levels: list[Level] = []
        texts: list[str] = []
        for side, rows in ((Side.SELL, said.asks), (Side.BUY, said.bids)):
            for row in rows:
                if len(row) < 2:
                    raise Refused(f"a level of {len(row)} elements")
                levels.append(level_of(side, row[0], row[1]))
                texts.append(okx_text(row[0], row[1]))
        channel = push.arg.channel
        other = self.deepest.beside(symbol, channel, BOOKS[channel], at, begins=begins)
        if other is not None:
            return Meaning(ignored=other)
        held, notes = on_tape(levels)
        event = Event(
            kind=EventKind.BOOK_SNAPSHOT if begins else EventKind.BOOK_DELTA,
            symbol=symbol,
            ts_event=_time(said.ts),
            sequence=number,
            sequence_prev=ABSENT if begins else before,
            levels=held,
            notes=notes,
        )
        book = self.memory.book(symbol, at)
        if begins:
            book.begin()
            book.good_ts = at.ts_recv
        elif not _follows(book, before, number):
            return says(event)
        book.last = number
        book.apply(levels, texts)
        return compared(event, book, okx_sum(book), said.checksum, at) if said.checksum else says(event)


_CHANNEL: Final = re.compile(rb'"(books[0-9a-z-]*)"')
_OTHER_BOOK: Final = re.compile(rb'"books(?:5"|-elp|-rpi)')
_INSTRUMENT: Final = re.compile(rb'"instId"\s*:\s*"([!#-\[\]-~]{1,64})"')
_NAMED: Final = re.compile(r"instId:([A-Za-z0-9_-]{1,64})")


def _follows(book: CheckedBook, before: int, number: int) -> bool:
    """Return whether an update can be applied; one that breaks the chain ends the belief in its book (as in LINK).

    The last one, sent once more, changes nothing.
    """
    if book.ready and book.last not in (before, number):
        book.lose()
    return book.ready


def _whose(arg: _Arg) -> Callable[[Any], str | None]:
    """Return what names the symbol of a row that cannot be read: what was subscribed to says it best."""
    subscribed = symbol_in({"instId": arg.instId}, "instId")
    return lambda row: subscribed or symbol_in(row, "instId")


def _number(value: int | None) -> int:
    """Return a book number; -1 (before a snapshot there is none) and a missing one are absent."""
    if value is None or value == -1:
        return ABSENT
    if not 0 <= value <= INT64_MAX:
        raise Refused(f"an impossible book number: {value}")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refused(f"not a count: {text[:40]!r}")
    return int(text)


def _time(text: str) -> int:
    return parse_epoch(_count(text))


def _trade(said: _Trade) -> Event:
    """Return a trade. Joined matches are no AGGREGATED trade: that flag is for a second telling of the same matches."""
    size, exponent = trade_size(said.sz)
    matches = _count(said.count)
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(said.instId),
        side=Side.BUY if said.side == "buy" else Side.SELL,
        ts_event=_time(said.ts),
        sequence=_number(said.seqId),
        trade_id=_count(said.tradeId),
        price=price_of(said.px),
        size=size,
        size_exp=exponent,
        notes={"matches": matches} if matches > 1 else {},
    )


def _quote(said: _Ticker) -> Event:
    bid, ask = ((price or "0", size or "0") for price, size in ((said.bidPx, said.bidSz), (said.askPx, said.askSz)))
    return best(symbol_of(said.instId), bid, ask, _time(said.ts), Flag(0))


def _event(said: _Answer) -> Meaning:
    match said.event:
        case "subscribe":
            return subscription(StatusCode.SUBSCRIBED, said.arg.instId if said.arg else None)
        case "unsubscribe" | "login" | "channel-conn-count":
            return CONTROL
        case "notice":
            return venue_says(StatusCode.MAINTENANCE)
        case "error" | "channel-conn-count-error":
            symbol = _NAMED.search(said.msg)
            if said.code in NO_INSTRUMENT and symbol is not None:
                return subscription(StatusCode.REFUSED, symbol.group(1), said.msg)
            return subscription(StatusCode.VENUE_ERROR, None, f"{said.code} {said.msg}".strip())
    raise unknown_type(said.event)
