"""The tables: names, columns, codecs, keys and how long rows live. Data only; ``ddl`` makes statements of it."""

from typing import Final

from breadboard.store.ddl import (
    DELTA,
    DURABLE,
    FEW_ROWS,
    PRICE,
    SIZE,
    STAMP,
    ZSTD,
    Column,
    Table,
    create,
    integer,
    label,
    price,
    size,
    stamp,
    text,
)

VERSION: Final = 2
"""Of this schema; a store of another version is refused, never guessed at."""
COMMON: Final = (
    label("venue"),
    label("symbol"),
    Column("ts_event", f"Nullable({STAMP})", DELTA),
    stamp("ts_recv"),
    integer("sequence", "Nullable(Int64)"),
    integer("offset"),
    Column("index", "UInt16", "T64, ZSTD(1)"),
    label("provenance"),
)
"""What every row of an event or a conclusion says about itself."""

_KEY = "(venue, symbol, ts_recv, offset, `index`)"
_DAY = "toDate(ts_recv)"
_MONTH = "toYYYYMM(ts_recv)"
_BARS = "if(interval IN ('1h', '1d'), 0, toYYYYMM(ts_open))"
"""Long bars are few, and asked for by the year: those of all months in one file are read thirty times as fast."""
_FLAGS = Column("flags", "UInt16", "T64, ZSTD(1)")
_QUOTE = (
    price("bid_price", nullable=True),
    size("bid_size", nullable=True),
    price("ask_price", nullable=True),
    size("ask_size", nullable=True),
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
            integer("trade_id", "Nullable(Int64)"),
            price("price"),
            size("size", nullable=True),
            label("side"),
            label("uncounted"),
            _FLAGS,
        ),
        _events("quotes", *_QUOTE, _FLAGS),
        _events(
            "book_deltas",
            label("kind"),
            integer("sequence_first", "Nullable(Int64)"),
            integer("sequence_prev", "Nullable(Int64)"),
            Column("bid_prices", f"Array({PRICE})", DELTA),
            Column("bid_sizes", f"Array({SIZE})", ZSTD),
            Column("ask_prices", f"Array({PRICE})", DELTA),
            Column("ask_sizes", f"Array({SIZE})", ZSTD),
            _FLAGS,
        ),
        _events(
            "orders",
            integer("order_id", "Nullable(Int64)"),
            label("action"),
            label("side"),
            price("price", nullable=True),
            size("size", nullable=True),
            _FLAGS,
        ),
        Table(
            "bar_versions",
            (
                label("venue"),
                label("symbol"),
                label("interval"),
                stamp("ts_open"),
                stamp("ts_close"),
                *map(price, ("open", "high", "low", "close")),
                size("volume"),
                price("vwap", nullable=True),
                integer("trades"),
                label("state"),
                label("session"),
                Column("completeness", "Float32", ZSTD),
                label("provenance"),
                integer("offset"),
                integer("version", "UInt64"),
            ),
            "(venue, symbol, interval, ts_open)",
            _BARS,
            "ReplacingMergeTree(version)",
            "bar",
            FEW_ROWS,
        ),
        _events(
            "activity_bars",
            label("kind"),
            integer("number"),
            stamp("ts_open"),
            stamp("ts_close"),
            *map(price, ("open", "high", "low", "close")),
            size("volume"),
            Column("notional", "Float64", ZSTD),
            integer("trades"),
            integer("imbalance"),
            Column("gapped", "UInt8", "T64, ZSTD(1)"),
        ),
        _events(
            "gaps",
            Column("source", "UInt16"),
            label("channel"),
            label("reason"),
            label("state"),
            stamp("ts_from"),
            stamp("ts_to"),
            integer("sequence_from", "Nullable(Int64)"),
            integer("sequence_to", "Nullable(Int64)"),
            text("detail"),
            partition=_MONTH,
            life="",
        ),
        _events(
            "lag",
            label("hop"),
            integer("count", "UInt64"),
            *(integer(name) for name in ("min_ns", "p50_ns", "p99_ns", "max_ns")),
        ),
        _events(
            "depth_snapshots",
            label("interval"),
            label("state"),
            *(Column(name, f"Nullable({STAMP})", DELTA) for name in ("ts_book", "ts_recv_book")),
            integer("offset_book", "Nullable(Int64)"),
            Column("is_crossed", "UInt8", "T64, ZSTD(1)"),
            *(
                Column(f"{side}_{name}", f"Array({kind})", codec)
                for side in ("bid", "ask")
                for name, kind, codec in (("prices", PRICE, DELTA), ("sizes", SIZE, ZSTD))
            ),
        ),
        _events("features", label("name"), Column("value", "Float64", ZSTD), label("interval"), stamp("ts_open")),
        _events(
            "anomalies",
            label("kind"),
            label("severity"),
            *(Column(name, "Float64", ZSTD) for name in ("value", "baseline", "threshold", "score")),
            label("time_of_day"),
            *(integer(name) for name in ("from_offset", "to_offset", "samples", "suppressed")),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "alerts",
            text("alert_id"),
            label("rule"),
            label("rule_version"),
            label("kind"),
            label("state"),
            Column("value", "Nullable(Float64)", ZSTD),
            Column("threshold", "Nullable(Float64)", ZSTD),
            Column("reference", "Nullable(Float64)", ZSTD),
            integer("reference_offset", "Nullable(Int64)"),
            price("price", nullable=True),
            Column("ts_window", f"Nullable({STAMP})", DELTA),
            Column("gapped", "UInt8", "T64, ZSTD(1)"),
            label("cause"),
            _FLAGS,
            text("message"),
            partition=_MONTH,
            life="",
        ),
        _events(
            "opportunities",
            text("id"),
            label("name"),
            Column("value", "Float64", ZSTD),
            size("size", nullable=True),
            text("legs"),
            *map(label, ("kind", "state", "cause")),
            integer("number"),
            stamp("opened_ts"),
            integer("lifetime_ns"),
            integer("changes"),
            label("currency"),
            *map(price, ("cost", "gross", "fees", "net", "peak_net")),
            *(Column(name, "Float64", ZSTD) for name in ("gross_bps", "fees_bps", "net_bps")),
            *(Column(name, "UInt8", "T64, ZSTD(1)") for name in ("capped", "suspect")),
            integer("rate_age_ns", "Nullable(Int64)"),
            *(Column(name, f"Array({PRICE})", DELTA) for name in ("leg_prices", "leg_averages", "leg_limits")),
            Column("leg_sizes", f"Array({SIZE})", ZSTD),
            Column("leg_ages_ns", "Array(Int64)", ZSTD),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "paper_fills",
            text("opportunity"),
            integer("number"),
            Column("leg", "UInt8", "T64, ZSTD(1)"),
            *map(label, ("side", "state")),
            stamp("ts_sent"),
            *map(size, ("wanted", "filled")),
            price("limit"),
            price("average", nullable=True),
            *map(price, ("amount", "fee")),
            Column("settled", "UInt8", "T64, ZSTD(1)"),
            label("currency"),
            price("expected"),
            Column("left", "Float64", ZSTD),
            price("pnl", nullable=True),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        _events(
            "statuses",
            Column("source", "UInt16"),
            label("status"),
            price("low", nullable=True),
            price("high", nullable=True),
            text("detail"),
            _FLAGS,
            partition=_MONTH,
            life="",
        ),
        Table(
            "nbbo",
            (
                label("name"),
                label("state"),
                Column("ts_event", f"Nullable({STAMP})", DELTA),
                stamp("ts_recv"),
                integer("offset"),
                Column("index", "UInt16", "T64, ZSTD(1)"),
                label("provenance"),
                *_QUOTE,
                *(label(f"{side}_of") for side in ("bid", "ask")),
                *(integer(f"{side}_age_ns", "Nullable(Int64)") for side in ("bid", "ask")),
                *(label(name) for name in LEG_MASKS),
                _FLAGS,
            ),
            "(name, ts_recv, offset, `index`)",
            _DAY,
            life="tick",
        ),
        Table(
            "quarantine",
            (
                label("venue"),
                stamp("ts_recv"),
                integer("offset"),
                Column("source", "UInt16"),
                text("reason"),
                text("raw"),
            ),
            "(venue, ts_recv, offset)",
            _MONTH,
            life="tick",
        ),
        Table(
            "instruments",
            (Column("id", "Int32"), label("venue"), Column("symbol", "String")),
            "(venue, symbol)",
            engine="ReplacingMergeTree",
        ),
        Table(
            "latest",
            (
                *COMMON,
                label("kind"),
                price("price", nullable=True),
                size("size", nullable=True),
                label("side"),
                *_QUOTE,
                _FLAGS,
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
}

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
            ("bar_versions", {"session"}),
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
old depth snapshot which event changed its book last.
"""

NAMES: Final = frozenset(TABLES) | frozenset(VIEWS) | {"meta"}
"""Everything that an untrusted query may name."""


def statements(tick_days: int, bar_years: int) -> list[str]:
    """Return every statement that makes the schema where it is missing, in order."""
    tables = [create(table, tick_days, bar_years) for table in TABLES.values()]
    views = [f"CREATE OR REPLACE VIEW {name} AS {query}" for name, query in VIEWS.items()]
    return [META, *tables, *ADDED, *views]
