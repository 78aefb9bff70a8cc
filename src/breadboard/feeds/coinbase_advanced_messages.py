"""Coinbase Advanced Trade's messages, and the reader that counts them.

Source: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket. An envelope holds events of one channel;
``sequence_num`` counts the envelopes of the connection over all channels, from 0. A trade carries the MAKER's side; the
tape has the taker's. ``ts_event`` is a trade's own time, the newest ``event_time`` of a book's changes, and the
envelope's time of a snapshot or a ticker. Trades of one message are put in the order of their ids: the venue lists the
newest first.
"""

import re
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.answers import best, converted, unasked
from breadboard.feeds.checked_book import level_of, on_tape
from breadboard.feeds.connection_numbers import ConnectionNumbers, Verdict
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Level,
    Meaning,
    Refused,
    parse_object,
    price_of,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import Rows, read_rows, symbol_in
from breadboard.feeds.times import parse_rfc3339
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.gaps import DocumentHead, Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, Side, StatusCode

IGNORED: Final = frozenset({"candles", "status", "user", "futures_balance_summary"})
"""Channels that are understood and make no event here."""
_UNKNOWN_TIME: Final = "1970-01-01"
"""What the venue writes, with a time of day, where it has no time of a level."""
_PRODUCT: Final = re.compile(rb'"product_id"\s*:\s*"([!#-\[\]-~]{1,64})"')

Type = Literal["snapshot", "update"]


class Envelope(msgspec.Struct, frozen=True):
    """What every message of a channel has."""

    channel: str
    timestamp: str
    sequence_num: Count
    events: list[Any]


_TAKERS: Final = {"BUY": Side.SELL, "SELL": Side.BUY, "UNKNOWN_ORDER_SIDE": Side.NONE}
"""Whose order it was that met the maker's."""


class Change(msgspec.Struct, frozen=True):
    """One level: absolute size, 0 removes."""

    side: Literal["bid", "offer", "ask"]
    price_level: str
    new_quantity: str
    event_time: str | None = None


class Changes(msgspec.Struct, frozen=True):
    """``l2_data``: the whole book, or changed levels."""

    type: Type
    product_id: str
    updates: list[Change]


class Trade(msgspec.Struct, frozen=True):
    """One trade; ``side`` is the maker's, where the venue knows it."""

    trade_id: str
    product_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL", "UNKNOWN_ORDER_SIDE"]
    time: str


class Trades(msgspec.Struct, frozen=True):
    """``market_trades``: what traded in the last quarter of a second, or, as a snapshot, before we listened."""

    type: Type
    trades: list[Any]
    """Of ``Trade`` rows, each of which is read by itself."""


class Ticker(msgspec.Struct, frozen=True):
    """``ticker``: best bid and offer after a trade. ``ticker_batch`` leaves them out."""

    product_id: str
    best_bid: str | None = None
    best_ask: str | None = None
    best_bid_quantity: str | None = None
    best_ask_quantity: str | None = None


class Tickers(msgspec.Struct, frozen=True):
    """``ticker`` and ``ticker_batch``."""

    type: Type
    tickers: list[Any]
    """Of ``Ticker`` rows, each of which is read by itself."""


class Heartbeat(msgspec.Struct, frozen=True):
    """``heartbeats``: one a second and connection. The counter is text in some documents, a number on the wire."""

    heartbeat_counter: Count | str | None = None


