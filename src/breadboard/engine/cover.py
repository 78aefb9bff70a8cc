"""What is known to be missing, in event time: disjoint intervals per source and per instrument."""

from bisect import insort
from collections.abc import Iterable
from typing import Any, Final

from breadboard.model.decimals import ABSENT, INT64_MAX

Span = tuple[int, int]
"""``(begin, end)`` in ns UTC, end exclusive."""

MAX_SPANS: Final = 256
"""Intervals remembered of one source or instrument; the oldest are forgotten first."""


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as disjoint spans in order."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif begin < end:
            joined.append((begin, end))
    return joined


class Cover:
    """Time in which something may be missing. Keys are free text: a source or an instrument."""

    def __init__(self) -> None:
        self._spans: dict[str, list[Span]] = {}
        self._down: dict[str, int] = {}

    def add(self, key: str, begin: int, end: int) -> None:
        """Say that something may be missing in ``[begin, end)``."""
        if begin < end:
            spans = self._spans.setdefault(key, [])
            insort(spans, (begin, end))
            self._spans[key] = union(spans)[-MAX_SPANS:]

    def down(self, key: str, since: int) -> None:
        """Say that everything may be missing from ``since`` until ``up``."""
        self._down.setdefault(key, since)

    def up(self, key: str, until: int) -> None:
        """Say that a silence begun with ``down`` has ended; nothing where none had."""
        since = self._down.pop(key, None)
        if since is not None:
            self.add(key, since, until)

    def any(self, prefix: str) -> bool:
        """Return whether anything was ever missing under a key that begins with ``prefix``."""
        return any(key.startswith(prefix) for keys in (self._spans, self._down) for key in keys)

    def until(self, key: str) -> int:
        """Return the time from which nothing is known to be missing under a key; ABSENT where nothing ever was."""
        if key in self._down:
            return INT64_MAX
        spans = self._spans.get(key)
        return spans[-1][1] if spans else ABSENT

    def missing(self, keys: Iterable[str], begin: int, end: int, first: int) -> int:
        """Return how many ns of ``[begin, end)`` some key covers, or lie before ``first``."""
        spans = [(begin, first)]
        for key in keys:
            spans += self._spans.get(key, ())
            if key in self._down:
                spans.append((self._down[key], end))
        return sum(max(0, min(b, end) - max(a, begin)) for a, b in union(spans))

    def packed(self) -> dict[str, Any]:
        """Return all state for ``pack``."""
        return {
            "spans": [[key, self._spans[key]] for key in sorted(self._spans)],
            "down": [[key, self._down[key]] for key in sorted(self._down)],
        }

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to a state that ``packed`` returned."""
        self._spans = {key: [(begin, end) for begin, end in spans] for key, spans in parts["spans"]}
        self._down = dict(parts["down"])
