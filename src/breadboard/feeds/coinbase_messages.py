"""Coinbase Exchange's messages: the reference reader, and the same as tables for the kernel.

Source: docs.cdp.coinbase.com/exchange/websocket-feed. A match carries the MAKER's side; the tape has the taker's.
The venue sends the time ``0001-01-01T00:00:00.000000Z`` where it has none: the message says what it says, but not when.
"""

import re
from typing import Final, Literal

import msgspec

from breadboard.feeds.checked_book import level_of, on_tape
from breadboard.feeds.dialects import Key, Shape, dialect_of
from breadboard.feeds.json_dialect import (
    COUNT,
    MAKER_SIDE,
    PRICE,
    SIZE,
    SKIP,
    SYMBOL,
    TIME,
    TYPE,
    Dialect,
)
from breadboard.feeds.json_tokens import ASKS, BIDS, CHANGES
from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Level,
    Meaning,
    PriceSize,
    comes_first,
    parse_object,
    price_of,
    quote_side,
    refused_document,
    says,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.times import parse_rfc3339, rfc3339_or_absent
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode

BuySell = Literal["buy", "sell"]
IGNORED: Final = frozenset({"received", "open", "done", "change", "activate", "status", "auction", "rfq_match"})
"""Message types that are understood and make no event here (the full and status channels)."""


class Match(msgspec.Struct, frozen=True):
    """``match`` and ``last_match``: one trade; ``side`` is the maker's."""

    product_id: str
    trade_id: Count
    sequence: Count
    price: str
    size: str
    side: BuySell
    time: str


class Ticker(msgspec.Struct, frozen=True):
    """``ticker``: best bid and offer after a trade. Sizes came in 2022; time is absent before the first trade."""

    product_id: str
    best_bid: str
    best_ask: str
    sequence: Count | None = None
    best_bid_size: str | None = None
    best_ask_size: str | None = None
    time: str | None = None


class Book(msgspec.Struct, frozen=True):
    """``snapshot``: the whole book."""

    product_id: str
    bids: list[PriceSize]
    asks: list[PriceSize]
    time: str | None = None


class Changes(msgspec.Struct, frozen=True):
    """``l2update``: changed levels, absolute sizes, no numbers."""

    product_id: str
    changes: list[tuple[BuySell, str, str]]
    time: str | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """``heartbeat``: once a second for each product."""

    product_id: str
    time: str
    sequence: Count | None = None
    last_trade_id: Count | None = None


def read(frame: bytes) -> Meaning:  # noqa: PLR0911 - one line a message type
    """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
    payload = parse_object(frame)
    kind = payload.get("type")
    match kind:
        case "l2update":
            return says(_changes(typed(payload, Changes)))
        case "match" | "last_match":
            return says(_match(typed(payload, Match), Flag.LAST_KNOWN if kind == "last_match" else Flag(0)))
        case "ticker":
            return says(_quote(typed(payload, Ticker)))
        case "snapshot":
            return says(_book(typed(payload, Book), asks_first=comes_first(payload, "asks", "bids")))
        case "heartbeat":
            return says(_heartbeat(typed(payload, Heartbeat)))
        case "subscriptions":
            return CONTROL
        case "error":
            return venue_says(StatusCode.VENUE_ERROR)
        case str() if kind in IGNORED:
            return Meaning(ignored=kind)
    raise unknown_type(kind)


def read_document(head: DocumentHead, _body: bytes) -> Meaning:
    """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
    if head.status != 200:
        return refused_document(None)
    return Meaning(ignored=f"document:{head.tag.partition(':')[0][:40]}")


_PRODUCT: Final = re.compile(rb'"product_id"\s*:\s*"([!#-\[\]-~]{1,64})"')


def lost_book(frame: bytes) -> str | None:
    """Return the product whose book misses a refused frame, "" where that cannot be read, None for no book message.

    Level 2 has no numbers that would show the loss, so the book must not be believed from there on.
    """
    if b'"l2update"' not in frame and b'"snapshot"' not in frame:
        return None
    named = _PRODUCT.search(frame)
    return named.group(1).decode("ascii") if named else ""


def is_readable(frame: bytes) -> bool:
    """Tell whether the reader takes a frame."""
    try:
        read(frame)
    except ValueError:
        return False
    return True


def _match(message: Match, flags: Flag) -> Event:
    size, exponent = trade_size(message.size)
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(message.product_id),
        flags=flags,
        side=Side.SELL if message.side == "buy" else Side.BUY,
        ts_event=parse_rfc3339(message.time),
        sequence=message.sequence,
        trade_id=message.trade_id,
        price=price_of(message.price),
        size=size,
        size_exp=exponent,
    )


def _quote(message: Ticker) -> Event:
    bid, bid_size, bid_exp = _side(message.best_bid, message.best_bid_size)
    ask, ask_size, ask_exp = _side(message.best_ask, message.best_ask_size)
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol_of(message.product_id),
        ts_event=rfc3339_or_absent(message.time),
        sequence=ABSENT if message.sequence is None else message.sequence,
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
    )


