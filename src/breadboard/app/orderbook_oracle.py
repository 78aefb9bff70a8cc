"""LOBSTER's orderbook file as an oracle: the book rebuilt from messages, held against the vendor's own after every row.

Row ``k`` of the orderbook file is the book after message ``k``: ask price, ask size, bid price, bid size, and so on by
level; a level that there is not has size 0. Nothing of it goes on record: it says whether the rebuilt book is right.

What rested before the file is in no message, and of levels beyond those asked for nobody tells. So the rebuilt book
begins with what the first row shows, as of orders that nobody named, and is compared as far down as the file has shown
it ever since. Where a message changes an order that is not known even so, or the best level of a side comes from
farther down, it begins anew with that row, which then is not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any, Final
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from breadboard import feeds
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.books import Books
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.orders import Orders
from breadboard.errors import UsageError
from breadboard.feeds.lobster import EXECUTED, PRICE, SHARE
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, OrderAction, RecordKind, Side
from breadboard.model.tape import Tape
from breadboard.recordings.history import FORMATS
from breadboard.recordings.lines import document, printed
from breadboard.recordings.rows import names_in, read_rows

MOST_SHOWN: Final = 5
"""Rows that differ, of which it is told how."""
_MARK: Final = "_orderbook_"
_SIDES: Final = ((ASKS, Side.SELL, -1, "ask"), (BIDS, Side.BUY, 1, "bid"))
"""The engine's side, the orders', the sign under which a better price is higher, the word."""
_UNKNOWN: Final = int(Flag.UNKNOWN_ORDER)
_ALL: Final = -(1 << 62)
"""In place of a signed price: down to the end."""
Levels = list[tuple[int, int]]
"""Price in 1/10,000 dollar and shares, best first."""
Sight = tuple[int, int]
"""Down to which signed price asks and bids are known."""


@dataclass(frozen=True, slots=True)
class _Row:
    """The book after one message, as the vendor has it."""

    sides: tuple[Levels, Levels]
    """Asks and bids, those that there are."""
    most: int
    """Levels that a side has room for."""

    @property
    def sight(self) -> Sight:
        """Return how far down it shows everything: to the end, where there is room for more."""
        asks, bids = (
            sign * levels[-1][0] if len(levels) == self.most else _ALL
            for levels, (_, _, sign, _) in zip(self.sides, _SIDES, strict=True)
        )
        return asks, bids

    def has_best_in(self, sight: Sight) -> bool:
        """Tell whether the best level of each side, where there is one, is known."""
        return all(
            not levels or sign * levels[0][0] >= known
            for levels, (_, _, sign, _), known in zip(self.sides, _SIDES, sight, strict=True)
        )


def parted(files: Sequence[Path]) -> tuple[tuple[Path, ...], dict[Path, Path]]:
    """Return the message files, and the orderbook file of each that has one. Raises UsageError for one without.

    A zip may hold both, as the vendor packs them.
    """
    books = [path for path in files if _MARK in path.name]
    messages = tuple(path for path in files if path not in books)
    named = {path.name.replace("_message_", _MARK): path for path in messages}
    for path in books:
        if path.name not in named:
            raise UsageError(
                f"{path} is the book of messages that were not named",
                hint=f"breadboard import {path.with_name(path.name.replace(_MARK, '_message_'))} {path} …",
            )
    both = {path: path for path in messages if any(map(_is_book, names_in(path)))}
    return messages, both | {named[path.name]: path for path in books}


@dataclass(slots=True)
class _EveryMessage:
    """Stands where depth snapshots do: it is shown the book after each message, and compares."""

    ends: list[int] = field(default_factory=list)
    """Of the tape to come, the row after each message's last."""
    expected: Iterator[tuple[_Row, Sight]] = field(default_factory=lambda: iter(()))
    """The vendor's book after each of them, and how far down it can be compared."""
    rows: int = 0
    equal: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def boundaries(self, _tape: Tape) -> list[tuple[int, int, int]]:
        """Return the row after each message."""
        return [(end, 0, 0) for end in self.ends]

    def take(
        self, _tape: Tape, _row: int, _source: int, _boundary: int, _heads: NDArray[np.void], pool: LevelPool
    ) -> None:
        """Compare the book with the next row of the vendor's."""
        theirs, sight = next(self.expected)
        self.rows += 1
        differs = []
        for (place, _, sign, name), levels, known in zip(_SIDES, theirs.sides, sight, strict=True):
            ours = [(price // PRICE, size // SHARE) for price, size, _ in pool.levels(0, place, theirs.most)]
            found = ours[: _known(ours, sign, known)]
            expected = levels[: _known(levels, sign, known)]
            differs += [
                {"row": self.rows, "side": name, "level": level + 1, "ours": list(one), "theirs": list(other)}
                for level, (one, other) in enumerate(
                    zip(_padded(found, expected), _padded(expected, found), strict=True)
                )
                if one != other
            ]
        self.equal += not differs
        self.wrong += differs[:1] if len(self.wrong) < MOST_SHOWN else []


def _known(levels: Levels, sign: int, known: int) -> int:
    """Return how many of the best levels are known, in whatever order they are."""
    return max((count for count, (price, _) in enumerate(levels, 1) if sign * price >= known), default=0)


def _padded(levels: Levels, others: Levels) -> Levels:
    return levels + [(0, 0)] * (len(others) - len(levels))


class _Rebuilt:
    """The book that messages add up to, beside the vendor's."""

    def __init__(self, theirs: Iterator[_Row], path: Path) -> None:
        self._theirs, self._path = theirs, path
        self._judge = _EveryMessage()
        rule = feeds.by_name("lobster").capabilities.sequence_rule
        self._orders, self._books = Orders(), Books(lambda _: rule, snapshots=self._judge)
        self._sight: Sight = (_ALL, _ALL)
        self._taken = 0
        """Messages after which the book was taken from the file."""

    def take(self, tape: Tape, ends: NDArray[np.int64], *, begins: bool) -> None:
        """Take messages, each of which ends before a row of the tape that ``ends`` names. Raises UsageError."""
        rows = list(islice(self._theirs, len(ends)))
        if len(rows) < len(ends):
            raise UsageError(
                f"{self._path} has fewer rows than there are messages", hint=f"{_printed(self._path)} | wc -l"
            )
        at = 0
        if begins and sum(map(len, rows[0].sides)) > 1:  # more than the first message can have brought
            at = self._begin(rows, 0)
        elif begins:
            self._put(_Row(([], []), rows[0].most))
        while at < len(ends):
            begin = int(ends[at - 1]) if at else 0
            rest = self._orders.on_tape(tape.take(slice(begin, None)))
            unknown = np.flatnonzero(rest.flags & _UNKNOWN)
            known = int(np.searchsorted(ends, begin + unknown[0], "right")) if len(unknown) else len(ends)
            seen = self._seen(rows[at:known])
            if seen:
                self._judge.expected = zip(rows[at:], seen, strict=False)
                self._judge.ends = (ends[at : at + len(seen)] - begin).tolist()
                self._books.on_tape(rest.take(slice(self._judge.ends[-1])))
                at += len(seen)
            if at < len(ends):
                at = self._begin(rows, at)

    def told(self) -> dict[str, Any]:
        """Return how many rows were equal, different, or not compared. Raises UsageError where rows are left."""
        if next(self._theirs, None) is not None:
            raise UsageError(
                f"{self._path} has more rows than there are messages", hint=f"{_printed(self._path)} | wc -l"
            )
        judge = self._judge
        told = {"rows": judge.rows, "equal": judge.equal, "not_believed": self._taken}
        return told | {"different": judge.rows - judge.equal - self._taken, "wrong": judge.wrong}

    def _seen(self, rows: Sequence[_Row]) -> list[Sight]:
        """Return how far down each of the rows can be compared, up to one whose best cannot."""
        found: list[Sight] = []
        for row in rows:
            asks, bids = (max(pair) for pair in zip(self._sight, row.sight, strict=True))
            self._sight = asks, bids
            if not row.has_best_in(self._sight):
                break
            found.append(self._sight)
        return found

    def _begin(self, rows: Sequence[_Row], at: int) -> int:
        """Begin anew with a row, which there is nothing to compare with; return the place of the next."""
        self._put(rows[at])
        self._judge.rows += 1
        self._taken += 1
        return at + 1

    def _put(self, row: _Row) -> None:
        """Put what a row shows in the book's place, as of orders that nobody named."""
        self._sight, self._judge.ends = row.sight, []
        resting = [
            (side, *level) for levels, (_, side, _, _) in zip(row.sides, _SIDES, strict=True) for level in levels
        ]
        columns: dict[str, Sequence[int]] = {
            "kind": [EventKind.ORDER] * (len(resting) + 1),
            "code": [OrderAction.CLEAR] + [OrderAction.ADD] * len(resting),
            "instrument": [0] * (len(resting) + 1),
            "side": [Side.NONE] + [side for side, _, _ in resting],
            "price": [0] + [price * PRICE for _, price, _ in resting],
            "size": [0] + [size * SHARE for _, _, size in resting],
        }
        self._books.on_tape(self._orders.on_tape(Tape.of(len(resting) + 1, columns)))


def compared(messages: Path, book: Path, symbol: str, day: str) -> Mapping[str, Any]:
    """Return how many rows of an orderbook file the rebuilt book equals. Raises UsageError for files that do not match.

    ``wrong`` has the first level of each of the first rows that differ: prices in 1/10,000 dollar, and shares.
    """
    rebuilt = _Rebuilt(_rows(book), book)
    decoder = feeds.by_name("lobster").decoder(Instruments())
    for tag, body in FORMATS["lobster"].documents(messages, symbol, None, day):
        frames = Frames.of([document(tag, "", body)], [0], kind=RecordKind.DOCUMENT)
        decoded = decoder.decode(frames)
        if decoded.quarantined:
            raise UsageError(f"{messages} has rows that cannot be read, and {book} one for each", hint="without it")
        tape, lines = decoded.tape, body.splitlines()
        counts = [1 + (line.split(b",")[1:2] == [b"%d" % EXECUTED]) for line in lines]  # an order changed, and a trade
        first = len(tape) - sum(counts)  # 1: the row that clears the book before its first message
        rebuilt.take(tape.take(slice(first, None)), np.cumsum(counts), begins=first == 1)
    return {"file": book.name} | rebuilt.told()


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the vendor's book after each message. Raises UsageError."""
    books = (row for name, row in read_rows(path) if _is_book(name))
    for place, row in enumerate(books, 1):
        try:
            numbers = [int(text) for text in row.split(b",")]
            asks, bids = (
                list(zip(islice(numbers, at, None, 4), islice(numbers, at + 1, None, 4), strict=True)) for at in (0, 2)
            )
        except ValueError:
            raise UsageError(f"row {place} of {path} is no book", hint=f"{_printed(path)} | sed -n {place}p") from None
        if not asks or len(asks) != len(bids):
            raise UsageError(f"row {place} of {path} is no book", hint=f"{_printed(path)} | sed -n {place}p")
        there = [[level for level in side if level[1]] for side in (asks, bids)]
        yield _Row((there[0], there[1]), len(asks))


def _is_book(name: str) -> bool:
    """Tell a file of books by its own name, whatever folder of a zip it lies in."""
    return _MARK in PurePosixPath(name).name


def _printed(path: Path) -> str:
    """Return the command that prints the books of a file."""
    if not is_zipfile(path):
        return printed(path)
    return f"{printed(path)} {quote(next(filter(_is_book, names_in(path)), ''))}"
