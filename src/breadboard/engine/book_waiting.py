"""Deltas that came before the snapshot of their book, and wait for it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from breadboard.engine import book_kernel as core
from breadboard.engine.book_event import BookEvent
from breadboard.engine.book_kernel import APPLY, BREAK
from breadboard.engine.partitions import KEY_GROUPS
from breadboard.model.kinds import SequenceRule

MAX_WAITING: Final = 10_000
"""Deltas kept an instrument until a snapshot joins them."""
MAX_WAITING_GROUP: Final = 100_000 // KEY_GROUPS
"""Deltas kept over all instruments of a key group; beyond it the longest queue among them is let go, and told."""


class Waiting:
    """Queues of deltas by instrument, bounded over each ``group`` of instruments."""

    def __init__(self, group: Callable[[int], int]) -> None:
        self._group = group
        self._events: dict[int, list[BookEvent]] = {}
        self._kept = dict.fromkeys(range(KEY_GROUPS), 0)
        """By key group, deltas in all queues."""

    def of(self, which: int) -> Sequence[BookEvent]:
        """Return the deltas of an instrument, oldest first."""
        return self._events.get(which, ())

    def keep(self, which: int, event: BookEvent) -> tuple[int, int] | None:
        """Keep a delta; where it is one too many, let the longest queue go.

        Return whose queue that was, and the receive time of its last delta.
        """
        self._events.setdefault(which, []).append(event)
        group = self._group(which)
        self._kept[group] += 1
        if self._kept[group] <= MAX_WAITING_GROUP:
            return None
        alike = (each for each in self._events if self._group(each) == group)
        longest = max(alike, key=lambda each: (len(self._events[each]), -each))
        last = self._events[longest][-1].ts_recv
        self.forget(longest)
        return longest, last

    def forget(self, which: int) -> None:
        """Let the queue of an instrument go."""
        if which in self._events:
            self._kept[self._group(which)] -= len(self._events.pop(which))

    def joining(self, which: int, rule: int, book: int) -> list[BookEvent] | None:
        """Return the deltas that a snapshot of number ``book`` needs, or None where they do not join it."""
        later: list[BookEvent] = []
        chained = rule == SequenceRule.CHAIN
        for event in self.of(which):
            verdict = core.judge(rule, chained, book, event.first, event.last, event.prev)
            if verdict == BREAK:
                return None
            if verdict == APPLY:
                later.append(event)
                book, chained = event.last, False
        return later

    def packed(self) -> list[Any]:
        """Return all queues for ``pack``, by instrument."""
        return [[which, [event.packed() for event in self._events[which]]] for which in sorted(self._events)]

    def unpacked(self, queues: list[Any]) -> None:
        """Go back to queues that ``packed`` returned."""
        self._events = {which: [BookEvent.unpacked(event) for event in events] for which, events in queues}
        self._kept = dict.fromkeys(range(KEY_GROUPS), 0)
        for which, events in self._events.items():
            self._kept[self._group(which)] += len(events)