def _side(price: str, size: str | None) -> tuple[int, int, int]:
    """Return one side; a product without an order there has an empty text for its price, its size, or both."""
    return quote_side(price, size or None) if price else quote_side("0", None)


def _book(message: Book, *, asks_first: bool) -> Event:
    sides = [(Side.BUY, message.bids), (Side.SELL, message.asks)]
    if asks_first:
        sides.reverse()
    levels = [level_of(side, price, size) for side, rows in sides for price, size in rows]
    return _levels(EventKind.BOOK_SNAPSHOT, message, levels)


def _changes(message: Changes) -> Event:
    levels = [level_of(Side.BUY if side == "buy" else Side.SELL, price, size) for side, price, size in message.changes]
    return _levels(EventKind.BOOK_DELTA, message, levels)


def _levels(kind: EventKind, message: Book | Changes, levels: list[Level]) -> Event:
    """Return a book message's event: a level that the tape cannot hold is told beside it, and costs no book."""
    held, notes = on_tape(levels)
    return Event(
        kind=kind,
        symbol=symbol_of(message.product_id),
        ts_event=rfc3339_or_absent(message.time),
        levels=held,
        notes=notes,
    )


def _heartbeat(message: Heartbeat) -> Event:
    return Event(
        kind=EventKind.STATUS,
        symbol=symbol_of(message.product_id),
        code=StatusCode.HEARTBEAT,
        ts_event=rfc3339_or_absent(message.time),
        sequence=ABSENT if message.sequence is None else message.sequence,
        trade_id=ABSENT if message.last_trade_id is None else message.last_trade_id,
    )


_SKIPPED: Final = (
    *("open_24h", "volume_24h", "low_24h", "high_24h", "volume_30d", "last_size"),
    *("maker_order_id", "taker_order_id"),
)
_KEYS: Final = (
    Key(""),
    Key(""),
    Key("type", text=TYPE),
    Key("product_id", text=SYMBOL),
    Key("time", text=TIME),
    Key("sequence", number=COUNT),
    Key("trade_id", number=COUNT),
    Key("last_trade_id", number=COUNT),
    Key("price", text=PRICE),
    Key("size", text=SIZE),
    Key("side", text=MAKER_SIDE),
    Key("best_bid", text=PRICE),
    Key("best_bid_size", text=SIZE),
    Key("best_ask", text=PRICE),
    Key("best_ask_size", text=SIZE),
    Key("bids", array=BIDS),
    Key("asks", array=ASKS),
    Key("changes", array=CHANGES),
    *(Key(name, text=SKIP) for name in _SKIPPED),
)
WORDS: Final = frozenset({*(key.name for key in _KEYS), "channels", "message", "reason"})
"""Every key of the messages and answers read here, whether it is used or not: another one is news."""
_COMMON: Final = {"instrument": "product_id", "ts_event": "time"}
_MATCH: Final = {"sequence": "sequence", "trade_id": "trade_id", "side": "side"} | {
    "price": "price",
    "size": "size",
    "size_exp": "size",
}
_MATCH_NEED: Final = "product_id:text trade_id:number sequence:number price:text size:text side:text time:text"


def dialect() -> Dialect:
    """Return the kernel's tables."""
    return dialect_of(
        _KEYS,
        [
            Shape(
                EventKind.BOOK_DELTA,
                types=("l2update",),
                need="product_id:text changes:array",
                columns=_COMMON,
            ),
            Shape(
                EventKind.TRADE,
                types=("match",),
                need=_MATCH_NEED,
                columns=_COMMON | _MATCH,
                nonzero="price size",
            ),
            Shape(
                EventKind.TRADE,
                types=("last_match",),
                need=_MATCH_NEED,
                columns=_COMMON | _MATCH,
                nonzero="price size",
                flags=Flag.LAST_KNOWN,
            ),
            Shape(
                EventKind.QUOTE,
                types=("ticker",),
                need="product_id:text best_bid:text best_ask:text",
                columns=_COMMON
                | {"sequence": "sequence", "price": "best_bid", "size": "best_bid_size", "size_exp": "best_bid_size"}
                | {"ask_price": "best_ask", "ask_size": "best_ask_size", "ask_size_exp": "best_ask_size"},
                nonzero="best_bid best_bid_size best_ask best_ask_size",
            ),
            Shape(
                EventKind.BOOK_SNAPSHOT,
                types=("snapshot",),
                need="product_id:text bids:array asks:array",
                columns=_COMMON,
            ),
            Shape(
                EventKind.STATUS,
                types=("heartbeat",),
                need="product_id:text time:text",
                columns=_COMMON | {"sequence": "sequence", "trade_id": "last_trade_id"},
                code=StatusCode.HEARTBEAT,
            ),
        ],
    )
