"""What is done with a store when it is opened: its schema, and how long rows live."""

from collections.abc import Mapping
from typing import Any, Protocol

from breadboard.errors import StoreError
from breadboard.store import ddl, schema


class _Store(Protocol):
    def command(self, sql: str) -> None: ...
    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table


def prepare(store: _Store, label: str, tick_days: int, bar_years: int) -> None:
    """Make what is missing of the schema, and have rows live as long as is wished now.

    Raises StoreError where the store, which ``label`` names, has another schema version.
    """
    store.command(schema.META)
    known = {row["key"]: row["value"] for row in store.query("SELECT key, value FROM meta FINAL").to_pylist()}
    found = known.get("schema_version")
    if found is not None and int(found) != schema.VERSION:
        raise StoreError(
            f"the store {label} has schema version {found}, this breadboard {schema.VERSION}",
            hint="breadboard replay JOURNAL --data-dir NEW   # builds a store anew from the journal",
        )
    for statement in schema.statements(tick_days, bar_years):
        store.command(statement)
    wanted = {"schema_version": schema.VERSION, "tick_days": tick_days, "bar_years": bar_years}
    changed = {key: str(value) for key, value in wanted.items() if known.get(key) != str(value)}
    if known and changed:
        for table in schema.TABLES.values():
            if rule := ddl.ttl(table, tick_days, bar_years):
                store.command(f"ALTER TABLE {table.name} MODIFY TTL {rule}")
    for key, value in changed.items():
        store.command(f"INSERT INTO meta (key, value) VALUES ('{key}', '{value}')")  # noqa: S608 - both are ours
