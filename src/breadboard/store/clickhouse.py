"""ClickHouse, embedded (chDB) or a server, through one client library. The only file that imports it.

Embedded, one process owns a directory; any number of its threads may write and ask. Never fork after opening: the
engine's threads do not survive a fork, and the child would hang, so a forked child is refused.
"""

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect import common as connect_settings
from clickhouse_connect.driver.exceptions import ClickHouseError

from breadboard.errors import QueryRefused, StoreError, TookTooLong
from breadboard.store import holding, native, schema, typed
from breadboard.store.flood import Flood
from breadboard.store.inserting import Embedded, Inserter, Remote
from breadboard.store.native import Block
from breadboard.store.pieces import parts, pieces
from breadboard.store.readers import FEW, FEW_EMBEDDED, Pool, Readers
from breadboard.store.target import Target, lock, unlock
from breadboard.store.upkeep import prepare

LIMITS: Final[dict[str, Any]] = {
    "max_execution_time": 10,
    "max_memory_usage": 1_000_000_000,
    "max_result_rows": 1_000_000,
    "max_result_bytes": 500_000_000,
    "max_threads": 2,
    "max_ast_depth": 200,
    "max_ast_elements": 5_000,
    "max_query_size": 65_536,
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "output_format_arrow_string_as_string": 1,
}
"""What one untrusted query may use. ``readonly`` follows these, and then none of them can be changed."""

WRITING: Final[dict[str, Any]] = {"max_threads": 1, "max_insert_threads": 1, "input_format_parallel_parsing": 0}
"""A block is one part: threads would only be started and stopped for it (25 ms an insert with them, 10 without)."""

_NO_SPACE: Final = 243
_TIMEOUT: Final = 159
_TRANSIENT: Final = frozenset({159, 202, 209, 210, 241, 242, _NO_SPACE, 252, 319, 425, 999})
"""ClickHouse error codes after which trying again may help: time, memory, room, network, too many parts or queries."""


