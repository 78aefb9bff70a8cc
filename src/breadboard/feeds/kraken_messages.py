"""Kraken's WebSocket v1: arrays ``[channel id, payload…, channel name, pair]`` and objects with an ``event``.

Source: docs.kraken.com/api/docs/websocket-v1. The side of a trade is the taker's. ``ts_event`` of a book update is
the latest time of its levels that changed; a republished level ("r") only came back into the depth and has the time of
its own last change, and so have the levels of a snapshot: neither is the time of the message. Of a pair's books in
several depths the deepest is the book.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal

import msgspec

from breadboard.feeds.answers import best, converted, subscription, unasked
from breadboard.feeds.checked_book import BookMemory, compared, kraken_sum, kraken_text, level_of, on_tape
from breadboard.feeds.deepest_book import DeepestBook
from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Event,
    Level,
    Meaning,
    Refused,
    parse_json,
    price_of,
    says,
    symbol_of,
    trade_size,
    unknown_type,
    venue_says,
)
from breadboard.feeds.rows import read_rows
from breadboard.feeds.times import parse_seconds
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode

DEPTHS: Final = (10, 25, 100, 500, 1000)
REPUBLISHED: Final = ["r"]
"""What stands behind a level that only came back into the depth."""
NO_TIME: Final = ("0", "0.000000")
"""What stands for the time of a quote that there is not yet."""
SIDES: Final = {"b": Side.BUY, "s": Side.SELL}
SYSTEM: Final = {
    "online": (StatusCode.FEED_UP, StatusCode.RESUMED),
    "limit_only": (StatusCode.FEED_UP, StatusCode.RESUMED),
    "post_only": (StatusCode.HALTED,),
    "cancel_only": (StatusCode.HALTED,),
    "maintenance": (StatusCode.MAINTENANCE,),
}
"""What the state of the trading engine means for a feed; a state that is not listed is an error of the venue.

Trading goes on where it is online: nothing else tells that a ``post_only`` or ``cancel_only`` is over.
"""

_Levels = list[list[str]]


class _Book(msgspec.Struct, frozen=True):
    """One object of a book message: a snapshot's two sides, or an update of one side or both."""

    snapshot_asks: _Levels | None = msgspec.field(name="as", default=None)
    snapshot_bids: _Levels | None = msgspec.field(name="bs", default=None)
    a: _Levels = []
    b: _Levels = []
    c: str | None = None


class _Ticker(msgspec.Struct, frozen=True):
    """``ticker``: price, whole lots, lots of both best levels; there is no time in it."""

    a: list[Any]
    b: list[Any]


class _SubscriptionStatus(msgspec.Struct, frozen=True):
    """``subscriptionStatus``: what became of one pair."""

    status: Literal["subscribed", "unsubscribed", "error"]
    pair: str | None = None
    errorMessage: str = ""  # noqa: N815 - the venue's spelling


