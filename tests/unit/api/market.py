"""Makes market events for the tests: a LiveMarket fed as the engine would, and a store in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from breadboard.api.export import rows
from breadboard.api.listings import LISTINGS
from breadboard.api.live import LiveMarket
from breadboard.api.services import Book, Limits, Services
from breadboard.clock import Clock
from breadboard.engine.latest import Latest
from breadboard.errors import QueryRefused, StoreError
from breadboard.model.alerts import ALERT, AlertState, RuleVersion
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT, parse_price, parse_size
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, Side
from breadboard.model.outputs import Outputs
from breadboard.model.rules import Rule, RuleKind
from breadboard.model.tape import EVENT_COLUMNS, Tape
from breadboard.ports import Store
from breadboard.store import schema
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

SECOND = 1_000_000_000
RISE = Rule(name="fast rise", kind="rise", threshold="1", window="1m")
RULES = (RuleVersion(RISE.name, RISE.version, msgspec.json.encode(RISE)),)


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

    def alert(self, value: float, *, symbol: str | None = "BTCUSDT", venue: str = "BINANCE", rule: int = 0) -> np.void:
        """Return the ``ALERT`` row of a rule of ``RULES``; of a whole source where there is no symbol."""
        row: np.void = np.zeros(1, ALERT)[0]
        row["instrument"] = -1 if symbol is None else self.instruments.intern(venue, symbol)
        row["rule"], row["kind"], row["state"] = rule, int(RuleKind.RISE), int(AlertState.FIRED)
        row["id"], row["value"], row["threshold"], row["reference"] = f"{value:032.0f}".encode(), value, 1.0, 100.0
        row["price"], row["ts_event"], row["ts_recv"], row["ts_window"] = parse_price("101.5"), ABSENT, 9, ABSENT
        row["flags"], row["offset"] = int(Flag.SYNTHETIC), self.offset
        return row

    def apply(
        self,
        *rows: dict[str, int],
        gaps: tuple[tuple[int, int, Gap], ...] = (),
        alerts: Sequence[np.void] = (),
        ts_engine: int = 7,
    ) -> Outputs:
        """Apply rows as one batch and return it."""
        first = self.offset
        columns = {name: [row.get(name, default) for row in rows] for name, (_, default) in EVENT_COLUMNS.items()}
        columns["offset"] = list(range(first, first + len(rows)))
        self.offset += len(rows)
        tape = Tape.of(len(rows), columns)
        streams = {"alerts": np.array(list(alerts), ALERT)}
        outputs = Outputs(first, self.offset, tape, np.empty(0, BAR), gaps, tape.ts_recv, streams=streams, rules=RULES)
        self.latest.on_tape(tape)
        self.live.apply(outputs, self.instruments, self.latest.records, ts_engine)
        return outputs

    def _common(self, venue: str, symbol: str) -> dict[str, int]:
        now = self.live.now()
        index = self.instruments.intern(venue, symbol)
        return {"instrument": index, "ts_event": now - 3_000_000, "ts_recv": now, "flags": int(Flag.SYNTHETIC)}


def blank(table: str) -> pa.Table:
    """Return a table of the store without rows."""
    columns = schema.TABLES[table].columns
    return pa.table({column.name: pa.array([], _arrow_type(column.type)) for column in columns})


def _arrow_type(sql_type: str) -> pa.DataType:
    if inner := re.fullmatch(r"(Nullable|LowCardinality)\((.*)\)", sql_type):
        return _arrow_type(inner[2])
    if inner := re.fullmatch(r"Array\((.*)\)", sql_type):
        return pa.list_(_arrow_type(inner[1]))
    if inner := re.fullmatch(r"Decimal\((\d+), (\d+)\)", sql_type):
        return pa.decimal128(int(inner[1]), int(inner[2]))
    if sql_type.startswith("DateTime64"):
        return pa.timestamp("ns", "UTC")
    return {"String": pa.string(), "Float32": pa.float32(), "Float64": pa.float64()}.get(sql_type, pa.int64())


def _whole(name: str, table: pa.Table) -> pa.Table:
    """Return rows with every column of their table, null where nothing is said."""
    for field in blank(name).schema if name in schema.TABLES else ():
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table


class MemoryStore:
    """ports.Store over Arrow tables in memory; understands the SQL that the API writes."""

    def __init__(self, tables: Mapping[str, pa.Table] | None = None) -> None:
        self.tables = {
            name: blank(name) for name in ("batches", "instruments", *(each.table for each in LISTINGS.values()))
        }
        self.tables |= {name: _whole(name, table) for name, table in (tables or {}).items()}
        self.position = 0
        self.failing: StoreError | None = None
        self.questions: list[tuple[str, Mapping[str, Any]]] = []
        self.within_s: set[float | None] = set()
        """How long questions were given."""

    def write(self, table: str, rows: pa.Table, token: str) -> None:
        """Append rows."""
        del token
        rows = _whole(table, rows)
        self.tables[table] = pa.concat_tables([self.tables[table], rows]) if table in self.tables else rows

    def written(self) -> int:
        """Return the position set by the test."""
        if self.failing:
            raise self.failing
        return self.position

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> pa.Table:
        """Run ClickHouse's placeholders and instants on polars, where instants are integers."""
        if self.failing:
            raise self.failing
        self.questions.append((sql, params or {}))
        self.within_s.add(within_s)
        text = re.sub(r"\{(\w+):\w+\}", lambda match: _literal((params or {})[match[1]]), sql)
        text = re.sub(r"fromUnixTimestamp64Nano\(([^,]+), 'UTC'\)", r"\1", text).replace("`", '"').replace(" FINAL", "")
        text = re.sub(r" PREWHERE (.*?) WHERE ", r" WHERE \1 AND ", text).replace(" PREWHERE ", " WHERE ")
        frames = {name: pl.from_arrow(_integers(table)) for name, table in self.tables.items()}
        found = pl.SQLContext(frames).execute(text, eager=True).to_arrow()
        return _instants(found)

    def lines(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        within_s: float | None = None,
        few: bool = False,
    ) -> bytes:
        """Run as ``query`` does, and write each row as JSON."""
        del few
        return b"".join(msgspec.json.encode(row) + b"\n" for row in rows(self.query(sql, params, within_s=within_s)))

    def ask(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run an untrusted query; anything but a SELECT is refused."""
        if not sql.lower().startswith("select"):
            raise QueryRefused(f"{sql.split(maxsplit=1)[0]} is not a question", hint="breadboard sql 'select 1'")
        yield from self.query(sql).to_batches(max_chunksize=100)


def services(
    market: Market, store: Store | None = None, *, limits: Limits | None = None, book: Book | None = None
) -> Services:
    """Return services over a market."""
    lag = LagBoard()
    made = Services(market.live, store or MemoryStore(), lag, Metrics(lag), limits=limits or Limits())
    return made if book is None else replace(made, book=book)


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
