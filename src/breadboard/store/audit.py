"""Does the store still hold what the ledger says was written? Run at start and hourly.

The engine detaches a part that it cannot read when it starts, and says nothing: counts just become smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from breadboard.errors import StoreError
from breadboard.store import ddl, schema

_EXACT: Final = tuple(
    name for name, table in schema.TABLES.items() if not table.replaces and name not in {"batches", "lag"}
)
"""Tables that never replace a row, so that their counts must be equal. Lags are measured and not in the ledger."""


class _Store(Protocol):
    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found; ``ok`` when nothing is wrong."""

    batches: int
    """Ledger rows looked at: those not near the end of their life."""
    aside: int
    """Ledger rows left out: of what they wrote, some has expired, or may any time."""
    detached: tuple[tuple[str, str, str], ...]
    """``(table, part, reason)`` of parts the engine put aside."""
    mismatches: tuple[tuple[str, int, int], ...]
    """``(table, rows written, rows found)``; ``bars`` counts final bars and may only be more."""
    holes: tuple[tuple[int, int], ...]
    """``(from, to)`` journal offsets that no ledger row covers."""
    damaged: tuple[tuple[str, str], ...]
    """``(table, message)`` where a deep audit could not read what is there."""

    note: str = ""
    """A sentence where there was nothing to compare."""

    @property
    def ok(self) -> bool:
        """Whether the store holds everything that it should."""
        return not self.findings

    @property
    def findings(self) -> tuple[str, ...]:
        """What is wrong, a sentence each."""
        return (
            *(f"table {table} has {found:,} of {wrote:,} rows written" for table, wrote, found in self.mismatches),
            *(
                f"part {part} of table {table} was put aside: {why or 'unreadable'}"
                for table, part, why in self.detached
            ),
            *(f"nothing says that offsets {first:,} to {end:,} were ever stored" for first, end in self.holes),
            *(f"table {table} is damaged: {message}" for table, message in self.damaged),
        )


def audit(store: _Store, *, deep: bool = False) -> Report:
    """Compare ledger and tables, and list detached parts. ``deep`` also reads every checksum of every part.

    Batches whose ticks are about to expire are left out, so that a TTL is never taken for a loss; so is what is being
    written meanwhile.
    """
    ledger = store.query(_LEDGER, {"since": _since(store)})
    batches, aside = (int(ledger[name][0].as_py()) for name in ("batches", "aside"))
    span = {name: int(ledger[name][0].as_py()) for name in ("start", "until")}
    expected = {row["name"]: int(row["total"]) for row in store.query(_EXPECTED, span).to_pylist()}
    mismatches = []
    for table in _EXACT if batches else ():
        found = _count(store, _ROWS.format(table=table), span)
        if found != expected.get(table, 0):
            mismatches.append((table, expected.get(table, 0), found))
    final = _count(store, _FINAL, span)
    if final < expected.get("bars", 0):
        mismatches.append(("bars", expected["bars"], final))
    return Report(
        batches,
        aside,
        tuple((row["table"], row["name"], row["reason"] or "") for row in store.query(_DETACHED).to_pylist()),
        tuple(mismatches),
        tuple((row["reach"], row["first"]) for row in store.query(_HOLES).to_pylist()),
        _damaged(store) if deep else (),
        _NOTE.format(aside) if aside and not batches else "",
    )


def _since(store: _Store) -> int:
    """Return since when (s UTC, of ``ts_store``) nothing has expired, whatever the life of ticks has been."""
    known = {row["key"]: row for row in store.query(_META).to_pylist()}
    now = int(known["tick_days"]["now"]) - ddl.surely_s(int(known["tick_days"]["value"]))
    return max(now, int(known["ticks_since"]["value"])) if "ticks_since" in known else now


def _count(store: _Store, sql: str, span: Mapping[str, int]) -> int:
    return int(store.query(sql, span)["n"][0].as_py())


def _damaged(store: _Store) -> tuple[tuple[str, str], ...]:
    found = []
    for table in schema.TABLES:
        try:
            checked = store.query(f"CHECK TABLE {table} SETTINGS check_query_single_value_result = 0")
        except StoreError as error:
            found.append((table, error.sentence))
            continue
        found += [
            (table, f"{row['part_path']}: {row['message']}") for row in checked.to_pylist() if not row["is_passed"]
        ]
    return tuple(found)


_NOTE: Final = "nothing was compared: all {:,} batches were stored so long ago that ticks of them expire"
_META: Final = "SELECT key, value, toUnixTimestamp(now()) AS now FROM meta FINAL WHERE startsWith(key, 'tick')"
_LEDGER: Final = (
    "SELECT countIf(fresh) AS batches, countIf(NOT fresh) AS aside, minIf(first, fresh) AS start, "
    "maxIf(end, fresh) AS until FROM (SELECT first, end, ts_store > fromUnixTimestamp({since:Int64}) AS fresh "
    "FROM batches)"
)
_EXPECTED: Final = (
    "SELECT name, sum(n) AS total FROM (SELECT * FROM batches ORDER BY first, end LIMIT 1 BY first, end) "
    "ARRAY JOIN tables AS name, rows AS n WHERE first >= {start:Int64} AND end <= {until:Int64} GROUP BY name"
)
_ROWS: Final = (
    "SELECT count() AS n FROM {table} WHERE offset >= {{start:Int64}} AND offset < {{until:Int64}} "
    "SETTINGS max_threads = 1"
)
_FINAL: Final = (
    "SELECT count() AS n FROM bar_versions FINAL WHERE state != 'provisional' AND offset >= {start:Int64} "
    "SETTINGS max_threads = 1"
)
"""Without an upper bound: a correction under way replaces a bar and has a later offset. Withdrawn ones count: they were
written."""
_HOLES: Final = (
    "SELECT reach, first FROM (SELECT first, lagInFrame(furthest, 1, 0) OVER (ORDER BY first, end) AS reach FROM "
    "(SELECT first, end, max(end) OVER (ORDER BY first, end) AS furthest FROM batches)) WHERE first > reach"
)
_DETACHED: Final = (
    "SELECT `table`, name, reason FROM system.detached_parts WHERE database = currentDatabase() ORDER BY `table`, name"
)
