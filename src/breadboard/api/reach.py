"""How far the store has come, so that every answer can say how much it knows."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from breadboard.api.instants import iso, ns_of
from breadboard.ports import Store

OVERLAP: Final = 1 << 24
"""A batch that is written again, with other bounds, begins at most so many places before the one that it replaces."""
FRESH_S: Final = 0.25
"""An answer may say that it knows less than it does, by as much as the store takes in in this time."""


class Reach(NamedTuple):
    """Everything before this place of the journal is in every table."""

    offset: int
    ts_engine: int | None
    """When the engine had taken the last of it (ns UTC): everything that had happened to us by then. None: nothing."""
    tables: Mapping[str, int] = MappingProxyType({})
    """Of each table that has rows, where the newest batch with some ends: what has not changed need not be asked."""
    hole: bool = False
    """Whether a batch is missing before others: tables have rows from behind it then, of which ``tables`` is silent."""

    def described(self) -> dict[str, Any]:
        """Return it as answers say it."""
        return {"offset": self.offset, "ts_engine": None if self.ts_engine is None else iso(self.ts_engine)}


class Ledger:
    """Follows the ledger of the store. Thread-safe; ``now`` asks the store and blocks.

    The whole ledger is read once, to know where it has no hole; from there on only its new rows.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Reach | None = None
        self._asked = 0.0

    def peek(self) -> Reach | None:
        """Return what is known and still fresh, without asking."""
        known = self._known
        return known if known is not None and self._clock() - self._asked < FRESH_S else None

    def now(self) -> Reach:
        """Return how far the store has come, as of at most ``FRESH_S`` ago."""
        with self._lock:
            known = self.peek()
            if known is None:
                asked = self._clock()
                known = self._known = self._first() if self._known is None else self._further(self._known)
                self._asked = asked
            return known

    def _first(self) -> Reach:
        reach = self._store.written()
        table = self._store.query(
            "SELECT max(ts_engine) AS ts_engine, count(*) AS found FROM batches WHERE `end` = {end:Int64}",
            {"end": reach},
        )
        written = self._store.query(
            "SELECT tables, max(`end`) AS until FROM batches WHERE `end` <= {end:Int64} GROUP BY tables", {"end": reach}
        )
        behind = self._store.query("SELECT count(*) AS found FROM batches WHERE `end` > {end:Int64}", {"end": reach})
        return Reach(
            reach,
            ns_of(table, "ts_engine") if table.column("found")[0].as_py() else None,
            _written({}, zip(written["tables"].to_pylist(), written["until"].to_pylist(), strict=True)),
            hole=bool(behind["found"][0].as_py()),
        )

    def _further(self, known: Reach) -> Reach:
        table = self._store.query(
            "SELECT `first`, `end`, ts_engine, tables FROM batches "
            "WHERE `first` >= {first:Int64} AND `end` > {end:Int64} ORDER BY `first`, `end`",
            {"first": known.offset - OVERLAP, "end": known.offset},
        )
        columns = (table[name].to_pylist() for name in ("first", "end", "tables"))
        hole = False
        for row, (first, end, tables) in enumerate(zip(*columns, strict=True)):
            if first > known.offset:
                hole = True
                break
            if end > known.offset:
                known = Reach(end, ns_of(table, "ts_engine", row), _written(known.tables, [(tables, end)]))
        return known._replace(hole=hole)


def _written(known: Mapping[str, int], batches: Iterable[tuple[list[str], int]]) -> Mapping[str, int]:
    """Return ``known`` with what these batches, each its tables and its end, have written."""
    found = dict(known)
    for tables, end in batches:
        for table in tables:
            found[table] = max(end, found.get(table, 0))
    return MappingProxyType(found)
