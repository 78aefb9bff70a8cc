"""Binance's messages, spot and futures: the reference reader; ``binance_dialect`` says the same to the kernel.

Source: binance/binance-spot-api-docs ``web-socket-streams.md``, and the USD-M and COIN-M futures documentation.
``ts_event`` is the matching engine's time ``T`` where a message has it, else the event time ``E``; a spot bookTicker
has neither and its time is absent.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import field

from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Meaning,
    PriceSize,
    Refused,
    comes_first,
    levels_of,
    parse_json,
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
from breadboard.feeds.times import parse_epoch
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode

PARTIAL_DEPTH: Final = re.compile(r"@depth\d")
RETAIL_DEPTH: Final = "@rpiDepth"
"""USD-M's book with orders for retail clients in it, whose changes have the same form and a chain of their own."""
IGNORED: Final = frozenset(
    {
        *("kline", "continuous_kline", "indexPrice_kline", "markPrice_kline", "24hrTicker", "24hrMiniTicker"),
        *("1hTicker", "4hTicker", "1dTicker", "avgPrice", "markPriceUpdate", "indexPriceUpdate", "forceOrder"),
        *("compositeIndex", "contractInfo", "assetIndexUpdate", "referencePrice", "blockTrade"),
        *("EquityUpdate", "CommodityUpdate"),
    }
)
"""Message types that are understood and make no event here.

A block trade is agreed on beside the book, and numbered by itself. The last two are what the USD-M stream
``tradingSession`` says of the markets under its contracts.
"""


class Depth(msgspec.Struct, frozen=True):
    """``depthUpdate``: changed levels, absolute sizes."""

    symbol: str = field(name="s")
    event_time: Count = field(name="E")
    first: Count = field(name="U")
    last: Count = field(name="u")
    bids: list[PriceSize] = field(name="b")
    asks: list[PriceSize] = field(name="a")
    time: Count | None = field(name="T", default=None)
    previous: Count | None = field(name="pu", default=None)


class Trade(msgspec.Struct, frozen=True):
    """``trade``: one match. Futures say in ``X`` what kind it is."""

    symbol: str = field(name="s")
    trade_id: Count = field(name="t")
    price: str = field(name="p")
    size: str = field(name="q")
    time: Count = field(name="T")
    buyer_is_maker: bool = field(name="m")
    event_time: Count | None = field(name="E", default=None)
    kind: str = field(name="X", default="")


class AggTrade(msgspec.Struct, frozen=True):
    """``aggTrade``: matches of one taker order at one price."""

    symbol: str = field(name="s")
    trade_id: Count = field(name="a")
    price: str = field(name="p")
    size: str = field(name="q")
    time: Count = field(name="T")
    buyer_is_maker: bool = field(name="m")
    event_time: Count | None = field(name="E", default=None)


class BookTicker(msgspec.Struct, frozen=True):
    """``bookTicker``: best bid and offer; spot sends no type and no time."""

    symbol: str = field(name="s")
    update_id: Count = field(name="u")
    bid: str = field(name="b")
    bid_size: str = field(name="B")
    ask: str = field(name="a")
    ask_size: str = field(name="A")
    time: Count | None = field(name="T", default=None)
    event_time: Count | None = field(name="E", default=None)


class Snapshot(msgspec.Struct, frozen=True):
    """The REST depth answer, and a spot partial depth frame."""

    update_id: Count = field(name="lastUpdateId")
    bids: list[PriceSize]
    asks: list[PriceSize]
    time: Count | None = field(name="T", default=None)
    event_time: Count | None = field(name="E", default=None)


def reader(*, chained: bool) -> Callable[[bytes], Meaning]:
    """Return the reader of frames. ``chained``: depth must carry ``pu``, as futures do."""

    def read(frame: bytes) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        payload = parse_json(frame)
        stream = ""
        if isinstance(payload, dict) and "stream" in payload and "data" in payload:
            stream, payload = payload["stream"], payload["data"]
            if not isinstance(stream, str) or not isinstance(payload, dict | list):
                raise Refused("an envelope whose stream is not text or whose data is no message")
        if isinstance(payload, list):
            return _array(payload, stream)
        if not isinstance(payload, dict):
            raise Refused(f"not a JSON object but {type(payload).__name__}")
        return _message(payload, stream, chained=chained)

    return read


def _array(rows: list[Any], stream: str) -> Meaning:
    """Return what a stream ``!…@arr`` means: messages of many symbols, all of one kind, which make no event here.

    Where no symbol has any there are none, and the stream's name is all that is known.
    """
    if stream and not rows:
        return Meaning(ignored=stream[:40])
    kinds = [row.get("e") if isinstance(row, dict) else None for row in rows]
    if not kinds or not isinstance(kinds[0], str) or kinds[0] not in IGNORED or kinds.count(kinds[0]) != len(kinds):
        raise Refused("an array that is not of one kind of message without events")
    return Meaning(ignored=kinds[0])


