"""Makes market events for the tests: a LiveMarket fed as the engine would, and a store in memory."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from breadboard.api.live import LiveMarket
from breadboard.api.services import Book, Limits, Services
from breadboard.clock import Clock
from breadboard.engine.latest import Latest
from breadboard.errors import QueryRefused, StoreError
from breadboard.model.bars import BAR
from breadboard.model.decimals import parse_price, parse_size
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, Side
from breadboard.model.outputs import Outputs
from breadboard.model.tape import EVENT_COLUMNS, Tape
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

SECOND = 1_000_000_000


class Market:
    """Feeds a LiveMarket with events in journal order."""

    def __init__(self, clock: Clock | None = None, *, trades: int = 1 << 12) -> None:
        self.live = LiveMarket(clock, trades=trades)
        self.instruments = Instruments()
        self.latest = Latest()
        self.offset = 0

    def trade(
        self, price: str, size: str = "1", *, symbol: str = "BTCUSDT", venue: str = "BINANCE", **more: int
    ) -> dict[str, int]:
        """Return the row of a trade."""
        mantissa, exponent = parse_size(size)
        row = {"kind": EventKind.TRADE, "price": parse_price(price), "size": mantissa, "size_exp": exponent}
        return {**row, "side": Side.BUY, **self._common(venue, symbol), **more}

    def quote(
        self, bid: str | None, ask: str | None, *, symbol: str = "BTCUSDT", venue: str = "BINANCE", **more: int
    ) -> dict[str, int]:
        """Return the row of a quote of one unit a side."""
        row = {"kind": int(EventKind.QUOTE), **self._common(venue, symbol)}
        if bid is not None:
            row |= {"price": parse_price(bid), "size": parse_size("1")[0]}
        if ask is not None:
            row |= {"ask_price": parse_price(ask), "ask_size": parse_size("2")[0]}
        return {**row, **more}

    def apply(self, *rows: dict[str, int], gaps: tuple[tuple[int, int, Gap], ...] = (), ts_engine: int = 7) -> Outputs:
        """Apply rows as one batch and return it."""
        first = self.offset
        columns = {name: [row.get(name, default) for row in rows] for name, (_, default) in EVENT_COLUMNS.items()}
        columns["offset"] = list(range(first, first + len(rows)))
        self.offset += len(rows)
        tape = Tape.of(len(rows), columns)
        outputs = Outputs(first, self.offset, tape, np.empty(0, BAR), gaps, tape.ts_recv)
        self.latest.on_tape(tape)
        self.live.apply(outputs, self.instruments, self.latest.records, ts_engine)
        return outputs

    def _common(self, venue: str, symbol: str) -> dict[str, int]:
        now = self.live.now()
        index = self.instruments.intern(venue, symbol)
        return {"instrument": index, "ts_event": now - 3_000_000, "ts_recv": now, "flags": int(Flag.SYNTHETIC)}


class MemoryStore:
    """ports.Store over Arrow tables in memory; understands the SQL that the API writes."""

    def __init__(self, tables: Mapping[str, pa.Table] | None = None) -> None:
        self.tables = dict(tables or {})
        self.position = 0
        self.failing: StoreError | None = None
        self.questions: list[tuple[str, Mapping[str, Any]]] = []

    def write(self, table: str, rows: pa.Table, token: str) -> None:
        """Append rows."""
        del token
        self.tables[table] = pa.concat_tables([self.tables[table], rows]) if table in self.tables else rows

    def written(self) -> int:
        """Return the position set by the test."""
        if self.failing:
            raise self.failing
        return self.position

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run ClickHouse's placeholders and instants on polars, where instants are integers."""
        if self.failing:
            raise self.failing
        self.questions.append((sql, params or {}))
        text = re.sub(r"\{(\w+):\w+\}", lambda match: _literal((params or {})[match[1]]), sql)
        text = re.sub(r"fromUnixTimestamp64Nano\(([^,]+), 'UTC'\)", r"\1", text).replace("`", '"')
        frames = {name: pl.from_arrow(_integers(table)) for name, table in self.tables.items()}
        found = pl.SQLContext(frames).execute(text, eager=True).to_arrow()
        return _instants(found)

    def ask(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run an untrusted query; anything but a SELECT is refused."""
        if not sql.lower().startswith("select"):
            raise QueryRefused(f"{sql.split(maxsplit=1)[0]} is not a question", hint="breadboard sql 'select 1'")
        yield from self.query(sql).to_batches(max_chunksize=100)


def services(
    market: Market, store: MemoryStore | None = None, *, limits: Limits | None = None, book: Book | None = None
) -> Services:
    """Return services over a market."""
    lag = LagBoard()
    return Services(
        market.live,
        store or MemoryStore(),
        lag,
        Metrics(lag),
        book=book or (lambda _venue, _symbol, _depth: None),
        limits=limits or Limits(),
    )


def _literal(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _integers(table: pa.Table) -> pa.Table:
    return table.cast(pa.schema([_field(field, pa.int64()) for field in table.schema]))


def _field(field: pa.Field, to: pa.DataType) -> pa.Field:
    return field.with_type(to) if pa.types.is_timestamp(field.type) else field


def _instants(table: pa.Table) -> pa.Table:
    fields = [
        field.with_type(pa.timestamp("ns", "UTC")) if field.name.startswith("ts_") else field for field in table.schema
    ]
    return table.cast(pa.schema(fields))
