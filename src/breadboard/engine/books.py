"""Order books of any number of instruments, kept in step by the venue's own numbers.

A compiled kernel applies deltas to live books; every other row - a snapshot, a break in the numbers, a delta that
waits for its snapshot, a gap in the journal - takes the plain path here. What each rule demands is written in
``SequenceRule``.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_event import BookEvent
from breadboard.engine.book_kernel import APPLY, ASKS, BIDS, BREAK, HEAD, STALE
from breadboard.engine.book_tops import BookCopy, Tops
from breadboard.engine.book_view import NO_BOOK, BookView, view_of
from breadboard.engine.book_waiting import MAX_WAITING, Waiting
from breadboard.engine.depth_snapshots import Shown
from breadboard.engine.found import found
from breadboard.engine.hiding import EVERY_SOURCE, may_hide
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.level_rooms import CROSSED, EVENTS, IGNORED, REJECTED, UNSYNCED
from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState, EventKind, Flag, GapReason, OrderAction, SequenceRule
from breadboard.model.tape import Tape

_QUARANTINE: Final = int(GapReason.QUARANTINE)
"""Why frames nobody understood are missing: from books whose numbers, if any, would not show the loss of a delta."""
# Plain integers: looking up a member of an Enum costs more than the row it is compared with.
_EMPTY: Final = int(BookState.EMPTY)
_SYNCING: Final = int(BookState.SYNCING)
_LIVE: Final = int(BookState.LIVE)
_STALE: Final = int(BookState.STALE)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_CLEAR: Final = int(OrderAction.CLEAR)
_UNKNOWN_ORDER: Final = int(Flag.UNKNOWN_ORDER)
_NONE: Final = int(SequenceRule.NONE)
_OVERLAP: Final = int(SequenceRule.OVERLAP)
_CHAIN: Final = int(SequenceRule.CHAIN)
_LINK: Final = int(SequenceRule.LINK)
_AFTER: Final = int(SequenceRule.AFTER)
_IN_STREAM: Final = (_NONE, _LINK)
"""Rules whose snapshot comes in the stream and brings everything: it needs no number, and no delta waits for it."""


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
        self._waiting = Waiting(group)
        self._tails: dict[int, int] = {}
        """By book that a snapshot renewed and no delta followed yet: the last number of the deltas before it."""

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
            self._look(tape, row, rows)
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
        tails = [[which, self._tails[which]] for which in sorted(self._tails)]
        return pack(
            {
                "heads": self._heads[: self._known],
                **self._pool.packed(),
                "waiting": self._waiting.packed(),
                "tails": tails,
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._heads = parts["heads"]
        self._known = len(self._heads)
        self._pool.unpacked(parts)
        self._waiting.unpacked(parts["waiting"])
        self._tails = dict(parts.get("tails", ()))
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

    def _look(self, tape: Tape, row: int, rows: list[tuple[int, ...]]) -> None:
        """Take one row that the kernel would not."""
        kind, which = int(tape.kind[row]), int(tape.instrument[row])
        if kind == _STATUS:
            self._lose(int(tape.source[row]), which)
        elif kind == _GAP:
            if may_hide(tape, row, "book"):
                self._lose(int(tape.source[row]), which, numbered=tape.code[row] != _QUARANTINE)
        elif which >= 0 and kind == _ORDER and tape.flags[row] & _UNKNOWN_ORDER:
            self._break(which, tape, row, rows)
        elif which >= 0 and (kind == _SNAPSHOT or (kind == _ORDER and tape.code[row] == _CLEAR)):
            self._renew(which, tape, row)
        elif which >= 0:
            self._delta(which, tape, row, rows)

    def _break(self, which: int, tape: Tape, row: int, rows: list[tuple[int, ...]]) -> None:
        """Believe a book no longer that lacked an order; where it was believed, tell."""
        head = self._heads[which]
        if head["state"] == _LIVE:
            seen = (int(tape.offset[row]), int(tape.index[row]), which, int(tape.source[row]))
            ts = int(head["ts_recv"]), int(tape.ts_recv[row])
            rows.append((*seen, int(GapReason.ORDER), 0, *ts, ABSENT, ABSENT))
        self._lose(int(tape.source[row]), which)

    def _lose(self, source: int, which: int, *, numbered: bool = True) -> None:
        """Something may be missing from one book, or from every book of a source: it is no longer believed.

        Not ``numbered``: that is so only of books whose venue gives no numbers, or numbers with holes.
        """
        heads = self._heads[: self._known]
        if which >= 0:
            touched = np.arange(self._known) == which
        else:
            touched = np.full(self._known, fill_value=True) if source == EVERY_SOURCE else heads["source"] == source
        without = np.isin(heads["rule"], (_NONE, _AFTER)) | ((heads["rule"] == _LINK) & (heads["sequence"] == ABSENT))
        touched = touched & (heads["state"] != _EMPTY) & (numbered | without)
        for each in np.flatnonzero(touched).tolist():
            self._forget(each)
            if heads[each]["state"] == _LIVE:
                heads[each]["state"] = _STALE

    def _delta(self, which: int, tape: Tape, row: int, rows: list[tuple[int, ...]]) -> None:
        """Take a delta that breaks a live book, found the pool full, or waits for a snapshot."""
        head, event, waiting = self._heads[which], BookEvent.of(tape, row), self._waiting.of(which)
        live = head["state"] == _LIVE
        if head["state"] == _EMPTY:
            head["state"] = _SYNCING
        head["source"] = tape.source[row]
        if not live and not waiting:
            self._keep(which, event, int(tape.index[row]), rows)
            return
        before = waiting[-1] if waiting else None
        book = int(head["sequence"]) if before is None else before.last
        joining = bool(head["joining"]) and live
        verdict = core.judge(int(head["rule"]), joining, book, event.first, event.last, event.prev)
        if joining and verdict != BREAK:
            self._follow(which, event, (event.offset, int(tape.index[row]), which, int(tape.source[row])), rows)
        if verdict == STALE and head["ignored"] < core.MAX_IGNORED:
            head["ignored"] += 1
            self._pool.meter[IGNORED] += 1
        elif verdict == APPLY and live and self._pool.count(which) > core.MAX_LEVELS:
            seen = (event.offset, int(tape.index[row]), which, int(tape.source[row]))
            ts = int(head["ts_recv"]), event.ts_recv
            rows.append((*seen, int(GapReason.OVERFLOW), 0, *ts, ABSENT, ABSENT))
            self._pool.clear(which)
            self._forget(which)
            head["state"] = _STALE
        elif verdict == APPLY and live:
            self._apply(which, event)
        elif verdict == APPLY and len(waiting) < MAX_WAITING:
            head["ignored"] = 0
            self._keep(which, event, int(tape.index[row]), rows)
        else:
            ts_from = int(head["ts_recv"]) if before is None else before.ts_recv
            reason = GapReason.OVERFLOW if verdict == APPLY else GapReason.SEQUENCE
            hole = _hole(int(head["rule"]), book, event) if verdict == BREAK else (ABSENT, ABSENT)
            seen = (event.offset, int(tape.index[row]), which, int(tape.source[row]))
            rows.append((*seen, int(reason), 0, ts_from, event.ts_recv, *hole))
            head["ignored"] = 0
            head["state"] = _STALE if live else head["state"]
            self._forget(which)
            if verdict != APPLY and head["rule"] == _AFTER:
                head["sequence"] = ABSENT  # the venue's clock was set back: no snapshot is older than this book now
            if head["rule"] not in _IN_STREAM:
                self._keep(which, event, int(tape.index[row]), rows)

    def _follow(self, which: int, event: BookEvent, seen: tuple[int, ...], rows: list[tuple[int, ...]]) -> None:
        """Tell of deltas that are missing between those before a snapshot and one after it.

        The book is right, for the snapshot has them; but they came to nobody.
        """
        tail = self._tails.get(which)
        if tail is None or event.last <= tail:
            return
        head = self._heads[which]
        follows = event.prev == tail if head["rule"] == _CHAIN else event.first <= tail + 1
        if not follows:
            hole = _hole(int(head["rule"]), tail, event)
            rows.append((*seen, int(GapReason.SEQUENCE), 0, int(head["ts_recv"]), event.ts_recv, *hole))
        self._tails[which] = event.last

    def _keep(self, which: int, event: BookEvent, index: int, rows: list[tuple[int, ...]]) -> None:
        """Keep a delta for a snapshot to come; where that is one too many, let the longest queue go, and tell."""
        gone = self._waiting.keep(which, event)
        if gone is not None:
            longest, last = gone
            seen = (event.offset, index, longest, int(self._heads[longest]["source"]))
            rows.append((*seen, int(GapReason.OVERFLOW), 0, last, event.ts_recv, ABSENT, ABSENT))
            self._tails.pop(longest, None)

    def _forget(self, which: int) -> None:
        self._waiting.forget(which)
        self._tails.pop(which, None)

    def _renew(self, which: int, tape: Tape, row: int) -> None:
        """Take a snapshot: join the deltas that waited for it, unless it is older than they, or than the book."""
        head, event = self._heads[which], BookEvent.of(tape, row)
        rule = int(head["rule"])
        if head["state"] == _EMPTY:
            head["state"] = _SYNCING
        head["source"] = tape.source[row]
        # Numbers with holes cannot show what an old snapshot misses: it must not be older than the book ever was.
        known = head["state"] == _LIVE or (rule == _AFTER and head["state"] == _STALE)
        older = known and event.last < head["sequence"]
        later = self._waiting.joining(which, rule, event.last)
        if later is None or (rule not in _IN_STREAM and (older or event.last == ABSENT)):
            self._pool.meter[REJECTED] += 1
            return
        tail = self._tail(which)
        self._pool.replace(which, *event.levels)
        self._stamp(which, event)
        head["state"] = _LIVE
        self._forget(which)
        if tail is not None and event.last > tail:
            self._tails[which] = tail
        head["joining"] = rule == _CHAIN or which in self._tails
        for delta in later:
            self._apply(which, delta)

    def _tail(self, which: int) -> int | None:
        """Return the number of the newest delta that came, where numbers tell what is missing after it."""
        head, waiting = self._heads[which], self._waiting.of(which)
        if head["rule"] not in (_OVERLAP, _CHAIN):
            return None
        if waiting:
            return waiting[-1].last
        return int(head["sequence"]) if head["state"] == _LIVE else None

    def _apply(self, which: int, event: BookEvent) -> None:
        """Apply one delta to a live book."""
        self._pool.change(which, *event.levels)
        self._heads[which]["joining"] = 0
        self._tails.pop(which, None)
        self._stamp(which, event)

    def _stamp(self, which: int, event: BookEvent) -> None:
        head = self._heads[which]
        head["sequence"], head["offset"], head["ignored"] = event.last, event.offset, 0
        head["ts_event"], head["ts_recv"] = event.ts_event, event.ts_recv
        head["is_crossed"] = self._pool.crossed(which)
        head["crossed"] += head["is_crossed"]
        self._pool.meter[CROSSED] += int(head["is_crossed"])
        self._pool.meter[EVENTS] += 1

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


def _hole(rule: int, book: int, event: BookEvent) -> tuple[int, int]:
    """Return the first and last venue number missing between a book and an event that does not follow it."""
    last = event.prev if rule == SequenceRule.CHAIN else event.first - 1
    return (book + 1, last) if last > book else (ABSENT, ABSENT)