def _message(payload: dict[str, Any], stream: str, *, chained: bool) -> Meaning:  # noqa: PLR0911 - one line a message type
    kind = payload.get("e", "bookTicker" if {"u", "s", "b", "B", "a", "A"} <= payload.keys() else None)
    match kind:
        case "depthUpdate" if RETAIL_DEPTH in stream:
            return Meaning(ignored=RETAIL_DEPTH[1:])
        case "depthUpdate":
            top = PARTIAL_DEPTH.search(stream)  # continues nothing, and may say so: ``"pu":-1``
            told = _pairs(payload, "b", "a") | ({"pu": None} if top else {})
            asks_first = comes_first(payload, "a", "b")
            event = _depth(typed(told, Depth), asks_first=asks_first, chained=chained and not top)
            return says(_partial(event) if top else event)
        case "trade":
            return _trade(typed(payload, Trade))
        case "aggTrade":
            return says(_trade_event(typed(payload, AggTrade), Flag.AGGREGATED))
        case "bookTicker":
            return says(_quote(typed(payload, BookTicker)))
        case "serverShutdown":
            return venue_says(StatusCode.MAINTENANCE)
        case str() if kind in IGNORED:
            return Meaning(ignored=kind)
        case None:
            return _untyped(payload, stream)
    raise unknown_type(kind)


def _untyped(payload: dict[str, Any], stream: str) -> Meaning:
    """Return what a message without a type means: a spot partial book, or an answer to something we said."""
    if "lastUpdateId" in payload:
        symbol = stream.partition("@")[0].upper()
        if not symbol:
            raise Refused("a partial book that does not say its symbol")
        return says(_partial(_snapshot(payload, symbol)))
    if "error" in payload or ("code" in payload and "msg" in payload):
        return venue_says(StatusCode.VENUE_ERROR)
    if "result" in payload and "id" in payload:
        return CONTROL
    raise Refused(f"a message without a type, with the keys {' '.join(sorted(payload))[:80]!r}")


def read_document(head: DocumentHead, body: bytes) -> Meaning:
    """Return what a fetched document means: a book snapshot under the tag ``depth:SYMBOL``."""
    what, _, symbol = head.tag.partition(":")
    if what != "depth":
        return CONTROL if head.status != 200 else Meaning(ignored=f"document:{what[:40]}")
    symbol = symbol_of(symbol)
    if head.status != 200:
        return refused_document(symbol)
    payload = parse_object(body)
    if payload.get("symbol", symbol) != symbol:
        raise Refused(f"a book of {str(payload['symbol'])[:40]!r} in answer to {head.tag[:40]!r}")
    return says(_snapshot(payload, symbol))


def _time(time: int | None, event_time: int | None) -> int:
    """Return the matching engine's time, else the event time; every time given must be plausible."""
    found = [parse_epoch(value) for value in (time, event_time) if value is not None]
    return found[0] if found else ABSENT


def _depth(message: Depth, *, asks_first: bool, chained: bool) -> Event:
    if message.first > message.last:
        raise Refused(f"update numbers that run back: U={message.first} u={message.last}")
    if chained and message.previous is None:
        raise Refused("Depth: Object missing required field `pu`")
    previous = message.previous if chained and message.previous is not None else message.first - 1
    return Event(
        kind=EventKind.BOOK_DELTA,
        symbol=symbol_of(message.symbol),
        ts_event=_time(message.time, message.event_time),
        sequence=message.last,
        sequence_first=message.first,
        sequence_prev=previous,
        levels=levels_of(message.bids, message.asks, asks_first=asks_first),
    )


def _partial(event: Event) -> Event:
    """Return the whole top of a book, sent again and again, as the snapshot it is."""
    return msgspec.structs.replace(
        event, kind=EventKind.BOOK_SNAPSHOT, flags=Flag.CONFLATED, sequence_first=ABSENT, sequence_prev=ABSENT
    )


def _trade(message: Trade) -> Meaning:
    """Return a trade, or of what futures number among their trades without its being one, the number.

    There ``X`` is ``NA``, price and size are 0. The number was sent and came: without it the next trade's would seem to
    leave a hole.
    """
    if message.kind == "NA" and {message.price.strip("0."), message.size.strip("0.")} == {""}:
        return says(
            Event(
                kind=EventKind.STATUS,
                symbol=symbol_of(message.symbol),
                code=StatusCode.NO_TRADE,
                ts_event=_time(message.time, message.event_time),
                trade_id=message.trade_id,
            )
        )
    return says(_trade_event(message, Flag(0)))


def _trade_event(message: Trade | AggTrade, flags: Flag) -> Event:
    size, exponent = trade_size(message.size)
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(message.symbol),
        flags=flags,
        side=Side.SELL if message.buyer_is_maker else Side.BUY,
        ts_event=_time(message.time, message.event_time),
        trade_id=message.trade_id,
        price=price_of(message.price),
        size=size,
        size_exp=exponent,
    )


def _quote(message: BookTicker) -> Event:
    bid, bid_size, bid_exp = quote_side(message.bid, message.bid_size)
    ask, ask_size, ask_exp = quote_side(message.ask, message.ask_size)
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol_of(message.symbol),
        ts_event=_time(message.time, message.event_time),
        sequence=message.update_id,
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
    )


def _pairs(payload: dict[str, Any], *sides: str) -> dict[str, Any]:
    """Return a message without the empty list that stood behind the size of each level in the venue's first years."""
    found = {
        side: [row[:2] if type(row) is list and row[2:] == [[]] else row for row in rows]
        for side in sides
        if type(rows := payload.get(side)) is list and rows and type(rows[0]) is list and len(rows[0]) > 2
    }
    return payload | found if found else payload


def _snapshot(payload: dict[str, Any], symbol: str) -> Event:
    message = typed(_pairs(payload, "bids", "asks"), Snapshot)
    return Event(
        kind=EventKind.BOOK_SNAPSHOT,
        symbol=symbol_of(symbol),
        ts_event=_time(message.time, message.event_time),
        sequence=message.update_id,
        levels=levels_of(message.bids, message.asks, asks_first=comes_first(payload, "asks", "bids")),
    )
