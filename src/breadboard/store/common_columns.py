"""Columns of more than one table: what each row of an event or a conclusion says about itself, and a quote."""

from typing import Final

from breadboard.store.ddl import DELTA, STAMP, Column, Table, integer, label, price, size, stamp

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
FLAGS: Final = Column("flags", "UInt16", "T64, ZSTD(1)")
QUOTE: Final = (
    price("bid_price", nullable=True),
    size("bid_size", nullable=True),
    price("ask_price", nullable=True),
    size("ask_size", nullable=True),
)
DAY: Final = "toDate(ts_recv)"
MONTH: Final = "toYYYYMM(ts_recv)"
_KEY: Final = "(venue, symbol, ts_recv, offset, `index`)"


def events(name: str, *columns: Column, partition: str = DAY, life: str = "tick") -> Table:
    """Return a table whose rows are of one instrument and one place in the journal."""
    return Table(name, COMMON + columns, _KEY, partition, life=life)
