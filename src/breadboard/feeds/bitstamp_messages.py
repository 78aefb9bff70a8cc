"""Bitstamp's messages, and the reader that knows which book answer reaches the stream.

Source: bitstamp.net/websocket/v2 and a real recording. ``ts_event`` is ``microtimestamp``, and a book's numbers are the
same microseconds: they grow, with holes. A trade's ``type`` is the taker's: 0 bought, 1 sold. Its exact numbers are the
``_str`` ones; those beside them went through a float.

A real book had an offer at 9,999,999,999.00, beyond what the tape can hold: such a level is left out of the event and
told in its notes, because a wish that can never trade must not cost the book.
"""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.checked_book import level_of, on_tape
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Meaning,
    PriceSize,
    Refused,
    comes_first,
    parse_object,
    price_of,
    refused_document,
    says,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import read_rows
from breadboard.feeds.times import parse_epoch
from breadboard.model.gaps import DocumentHead, Gap
from breadboard.model.kinds import EventKind, GapReason, Side, StatusCode

TRADES: Final = "live_trades_"
DIFFS: Final = "diff_order_book_"
SUBSCRIBED: Final = "bts:subscription_succeeded"
UNSUBSCRIBED: Final = "bts:unsubscription_succeeded"
IGNORED: Final = ("detail_order_book_", "order_book_", "live_orders_", "funding_rate_")
"""Channels that are understood and make no event here; the first two are the top 100 of a book, again and again."""
_DIFF: Final = b'"' + DIFFS.encode()
_DIFF_CHANNEL: Final = re.compile(rb'"channel"\s*:\s*"diff_order_book_([!#-\[\]-~]{1,64})"')
_MICROSECONDS: Final = 17
"""Digits beyond which a number of microseconds is none."""
LAG_S: Final = 3.0
"""After this long an answer over HTTP is newer than what began when it was asked for."""
_LAG_NS: Final = int(LAG_S * 1e9)


class Book(msgspec.Struct, frozen=True):
    """A book answer, or the ``data`` of ``diff_order_book``: absolute sizes, 0 removes."""

    microtimestamp: str
    bids: list[PriceSize]
    asks: list[PriceSize]


class Trade(msgspec.Struct, frozen=True):
    """The ``data`` of ``live_trades``."""

    id: Count
    microtimestamp: str
    amount_str: str
    price_str: str
    type: Literal[0, 1]
    buy_order_id: Count | None = None
    sell_order_id: Count | None = None


_Row = tuple[int, int, list[tuple[str, tuple[int, int]]]]


@dataclass(slots=True)
class BitstampReader:
    """A ``readers.FrameReader`` that remembers the first and the last change of each book on its connection.

    A book answer older than the first is no beginning: what happened between the two was never sent to us. A change
    older than the last came late: sizes it set may have been overtaken, or not, so the book begins anew, with an answer
    that is not older than that last one: the changes up to it are not kept.

    Where a subscription begins or ends, or a change cannot be read, the book begins anew as well: its next change is a
    first one. Until that has come, no answer is taken that may still tell of the time before.
    """

    words: ClassVar = frozenset(
        {
            *("event", "channel", "data", "timestamp", "microtimestamp", "bids", "asks", "id", "amount", "amount_str"),
            *("price", "price_str", "type", "buy_order_id", "sell_order_id", "code", "message", "status"),
        }
    )

    _seen: dict[int, tuple[int, dict[str, tuple[int, int]]]] = field(default_factory=dict)
    """By source: the connection, and by symbol the numbers of the first and the last change; while there is none 0, and
    since when there is none (ns UTC, receive clock)."""

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        payload = parse_object(frame)
        event, channel, data = payload.get("event"), payload.get("channel", ""), payload.get("data")
        if not isinstance(event, str) or not isinstance(channel, str):
            raise unknown_type(event)
        if event.startswith("bts:"):
            return self._on_word(event, channel, at)
        if not isinstance(data, dict):
            raise Refused(f"{event[:40]} without data")
        if event == "trade" and channel.startswith(TRADES):
            symbol = symbol_of(channel.removeprefix(TRADES))
            return read_rows("trade", [data], lambda row: _trade(symbol, typed(row, Trade)), symbol, at)
        if event == "data" and channel.startswith(DIFFS):
            return says(*self._changes(symbol_of(channel.removeprefix(DIFFS)), data, at))
        name = next((name for name in IGNORED if channel.startswith(name)), None)
        if name is None:
            raise unknown_type(f"{event} on {channel}")
        return Meaning(ignored=name.rstrip("_"))

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what a fetched document means. Raises ValueError with the reason it cannot be understood."""
        kind, _, symbol = head.tag.partition(":")
        if kind != "depth":
            return refused_document(None) if head.status != 200 else Meaning(ignored=f"document:{kind[:40]}")
        symbol = symbol_of(symbol)
        if head.status == 404:  # any pair can be subscribed to; here the venue says that there is no such one
            return Meaning((Event(kind=EventKind.STATUS, symbol=symbol, code=StatusCode.REFUSED),), control=True)
        if head.status != 200:
            return refused_document(symbol)
        event = _book(symbol, EventKind.BOOK_SNAPSHOT, parse_object(body))
        first, since_ns = self._books(at).get(symbol, (0, None))
        if event.sequence < first:
            return Meaning(ignored="depth older than the stream")
        if not first and since_ns is not None and at.ts_recv - since_ns < _LAG_NS:
            return Meaning(ignored="depth that may be older than its stream")
        return says(event)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return whose book misses a refused frame, which no number will show; its stream begins anew."""
        if not is_change(frame):
            return None
        named = _DIFF_CHANNEL.search(frame)
        symbol = named.group(1).decode("ascii") if named else ""
        books = self._books(at)
        for lost in [symbol] if symbol else list(books):
            books[lost] = (0, at.ts_recv)
        return symbol

    def snapshot(self) -> bytes:
        """Return the numbers of every book."""
        told = [(source, epoch, sorted(books.items())) for source, (epoch, books) in sorted(self._seen.items())]
        return msgspec.msgpack.encode(told) if told else b""

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        rows = msgspec.msgpack.decode(state, type=list[_Row]) if state else []
        self._seen = {source: (epoch, dict(books)) for source, epoch, books in rows}

    def _on_word(self, event: str, channel: str, at: At) -> Meaning:
        """Return what the venue's conversation means; where the changes of a book begin or end, it begins anew."""
        meaning = _said(event, channel)
        if event not in (SUBSCRIBED, UNSUBSCRIBED) or not channel.startswith(DIFFS):
            return meaning
        books, symbol = self._books(at), symbol_of(channel.removeprefix(DIFFS))
        ends = event == UNSUBSCRIBED and symbol in books
        books[symbol] = (0, at.ts_recv)
        # From here on changes are not sent to us: a book that was right until now is so no longer.
        return Meaning((_gap(symbol, GapReason.SUBSCRIPTION, "unsubscribed", at),), control=True) if ends else meaning

    def _changes(self, symbol: str, data: dict[str, Any], at: At) -> tuple[Event, ...]:
        event = _book(symbol, EventKind.BOOK_DELTA, data)
        books = self._books(at)
        first, last = books.get(symbol, (0, 0))
        if not first:
            first = last = event.sequence
        late = event.sequence < last
        books[symbol] = (last if late else first, event.sequence)
        if not late:
            return (event,)
        return _gap(symbol, GapReason.SEQUENCE, f"a change older than that of {last}", at), event

    def _books(self, at: At) -> dict[str, tuple[int, int]]:
        epoch, books = self._seen.get(at.source, (at.epoch, {}))
        if epoch != at.epoch:
            books = {}
        self._seen[at.source] = (at.epoch, books)
        return books