class KrakenReader:
    """A ``readers.FrameReader``: remembers the books that checksums are compared with, and which depths they are."""

    words: ClassVar = frozenset(
        {
            *("event", "pair", "status", "subscription", "channelID", "channelName", "reqid", "errorMessage"),
            *("connectionID", "version", "depth", "interval", "name", "ratecounter", "snapshot", "token"),
            *("maxratecount", "as", "bs", "a", "b", "c", "v", "p", "t", "l", "h", "o"),
        }
    )

    def __init__(self) -> None:
        self.memory = BookMemory()
        self.deepest = DeepestBook()

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        said = parse_json(frame)
        if type(said) is dict:
            return self._event(said, at)
        if type(said) is not list or len(said) < 4 or type(said[0]) is not int:
            raise Refused("neither an event nor a message of a channel")
        channel, pair = said[-2], said[-1]
        if type(channel) is not str or type(pair) is not str:
            raise Refused("a channel or pair that is no text")
        meaning = self._channel(channel, symbol_of(pair), said[1:-2], at)
        if meaning.refused is not None:
            return meaning
        longer = _longer(channel.partition("-")[0], said[1:-2])
        return msgspec.structs.replace(meaning, unknown=longer) if longer else meaning

    def _channel(self, channel: str, symbol: str, payloads: Sequence[Any], at: At) -> Meaning:
        name, _, parameter = channel.partition("-")
        payload = payloads[0]
        match name:
            case "book":
                return self._book(symbol, parameter, payloads, at)
            case "trade":
                rows = payload if type(payload) is list else [payload]
                return read_rows("trade", rows, lambda row: _trade(symbol, row), symbol, at)
            case "spread":
                return read_rows("quote", [payload], lambda row: _spread(symbol, _texts(row, 3)), symbol, at)
            case "ticker":
                return read_rows("quote", [payload], lambda row: _ticker(symbol, row), symbol, at)
            case "ohlc":
                return Meaning(ignored=name)
        raise unknown_type(channel)

    def read_document(self, head: DocumentHead, _body: bytes, _at: At) -> Meaning:
        """Return what a fetched document means: nothing is asked of this venue, but a recording may hold answers."""
        return unasked(head)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return the pair whose book misses a refused frame; see ``readers.FrameReader``."""
        if b'"book' not in frame:
            return None
        named = _PAIR.search(frame)
        symbol = named.group(2).decode("ascii") if named else ""
        if named and self.deepest.is_another(symbol, named.group(1).decode("ascii"), at):
            return None
        self.memory.lose(symbol, at)
        return symbol

    def snapshot(self) -> bytes:
        """Return the books and their depths as bytes."""
        return msgspec.msgpack.encode((self.memory.snapshot(), self.deepest.snapshot()))

    def restore(self, state: bytes) -> None:
        """Go back to the books that ``snapshot`` returned."""
        books, depths = msgspec.msgpack.decode(state, type=tuple[bytes, bytes]) if state else (b"", b"")
        self.memory.restore(books)
        self.deepest.restore(depths)

    def _event(self, said: dict[str, Any], at: At) -> Meaning:
        """Return what an object means; a book that is unsubscribed from is its pair's no longer."""
        if said.get("status") == "unsubscribed":
            self.deepest.end(str(said.get("pair")), str(said.get("channelName")), at)
        return _event(said)

    def _book(self, symbol: str, parameter: str, payloads: Sequence[object], at: At) -> Meaning:
        depth = int(parameter) if parameter.isascii() and parameter.isdigit() else 0
        if depth not in DEPTHS:
            raise Refused(f"a book of impossible depth {parameter[:10]!r}")
        parts = [converted(payload, _Book) for payload in payloads]
        whole = parts[0]
        if whole.snapshot_asks is not None or whole.snapshot_bids is not None:
            if whole.snapshot_asks is None or whole.snapshot_bids is None or len(parts) > 1 or whole.a or whole.b:
                raise Refused("a snapshot of a book that does not have its two sides, and them alone")
            return self._begin(symbol, depth, whole.snapshot_asks, whole.snapshot_bids, at)
        levels: list[Level] = []
        texts: list[str] = []
        latest = ABSENT
        for part in parts:
            for side, rows in ((Side.SELL, part.a), (Side.BUY, part.b)):
                latest = max(latest, _take(side, rows, levels, texts))
        other = self.deepest.beside(symbol, f"book-{depth}", depth, at, begins=False)
        if other is not None:
            return Meaning(ignored=other)
        book = self.memory.book(symbol, at)
        told = _sum(parts[-1].c)
        if book.ready:
            book.depth = depth
            levels += book.apply(levels, texts)
        held, notes = on_tape(levels)
        event = Event(kind=EventKind.BOOK_DELTA, symbol=symbol, ts_event=latest, levels=held, notes=notes)
        # A book without a snapshot is not believed by the engine either: nothing to compare.
        return compared(event, book, kraken_sum(book), told, at) if book.ready and told is not None else says(event)

    def _begin(self, symbol: str, depth: int, asks: _Levels, bids: _Levels, at: At) -> Meaning:
        levels: list[Level] = []
        texts: list[str] = []
        _take(Side.SELL, asks, levels, texts)
        _take(Side.BUY, bids, levels, texts)
        other = self.deepest.beside(symbol, f"book-{depth}", depth, at, begins=True)
        if other is not None:
            return Meaning(ignored=other)
        book = self.memory.book(symbol, at)
        book.begin()
        book.depth, book.good_ts = depth, at.ts_recv
        held, notes = on_tape(book.fill(levels, texts))
        return says(Event(kind=EventKind.BOOK_SNAPSHOT, symbol=symbol, levels=held, notes=notes))


_PAIR: Final = re.compile(rb'"(book(?:-\d+)?)"\s*,\s*"([!#-\[\]-~]{1,64})"\s*\]')


def _take(side: Side, rows: _Levels, levels: list[Level], texts: list[str]) -> int:
    """Add the levels and what the checksum takes of them; return the latest time of a change, ABSENT for none."""
    latest = ABSENT
    for row in rows:
        if len(row) < 3:
            raise Refused(f"a level of {len(row)} elements")
        price, size, when = row[:3]
        levels.append(level_of(side, price, size))
        texts.append(kraken_text(price, size))
        stamp = parse_seconds(when)
        if stamp > latest and row[3:4] != REPUBLISHED:
            latest = stamp
    return latest


