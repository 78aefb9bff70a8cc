"""Bybit's public v5 messages, by their names and never by their places: key order differs from product to product.

Source: bybit-exchange.github.io/docs/v5/websocket/public. A book's time is ``cts``, when the matching engine made it
(``ts``, when the message was made, where it is missing); a trade's is ``T``, and its side is the taker's. Numbers of a
book are its update ids ``u``, each one more than the last; a snapshot begins anew, and one with ``u`` 1 says that the
service was restarted. ``orderbook.1`` is a snapshot each time; in spring 2023 there were deltas too, numbered like
those of other depths, with the sides that changed and, with size 0, the level that is gone (frames of then in the
tests of tardis-dev/tardis-node). Every depth has update ids of its own: of several, the deepest is the book.
"""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.answers import best, converted, unasked
from breadboard.feeds.conditions import flags_of
from breadboard.feeds.deepest_book import DeepestBook
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Count,
    Event,
    Meaning,
    PriceSize,
    Refused,
    comes_first,
    levels_of,
    parse_object,
    price_of,
    says,
    symbol_of,
    trade_size,
    typed,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import read_rows, symbol_in, unread
from breadboard.feeds.times import parse_epoch
from breadboard.model.decimals import ABSENT, INT64_MAX, parse_size
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode, Uncounted

IGNORED: Final = frozenset(
    {
        *("tickers", "kline", "liquidation", "allLiquidation", "insurance", "adlAlert", "priceLimit"),
        *("kline_lt", "tickers_lt", "lt", "orderbook.rpi", "system.status"),
    }
)
"""Topics that are understood and make no event here; spot tickers have no bid and ask."""
MOST_TRADES: Final = 1024
"""In one message, by the venue's documents; twice as many are no such message."""
LONGEST_DEPTH: Final = 6
"""Digits that no depth has: it is 1,000 at most."""
_MATCH: Final = (Uncounted(0), flags_of(Uncounted(0)))
"""What a trade does not count for, and the flags that say so; made once, for it takes as long as half a trade."""
_BLOCK: Final = (Uncounted.ALL.everywhere, flags_of(Uncounted.ALL.everywhere))
"""The same of a block trade: it is agreed on beside the book, and may be far from its prices."""
TOPIC: Final = re.compile(r"\b(orderbook\.\d+|publicTrade)\.([A-Z0-9][\w.-]{0,63})")
"""What a topic looks like that we ask for, also inside the text of a refusal."""


class BookData(msgspec.Struct, frozen=True):
    """The ``data`` of ``orderbook``: absolute sizes; ``seq`` compares books of different depths."""

    s: str
    b: list[PriceSize]
    a: list[PriceSize]
    u: Count
    seq: Count | None = None