def _gap(symbol: str, reason: GapReason, detail: str, at: At) -> Event:
    gap = Gap(at.source, reason, at.ts_recv, at.ts_recv, symbol, "book", detail=detail)
    return Event(kind=EventKind.GAP, symbol=symbol, code=reason, gap=gap)


def is_change(frame: bytes) -> bool:
    """Tell whether a frame is, or once was, a change of a book: the channel comes last, and may be cut off."""
    return _DIFF in frame or (b'"microtimestamp"' in frame and b'"bids"' in frame and b'"channel"' not in frame)


def is_readable(frame: bytes, head: DocumentHead | None = None) -> bool:
    """Tell whether the reader takes a change of a book, or with a ``head`` an answer, whatever it remembers."""
    reader, at = BitstampReader(), At(0, 0, 0)
    try:
        _ = reader.read(frame, at) if head is None else reader.read_document(head, frame, at)
    except ValueError:
        return False
    return True


def _said(event: str, channel: str) -> Meaning:
    """Return what the venue's conversation means."""
    match event:
        case "bts:subscription_succeeded" | "bts:unsubscription_succeeded" | "bts:heartbeat":
            return CONTROL
        case "bts:request_reconnect":
            return venue_says(StatusCode.MAINTENANCE)
        case "bts:error":
            symbol = next((channel.removeprefix(name) for name in (DIFFS, TRADES) if channel.startswith(name)), "")
            if not symbol:
                return venue_says(StatusCode.VENUE_ERROR)
            return Meaning(
                (Event(kind=EventKind.STATUS, symbol=symbol_of(symbol), code=StatusCode.REFUSED),), control=True
            )
    raise unknown_type(event)


def _microseconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _MICROSECONDS:
        raise Refused(f"not a time in microseconds: {text[:40]!r}")
    return int(text)


def _book(symbol: str, kind: EventKind, data: dict[str, Any]) -> Event:
    message = typed(data, Book)
    number = _microseconds(message.microtimestamp)
    sides = [(Side.BUY, message.bids), (Side.SELL, message.asks)]
    if comes_first(data, "asks", "bids"):
        sides.reverse()
    levels, notes = on_tape([level_of(side, price, size) for side, rows in sides for price, size in rows])
    return Event(kind=kind, symbol=symbol, ts_event=parse_epoch(number), sequence=number, levels=levels, notes=notes)


def _trade(symbol: str, message: Trade) -> Event:
    size, exponent = trade_size(message.amount_str)
    orders = {"buy_order_id": message.buy_order_id, "sell_order_id": message.sell_order_id}
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol,
        side=Side.SELL if message.type else Side.BUY,
        ts_event=parse_epoch(_microseconds(message.microtimestamp)),
        trade_id=message.id,
        price=price_of(message.price_str),
        size=size,
        size_exp=exponent,
        notes={name: number for name, number in orders.items() if number is not None},
    )
