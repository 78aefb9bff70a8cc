"""Gaps on record beside an answer: where something of what was asked for may be missing.

They are few, and every answer names those that it lies in: so they are kept here, and the store is asked only for those
that are new.
"""

import threading
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.api import export
from breadboard.api.instants import nanoseconds
from breadboard.api.paging import Wanted, statement
from breadboard.api.reach import Reach
from breadboard.ports import Store

MOST: Final = 100
"""Gaps that an answer lists; ``GET /api/v1/gaps`` has all."""
KEPT: Final = 100_000
"""Of more gaps than that none is kept (they would take 100 MB), and the store is asked each time."""
_TOLD: Final = ("venue", "symbol", "channel", "reason", "state", "ts_from", "ts_to")
_ORDER: Final = ("ts_recv", "offset", "index")
_NEW: Final = (
    f"SELECT {', '.join(f'`{name}`' for name in dict.fromkeys(_TOLD + _ORDER))} FROM gaps "  # noqa: S608 - our words
    "WHERE offset >= {since:Int64} AND offset < {until:Int64} LIMIT {limit:UInt32}"
)


class _Gaps(NamedTuple):
    """The gaps of one symbol at one venue, or of whole sources there, as they were loaded."""

    rows: list[dict[str, Any]]
    spans: NDArray[np.int64]
    """``ts_from``, ``ts_to`` and what orders them (``_ORDER``), a line a row; ns UTC."""


class Holes:
    """Answers from memory which gaps lie in a time. Thread-safe; asks the store (and blocks) for new ones."""

    def __init__(self, store: Store, most: int = KEPT) -> None:
        self._store = store
        self._most = most
        self._lock = threading.Lock()
        self._until = 0
        self._count = 0
        self._of: dict[tuple[str, str], _Gaps] = {}

    def within(
        self, symbol: str, venues: tuple[str, ...], start: int | None, end: int | None, reach: Reach
    ) -> list[dict[str, Any]]:
        """Return the gaps of a symbol at these venues, and of their sources as a whole, in ``[start, end)``.

        With no venue named, those of the symbol at any. As of ``reach`` or later; at most the first ``MOST``.
        """
        if reach.hole:  # rows from behind it are told, and so are their gaps
            return _asked(self._store, symbol, venues, start, end)
        if not reach.tables.get("gaps"):
            return []
        with self._lock:
            if not self._learn(reach):
                return _asked(self._store, symbol, venues, start, end)
            found: list[tuple[tuple[int, ...], dict[str, Any]]] = []
            for gaps in self._chosen(symbol, venues):
                begins, ends = gaps.spans[:, 0], gaps.spans[:, 1]
                meets = (ends > start if start is not None else True) & (begins < end if end is not None else True)
                places = np.flatnonzero(np.broadcast_to(meets, len(begins)))
                found.extend((tuple(gaps.spans[place, 2:].tolist()), gaps.rows[place]) for place in places[:MOST])
        return [row for _, row in sorted(found, key=lambda each: each[0])[:MOST]]

    def _chosen(self, symbol: str, venues: tuple[str, ...]) -> Iterator[_Gaps]:
        names = [(venue, own) for venue in venues for own in (symbol, "")]
        for name in names if venues else [name for name in self._of if name[1] == symbol]:
            if name in self._of:
                yield self._of[name]

    def _learn(self, reach: Reach) -> bool:
        """Read what was written since; False where there is more than is kept."""
        if self._count <= self._most and self._until < reach.tables["gaps"]:
            limits = {"since": self._until, "until": reach.offset, "limit": self._most + 1}
            table = self._store.query(_NEW, limits)
            self._count += table.num_rows
            if self._count > self._most:
                self._of.clear()
            else:
                self._add(table)
                self._until = reach.offset
        return self._count <= self._most

    def _add(self, table: Any) -> None:  # noqa: ANN401 - a pyarrow.Table
        """Sort new rows in, in their order: the first of a name are the first that are told."""
        places = [nanoseconds(table, name) for name in ("ts_from", "ts_to", "ts_recv")]
        places += [table[name].to_numpy().astype(np.int64) for name in ("offset", "index")]
        spans, rows = np.column_stack(places), export.rows(table.select(list(_TOLD)))
        fresh: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            fresh.setdefault((row["venue"], row["symbol"]), []).append(place)
        for name, chosen in fresh.items():
            before = self._of.get(name, _NONE)
            lines = np.concatenate([before.spans, spans[chosen]])
            order = np.lexsort(lines[:, :1:-1].T)
            together = [*before.rows, *(rows[place] for place in chosen)]
            self._of[name] = _Gaps([together[place] for place in order], lines[order])


_NONE: Final = _Gaps([], np.empty((0, 2 + len(_ORDER)), np.int64))


def _asked(
    store: Store, symbol: str, venues: tuple[str, ...], start: int | None, end: int | None
) -> list[dict[str, Any]]:
    """Return what ``Holes.within`` does, from the store."""
    venue = venues[0] if len(venues) == 1 else None
    wanted = Wanted("gaps", symbol=symbol, venue=venue, wide=venues, start=start, end=end, limit=MOST)
    sql, params = statement(wanted)
    found = export.rows(store.query(sql, params | {"limit": MOST}).select(list(_TOLD)))
    return [row for row in found if not venues or row["venue"] in venues]