def _sum(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Refused(f"a checksum that is no number: {text[:20]!r}")
    return int(text)


def _longer(name: str, payloads: Sequence[Any]) -> tuple[str, ...]:
    """Return which arrays of a message that was read have elements behind the last one that was ever documented."""
    rows: list[tuple[str, Any, int]] = []
    match name:
        case "trade":
            rows = [("trade", row, 6) for row in _ends(payloads[0])]
        case "spread":
            rows = [("spread", payloads[0], 5)]
        case "ticker":
            rows = [(f"ticker.{key}", row, 3 if key in ("a", "b") else 2) for key, row in payloads[0].items()]
        case "book":
            levels = [row for payload in payloads for side in payload.values() for row in _ends(side)]
            rows = [("book level", row, 4 if row[3:4] == REPUBLISHED else 3) for row in levels]
    found = [f"{what} of {len(row)} elements" for what, row, most in rows if type(row) is list and len(row) > most]
    if len(payloads) > 1 + (name == "book"):
        found.append(f"{name} of {len(payloads)} parts")
    return tuple(found)


def _ends(rows: object) -> list[Any]:
    """Return the first and the last of many rows: a form that is new is seldom in the middle alone."""
    return [row for row in (rows[0], rows[-1]) if type(row) is list] if type(rows) is list and rows else []


def _texts(payload: object, least: int) -> list[str]:
    found = converted(payload, list[str])
    if len(found) < least:
        raise Refused(f"{len(found)} elements where at least {least} are known")
    return found


def _trade(symbol: str, said: object) -> Event:
    row = converted(said, list[str])
    if len(row) < 4:
        raise Refused(f"a trade of {len(row)} elements")
    price, amount, when, side = row[:4]
    if side not in SIDES:
        raise Refused(f"a trade of unknown side {side[:10]!r}")
    size, exponent = trade_size(amount)
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol,
        side=SIDES[side],
        ts_event=parse_seconds(when),
        price=price_of(price),
        size=size,
        size_exp=exponent,
        notes={"order": {"l": "limit", "m": "market"}.get(row[4], row[4])} if len(row) > 4 else {},
    )


def _spread(symbol: str, row: list[str]) -> Event:
    """``spread``: bid, ask, time, and since 2019 their sizes; zeros throughout where there is no quote yet."""
    sizes = row[3:5] if len(row) >= 5 else (None, None)
    ts_event = ABSENT if row[2] in NO_TIME else parse_seconds(row[2])
    return best(symbol, (row[0], sizes[0]), (row[1], sizes[1]), ts_event, Flag(0))


def _ticker(symbol: str, payload: object) -> Event:
    said = converted(payload, _Ticker)
    ask, bid = _best(said.a), _best(said.b)
    return best(symbol, bid, ask, ABSENT, Flag(0))


def _best(row: list[Any]) -> tuple[str, str]:
    """Return price and lots of a ticker's side; whole lots stand between them."""
    if len(row) < 3 or type(row[0]) is not str or type(row[2]) is not str:
        raise Refused("a ticker's side that is not price, whole lots and lots")
    return row[0], row[2]


def _event(said: dict[str, Any]) -> Meaning:
    kind = said.get("event")
    match kind:
        case "heartbeat":
            return venue_says(StatusCode.HEARTBEAT)
        case "systemStatus":
            return system_says(said.get("status"))
        case "subscriptionStatus":
            status = converted(said, _SubscriptionStatus)
            if status.status == "unsubscribed":
                return CONTROL
            code = StatusCode.SUBSCRIBED if status.status == "subscribed" else StatusCode.REFUSED
            return subscription(code, status.pair, status.errorMessage)
        case "pong":
            return CONTROL
        case "error":
            return venue_says(StatusCode.VENUE_ERROR)
    raise unknown_type(kind)


def system_says(state: object) -> Meaning:
    """Return what the state of the venue's trading engine means for the whole feed."""
    if type(state) is not str:
        raise Refused("a status without its state")
    notes = {"system": state[:40]}
    said = [
        Event(kind=EventKind.STATUS, symbol=None, flags=Flag.FEED_WIDE, code=code, notes=notes)
        for code in SYSTEM.get(state, (StatusCode.VENUE_ERROR,))
    ]
    return Meaning(tuple(said), control=True)
