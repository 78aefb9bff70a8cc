"""Order books in partitions: the surface of ``Books``, each book where its instrument belongs."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.book_kernel import TOP
from breadboard.engine.books import Books, BookView
from breadboard.engine.partitions import Partitions
from breadboard.engine.shared_state import Kinds, Share, dealt, joined
from breadboard.engine.state import unpack
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
        *,
        deep: bool,
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
                deep=deep,
                group=asking(which, group),
            )
            for which in range(partitions.count)
        ]
        """By partition, with ids of its own."""

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return ``FOUND`` rows: SEQUENCE and OVERFLOW gaps."""
        self._grow(int(tape.instrument.max(initial=-1)) + 1)
        shares = self._partitions.shares(tape)
        tasks = [partial(books.on_tape, share) for books, share in zip(self.parts, shares, strict=True)]
        told = self._partitions.side_by_side(len(tape), tasks)
        found = [self._named(rows, which) for which, rows in enumerate(told) if rows is not None]
        if not found:
            return None
        rows = np.concatenate(found)
        return rows[np.lexsort((rows["index"], rows["offset"]))]

    @property
    def tops(self) -> NDArray[np.void]:
        """``TOP`` rows of the tape just taken, in its order; good until the next ``on_tape``."""
        tops = np.concatenate([np.zeros(0, TOP), *(self._named(b.tops, which) for which, b in enumerate(self.parts))])
        return tops[self._order(tops)]

    @property
    def depths(self) -> NDArray[np.void]:
        """``DEPTH`` rows, one beside each of ``tops``, where ``deep``."""
        tops = np.concatenate([self._named(books.tops, which) for which, books in enumerate(self.parts)])
        depths = np.concatenate([books.depths for books in self.parts])
        return depths[self._order(tops)] if len(depths) else depths

    def view(self, instrument: int, *, last_known: bool = False) -> BookView:
        """Return the book; see ``Books.view``."""
        if not 0 <= instrument < self._known:
            return self.parts[0].view(-1)
        which, local = self._partitions.find(instrument)
        return self.parts[which].view(local, last_known=last_known)

    def top(self, instrument: int) -> tuple[int, int, int, int, int, int]:
        """Return ``(bid, bid_size, bid_size_exp, ask, ask_size, ask_size_exp)``; see ``Books.top``."""
        which, local = self._partitions.find(instrument) if 0 <= instrument < self._known else (0, -1)
        return self.parts[which].top(local)

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
        self._known = len(unpack(state)["heads"])
        states = dealt(state, _KINDS, self._partitions.below(self._known))
        for books, its in zip(self.parts, states, strict=True):
            books.restore(its)

    def _named(self, rows: NDArray[np.void], which: int) -> NDArray[np.void]:
        """Return rows of a partition with the engine's ids."""
        named = rows.copy()
        named["instrument"] = self._partitions.members[which][rows["instrument"]]
        return named

    def _order(self, tops: NDArray[np.void]) -> NDArray[np.intp]:
        return np.lexsort((tops["instrument"], tops["row"]))

    def _grow(self, count: int) -> None:
        self._known = max(self._known, count)
        for mine, books in zip(self._partitions.below(self._known), self.parts, strict=True):
            books.grow(len(mine))