class Book(msgspec.Struct, frozen=True):
    """``orderbook.DEPTH.SYMBOL``."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: Count
    data: BookData
    cts: Count | None = None


class Print(msgspec.Struct, frozen=True):
    """One trade of ``publicTrade``."""

    T: Count
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str
    i: str
    L: str | None = None
    BT: bool | None = None
    RPI: bool | None = None
    seq: Count | None = None


class Prints(msgspec.Struct, frozen=True):
    """``publicTrade.SYMBOL``: one or many trades."""

    topic: str
    ts: Count
    data: list[Any]
    """Of ``Print`` rows, each of which is read by itself."""


class Said(msgspec.Struct, frozen=True):
    """The answer to something that we said."""

    success: bool
    op: str
    ret_msg: str = ""


_Quote = tuple[int, PriceSize | None, PriceSize | None]
"""Update id, bid and offer; None is a side that is empty."""
_Row = tuple[int, int, list[tuple[str, _Quote]]]
_Memory = tuple[list[_Row], bytes]


@dataclass(slots=True)
class BybitReader:
    """A ``readers.FrameReader`` that remembers which depth is a symbol's book, and best bids and offers.

    The deltas of these leave out the side that stays.

    A frame that is refused leaves a hole in the update ids, which the book itself sees, and a quote here: it is not
    known again before its next snapshot.
    """

    words: ClassVar = frozenset(
        {
            *(
                "topic",
                "type",
                "ts",
                "cts",
                "cs",
                "data",
                "s",
                "b",
                "a",
                "u",
                "seq",
                "T",
                "S",
                "v",
                "p",
                "L",
                "i",
                "BT",
            ),
            *("RPI", "mP", "iP", "mIv", "iv", "success", "ret_msg", "conn_id", "req_id", "op", "args"),
        }
    )

    _quotes: dict[int, tuple[int, dict[str, _Quote]]] = field(default_factory=dict)
    """By source: the connection, and its quotes by symbol."""
    _deepest: DeepestBook = field(default_factory=DeepestBook)

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        payload = parse_object(frame)
        topic = payload.get("topic")
        if topic is None:
            return _said(payload)
        if not isinstance(topic, str):
            raise unknown_type(topic)
        kind, _, rest = topic.partition(".")
        depth, _, symbol = rest.partition(".")
        if kind == "orderbook" and depth.isdecimal() and len(depth) < LONGEST_DEPTH:
            if depth == "1":
                try:
                    return self._best(_book_of(payload, topic, depth), at)
                except ValueError as error:
                    return unread("quote", symbol_in({"s": symbol}, "s"), error, at)
            message = _book_of(payload, topic, depth)
            return self._whole(message, depth, at, asks_first=comes_first(payload["data"], "a", "b"))
        if kind == "publicTrade":
            return _prints(typed(payload, Prints), at)
        name = next((name for name in IGNORED if f"{topic}.".startswith(f"{name}.")), None)
        if name is not None:
            return Meaning(ignored=name)
        raise unknown_type(topic)

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
        return unasked(head)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return None: the next update of a book whose frame was refused does not follow, and the book sees it."""
        del frame, at
        return None

    def snapshot(self) -> bytes:
        """Return the quotes of every connection, and which depths are its books."""
        told = [(source, epoch, sorted(quotes.items())) for source, (epoch, quotes) in sorted(self._quotes.items())]
        parts = told, self._deepest.snapshot()
        return msgspec.msgpack.encode(parts) if any(parts) else b""

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        rows, books = msgspec.msgpack.decode(state, type=_Memory) if state else ([], b"")
        self._quotes = {source: (epoch, dict(quotes)) for source, epoch, quotes in rows}
        self._deepest.restore(books)

    def _whole(self, message: Book, depth: str, at: At, *, asks_first: bool) -> Meaning:
        """Return a change or a snapshot of a book, unless a deeper one is the symbol's book."""
        event, begins = _book(message, asks_first=asks_first), message.type == "snapshot"
        other = self._deepest.beside(message.data.s, f"orderbook.{depth}", int(depth), at, begins=begins)
        return says(event) if other is None else Meaning(ignored=other)

    def _best(self, message: Book, at: At) -> Meaning:
        """Return the best bid and offer; a delta that does not follow says too little to be one."""
        symbol, data = symbol_of(message.data.s), message.data
        epoch, quotes = self._quotes.get(at.source, (at.epoch, {}))
        if epoch != at.epoch:
            quotes = {}
        self._quotes[at.source] = (at.epoch, quotes)
        known = (data.u, None, None) if message.type == "snapshot" else quotes.get(symbol)
        if known is None or data.u not in (known[0], known[0] + 1):
            quotes.pop(symbol, None)
            return Meaning(ignored="orderbook.1 without its snapshot")
        bid, ask = _changed(known[1], data.b), _changed(known[2], data.a)
        event = best(symbol, bid or _EMPTY, ask or _EMPTY, _time(message), Flag(0), data.u)
        quotes[symbol] = (data.u, bid, ask)
        return says(event)


def is_readable(frame: bytes) -> bool:
    """Tell whether the reader takes a frame of a book, whatever it remembers."""
    try:
        return BybitReader().read(frame, At(0, 0, 0)).refused is None
    except ValueError:
        return False


