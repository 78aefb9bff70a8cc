"""What a table is made of, and the statements that make it: columns with their codecs, keys, how long rows live."""

from dataclasses import dataclass
from typing import Final

DEDUPLICATION_WINDOW: Final = 10_000
"""Insert tokens a table remembers. Without this setting ClickHouse ignores tokens."""

DURABLE: Final = "fsync_after_insert = 1, fsync_part_directory = 1"
PACKED: Final = f"min_bytes_for_full_part_storage = {64 << 20}"
"""What one insert makes is one file and not ten to fourteen, each to be made, synced and merged away."""
COMPACT: Final = f"min_bytes_for_wide_part = {64 << 20}, {PACKED}"
"""Columns lie together until they are long enough to be worth a file of their own."""
FEW_ROWS: Final = f"min_bytes_for_wide_part = {1 << 30}, index_granularity = 1024, {PACKED}"
"""Where mostly all columns of a thousand neighbouring rows are read: a fifth faster, and a quarter more on disk."""
LABEL: Final = "LowCardinality(String)"
STAMP: Final = "DateTime64(9, 'UTC')"
PRICE: Final = "Decimal(18, 9)"
SIZE: Final = "Decimal(38, 18)"
DELTA: Final = "Delta, ZSTD(1)"
ZSTD: Final = "ZSTD(1)"


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
    """One table. ``life`` is ``tick``, ``bar`` or empty (kept for good), ``parts`` how its files are laid out."""

    name: str
    columns: tuple[Column, ...]
    order: str
    partition: str = ""
    engine: str = "MergeTree"
    life: str = ""
    parts: str = COMPACT

    @property
    def replaces(self) -> bool:
        """Whether a row replaces an older one of the same place in the order."""
        return self.engine.startswith("Replacing")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order, as a writer gives them (``ts_store`` is the store's own)."""
        return tuple(column.name for column in self.columns)


def price(name: str, *, nullable: bool = False) -> Column:
    """Return a column of prices."""
    return Column(name, f"Nullable({PRICE})" if nullable else PRICE, DELTA)


def size(name: str, *, nullable: bool = False) -> Column:
    """Return a column of sizes."""
    return Column(name, f"Nullable({SIZE})" if nullable else SIZE, ZSTD)


def label(name: str) -> Column:
    """Return a column of texts of which there are few."""
    return Column(name, LABEL)


def integer(name: str, sql_type: str = "Int64") -> Column:
    """Return a column of integers that grow slowly."""
    return Column(name, sql_type, DELTA)


def text(name: str) -> Column:
    """Return a column of any texts."""
    return Column(name, "String", ZSTD)


def stamp(name: str) -> Column:
    """Return a column of times, ns UTC."""
    return Column(name, STAMP, DELTA)


_SURE_S: Final = 86_400
"""By how much less than its life a row is surely there; of a life of a few days, a quarter of it. Of a flush that was
finished after a restart the tables are older than the ledger says."""


def surely_s(tick_days: int) -> int:
    """Return for how many seconds after its flush was noted a row of a tick is surely there."""
    life = tick_days * 86_400
    return life - min(_SURE_S, life // 4)


LIVES: Final = 2
"""Of the rules below; a store that was made by others gets these."""
_OF_SECONDS: Final = "endsWith(interval, 's') AND toUInt32OrZero(replaceOne(interval, 's', '')) < 60"
"""Bars shorter than a minute. Vendors' own lengths (``900s``) are longer, and named in seconds as well."""


def ttl(table: Table, tick_days: int, bar_years: int) -> str:
    """Return the TTL of a table, or nothing.

    Rows age from ``ts_store``, when they were stored, and not from ``ts_recv``: a recording of 2024 that is replayed
    today would otherwise be expired as it arrives. For live data the two are the same.
    """
    if table.life == "tick":
        return f"ts_store + INTERVAL {tick_days} DAY"
    if table.life == "bar":
        return f"ts_store + INTERVAL {tick_days} DAY DELETE WHERE {_OF_SECONDS}, ts_store + INTERVAL {bar_years} YEAR"
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
        f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}, {DURABLE}, {table.parts}",
    ]
    return "\n".join(line for line in lines if line)
