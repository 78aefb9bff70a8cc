"""The tables, and the views over them. Data only; ``ddl`` makes statements of it."""

from typing import Final

from breadboard.store.common_columns import COMMON, FLAGS, QUOTE, events
from breadboard.store.concluded_tables import CONCLUDED
from breadboard.store.ddl import DURABLE, ZSTD, Column, Table, create, integer, label, price, size, stamp
from breadboard.store.heard_tables import HEARD

VERSION: Final = 2
"""Of this schema; a store of another version is refused, never guessed at."""

_KEPT: Final = (
    events(
        "lag",
        label("hop"),
        integer("count", "UInt64"),
        *(integer(name) for name in ("min_ns", "p50_ns", "p99_ns", "max_ns")),
    ),
    Table(
        "latest",
        (
            *COMMON,
            label("kind"),
            price("price", nullable=True),
            size("size", nullable=True),
            label("side"),
            *QUOTE,
            FLAGS,
        ),
        "(venue, symbol, kind)",
        engine="ReplacingMergeTree(offset)",
    ),
    Table(
        "batches",
        (
            integer("first"),
            integer("end"),
            integer("generation", "UInt32"),
            stamp("ts_engine"),
            stamp("ts_written"),
            Column("tables", "Array(String)", ZSTD),
            Column("rows", "Array(UInt64)", ZSTD),
        ),
        "(first, end, generation)",
    ),
)
"""Tables about the rest: how late it was, what is newest, what has been written."""
TABLES: Final = {table.name: table for table in (*HEARD, *CONCLUDED, *_KEPT)}

META: Final = (
    "CREATE TABLE IF NOT EXISTS meta (key String, value String, changed DateTime64(9, 'UTC') DEFAULT now64(9)) "
    f"ENGINE = ReplacingMergeTree(changed) ORDER BY key SETTINGS {DURABLE}"
)

SHOWN: Final = "state != 'withdrawn'"
"""Of the newest versions of bars (``bar_versions FINAL``), those that still stand."""

VIEWS: Final = {
    "bars": (
        "SELECT venue, symbol, interval, ts_open, ts_close, open, high, low, close, volume, vwap, trades, state, "  # noqa: S608 - our words
        f"session, completeness, provenance, offset FROM bar_versions FINAL WHERE {SHOWN}"
    ),
    "latest_trades": (
        "SELECT venue, symbol, ts_event, ts_recv, sequence, offset, `index`, provenance, price, size, side, flags "
        "FROM latest FINAL WHERE kind = 'trade' AND price IS NOT NULL"
    ),
    "latest_quotes": (
        "SELECT venue, symbol, ts_event, ts_recv, sequence, offset, `index`, provenance, bid_price, bid_size, "
        "ask_price, ask_size, flags FROM latest FINAL WHERE kind = 'quote'"
    ),
}

_COMMON_NAMES: Final = frozenset(column.name for column in COMMON)
ADDED: Final = (
    tuple(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.ddl}"
        for table in ("features", "anomalies", "opportunities")
        for column in TABLES[table].columns
        if column.name not in _COMMON_NAMES
    )
    + tuple(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.ddl}"
        for table, names in (
            ("trades", {"uncounted"}),
            ("bar_versions", {"session", "ts_recv"}),
            ("depth_snapshots", {"ts_recv_book", "offset_book"}),
        )
        for column in TABLES[table].columns
        if column.name in names
    )
    + tuple(
        f"ALTER TABLE alerts MODIFY COLUMN {column.ddl}"
        if column.name in {"value", "threshold"}
        else f"ALTER TABLE alerts ADD COLUMN IF NOT EXISTS {column.ddl}"
        for column in TABLES["alerts"].columns[len(COMMON) :]
    )
)
"""Columns that stores made before them lack, or have of another type.

Nothing had been written to most tables of conclusions then. Of an old trade it is not known whether it counted, of an
old depth snapshot which event changed its book last, of an old version of a bar when we had received what it is of.
"""

NAMES: Final = frozenset(TABLES) | frozenset(VIEWS) | {"meta"}
"""Everything that an untrusted query may name."""


def statements(tick_days: int, bar_years: int) -> list[str]:
    """Return every statement that makes the schema where it is missing, in order."""
    tables = [create(table, tick_days, bar_years) for table in TABLES.values()]
    views = [f"CREATE OR REPLACE VIEW {name} AS {query}" for name, query in VIEWS.items()]
    return [META, *tables, *ADDED, *views]
