"""A book and its venue's numbers: what happens to one with a row that the kernel leaves alone.

That is a snapshot, a break in the numbers, a delta that waits for its snapshot, a gap in the journal. What each rule
demands is written in ``SequenceRule``.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import book_kernel as core
from breadboard.engine.book_event import BookEvent
from breadboard.engine.book_kernel import APPLY, BREAK, STALE
from breadboard.engine.book_waiting import MAX_WAITING, Waiting
from breadboard.engine.hiding import EVERY_SOURCE, may_hide
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.level_rooms import CROSSED, EVENTS, IGNORED, REJECTED
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


class BookSync:
    """Keeps books in step with their venues' numbers, or knows that they are not.

    ``heads`` (``HEAD`` rows, by instrument) and ``pool`` are those of the stage, and are changed in place.
    """

    def __init__(self, heads: NDArray[np.void], pool: LevelPool, group: Callable[[int], int]) -> None:
        self._heads = heads
        self._pool = pool
        self._waiting = Waiting(group)
        self._tails: dict[int, int] = {}
        """By book that a snapshot renewed and no delta followed yet: the last number of the deltas before it."""

    def know(self, heads: NDArray[np.void]) -> None:
        """Go on with these heads: there are more instruments, or a state of before."""
        self._heads = heads

    def packed(self) -> dict[str, Any]:
        """Return the deltas that wait and the numbers before snapshots, for ``pack``."""
        tails = [[which, self._tails[which]] for which in sorted(self._tails)]
        return {"waiting": self._waiting.packed(), "tails": tails}

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to what ``packed`` returned."""
        self._waiting.unpacked(parts["waiting"])
        self._tails = dict(parts.get("tails", ()))

    def take(self, tape: Tape, row: int, rows: list[tuple[int, ...]]) -> None:
        """Take one row that the kernel would not; what it shows to be lost goes into ``rows``, as of ``found``."""
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
        heads = self._heads
        if which >= 0:
            touched = np.arange(len(heads)) == which
        else:
            touched = np.full(len(heads), fill_value=True) if source == EVERY_SOURCE else heads["source"] == source
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


def _hole(rule: int, book: int, event: BookEvent) -> tuple[int, int]:
    """Return the first and last venue number missing between a book and an event that does not follow it."""
    last = event.prev if rule == SequenceRule.CHAIN else event.first - 1
    return (book + 1, last) if last > book else (ABSENT, ABSENT)