def _said(payload: dict[str, Any]) -> Meaning:
    """Return what an answer means: conversation, and on the tape where the venue refuses what was asked for."""
    if payload.get("op") == "pong":
        return CONTROL  # some streams answer so, without a word about success
    if "success" not in payload:
        raise unknown_type(payload.get("op"))
    said = typed(payload, Said)
    if said.success:
        return CONTROL
    if said.op != "subscribe":
        return venue_says(StatusCode.VENUE_ERROR)
    named = TOPIC.search(said.ret_msg)
    if named is None:
        return venue_says(StatusCode.REFUSED)
    event = Event(
        kind=EventKind.STATUS,
        symbol=named.group(2),
        code=StatusCode.REFUSED,
        notes={"topic": named.group(), "message": said.ret_msg[:200]},
    )
    return Meaning((event,), control=True)


def _book(message: Book, *, asks_first: bool) -> Event:
    data, snapshot = message.data, message.type == "snapshot"
    return Event(
        kind=EventKind.BOOK_SNAPSHOT if snapshot else EventKind.BOOK_DELTA,
        symbol=symbol_of(data.s),
        ts_event=_time(message),
        sequence=data.u,
        sequence_first=ABSENT if snapshot else data.u,
        sequence_prev=ABSENT if snapshot else data.u - 1,
        levels=levels_of(data.b, data.a, asks_first=asks_first),
        notes={} if data.seq is None else {"seq": data.seq},
    )


def _time(message: Book) -> int:
    return parse_epoch(message.ts if message.cts is None else message.cts)


_EMPTY: Final = ("0", None)


def _changed(held: PriceSize | None, rows: list[PriceSize]) -> PriceSize | None:
    """Return one side of a book of depth 1 after its changes: size 0 removes the level that is held."""
    gone = {price_of(price) for price, size in rows if parse_size(size)[0] == 0}
    there = [row for row in rows if parse_size(row[1])[0] != 0]
    if len(there) > 1:
        raise Refused(f"{len(there)} levels on a side of a book of depth 1")
    if there:
        return there[0]
    return None if held is not None and price_of(held[0]) in gone else held


def _book_of(payload: dict[str, Any], topic: str, depth: str) -> Book:
    """Return a message of a book. Raises Refused, also where it is of another than its topic says."""
    message = typed(payload, Book)
    if topic != f"orderbook.{depth}.{message.data.s}":
        raise Refused(f"the book of {message.data.s[:40]!r} under the topic {topic[:60]!r}")
    return message


def _prints(message: Prints, at: At) -> Meaning:
    if not 0 < len(message.data) <= 2 * MOST_TRADES:
        raise Refused(f"{len(message.data)} trades in one message")
    subscribed = symbol_in({"s": message.topic.partition(".")[2]}, "s")
    return read_rows("trade", message.data, _print, lambda row: subscribed or symbol_in(row, "s"), at)


def _print(said: object) -> Event:
    """Return one trade. Spot numbers its trades; derivatives name them by UUIDs, which are told in the notes.

    One with an order for retail clients (``RPI``) is a match of the book like any other.
    """
    trade = converted(said, Print)
    denied, flags = _BLOCK if trade.BT else _MATCH
    size, exponent = trade_size(trade.v)
    number = int(trade.i) if trade.i.isascii() and trade.i.isdecimal() and len(trade.i) <= 19 else ABSENT
    notes: dict[str, Any] = {"id": trade.i} if number == ABSENT or number > INT64_MAX else {}
    notes |= {name: value for name, value in (("block", trade.BT), ("rpi", trade.RPI)) if value}
    notes |= {} if trade.L is None else {"tick": trade.L}
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(trade.s),
        flags=flags,
        code=denied,
        side=Side.BUY if trade.S == "Buy" else Side.SELL,
        ts_event=parse_epoch(trade.T),
        sequence=ABSENT if trade.seq is None else trade.seq,
        trade_id=ABSENT if "id" in notes else number,
        price=price_of(trade.p),
        size=size,
        size_exp=exponent,
        notes=notes,
    )
