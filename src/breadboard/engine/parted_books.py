"""Order books in partitions: the surface of ``Books``, each book where its instrument belongs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.book_tops import BookCopy
from breadboard.engine.book_view import BookView
from breadboard.engine.books import Books
from breadboard.engine.depth_snapshots import Shown
from breadboard.engine.partitions import Partitions
from breadboard.engine.shared_state import Kinds, Share, dealt, joined
from breadboard.engine.state import unpack
from breadboard.model import whole
from breadboard.model.kinds import BookState, SequenceRule
from breadboard.model.tape import Tape

_KINDS: Final[Kinds] = {
    "heads": Share.EACH,
    "counts": Share.EACH,
    "keys": "counts",
    "sizes": "counts",
    "exps": "counts",
    "meter": Share.SUM,
    "waiting": Share.LISTED,
    "tails": Share.LISTED,
}
T = TypeVar("T")


class PartedBooks:
    """Stage: what ``Books`` is, over partitions. Arguments, rows and states are in the engine's ids."""

    def __init__(
        self,
        partitions: Partitions,
        rule: Callable[[int], SequenceRule],
        watched: Callable[[int], bool] | None,
        snapshots: Sequence[Shown] | None = None,
        *,
        deep: bool,
        copied: Callable[[int], bool] | None = None,
        group: Callable[[int], int],
    ) -> None:
        self._partitions = partitions
        self._known = 0

        def asking(which: int, question: Callable[[int], T]) -> Callable[[int], T]:
            return lambda local: question(int(partitions.members[which][local]))

        self.parts = [
            Books(
                asking(which, rule),
                None if watched is None else asking(which, watched),
                None if snapshots is None else snapshots[which],
                deep=deep,
                copied=None if copied is None else asking(which, copied),
                group=asking(which, group),
            )
            for which in range(partitions.count)
        ]
        """By partition, with ids of its own."""
        self._merged: tuple[NDArray[np.void], NDArray[np.intp]] | None = None
        """``tops``, and where in the parts' tops, one after the other, each stood; None until somebody asks."""

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return ``FOUND`` rows: SEQUENCE and OVERFLOW gaps."""
        self._grow(tape.contents.instruments)
        self._merged = None
        shares = self._partitions.shares(tape)
        tasks = [partial(books.on_tape, share) for books, share in zip(self.parts, shares, strict=True)]
        told = self._partitions.side_by_side(len(tape), tasks)
        found = [self._named(rows, which) for which, rows in enumerate(told) if rows is not None]
        if not found:
            return None
        rows = whole.joined(found)
        return whole.picked(rows, np.lexsort((rows["index"], rows["offset"])))

    @property
    def tops(self) -> NDArray[np.void]:
        """``TOP`` rows of the tape just taken, in its order; good until the next ``on_tape``."""
        return self._in_order()[0]

    @property
    def copies(self) -> list[BookCopy]:
        """What ``Books.copies`` are, each with the place of its top among all; good until the next ``on_tape``."""
        if not any(books.copies for books in self.parts):
            return []
        order = self._in_order()[1]
        places, begin, found = np.argsort(order), 0, list[BookCopy]()
        for books in self.parts:
            found += [copy._replace(place=int(places[begin + copy.place])) for copy in books.copies]
            begin += len(books.tops)
        return sorted(found, key=lambda copy: copy.place)

    @property
    def depths(self) -> NDArray[np.void]:
        """``DEPTH`` rows, one beside each of ``tops``, where ``deep``."""
        depths = whole.joined([books.depths for books in self.parts])
        return whole.picked(depths, self._in_order()[1]) if len(depths) else depths

    def view(self, instrument: int, *, last_known: bool = False, depth: int | None = None) -> BookView:
        """Return the book; see ``Books.view``."""
        if not 0 <= instrument < self._known:
            return self.parts[0].view(-1)
        which, local = self._partitions.find(instrument)
        return self.parts[which].view(local, last_known=last_known, depth=depth)

    def top(self, instrument: int) -> tuple[int, int, int, int, int, int]:
        """Return ``(bid, bid_size, bid_size_exp, ask, ask_size, ask_size_exp)``; see ``Books.top``."""
        which, local = self._partitions.find(instrument) if 0 <= instrument < self._known else (0, -1)
        return self.parts[which].top(local)

    def copied(self, instrument: int) -> BookCopy | None:
        """Return all levels of a live book, None of another."""
        which, local = self._partitions.find(instrument) if 0 <= instrument < self._known else (0, -1)
        return self.parts[which].copied(local)

    @property
    def states(self) -> NDArray[np.uint8]:
        """The ``BookState`` of every instrument that has been seen."""
        states = np.full(self._known, BookState.EMPTY, np.uint8)
        for mine, books in zip(self._partitions.below(self._known), self.parts, strict=True):
            states[mine] = books.states
        return states

    def counters(self) -> dict[str, int]:
        """Return what ``Books.counters`` does, over all."""
        counted = [books.counters() for books in self.parts]
        return {name: sum(each[name] for each in counted) for name in counted[0]}

    def snapshot(self) -> bytes:
        """Return the state that one ``Books`` over all instruments would have."""
        return joined([books.snapshot() for books in self.parts], _KINDS, self._partitions.below(self._known))

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned, of this or of a ``Books``."""
        self._merged = None
        self._known = len(unpack(state)["heads"])
        states = dealt(state, _KINDS, self._partitions.below(self._known))
        for books, its in zip(self.parts, states, strict=True):
            books.restore(its)

    def _named(self, rows: NDArray[np.void], which: int) -> NDArray[np.void]:
        """Return rows of a partition with the engine's ids."""
        named = whole.copied(rows)
        named["instrument"] = self._partitions.members[which][rows["instrument"]]
        return named

    def _in_order(self) -> tuple[NDArray[np.void], NDArray[np.intp]]:
        """Return what ``_merged`` is of the tape just taken."""
        if self._merged is None:
            tops = whole.joined([self._named(books.tops, which) for which, books in enumerate(self.parts)])
            order = np.lexsort((tops["instrument"], tops["row"]))
            self._merged = whole.picked(tops, order), order
        return self._merged

    def _grow(self, count: int) -> None:
        self._known = max(self._known, count)
        for mine, books in zip(self._partitions.below(self._known), self.parts, strict=True):
            books.grow(len(mine))
