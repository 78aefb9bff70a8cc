"""What is done with a store when it is opened: its schema, and how long rows live."""

import shutil
from collections.abc import Mapping
from typing import Any, Final, Protocol

from breadboard.errors import StoreError
from breadboard.store import ddl, schema
from breadboard.store.target import Target

ROOM: Final = 16 << 20
"""Bytes that have to be free before a table is made or changed.

On a full disk an embedded engine leaves an empty definition, without an error, and cannot start the next time.
"""


class _Store(Protocol):
    def command(self, sql: str) -> None: ...
    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table


def prepare(store: _Store, target: Target, tick_days: int, bar_years: int) -> None:
    """Make what is missing of the schema, and have rows live as long as is wished now.

    Raises StoreError where the store has another schema version, or its disk not the room to be changed safely.
    """
    _in_room(store, target, schema.META)
    known = {row["key"]: row["value"] for row in store.query("SELECT key, value FROM meta FINAL").to_pylist()}
    found = known.get("schema_version")
    if found is not None and int(found) != schema.VERSION:
        raise StoreError(
            f"the store {target.label} has schema version {found}, this breadboard {schema.VERSION}",
            hint="breadboard replay JOURNAL --data-dir NEW   # builds a store anew from the journal",
        )
    for statement in schema.statements(tick_days, bar_years):
        _in_room(store, target, statement)
    wanted = {"schema_version": schema.VERSION, "tick_days": tick_days, "bar_years": bar_years, "lives": ddl.LIVES}
    changed = {key: str(value) for key, value in wanted.items() if known.get(key) != str(value)}
    if known and changed:
        for table in schema.TABLES.values():
            if rule := ddl.ttl(table, tick_days, bar_years):
                _in_room(store, target, f"ALTER TABLE {table.name} MODIFY TTL {rule}")
    if "tick_days" in known and "tick_days" in changed:  # before the days: a kill between them hides no loss
        changed = {"ticks_since": str(_since(store, known)), **changed}
    for key, value in changed.items():
        store.command(f"INSERT INTO meta (key, value) VALUES ('{key}', '{value}')")  # noqa: S608 - both are ours


def _since(store: _Store, known: Mapping[str, str]) -> int:
    """Return since when (s UTC, of ``ts_store``) nothing has expired by the lives so far.

    What a longer life finds gone is no loss, and the audit has to know it.
    """
    now = int(store.query("SELECT toUnixTimestamp(now()) AS now")["now"][0].as_py())
    return max(now - ddl.surely_s(int(known["tick_days"])), int(known.get("ticks_since", 0)))


def _in_room(store: _Store, target: Target, statement: str) -> None:
    """Run a statement that writes a definition, where there is room for it."""
    if target.directory is not None and (free := shutil.disk_usage(target.directory).free) < ROOM:
        raise StoreError(
            f"the store {target.label} is not opened: {free / (1 << 20):.1f} MiB are free, and less than "
            f"{ROOM >> 20} can spoil it",
            hint=f"df -h {target.directory}",
            transient=True,
        )
    store.command(statement)