class ClickHouseStore:
    """A store that keeps its word (``ports.Store``) over ClickHouse. Thread-safe. Made by ``open``."""

    def __init__(self, target: Target, lock_file: int | None) -> None:
        self._target = target
        self._lock_file = lock_file
        self._process = os.getpid()
        self._closed = False
        self._write_lock = threading.Lock()
        self._flood = Flood()
        self._writer = self._client(WRITING)
        self._inserter: Inserter = Embedded(target.engine, WRITING) if target.embedded else Remote(self._writer)
        self._readers = Readers(self._client, FEW_EMBEDDED if target.embedded else FEW)
        self._guests = Pool(lambda: self._client({**LIMITS, "readonly": 1}))

    @property
    def directory(self) -> Path | None:
        """Where an embedded one lies; None for a server, and for one that lives in memory."""
        return self._target.directory

    @classmethod
    def open(cls, dsn: str, *, tick_days: int = 90, bar_years: int = 5) -> Self:
        """Open the store at ``dsn``, making and keeping its schema.

        ``chdb:///dir`` is embedded, ``clickhouse://user:password@host:8123/database`` a server. Ticks live
        ``tick_days`` after they were stored, bars of a minute and longer ``bar_years``; a change takes effect at
        open. Raises StoreError where another process holds the directory, naming it, or where the store has
        another schema version, or its disk hardly any room.
        """
        target = Target.of(dsn)
        lock_file = lock(target.directory) if target.directory else None
        try:
            store = cls(target, lock_file)
            try:
                prepare(store, target, tick_days, bar_years)
            except BaseException:
                store.close()
                raise
        except BaseException:
            if lock_file is not None:
                unlock(lock_file)
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the directory. Waits for what is under way; harmless a second time."""
        if self._closed:
            return
        self._closed = True
        self._readers.close()
        self._guests.close()
        with self._write_lock:
            self._inserter.close()
            self._writer.close()
        if self._lock_file is not None:
            unlock(self._lock_file)
            self._lock_file = None

    # The port

    def write(self, table: str, rows: Block, token: str) -> None:
        """Insert rows of a table. The same ``token`` (with the same rows) a second time changes nothing.

        Durable on return. While rows come in a flood, an embedded store merges no parts (``flood``). A long insert,
        or one over more than 100 partitions, is cut the same way each time and its pieces have tokens of their own.
        Rows of which the engine says nothing are looked for, and inserted again where they are not. Raises StoreError,
        ``transient`` where trying again may help.
        """
        if table not in schema.TABLES:
            raise StoreError(f"there is no table {table!r} to write", hint="breadboard sql 'SHOW TABLES'")
        cut = pieces(schema.TABLES[table], rows)
        with self._write_lock, self._speaking(f"writing {rows.num_rows} rows to {table}"):
            for number, piece in enumerate(cut):
                its = token if len(cut) == 1 else f"{token}:{number}"
                if not self._insert(table, piece, its):
                    self._insert_lost(table, piece, its)
            if self._target.embedded and self._flood.take(table, rows.num_rows):
                self._writer.command("SYSTEM STOP MERGES" if self._flood.lasts else "SYSTEM START MERGES")

    def written(self) -> int:
        """Return the journal offset before which every batch is complete in every table; 0 for an empty store."""
        sql = (
            "SELECT if(count() = 0, 0, if(countIf(first > reach) = 0, max(end), minIf(reach, first > reach))) AS until "
            "FROM (SELECT first, end, lagInFrame(furthest, 1, first) OVER (ORDER BY first, end) AS reach FROM "
            "(SELECT first, end, max(end) OVER (ORDER BY first, end) AS furthest FROM batches))"
        )
        return int(self.query(sql)["until"][0].as_py())

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """Run trusted SQL and return an Arrow table. Parameters are typed in the text: ``{symbol:String}``."""
        body = self._asked(sql, params, within_s, "Arrow")
        return pa.ipc.open_file(body).read_all() if body else pa.table({})

    def lines(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        within_s: float | None = None,
        few: bool = False,
    ) -> bytes:
        """Run trusted SQL and return a line of JSON a row, written by the engine; parameters as in ``query``.

        ``few`` rows that lie together in the table's order are asked for with less ado (``readers``).
        """
        return self._asked(sql, params, within_s, "JSONEachRow", few=few)

    def _asked(
        self, sql: str, params: Mapping[str, Any] | None, within_s: float | None, form: str, *, few: bool = False
    ) -> bytes:
        """Return what the engine writes in a form. Raises TookTooLong where it ended the query after ``within_s``."""
        given = dict(params) if params else None
        with self._speaking("asking", within_s), self._readers.such(within_s, few=few).one() as client:
            begun = time.monotonic()
            body = bytes(client.raw_query(sql, parameters=given, fmt=form) or b"")
            _in_time(begun, within_s)
            return body

    def ask(self, sql: str) -> Iterator[Any]:
        """Run one untrusted query, read-only and bounded (see ``LIMITS``), as Arrow record batches.

        Raises QueryRefused, at the call, for anything that is not one query of our tables, that fails or that
        needs more than it may have, and TookTooLong for more time than that. At least one batch is yielded: an
        empty result has its columns.
        """
        from breadboard.store import guard  # its parser takes a quarter of a second to load; a start need not wait

        text = guard.check(sql)
        try:
            with self._speaking("asking", limit := LIMITS["max_execution_time"]), self._guests.one() as client:
                table = _table(client, text, limit)
        except StoreError as error:
            hint = error.hint or f"breadboard sql 'DESCRIBE {guard.table_of(text)}'"
            raise QueryRefused(error.sentence, hint=hint, transient=error.transient) from None
        table = self._typed(table, text)
        return iter(table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)])

    def missing(self, table: str, rows: Block) -> Block:
        """Return the rows of a block that was inserted before, but is not there; see ``holding``."""
        return self._missing(table, rows)

    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Run a trusted statement that returns nothing: schema, mutations, merges, rows made of rows."""
        with self._write_lock, self._speaking("running a statement"):
            self._writer.command(sql, parameters=dict(params) if params else None)

    def _typed(self, table: pa.Table, text: str) -> pa.Table:
        """Return an answer as what the engine says its columns are; as it came where the engine does not say."""
        if not typed.is_doubtful(table.schema.types):
            return table
        try:
            with self._speaking("asking", limit := LIMITS["max_execution_time"]), self._guests.one() as client:
                told = _table(client, typed.question(text), limit)
        except (StoreError, TookTooLong):
            return table
        return typed.typed(table, typed.places(told["type"][0].as_py()))

    def _insert(self, table: str, piece: Block, token: str) -> bool:
        """Insert a piece; False where nothing says that it was taken."""
        count = parts(schema.TABLES[table], piece)
        return self._inserter.insert(table, piece.columns, native.encode(piece), token, count)

    def _insert_lost(self, table: str, piece: Block, token: str) -> None:
        """Insert what is not there of a piece. Its token was known, with its rows or without; or it was refused.

        One that was refused is not known: it stays the one under which the same piece may come again.
        """
        for name in (token, f"{token}:{time.time_ns()}"):
            lost = self._missing(table, piece, piece=True)
            if not lost.num_rows or self._insert(table, lost, name):
                return
        lost = self._missing(table, piece, piece=True)
        if not lost.num_rows:
            return
        newest = self.query("SELECT last_error_message AS m FROM system.errors ORDER BY last_error_time DESC LIMIT 1")
        why = f"; its newest error: {_plain(newest['m'][0].as_py())}" if newest.num_rows else ""
        raise StoreError(
            f"writing {lost.num_rows} rows to {table}: the engine took them and does not have them{why}",
            hint=f"df -h {self._target.directory or ''}   # is the disk full?",
            transient=True,
        )

    def _missing(self, table: str, rows: Block, *, piece: bool = False) -> Block:
        if not rows.num_rows:
            return rows
        its = schema.TABLES[table]
        found = self.query(*holding.question(its, rows)).to_pylist()
        return holding.missing(its, rows, {row["part"]: row["n"] for row in found}, piece=piece)

    def _client(self, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - the driver has no usable types
        with self._speaking(f"opening {self._target.label}"):
            connect_settings.set_setting("autogenerate_session_id", False)
            return clickhouse_connect.get_client(dsn=self._target.dsn, settings=settings)

    @contextmanager
    def _speaking(self, doing: str, within_s: float | None = None) -> Iterator[None]:
        """Turn the driver's errors into ours: TookTooLong for what had ``within_s`` and did not end by itself."""
        if os.getpid() != self._process:
            raise StoreError(
                f"{doing}: this process was forked from {self._process}, which owns the store",
                hint="start it with multiprocessing's 'spawn', or ask over HTTP",
            )
        if self._closed:
            raise StoreError(f"{doing}: the store is closed")
        try:
            yield
        except ClickHouseError as error:
            code = getattr(error, "code", None)
            if code == _TIMEOUT and within_s is not None:
                raise _too_long(within_s) from None
            hint = f"df -h {self._target.directory}" if code == _NO_SPACE and self._target.directory else ""
            sentence = f"{doing}: {_plain(str(error))}"
            raise StoreError(sentence, hint=hint, transient=code in _TRANSIENT or code is None) from error


def _table(client: Any, sql: str, within_s: float) -> pa.Table:  # noqa: ANN401 - the driver has no usable types
    """Return an answer. Raises TookTooLong where the engine may have ended the query, and has told a part of it."""
    begun = time.monotonic()
    body = client.raw_query(sql, fmt="Arrow")
    _in_time(begun, within_s)
    return pa.ipc.open_file(body).read_all() if body else pa.table({})


def _in_time(begun: float, within_s: float | None) -> None:
    """Raise TookTooLong for an answer that took too long: the engine may have ended it without a word."""
    if within_s is not None and time.monotonic() - begun >= within_s:
        raise _too_long(within_s)


def _too_long(within_s: float) -> TookTooLong:
    hint = "start=…&end=…   # a shorter time, or in SQL: WHERE ts_recv > …"
    return TookTooLong(f"the store gave up after {within_s:g} s", hint=hint)


def _plain(message: str) -> str:
    """Return the engine's message on one line, without stack, version and server address."""
    text = re.sub(r"\s+", " ", message).strip()
    text = re.sub(r"^.*?Code: (\d+)\. DB::Exception: ", "", text)
    return re.sub(r"\s*\(version [^)]*\)+.*$", "", text)[:600]
