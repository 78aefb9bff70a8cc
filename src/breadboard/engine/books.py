"""Order books of any number of instruments, kept in step by the venue's own numbers.

A compiled kernel applies deltas to live books; every other row takes the plain path of ``book_sync``.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_kernel import ASKS, BIDS, HEAD
from breadboard.engine.book_sync import BookSync
from breadboard.engine.book_tops import BookCopy, Tops
from breadboard.engine.book_view import NO_BOOK, BookView, view_of
from breadboard.engine.depth_snapshots import Shown
from breadboard.engine.found import found
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.level_rooms import CROSSED, EVENTS, IGNORED, REJECTED, UNSYNCED
from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState, SequenceRule
from breadboard.model.tape import Tape

_LIVE: Final = int(BookState.LIVE)
"""A plain integer: looking up a member of an Enum costs more than what it is compared with."""


class Books:
    """Stage: books from BOOK_SNAPSHOT and BOOK_DELTA rows; ``rule(instrument)`` says how their numbers chain.

    A hole in the numbers makes the book STALE with that very row, and deltas are kept (up to MAX_WAITING) until a
    snapshot joins them. A GAP or FEED_DOWN row does the same to every book of its source, or of its symbol. Of the
    instruments that are ``watched`` it also tells the best levels after each row that may have changed them, and to
    ``snapshots`` it shows all books at the boundaries that it names.
    """

    def __init__(
        self,
        rule: Callable[[int], SequenceRule],
        watched: Callable[[int], bool] | None = None,
        snapshots: Shown | None = None,
        *,
        deep: bool = False,
        copied: Callable[[int], bool] | None = None,
        group: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self._rule = rule
        self._tops = Tops(watched, copied, deep=deep)
        self._snapshots = snapshots
        self._known = 0
        self._heads = np.zeros(0, HEAD)
        self._pool = LevelPool()
        self._sync = BookSync(self._heads, self._pool, group)

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return ``FOUND`` rows: SEQUENCE and OVERFLOW gaps."""
        self.grow(tape.contents.instruments)
        rows: list[tuple[int, ...]] = []
        row = 0
        self._tops.begin()
        if self._snapshots is not None:
            for at, source, boundary in self._snapshots.boundaries(tape):
                row = self._take(tape, row, at, rows)
                self._snapshots.take(tape, at, source, boundary, self._heads[: self._known], self._pool)
        self._take(tape, row, len(tape), rows)
        return found(rows)

    def _take(self, tape: Tape, row: int, stop: int, rows: list[tuple[int, ...]]) -> int:
        """Take the rows before ``stop``, which is returned."""
        watched = len(self._tops.watched) > 0
        while (row := self._run(tape, row, stop)) < stop:
            before = self.states if watched and tape.instrument[row] < 0 else None
            self._sync.take(tape, row, rows)
            if watched:
                self._tops.tell(row, int(tape.instrument[row]), before, self._heads[: self._known], self._pool)
            row += 1
        return stop

    @property
    def tops(self) -> NDArray[np.void]:
        """``TOP`` rows of the tape just taken, in its order; good until the next ``on_tape``."""
        return self._tops.rows[: self._tops.told]

    @property
    def copies(self) -> list[BookCopy]:
        """Live books of ``copied`` instruments of which more became than a row says, each with the place of its top.

        Good until the next ``on_tape``.
        """
        return self._tops.copies

    @property
    def depths(self) -> NDArray[np.void]:
        """``DEPTH`` rows, one beside each of ``tops``, where ``deep``; of a book that is not LIVE they mean nothing."""
        return self._tops.depths[: self._tops.told]

    def view(self, instrument: int, *, last_known: bool = False, depth: int | None = None) -> BookView:
        """Return the book, or its best ``depth`` levels; EMPTY for an instrument without one.

        No levels are served unless it is LIVE.
        ``last_known`` also gives what a STALE one held when it was last believed, at ``sequence``: for reports of a
        run that is over, never for prices of now.
        """
        if not 0 <= instrument < self._known:
            return NO_BOOK
        return view_of(self._heads[instrument], self._pool, instrument, last_known=last_known, depth=depth)

    def top(self, instrument: int) -> tuple[int, int, int, int, int, int]:
        """Return ``(bid, bid_size, bid_size_exp, ask, ask_size, ask_size_exp)``; ABSENT where a side has nothing."""
        nothing = (ABSENT, ABSENT, 0)
        if not 0 <= instrument < self._known or self._heads[instrument]["state"] != BookState.LIVE:
            return nothing + nothing
        bid, ask = (self._pool.levels(instrument, side, 1) for side in (BIDS, ASKS))
        return (bid[0] if bid else nothing) + (ask[0] if ask else nothing)

    def copied(self, instrument: int) -> BookCopy | None:
        """Return all levels of a live book, None of another."""
        if not 0 <= instrument < self._known or self._heads[instrument]["state"] != _LIVE:
            return None
        return BookCopy(-1, *self._pool.copied(instrument))

    @property
    def states(self) -> NDArray[np.uint8]:
        """The ``BookState`` of every instrument that has been seen."""
        return self._heads["state"][: self._known].astype(np.uint8)

    def counters(self) -> dict[str, int]:
        """Return how many events were applied, ignored as stale, unsynced or left a crossed book; snapshots too old."""
        names = {"applied": EVENTS, "ignored": IGNORED, "unsynced": UNSYNCED}
        names |= {"crossed": CROSSED, "snapshots_rejected": REJECTED}
        return {name: int(self._pool.meter[slot]) for name, slot in names.items()}

    def snapshot(self) -> bytes:
        """Return all state as bytes; how levels lie in the pool is not part of it."""
        return pack({"heads": self._heads[: self._known], **self._pool.packed(), **self._sync.packed()})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._heads = parts["heads"]
        self._known = len(self._heads)
        self._pool.unpacked(parts)
        self._sync.know(self._heads)
        self._sync.unpacked(parts)
        self._tops.know(self._known)

    def _run(self, tape: Tape, row: int, stop: int) -> int:
        self._tops.make_room(stop - row)
        row, self._tops.told = core.run(
            row,
            stop,
            tape.kind,
            tape.code,
            tape.flags,
            tape.source,
            tape.instrument,
            tape.offset,
            tape.ts_event,
            tape.ts_recv,
            tape.sequence,
            tape.sequence_first,
            tape.sequence_prev,
            tape.level_begin,
            tape.level_end,
            tape.level_side,
            tape.level_price,
            tape.level_size,
            tape.level_size_exp,
            self._heads,
            self._pool.sides,
            self._pool.keys,
            self._pool.sizes,
            self._pool.exps,
            self._pool.meter,
            self._tops.watched,
            self._tops.rows,
            self._tops.depths,
            self._tops.told,
        )
        return row

    def grow(self, count: int) -> None:
        """Know the instruments below ``count``."""
        if count <= self._known:
            return
        self._heads = grown(self._heads, count)
        self._pool.grow(count)
        fresh = self._heads[self._known : count]
        fresh["sequence"] = fresh["ts_event"] = ABSENT
        fresh["rule"] = [int(self._rule(which)) for which in range(self._known, count)]
        self._tops.know(count)
        self._known = count
        self._sync.know(self._heads[:count])
