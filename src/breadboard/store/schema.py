"""The tables: names, columns, codecs, keys and how long rows live. Everything here is data and the DDL made of it."""

from dataclasses import dataclass
from typing import Final

VERSION: Final = 2
"""Of this schema; a store of another version is refused, never guessed at."""
DEDUPLICATION_WINDOW: Final = 10_000
"""Insert tokens a table remembers. Without this setting ClickHouse ignores tokens."""

_DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1"
_COMPACT = f"min_bytes_for_wide_part = {64 << 20}"
"""What one insert makes is one file and not one a column, each to be made, synced and merged away."""
_LABEL = "LowCardinality(String)"
_STAMP = "DateTime64(9, 'UTC')"
_PRICE = "Decimal(18, 9)"
_SIZE = "Decimal(38, 18)"
_DELTA = "Delta, ZSTD(1)"
_ZSTD = "ZSTD(1)"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its SQL type and codec (empty: the default, for labels)."""

    name: str
    type: str
    codec: str = ""

    @property
    def ddl(self) -> str:
        """The column as CREATE TABLE spells it."""
        return f"`{self.name}` {self.type}" + (f" CODEC({self.codec})" if self.codec else "")


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``life`` is ``tick``, ``bar`` or empty (kept for good)."""

    name: str
    columns: tuple[Column, ...]
    order: str
    partition: str = ""
    engine: str = "MergeTree"
    life: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order, as a writer gives them (``ts_store`` is the store's own)."""
        return tuple(column.name for column in self.columns)


def _price(name: str, *, nullable: bool = False) -> Column:
    return Column(name, f"Nullable({_PRICE})" if nullable else _PRICE, _DELTA)


def _size(name: str, *, nullable: bool = False) -> Column:
    return Column(name, f"Nullable({_SIZE})" if nullable else _SIZE, _ZSTD)


def _label(name: str) -> Column:
    return Column(name, _LABEL)


def _integer(name: str, sql_type: str = "Int64") -> Column:
    return Column(name, sql_type, _DELTA)


def _text(name: str) -> Column:
    return Column(name, "String", _ZSTD)


def _stamp(name: str) -> Column:
    return Column(name, _STAMP, _DELTA)


COMMON: Final = (
    _label("venue"),
    _label("symbol"),
    Column("ts_event", f"Nullable({_STAMP})", _DELTA),
    _stamp("ts_recv"),
    _integer("sequence", "Nullable(Int64)"),
    _integer("offset"),
    Column("index", "UInt16", "T64, ZSTD(1)"),
    _label("provenance"),
)
"""What every row of an event or a conclusion says about itself."""

_KEY = "(venue, symbol, ts_recv, offset, `index`)"
_DAY = "toDate(ts_recv)"
_MONTH = "toYYYYMM(ts_recv)"
_FLAGS = Column("flags", "UInt16", "T64, ZSTD(1)")
_QUOTE = (
    _price("bid_price", nullable=True),
    _size("bid_size", nullable=True),
    _price("ask_price", nullable=True),
    _size("ask_size", nullable=True),
)


LEG_MASKS: Final = ("standing", "stale", "gapped", "delayed", "suspect", "inverted")
"""Columns of ``nbbo`` that name instruments, one blank between two: labels, since few combinations ever occur."""


def _events(name: str, *columns: Column, partition: str = _DAY, life: str = "tick") -> Table:
    return Table(name, COMMON + columns, _KEY, partition, life=life)


TABLES: Final = {
    table.name: table
    for table in (
        _events(
            "trades",
            _integer("trade_id", "Nullable(Int64)"),
            _price("price"),
            _size("size", nullable=True),
            _label("side"),
            _label("uncounted"),
            _FLAGS,
        ),
        _events("quotes", *_QUOTE, _FLAGS),
        _events(
            "book_deltas",
            _label("kind"),
            _integer("sequence_first", "Nullable(Int64)"),
            _integer("sequence_prev", "Nullable(Int64)"),
            Column("bid_prices", f"Array({_PRICE})", _DELTA),
            Column("bid_sizes", f"Array({_SIZE})", _ZSTD),
            Column("ask_prices", f"Array({_PRICE})", _DELTA),
            Column("ask_sizes", f"Array({_SIZE})", _ZSTD),
            _FLAGS,
        ),
        _events(
            "orders",
            _integer("order_id", "Nullable(Int64)"),
            _label("action"),
            _label("side"),
            _price("price", nullable=True),
            _size("size", nullable=True),
            _FLAGS,
        ),
        Table(
            "bar_versions",
            (
                _label("venue"),
                _label("symbol"),
                _label("interval"),
                _stamp("ts_open"),
                _stamp("ts_close"),
                *map(_price, ("open", "high", "low", "close")),
                _size("volume"),
                _price("vwap", nullable=True),
                _integer("trades"),
                _label("state"),
                _label("session"),
                Column("completeness", "Float32", _ZSTD),
                _label("provenance"),
                _integer("offset"),
                _integer("version", "UInt64"),
            ),
            "(venue, symbol, interval, ts_open)",
            "toYYYYMM(ts_open)",
            "ReplacingMergeTree(version)",
            "bar",
        ),
        _events(
            "activity_bars",
            _label("kind"),
            _integer("number"),
            _stamp("ts_open"),
            _stamp("ts_close"),
            *map(_price, ("open", "high", "low", "close")),
            _size("volume"),
            Column("notional", "Float64", _ZSTD),
            _integer("trades"),
            _integer("imbalance"),
            Column("gapped", "UInt8", "T64, ZSTD(1)"),
        ),
        _events(
            "gaps",
            Column("source", "UInt16"),
            _label("channel"),
            _label("reason"),
            _label("state"),
            _stamp("ts_from"),
            _stamp("ts_to"),
            _integer("sequence_from", "Nullable(Int64)"),
            _integer("sequence_to", "Nullable(Int64)"),
            _text("detail"),
            partition=_MONTH,
            life="",
        ),
        _events(
            "lag",
            _label("hop"),
            _integer("count", "UInt64"),
            *(_integer(name) for name in ("min_ns", "p50_ns", "p99_ns", "max_ns")),
        ),
        _events(
            "depth_snapshots",
            _label("interval"),
            _label("state"),
            Column("ts_book", f"Nullable({_STAMP})", _DELTA),
            Column("is_crossed", "UInt8", "T64, ZSTD(1)"),
            *(
                Column(f"{side}_{name}", f"Array({kind})", codec)
                for side in ("bid", "ask")
                for name, kind, codec in (("prices", _PRICE, _DELTA), ("sizes", _SIZE, _ZSTD))
            ),
        ),
        _events("features", _label("name"), Column("value", "Float64", _ZSTD), _label("interval"), _stamp("ts_open")),
        _events(
            "anomalies",
            _label("kind"),
            _label("severity"),
            *(Column(name, "Float64", _ZSTD) for name in ("value", "baseline", "threshold", "score")),
            _label("time_of_day"),
            *(_integer(name) for name in ("from_offset", "to_offset", "samples", "suppressed")),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "alerts",
            _text("alert_id"),
            _label("rule"),
            _label("rule_version"),
            _label("kind"),
            _label("state"),
            Column("value", "Nullable(Float64)", _ZSTD),
            Column("threshold", "Nullable(Float64)", _ZSTD),
            Column("reference", "Nullable(Float64)", _ZSTD),
            _integer("reference_offset", "Nullable(Int64)"),
            _price("price", nullable=True),
            Column("ts_window", f"Nullable({_STAMP})", _DELTA),
            Column("gapped", "UInt8", "T64, ZSTD(1)"),
            _label("cause"),
            _FLAGS,
            _text("message"),
            partition=_MONTH,
            life="",
        ),
        _events(
            "opportunities",
            _text("id"),
            _label("name"),
            Column("value", "Float64", _ZSTD),
            _size("size", nullable=True),
            _text("legs"),
            *map(_label, ("kind", "state", "cause")),
            _integer("number"),
            _stamp("opened_ts"),
            _integer("lifetime_ns"),
            _integer("changes"),
            _label("currency"),
            *map(_price, ("cost", "gross", "fees", "net", "peak_net")),
            *(Column(name, "Float64", _ZSTD) for name in ("gross_bps", "fees_bps", "net_bps")),
            *(Column(name, "UInt8", "T64, ZSTD(1)") for name in ("capped", "suspect")),
            _integer("rate_age_ns", "Nullable(Int64)"),
            *(Column(name, f"Array({_PRICE})", _DELTA) for name in ("leg_prices", "leg_averages", "leg_limits")),
            Column("leg_sizes", f"Array({_SIZE})", _ZSTD),
            Column("leg_ages_ns", "Array(Int64)", _ZSTD),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "paper_fills",
            _text("opportunity"),
            _integer("number"),
            Column("leg", "UInt8", "T64, ZSTD(1)"),
            *map(_label, ("side", "state")),
            _stamp("ts_sent"),
            *map(_size, ("wanted", "filled")),
            _price("limit"),
            _price("average", nullable=True),
            *map(_price, ("amount", "fee")),
            Column("settled", "UInt8", "T64, ZSTD(1)"),
            _label("currency"),
            _price("expected"),
            Column("left", "Float64", _ZSTD),
            _price("pnl", nullable=True),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "statuses",
            Column("source", "UInt16"),
            _label("status"),
            _price("low", nullable=True),
            _price("high", nullable=True),
            _text("detail"),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        Table(
            "nbbo",
            (
                _label("name"),
                _label("state"),
                Column("ts_event", f"Nullable({_STAMP})", _DELTA),
                _stamp("ts_recv"),
                _integer("offset"),
                Column("index", "UInt16", "T64, ZSTD(1)"),
                _label("provenance"),
                *_QUOTE,
                *(_label(f"{side}_of") for side in ("bid", "ask")),
                *(_integer(f"{side}_age_ns", "Nullable(Int64)") for side in ("bid", "ask")),
                *(_label(name) for name in LEG_MASKS),
                _FLAGS,
            ),
            "(name, ts_recv, offset, `index`)",
            _DAY,
            life="tick",
        ),
        Table(
            "quarantine",
            (
                _label("venue"),
                _stamp("ts_recv"),
                _integer("offset"),
                Column("source", "UInt16"),
                _text("reason"),
                _text("raw"),
            ),
            "(venue, ts_recv, offset)",
            _MONTH,
            life="tick",
        ),
        Table(
            "instruments",
            (Column("id", "Int32"), _label("venue"), Column("symbol", "String")),
            "(venue, symbol)",
            engine="ReplacingMergeTree",
        ),
        Table(
            "latest",
            (
                *COMMON,
                _label("kind"),
                _price("price", nullable=True),
                _size("size", nullable=True),
                _label("side"),
                *_QUOTE,
                _FLAGS,
            ),
            "(venue, symbol, kind)",
            engine="ReplacingMergeTree(offset)",
        ),
        Table(
            "batches",
            (
                _integer("first"),
                _integer("end"),
                _integer("generation", "UInt32"),
                _stamp("ts_engine"),
                _stamp("ts_written"),
                Column("tables", "Array(String)", _ZSTD),
                Column("rows", "Array(UInt64)", _ZSTD),
            ),
            "(first, end, generation)",
        ),
    )
}

META: Final = (
    "CREATE TABLE IF NOT EXISTS meta (key String, value String, changed DateTime64(9, 'UTC') DEFAULT now64(9)) "
    f"ENGINE = ReplacingMergeTree(changed) ORDER BY key SETTINGS {_DURABLE}"
)

VIEWS: Final = {
    "bars": (
        "SELECT venue, symbol, interval, ts_open, ts_close, open, high, low, close, volume, vwap, trades, state, "
        "session, completeness, provenance, offset FROM bar_versions FINAL WHERE state != 'withdrawn'"
    ),
    "latest_trades": (
        "SELECT venue, symbol, ts_event, ts_recv, sequence, offset, `index`, provenance, price, size, side, flags "
        "FROM latest FINAL WHERE kind = 'trade'"
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
        for table, name in (("trades", "uncounted"), ("bar_versions", "session"))
        for column in TABLES[table].columns
        if column.name == name
    )
    + tuple(
        f"ALTER TABLE alerts MODIFY COLUMN {column.ddl}"
        if column.name in {"value", "threshold"}
        else f"ALTER TABLE alerts ADD COLUMN IF NOT EXISTS {column.ddl}"
        for column in TABLES["alerts"].columns[len(COMMON) :]
    )
)
"""Columns that stores made before them lack, or have of another type.

Nothing had been written to the tables of conclusions then; of an old trade it is not known whether it counted.
"""

NAMES: Final = frozenset(TABLES) | frozenset(VIEWS) | {"meta"}
"""Everything that an untrusted query may name."""


def ttl(table: Table, tick_days: int, bar_years: int) -> str:
    """Return the TTL of a table, or nothing.

    Rows age from ``ts_store``, when they were stored, and not from ``ts_recv``: a recording of 2024 that is replayed
    today would otherwise be expired as it arrives. For live data the two are the same.
    """
    if table.life == "tick":
        return f"ts_store + INTERVAL {tick_days} DAY"
    if table.life == "bar":
        return (
            f"ts_store + INTERVAL {tick_days} DAY DELETE WHERE endsWith(interval, 's'), "
            f"ts_store + INTERVAL {bar_years} YEAR"
        )
    return ""


def create(table: Table, tick_days: int, bar_years: int) -> str:
    """Return CREATE TABLE IF NOT EXISTS for one table.

    Every row also has ``ts_store``, the millisecond at which it was stored. An insert is on disk when it returns.
    """
    columns = [column.ddl for column in table.columns]
    columns.append("ts_store DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))")
    lines = [
        f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns)}) ENGINE = {table.engine}",
        f"PARTITION BY {table.partition}" if table.partition else "",
        f"ORDER BY {table.order}",
        f"TTL {rule}" if (rule := ttl(table, tick_days, bar_years)) else "",
        f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}, {_DURABLE}, {_COMPACT}",
    ]
    return "\n".join(line for line in lines if line)


def statements(tick_days: int, bar_years: int) -> list[str]:
    """Return every statement that makes the schema where it is missing, in order."""
    tables = [create(table, tick_days, bar_years) for table in TABLES.values()]
    views = [f"CREATE OR REPLACE VIEW {name} AS {query}" for name, query in VIEWS.items()]
    return [META, *tables, *ADDED, *views]
