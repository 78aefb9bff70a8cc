"""Books in the venue's own digits, kept to be compared with the checksum that comes with each book message.

The engine's books hold numbers; a checksum is made of the text that was sent, trailing zeros and all. These hold only
what the comparison takes, and which levels have fallen off a book of limited depth.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any, Final
from zlib import crc32

import msgspec

from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Level, Meaning, Refused
from breadboard.model.decimals import ABSENT, INT64_MAX, PRICE_UNIT, parse_size, parse_wide_price, size_text
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, GapReason, Side

KRAKEN_LEVELS: Final = 10
OKX_LEVELS: Final = 25
_wide_price: Final = lru_cache(1 << 16)(parse_wide_price)
_size: Final = lru_cache(1 << 16)(parse_size)
"""A book tells the same few thousand prices again and again, and the session reads them on capture's time."""


class Ladder:
    """One side, best level first. A key is the price of an ask and the negated price of a bid, in 1e-9."""

    __slots__ = ("keys", "texts")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.texts: dict[int, str] = {}

    def put(self, key: int, text: str) -> None:
        """Set a level to what the checksum takes of it; an empty text removes it."""
        if text:
            if key not in self.texts:
                insort(self.keys, key)
            self.texts[key] = text
        elif self.texts.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    def cut(self, depth: int) -> list[int]:
        """Keep the best ``depth`` levels; return the keys of the others."""
        fell = self.keys[depth:]
        del self.keys[depth:]
        for key in fell:
            del self.texts[key]
        return fell

    def top(self, count: int) -> list[str]:
        """Return the texts of the best levels, best first."""
        texts = self.texts
        return [texts[key] for key in self.keys[:count]]


class CheckedBook:
    """One symbol's book. ``ready`` from its snapshot until it is known to be wrong."""

    __slots__ = ("asks", "bids", "depth", "good_ts", "last", "ready")

    def __init__(self) -> None:
        self.depth = 0
        """Levels a side that the venue keeps us told of; 0 where it removes every level itself, or nobody knows."""
        self.ready = False
        self.last = ABSENT
        """The venue's number of the last message in it, where the venue has numbers."""
        self.good_ts = 0
        """The receive stamp of the last message that was right."""
        self.bids = Ladder()
        self.asks = Ladder()

    def begin(self) -> None:
        """Forget all levels: a snapshot is about to bring others."""
        self.bids, self.asks, self.ready, self.last = Ladder(), Ladder(), True, ABSENT

    def lose(self) -> None:
        """Believe it no longer."""
        self.begin()
        self.ready = False

    def apply(self, levels: Iterable[Level], texts: Iterable[str]) -> tuple[Level, ...]:
        """Set levels (size 0 removes), then cut to the depth; return explicit removals of what fell off.

        A venue of limited depth leaves those removals to us: no engine but this knows the depth.
        """
        bids, asks = self.bids, self.asks
        for (side, price, size, _), text in zip(levels, texts, strict=True):
            if side is Side.BUY:
                bids.put(-price, text if size else "")
            else:
                asks.put(price, text if size else "")
        depth = self.depth
        if not depth or (len(bids.keys) <= depth and len(asks.keys) <= depth):
            return ()
        fell = [(Side.BUY, -key, 0, -8) for key in bids.cut(depth)]
        return (*fell, *((Side.SELL, key, 0, -8) for key in asks.cut(depth)))

    def fill(self, levels: list[Level], texts: Iterable[str]) -> list[Level]:
        """Set a snapshot's levels; return those within the depth: a snapshot has no removals."""
        beyond = {level[:2] for level in self.apply(levels, texts)}
        return [level for level in levels if level[:2] not in beyond]

    def packed(self) -> list[Any]:
        """Return everything as lists; equal books give equal lists."""
        # A key may be beyond the integers of the encoding: then it goes as text.
        sides = [
            [[key if abs(key) <= INT64_MAX else str(key) for key in side.keys], side.top(len(side.keys))]
            for side in (self.bids, self.asks)
        ]
        return [self.depth, self.ready, self.last, self.good_ts, *sides]

    @staticmethod
    def unpacked(parts: list[Any]) -> "CheckedBook":
        """Return what ``packed`` was called on."""
        book = CheckedBook()
        book.depth, book.ready, book.last, book.good_ts = parts[:4]
        for ladder, (keys, texts) in zip((book.bids, book.asks), parts[4:], strict=True):
            ladder.keys = list(map(int, keys))
            ladder.texts = dict(zip(ladder.keys, texts, strict=True))
        return book


