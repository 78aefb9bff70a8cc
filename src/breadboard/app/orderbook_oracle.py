"""LOBSTER's orderbook file as an oracle: the book rebuilt from messages, held against the vendor's own after every row.

Row ``k`` of the orderbook file is the book after message ``k``: ask price, ask size, bid price, bid size, and so on by
level; a level that there is not has size 0. Nothing of it goes on record: it says whether the rebuilt book is right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

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
from breadboard.model.kinds import BookState, RecordKind
from breadboard.model.tape import Tape
from breadboard.recordings.history import FORMATS
from breadboard.recordings.lines import document
from breadboard.recordings.rows import read_rows

MOST_SHOWN: Final = 5
"""Rows that differ, of which it is told how."""
_MARK: Final = "_orderbook_"
_SIDES: Final = ((ASKS, 0, "ask"), (BIDS, 2, "bid"))
Levels = list[tuple[int, int]]
"""Price in 1/10,000 dollar and shares, best first."""


def parted(files: Sequence[Path]) -> tuple[tuple[Path, ...], dict[Path, Path]]:
    """Return the message files, and the orderbook file of each that has one. Raises UsageError for one without."""
    books = [path for path in files if _MARK in path.name]
    messages = tuple(path for path in files if path not in books)
    named = {path.name.replace("_message_", _MARK): path for path in messages}
    for path in books:
        if path.name not in named:
            raise UsageError(
                f"{path} is the book of messages that were not named",
                hint=f"breadboard import {path.with_name(path.name.replace(_MARK, '_message_'))} {path} …",
            )
    return messages, {named[path.name]: path for path in books}


@dataclass(slots=True)
class _EveryMessage:
    """Stands where depth snapshots do: it is shown the book after each message, and compares."""

    theirs: Iterator[tuple[Levels, Levels]]
    path: Path
    ends: list[int] = field(default_factory=list)
    """Of the tape to come, the row after each message's last."""
    rows: int = 0
    equal: int = 0
    unbelieved: int = 0
    """Messages after which the rebuilt book is not believed: orders from before the file were changed."""
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def boundaries(self, _tape: Tape) -> list[tuple[int, int, int]]:
        """Return the row after each message."""
        return [(end, 0, 0) for end in self.ends]

    def take(
        self, _tape: Tape, _row: int, _source: int, _boundary: int, heads: NDArray[np.void], pool: LevelPool
    ) -> None:
        """Compare the book with the next row of the vendor's."""
        expected = next(self.theirs, None)
        if expected is None:
            raise UsageError(f"{self.path} has fewer rows than there are messages", hint=f"wc -l {self.path}")
        self.rows += 1
        if heads[0]["state"] != BookState.LIVE:
            self.unbelieved += 1
            return
        found = tuple(
            [(price // PRICE, size // SHARE) for price, size, _ in pool.levels(0, side, len(levels))]
            for (side, _, _), levels in zip(_SIDES, expected, strict=True)
        )
        differs = [
            {"row": self.rows, "side": name, "level": level + 1, "ours": list(one), "theirs": list(other)}
            for (_, _, name), ours, theirs in zip(_SIDES, found, expected, strict=True)
            for level, (one, other) in enumerate(zip(_padded(ours, theirs), theirs, strict=True))
            if one != other
        ]
        self.equal += not differs
        self.wrong += differs[:1] if len(self.wrong) < MOST_SHOWN else []


def _padded(ours: Levels, theirs: Levels) -> Levels:
    return ours + [(0, 0)] * (len(theirs) - len(ours))


def compared(messages: Path, book: Path, symbol: str, day: str) -> Mapping[str, Any]:
    """Return how many rows of an orderbook file the rebuilt book equals. Raises UsageError for files that do not match.

    ``wrong`` has the first level of each of the first rows that differ: prices in 1/10,000 dollar, and shares.
    """
    oracle = _EveryMessage(_levels(book), book)
    orders, books = Orders(), Books(lambda _: feeds.by_name("lobster").capabilities.sequence_rule, snapshots=oracle)
    decoder = feeds.by_name("lobster").decoder(Instruments())
    for tag, body in FORMATS["lobster"].documents(messages, symbol, None, day):
        frames = Frames.of([document(tag, "", body)], [0], kind=RecordKind.DOCUMENT)
        tape = orders.on_tape(decoder.decode(frames).tape)
        lines = body.splitlines()
        counts = [1 + (line.split(b",")[1:2] == [b"%d" % EXECUTED]) for line in lines]  # an order changed, and a trade
        first = len(tape) - sum(counts)  # the row that clears the book before its first message
        if first not in {0, 1}:
            raise UsageError(f"{messages} has rows that cannot be read, and {book} one for each", hint="without it")
        oracle.ends = (first + np.cumsum(counts)).tolist()
        books.on_tape(tape)
    if next(oracle.theirs, None) is not None:
        raise UsageError(f"{book} has more rows than there are messages", hint=f"wc -l {messages} {book}")
    told = {"file": book.name, "rows": oracle.rows, "equal": oracle.equal, "not_believed": oracle.unbelieved}
    return told | {"different": oracle.rows - oracle.equal - oracle.unbelieved, "wrong": oracle.wrong}


def _levels(path: Path) -> Iterator[tuple[Levels, Levels]]:
    """Yield the asks and bids of each row; a level that there is not is ``(0, 0)``."""
    for place, (_, row) in enumerate(read_rows(path), 1):
        try:
            numbers = [int(text) for text in row.split(b",")]
            sides = [
                list(zip(islice(numbers, at, None, 4), islice(numbers, at + 1, None, 4), strict=True)) for at in (0, 2)
            ]
        except ValueError:
            raise UsageError(f"row {place} of {path} is no book", hint=f"sed -n {place}p {path}") from None
        asks, bids = ([level if level[1] else (0, 0) for level in side] for side in sides)
        if not asks or len(asks) != len(bids):
            raise UsageError(f"row {place} of {path} is no book", hint=f"sed -n {place}p {path}")
        yield asks, bids
