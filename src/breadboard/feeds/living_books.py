"""Which books live by their changes: a venue's partial book, the top of it sent again and again, is not to replace one.

A book lives that was fetched whole and has changed since, on the connection that both came by. Where nothing was
fetched or nothing changes, the partial book is all there is, and it is the book.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.reading import Meaning
from breadboard.model.frames import Frames
from breadboard.model.kinds import EventKind, Flag

BESIDE: Final = "a partial book beside the changes"
"""What it is ignored as."""
_DELTA: Final = int(EventKind.BOOK_DELTA)
_Row = tuple[int, int, int]


class LivingBooks:
    """By source and instrument, the connection on which a book was fetched or lives. Most often nothing changes."""

    def __init__(self) -> None:
        self.fetched: dict[tuple[int, int], int] = {}
        """Those that have not changed yet."""
        self._living: dict[tuple[int, int], int] = {}
        self._told: bytes | None = b""
        """What ``snapshot`` returned; None where something is otherwise since."""

    def fetch(self, source: int, epoch: int, instrument: int) -> None:
        """Take that a book came whole."""
        if not self.lives(source, epoch, instrument):
            self.fetched[source, instrument] = epoch
            self._told = None

    def change(self, source: int, epoch: int, instrument: int) -> None:
        """Take that a book has changed."""
        if self.fetched.get((source, instrument)) == epoch:
            self._living[source, instrument] = self.fetched.pop((source, instrument))
            self._told = None

    def lives(self, source: int, epoch: int, instrument: int) -> bool:
        """Return whether a book lives by its changes."""
        return self._living.get((source, instrument)) == epoch

    def snapshot(self) -> bytes:
        """Return everything as bytes; equal memories give equal bytes, and none no bytes."""
        if self._told is None:
            parts = [sorted((*place, epoch) for place, epoch in rows.items()) for rows in (self.fetched, self._living)]
            self._told = msgspec.msgpack.encode(parts)
        return self._told

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        parts = msgspec.msgpack.decode(state, type=tuple[list[_Row], list[_Row]]) if state else ([], [])
        self.fetched, self._living = ({(row[0], row[1]): row[2] for row in rows} for rows in parts)
        self._told = state


class BatchOfBooks:
    """What one batch says of books, looked through no further than is asked: all is told in journal order."""

    def __init__(
        self,
        books: LivingBooks,
        frames: Frames,
        kind: NDArray[np.int64],
        instrument: NDArray[np.int64],
        role: NDArray[np.int8],
    ) -> None:
        self._books, self._frames = books, frames
        self._kind, self._instrument, self._role = kind, instrument, role
        self._row = 0

    def until(self, row: int) -> None:
        """Take the changes of the rows before this one that the kernel read (``role`` is not negative)."""
        part, self._row = slice(self._row, row), row
        if not self._books.fetched:
            return
        changed = (self._role[part] >= 0) & (self._kind[part] == _DELTA)
        sources, instruments = self._frames.source[part][changed], self._instrument[part][changed]
        epochs = self._frames.epoch[part][changed]
        for source, instrument in set(zip(sources.tolist(), instruments.tolist(), strict=True)):
            epoch = self._books.fetched.get((source, instrument))
            its = (sources == source) & (instruments == instrument)
            if epoch is not None and bool((epochs[its] == epoch).any()):
                self._books.change(source, epoch, instrument)

    def fetched(self, row: int, instrument: int) -> None:
        """Take a whole book."""
        self.until(row)
        self._books.fetch(int(self._frames.source[row]), int(self._frames.epoch[row]), instrument)

    def read(self, row: int, meaning: Meaning, intern: Callable[[str], int]) -> Meaning:
        """Take what a frame means that the reader read; return what is left of it beside the books that live."""
        self.until(row)
        source, epoch = int(self._frames.source[row]), int(self._frames.epoch[row])
        for event in meaning.events:
            if event.symbol is None:
                continue
            if event.kind is EventKind.BOOK_DELTA:
                self._books.change(source, epoch, intern(event.symbol))
            elif event.kind is EventKind.BOOK_SNAPSHOT and not event.flags & Flag.CONFLATED:
                self._books.fetch(source, epoch, intern(event.symbol))
            elif event.kind is EventKind.BOOK_SNAPSHOT and self._books.lives(source, epoch, intern(event.symbol)):
                return Meaning(ignored=BESIDE)
        return meaning