def level_of(side: Side, price: str, size: str) -> Level:
    """Return a level of a checked book; its price may be one that the tape cannot hold (see ``on_tape``)."""
    found = _wide_price(price)
    if found <= 0:
        raise Refused(f"an impossible price: {price}")
    return (side, found, *_size(size))


def on_tape(levels: list[Level]) -> tuple[tuple[Level, ...], dict[str, Any]]:
    """Return the levels that the tape can hold, and the others as notes for people.

    A real book had an ask at 9,999,999,997 francs. It counts in the depth and the checksum, and is no price.
    """
    beyond = [level for level in levels if level[1] > INT64_MAX]
    if not beyond:
        return tuple(levels), {}
    told = [[side.name.lower(), str(price // PRICE_UNIT), size_text(size, exp)] for side, price, size, exp in beyond]
    return tuple(level for level in levels if level[1] <= INT64_MAX), {"beyond_the_tape": told}


def kraken_text(price: str, size: str) -> str:
    """Return what Kraken's checksum takes of a level: both numbers without the point and without leading zeros."""
    return price.replace(".", "").lstrip("0") + size.replace(".", "").lstrip("0")


def kraken_sum(book: CheckedBook) -> int:
    """Return Kraken's checksum: ten asks from the lowest, then ten bids from the highest, unsigned."""
    return crc32("".join(book.asks.top(KRAKEN_LEVELS) + book.bids.top(KRAKEN_LEVELS)).encode())


def okx_text(price: str, size: str) -> str:
    """Return what OKX's checksum takes of a level."""
    return f"{price}:{size}"


def okx_sum(book: CheckedBook) -> int:
    """Return OKX's checksum: 25 levels, bid and ask in turns, the longer side going on alone; signed 32 bits."""
    turns = zip_longest(book.bids.top(OKX_LEVELS), book.asks.top(OKX_LEVELS))
    found = crc32(":".join(filter(None, chain.from_iterable(turns))).encode())
    return found - (1 << 32) if found >= 1 << 31 else found


class BookMemory:
    """The checked books of every source, forgotten with its connection."""

    def __init__(self) -> None:
        self._sources: dict[int, tuple[int, dict[str, CheckedBook]]] = {}

    def of(self, at: At) -> dict[str, CheckedBook]:
        """Return the books of a connection, by symbol."""
        known = self._sources.get(at.source)
        if known is None or known[0] != at.epoch:
            known = self._sources[at.source] = (at.epoch, {})
        return known[1]

    def book(self, symbol: str, at: At) -> CheckedBook:
        """Return a symbol's book, made where there is none."""
        books = self.of(at)
        found = books.get(symbol)
        if found is None:
            found = books[symbol] = CheckedBook()
        return found

    def lose(self, symbol: str, at: At) -> None:
        """Believe a symbol's book no longer; with "" none of the source's."""
        for name, book in self.of(at).items():
            if symbol in ("", name):
                book.lose()

    def snapshot(self) -> bytes:
        """Return everything as bytes; equal memories give equal bytes."""
        told = [
            [source, epoch, [[symbol, books[symbol].packed()] for symbol in sorted(books)]]
            for source, (epoch, books) in sorted(self._sources.items())
        ]
        return msgspec.msgpack.encode(told)

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned; empty bytes are nothing."""
        self._sources = {
            source: (epoch, {symbol: CheckedBook.unpacked(parts) for symbol, parts in books})
            for source, epoch, books in (msgspec.msgpack.decode(state) if state else ())
        }


def compared(event: Event, book: CheckedBook, found: int, told: int, at: At) -> Meaning:
    """Return what a book message means that came with a checksum; a wrong one is followed by a GAP.

    The book is not believed from there on, here as in the engine, until the next snapshot.
    """
    if found == told:
        book.good_ts = at.ts_recv
        return Meaning((event,), checked=True)
    gap = Gap(
        source=at.source,
        reason=GapReason.CHECKSUM,
        ts_from=book.good_ts or at.ts_recv,
        ts_to=at.ts_recv,
        symbol=event.symbol,
        channel="book",
        detail=f"the book's checksum is {found}, the venue's {told}",
    )
    book.lose()
    wrong = Event(kind=EventKind.GAP, symbol=event.symbol, code=GapReason.CHECKSUM, gap=gap)
    return Meaning((event, wrong), checked=False)
