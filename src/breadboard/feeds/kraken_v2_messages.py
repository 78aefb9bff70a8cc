"""Kraken's WebSocket v2: objects with a ``channel``, or the answer to a ``method``.

Source: docs.kraken.com/api/docs/websocket-v2 and its guide to the book checksum. Prices and sizes are JSON numbers
whose digits go into the checksum, trailing zeros too: they are taken as text, never through a float. The side of a
trade is the taker's; trade ids are contiguous a pair.
"""

import re
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.answers import best, converted, subscription, unasked
from breadboard.feeds.checked_book import BookMemory, compared, kraken_sum, kraken_text, level_of, on_tape
from breadboard.feeds.kraken_messages import DEPTHS, system_says
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Level,
    Meaning,
    Refused,
    digits_of,
    parse_object,
    price_of,
    says,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import REASON_LENGTH, read_rows, symbol_in, unread
from breadboard.feeds.times import parse_rfc3339, rfc3339_or_absent
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode

IGNORED: Final = frozenset({"ohlc", "instrument", "level3", "executions", "balances"})
"""Channels that are understood and make no event here."""
_Row = dict[str, Any]


class _Message(msgspec.Struct, frozen=True):
    """A message of the channels ``book``, ``trade`` and ``ticker``."""

    type: Literal["snapshot", "update"]
    data: list[Any]


class _Book(msgspec.Struct, frozen=True):
    """``book``: levels of one pair, and the checksum of the book after them."""

    symbol: str
    bids: list[_Row]
    asks: list[_Row]
    checksum: Count
    timestamp: str | None = None


class _Trade(msgspec.Struct, frozen=True):
    """``trade``: one match; ``price`` and ``qty`` are numbers."""

    symbol: str
    side: Literal["buy", "sell"]
    price: Any
    qty: Any
    trade_id: Count
    timestamp: str
    ord_type: str | None = None


class _Ticker(msgspec.Struct, frozen=True):
    """``ticker``: best bid and offer, numbers; the time came in 2025.

    A pair that has no quote yet has zeros throughout, and the time ``1970-01-01T00:00:00.000000Z``.
    """

    symbol: str
    bid: Any
    bid_qty: Any
    ask: Any
    ask_qty: Any
    timestamp: str | None = None


class _Result(msgspec.Struct, frozen=True):
    """What was subscribed to, as the venue understood it."""

    channel: str
    symbol: str | None = None
    depth: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    """The answer to ``subscribe`` and ``unsubscribe``; a failure names the symbol beside the error."""

    success: bool
    result: _Result | None = None
    symbol: str | None = None
    error: str = ""