@dataclass(slots=True)
class CoinbaseAdvancedReader:
    """A ``readers.FrameReader`` that remembers the last number of each connection.

    A hole in the numbers is a GAP of the whole source, since any channel may have lost something. A message that comes
    again says nothing of books and quotes that is not older than what they hold; its trades are told, because a trade
    number shows for itself whether it is new.
    """

    words: ClassVar = frozenset(
        {
            *("channel", "client_id", "timestamp", "sequence_num", "events", "type", "product_id", "updates", "side"),
            *("event_time", "price_level", "new_quantity", "trades", "trade_id", "price", "size", "time", "tickers"),
            *("volume_24_h", "low_24_h", "high_24_h", "low_52_w", "high_52_w", "price_percent_chg_24_h", "best_bid"),
            *(
                "best_bid_quantity",
                "best_ask",
                "best_ask_quantity",
                "current_time",
                "heartbeat_counter",
                "subscriptions",
            ),
            *("level2", "market_trades", "ticker", "ticker_batch", "heartbeats", "candles", "status", "user"),
            *("futures_balance_summary", "message", "reason"),
        }
    )

    _connections: dict[int, tuple[int, ConnectionNumbers, int]] = field(default_factory=dict)
    """By source: the connection, its numbers, and the receive time of its last message."""

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        payload = parse_object(frame)
        if payload.get("type") == "error" and "channel" not in payload:
            return venue_says(StatusCode.VENUE_ERROR)
        number = payload.get("sequence_num")
        verdict = Verdict.NEXT
        gaps: tuple[Event, ...] = ()
        if isinstance(number, int) and 0 <= number <= INT64_MAX and not isinstance(number, bool):
            verdict, gaps = self._count(number, at)  # before anything can be refused: a refused message is not lost
        try:
            meaning = _read(typed(payload, Envelope), at)
        except ValueError as error:
            if not gaps:
                raise
            return Meaning(gaps, refused=str(error))  # the hole before it is told all the same
        if verdict is Verdict.REPEAT:
            trades = tuple(event for event in meaning.events if event.kind is EventKind.TRADE)
            told = trades or meaning.control or meaning.refused
            return Meaning(
                trades, control=meaning.control, ignored=None if told else "repeated", refused=meaning.refused
            )
        return msgspec.structs.replace(meaning, events=gaps + meaning.events) if gaps else meaning

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
        return unasked(head)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return whose book misses a refused frame: levels have no numbers of their own that would show it."""
        del at
        if b'"l2_data"' not in frame:
            return None
        named = set(_PRODUCT.findall(frame))
        return named.pop().decode("ascii") if len(named) == 1 else ""

    def snapshot(self) -> bytes:
        """Return the numbers of every connection."""
        told = [
            (source, epoch, numbers.last, numbers.stray, numbers.strays, seen)
            for source, (epoch, numbers, seen) in sorted(self._connections.items())
        ]
        return msgspec.msgpack.encode(told) if told else b""

    def restore(self, state: bytes) -> None:
        """Go back to numbers that ``snapshot`` returned."""
        rows = msgspec.msgpack.decode(state, type=list[tuple[int, int, int, int, int, int]]) if state else []
        self._connections = {
            source: (epoch, ConnectionNumbers(last, stray, strays), seen)
            for source, epoch, last, stray, strays, seen in rows
        }

    def _count(self, number: int, at: At) -> tuple[Verdict, tuple[Event, ...]]:
        """Take a message's number; return what it says, and a GAP where messages before it are missing."""
        epoch, numbers, seen = self._connections.get(at.source, (at.epoch, ConnectionNumbers(), at.ts_recv))
        if epoch != at.epoch:
            numbers, seen = ConnectionNumbers(), at.ts_recv
        before = numbers.last
        verdict = numbers.take(number)
        self._connections[at.source] = (at.epoch, numbers, at.ts_recv)
        if verdict is Verdict.HOLE and before is not None:
            return verdict, (_gap(at, seen, before + 1, number - 1, "messages of the connection are missing"),)
        if verdict is Verdict.ANEW:
            return verdict, (_gap(at, seen, None, None, f"the venue counts anew at {number}, after {before}"),)
        return verdict, ()


def unread_books(frame: bytes) -> set[str]:
    """Return whose books miss a frame of level 2 because it cannot be read; "" is any of them."""
    reader, at = CoinbaseAdvancedReader(), At(0, 0, 0)
    try:
        events = reader.read(frame, at).events
    except ValueError:
        lost = reader.lost_book(frame, at)
        return set() if lost is None else {lost}
    return {event.symbol or "" for event in events if event.kind is EventKind.GAP}


def _gap(at: At, ts_from: int, first: int | None, last: int | None, detail: str) -> Event:
    reason = GapReason.SEQUENCE
    gap = Gap(at.source, reason, ts_from, at.ts_recv, sequence_from=first, sequence_to=last, detail=detail)
    return Event(kind=EventKind.GAP, symbol=None, flags=Flag.FEED_WIDE, code=reason, gap=gap)