class KrakenV2Reader:
    """A ``readers.FrameReader``: remembers the books that checksums are compared with, and their depths."""

    words: ClassVar = frozenset(
        {
            *("channel", "type", "data", "method", "result", "success", "error", "warnings", "req_id", "time_in"),
            *("time_out", "symbol", "snapshot", "depth", "event_trigger", "version", "system", "api_version"),
            *("connection_id", "bids", "asks", "price", "qty", "checksum", "timestamp", "side", "ord_type", "trade_id"),
            *("bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high", "change", "change_pct"),
            "trades",  # seen in tickers of 2026; what it counts is not verified
        }
    )

    def __init__(self) -> None:
        self.memory = BookMemory()

    def read(self, frame: bytes, at: At) -> Meaning:  # noqa: PLR0911 - one line a channel
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        said = parse_object(frame, exact=True)
        channel = said.get("channel")
        match channel:
            case "book":
                return self._books(typed(said, _Message), at)
            case "trade":
                message = typed(said, _Message)
                flags = Flag.LAST_KNOWN if message.type == "snapshot" else Flag(0)
                return read_rows("trade", message.data, lambda row: _trade(converted(row, _Trade), flags), _whose, at)
            case "ticker":
                message = typed(said, _Message)
                flags = Flag.SNAPSHOT if message.type == "snapshot" else Flag(0)
                return read_rows("quote", message.data, lambda row: _quote(converted(row, _Ticker), flags), _whose, at)
            case "heartbeat":
                return venue_says(StatusCode.HEARTBEAT)
            case "status":
                return _status(said)
            case str() if channel in IGNORED:
                return Meaning(ignored=channel)
            case None:
                return self._answer(said, at)
        raise unknown_type(channel)

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
        return unasked(head)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return the pair whose book misses a refused frame; see ``readers.FrameReader``."""
        if b'"book"' not in frame or b'"method"' in frame:
            return None
        named = _PAIR.search(frame)
        symbol = named.group(1).decode("ascii") if named else ""
        self.memory.lose(symbol, at)
        return symbol

    def snapshot(self) -> bytes:
        """Return the books as bytes."""
        return self.memory.snapshot()

    def restore(self, state: bytes) -> None:
        """Go back to the books that ``snapshot`` returned."""
        self.memory.restore(state)

    def _answer(self, said: dict[str, Any], at: At) -> Meaning:
        method = said.get("method")
        if method == "pong":
            return CONTROL
        if method not in ("subscribe", "unsubscribe"):
            if said.get("success") is False or (method is None and "error" in said):
                return venue_says(StatusCode.VENUE_ERROR)
            raise unknown_type(method)
        answer = typed(said, _Answer)
        if not answer.success:
            return subscription(StatusCode.REFUSED, answer.symbol, answer.error)
        result = answer.result
        if method == "unsubscribe" or result is None:
            return CONTROL
        if result.channel == "book" and result.symbol is not None and result.depth is not None:
            # The answer comes before the snapshot, which may be shorter than the depth.
            self.memory.book(symbol_of(result.symbol), at).depth = result.depth if result.depth in DEPTHS else 0
        return subscription(StatusCode.SUBSCRIBED, result.symbol)

    def _books(self, message: _Message, at: At) -> Meaning:
        begins = message.type == "snapshot"
        if len(message.data) == 1:
            return self._book(converted(message.data[0], _Book), begins, at)
        found = [self._one_of_many(row, begins, at) for row in message.data]
        refused = "; ".join(meaning.refused for meaning in found if meaning.refused is not None)
        checks = [meaning.checked for meaning in found if meaning.checked is not None]
        events = tuple(event for meaning in found for event in meaning.events)
        return Meaning(events, checked=all(checks) if checks else None, refused=refused[:REASON_LENGTH] or None)

    def _one_of_many(self, row: object, begins: bool, at: At) -> Meaning:
        """Return what one of several books in a message means; one that cannot be read does not cost the others."""
        try:
            return self._book(converted(row, _Book), begins, at)
        except ValueError as error:
            symbol = _whose(row)
            self.memory.lose(symbol or "", at)
            return unread("book", symbol, error, at)

    def _book(self, said: _Book, begins: bool, at: At) -> Meaning:
        symbol, ts_event = symbol_of(said.symbol), rfc3339_or_absent(said.timestamp)
        levels: list[Level] = []
        texts: list[str] = []
        for side, rows in ((Side.SELL, said.asks), (Side.BUY, said.bids)):
            for row in rows:
                price, size = _number(row, "price"), _number(row, "qty")
                levels.append(level_of(side, price, size))
                texts.append(kraken_text(price, size))
        book = self.memory.book(symbol, at)
        if begins:
            book.begin()
            # More levels than were thought to be its depth: the guess, or the answer, was of another.
            book.depth, book.good_ts = max(book.depth, _depth(said)), at.ts_recv
            levels = book.fill(levels, texts)
        elif book.ready:
            levels += book.apply(levels, texts)
        kind = EventKind.BOOK_SNAPSHOT if begins else EventKind.BOOK_DELTA
        held, notes = on_tape(levels)
        event = Event(kind=kind, symbol=symbol, ts_event=ts_event, levels=held, notes=notes)
        # A book without a snapshot is not believed by the engine either: nothing to compare.
        return compared(event, book, kraken_sum(book), said.checksum, at) if book.ready else says(event)


_PAIR: Final = re.compile(rb'"symbol"\s*:\s*"([!#-\[\]-~]{1,64})"')


def _depth(said: _Book) -> int:
    """Return the depth that a snapshot betrays, told in an answer or not: the least that holds it; 0 where none does.

    A longer side fills its depth but in the thinnest books, where too small a guess shows as a wrong checksum.
    """
    longest = max(len(said.asks), len(said.bids))
    return next((depth for depth in DEPTHS if longest <= depth), 0)


def _number(row: _Row, name: str) -> str:
    if name not in row:
        raise Refused(f"Object missing required field `{name}`")
    return digits_of(row[name])


def _whose(row: object) -> str | None:
    return symbol_in(row, "symbol")


def _trade(said: _Trade, flags: Flag) -> Event:
    size, exponent = trade_size(digits_of(said.qty))
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(said.symbol),
        flags=flags,
        side=Side.BUY if said.side == "buy" else Side.SELL,
        ts_event=parse_rfc3339(said.timestamp),
        trade_id=said.trade_id,
        price=price_of(digits_of(said.price)),
        size=size,
        size_exp=exponent,
        notes={} if said.ord_type is None else {"order": said.ord_type},
    )


def _quote(said: _Ticker, flags: Flag) -> Event:
    bid = digits_of(said.bid), digits_of(said.bid_qty)
    ask = digits_of(said.ask), digits_of(said.ask_qty)
    return best(symbol_of(said.symbol), bid, ask, rfc3339_or_absent(said.timestamp), flags)


def _status(said: dict[str, Any]) -> Meaning:
    data = converted(said.get("data"), list[dict[str, Any]])
    if not data:
        raise Refused("a status without its state")
    return system_says(data[0].get("system"))