def _read(envelope: Envelope, at: At) -> Meaning:
    timestamp = envelope.timestamp
    match envelope.channel:
        case "l2_data":
            return read_rows(
                "book", envelope.events, lambda event: _changes(converted(event, Changes), timestamp), _whose, at
            )
        case "market_trades":
            return _trades(envelope, at)
        case "ticker" | "ticker_batch":
            return _quotes(envelope, at)
        case "heartbeats":
            return Meaning(tuple(_heartbeat(converted(event, Heartbeat), timestamp) for event in envelope.events))
        case "subscriptions":
            return CONTROL
        case channel if channel in IGNORED:
            return Meaning(ignored=channel)
    raise unknown_type(envelope.channel)


def _changes(message: Changes, timestamp: str) -> Event:
    snapshot = message.type == "snapshot"
    levels, notes = on_tape(list(map(_level, message.updates)))
    return Event(
        kind=EventKind.BOOK_SNAPSHOT if snapshot else EventKind.BOOK_DELTA,
        symbol=symbol_of(message.product_id),
        ts_event=parse_rfc3339(timestamp) if snapshot else _newest(message.updates),
        levels=levels,
        notes=notes,
    )


def _level(change: Change) -> Level:
    side = Side.BUY if change.side == "bid" else Side.SELL
    return level_of(side, change.price_level, change.new_quantity)


def _newest(changes: list[Change]) -> int:
    """Return the newest time of the levels; ABSENT where none has one."""
    texts = {change.event_time for change in changes if change.event_time is not None}
    known = (parse_rfc3339(text) for text in texts if not text.startswith(_UNKNOWN_TIME))
    return max(known, default=ABSENT)


def _whose(row: object) -> str | None:
    """Return the product of a level 2 event, a trade or a ticker that cannot be read."""
    return symbol_in(row, "product_id")


def _trades(envelope: Envelope, at: At) -> Meaning:
    rows, events = Rows("trade", at), []
    for message in rows.parts(envelope.events, lambda event: converted(event, Trades)):
        flags = Flag.LAST_KNOWN if message.type == "snapshot" else Flag(0)
        found = rows.read(message.trades, partial(_trade, flags=flags), _whose)
        events += sorted(found, key=attrgetter("trade_id"))
    return rows.meaning(events)


def _trade(said: object, flags: Flag) -> Event:
    trade = converted(said, Trade)
    size, exponent = trade_size(trade.size)
    if not (trade.trade_id.isascii() and trade.trade_id.isdecimal()) or int(trade.trade_id[:20]) > INT64_MAX:
        raise Refused(f"not a trade id: {trade.trade_id[:40]!r}")
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(trade.product_id),
        flags=flags,
        side=_TAKERS[trade.side],
        ts_event=parse_rfc3339(trade.time),
        trade_id=int(trade.trade_id),
        price=price_of(trade.price),
        size=size,
        size_exp=exponent,
    )


def _quotes(envelope: Envelope, at: At) -> Meaning:
    """Return best bids and offers; a ticker without them (``ticker_batch``) is no quote."""
    ts_event, rows, events = parse_rfc3339(envelope.timestamp), Rows("quote", at), []
    for message in rows.parts(envelope.events, lambda event: converted(event, Tickers)):
        events += rows.read(message.tickers, partial(_quote, ts_event=ts_event), _whose)
    meaning = rows.meaning(event for event in events if event is not None)
    if meaning.events:
        return meaning
    return Meaning(ignored=envelope.channel)


def _quote(said: object, ts_event: int) -> Event | None:
    ticker = converted(said, Ticker)
    if not (ticker.best_bid or ticker.best_ask):
        return None
    bid = ticker.best_bid or "0", ticker.best_bid_quantity or None
    ask = ticker.best_ask or "0", ticker.best_ask_quantity or None
    return best(symbol_of(ticker.product_id), bid, ask, ts_event, Flag(0))


def _heartbeat(message: Heartbeat, timestamp: str) -> Event:
    counter = message.heartbeat_counter
    return Event(
        kind=EventKind.STATUS,
        symbol=None,
        flags=Flag.FEED_WIDE,
        code=StatusCode.HEARTBEAT,
        ts_event=parse_rfc3339(timestamp),
        notes={} if counter is None else {"heartbeat_counter": counter},
    )
