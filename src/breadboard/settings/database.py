"""The database of people's settings: SQLite or PostgreSQL, brought up to date before its first use.

Every transaction that writes waits for the one before it, so what it has read still holds when it writes.
"""

import asyncio
import os
import sqlite3
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from breadboard.clock import Clock
from breadboard.errors import SettingsError
from breadboard.settings.schema import HEAD
from breadboard.settings.urls import HINT, made

if TYPE_CHECKING:
    from threading import Thread

T = TypeVar("T")

_PATIENCE_S: Final = 10.0
"""How long SQLite waits for another process that writes."""
_ANSWER_S: Final = 8.0
"""How long PostgreSQL may take for one answer, which may be that somebody else has done writing."""
_TURN_S: Final = 5.0
"""How long one waits for others who look whether the tables are there."""
_MIGRATION_S: Final = 120.0
_GONE: Final = ("no such table", "42P01")
"""What is said where the database was replaced by an emptier one."""
_PASSING_STATES: Final = ("08", "40", "53", "55", "57")
"""Classes of PostgreSQL's states: connections, conflicts, no room, locks, and shutting down."""
_PASSING_CODES: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_WRITES: Final = "breadboard_writes"
_ONE_WRITER: Final = sa.text("SELECT pg_advisory_xact_lock(7308606421)")
"""A number of ours and nobody else's, we hope: an advisory lock is one of the whole database."""


class Database:
    """Connections of one event loop. Raises SettingsError where the database refuses, never with its password.

    One that does not answer is given up on after ``answer_s``.
    """

    def __init__(self, url: str, clock: Clock, answer_s: float = _ANSWER_S) -> None:
        self.clock = clock
        self.url, self._words = made(url)
        self._given = url
        self._answer_s = answer_s
        self._engine: AsyncEngine | None = None
        self._current: tuple[int, int] | None = None
        """Which file it was whose tables are up to date; of PostgreSQL it is none in particular."""
        self._once = asyncio.Lock()
        self._threads: list[Thread] = []

    @property
    def shown(self) -> str:
        """What the database is called in a sentence."""
        plain = self.url.set(drivername=self.url.drivername.partition("+")[0])
        return plain.render_as_string(hide_password=True)

    @property
    def called(self) -> str:
        """What it is called where others read it, who need not know where it is."""
        return f"the PostgreSQL database {self.url.database!r}" if self._file is None else "the settings' database"

    @property
    def there(self) -> bool:
        """Whether there may be anything: a file of SQLite's that nobody has made yet is empty, and need not be made."""
        return self._file is None or self._file.exists()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that only reads."""
        await self._updated()
        async with self._work(writes=False) as work:
            yield work

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give the one transaction that may write now; what is raised within undoes all of it."""
        await self._updated()
        async with self._work(writes=True) as work:
            yield work

    async def close(self) -> None:
        """Let go of the database; used again, it is opened again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()
        for thread in self._threads:
            # One whose connection failed still wants to tell this loop of its end, which may be gone by then.
            await asyncio.to_thread(thread.join)
        self._threads.clear()

    async def migrate(self) -> None:
        """Bring the tables up to date, in one transaction. For ``migrating`` alone."""
        from breadboard.settings.migrating import upgrade  # Alembic takes a while to load

        async with self._work(writes=True) as work:
            await work.run_sync(upgrade)

    async def _updated(self) -> None:
        try:
            async with asyncio.timeout(_TURN_S):
                await self._once.acquire()
        except TimeoutError:
            raise self._refused("others wait for it already", transient=True) from None
        try:
            await self._brought_up()
        finally:
            self._once.release()

    async def _brought_up(self) -> None:
        if self._current is not None and self._current == self._which():
            return
        self._current = None
        if self._file is not None and not self._file.exists():
            with suppress(OSError):  # SQLite itself says what is wrong, a moment later
                os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        async with self._work(writes=False) as work:
            there = await work.run_sync(revision) == HEAD
        if not there:
            # In a thread with a loop of its own: migrations are long, and an event loop has others to serve.
            await asyncio.to_thread(asked, self._given, self.clock, _migrate, _MIGRATION_S)
        self._current = self._which()

    def _which(self) -> tuple[int, int] | None:
        """Return which file it is, that may be replaced by another one; None where it is not there."""
        if self._file is None:
            return 0, 0
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    @property
    def _file(self) -> Path | None:
        return Path(self.url.database) if self.url.drivername.startswith("sqlite") and self.url.database else None

    @asynccontextmanager
    async def _work(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        refusals = _refusals()
        try:
            if self._engine is None:
                self._engine = self._opened()
            async with self._engine.connect() as connection:
                work = await connection.execution_options(**{_WRITES: writes})
                async with work.begin():
                    if writes and self.url.drivername.startswith("postgresql"):
                        await work.execute(_ONE_WRITER)
                    yield work
        except refusals as error:
            said = _said(error)
            gone = any(word in (said, _state(error)) or said.startswith(word) for word in _GONE)
            if gone:
                self._current = None
            raise self._refused(said, transient=gone or _passes(error)) from None

    def _refused(self, said: str, *, transient: bool) -> SettingsError:
        hint = "breadboard status" if transient else HINT
        return SettingsError(f"the settings {self.shown} cannot be used: {said}", hint=hint, transient=transient)

    def _opened(self) -> AsyncEngine:
        if self._file is None:
            # Whoever waits for the one who writes shall see what that one has written, whatever the server's default.
            return create_async_engine(
                self.url,
                pool_size=4,
                pool_pre_ping=True,
                pool_timeout=_TURN_S,
                isolation_level="READ COMMITTED",
                connect_args={**self._words, "command_timeout": self._answer_s},
            )
        # A file costs nothing to open, and a connection kept open would outlive the file that it was of.
        engine = create_async_engine(self.url, poolclass=NullPool, async_creator=self._connected)
        event.listen(engine.sync_engine, "connect", _own_transactions)
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    async def _connected(self) -> aiosqlite.Connection:
        connection = aiosqlite.connect(str(self._file), timeout=_PATIENCE_S)
        thread = connection._thread  # noqa: SLF001 - there is no other way to know when it has ended
        thread.daemon = True
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        return await connection


def asked(url: str, clock: Clock, work: Callable[[Database], Awaitable[T]], answer_s: float = _ANSWER_S) -> T:
    """Return what ``work`` returns, for whoever has no event loop: it gets one of its own, and the database in it."""

    async def whole() -> T:
        database = Database(url, clock, answer_s)
        try:
            return await work(database)
        finally:
            await database.close()

    with asyncio.Runner() as runner:
        return runner.run(whole())


def sqlite(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def revision(work: sa.Connection) -> str | None:
    """Return the migration that a database stands at; None before the first."""
    if not sa.inspect(work).has_table("alembic_version"):
        return None
    return work.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


async def _migrate(database: Database) -> None:
    await database.migrate()


def _own_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    """Have the driver begin no transactions by itself: it would leave changes of tables out of them."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refusals() -> tuple[type[Exception], ...]:
    """Return what a database raises: asyncpg's errors of connecting come as they are."""
    try:
        import asyncpg
    except ImportError:
        return SQLAlchemyError, ImportError, OSError
    return SQLAlchemyError, ImportError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError


def _passes(error: Exception) -> bool:
    """Tell whether trying again later may help."""
    cause = _cause(error)
    if isinstance(cause, PoolTimeoutError):
        return True
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES
    if isinstance(cause, OSError):
        return not isinstance(cause, ssl.SSLError)
    closed = "closed" in str(cause) or "another operation" in str(cause)  # its InterfaceError has no state
    return _state(error).startswith(_PASSING_STATES) or closed


def _state(error: Exception) -> str:
    """Return PostgreSQL's state; empty where there is none."""
    return str(getattr(_cause(error), "sqlstate", None) or "")


def _cause(error: Exception) -> BaseException:
    ours = getattr(error, "orig", None) or error
    return ours if isinstance(ours, OSError) else ours.__cause__ or ours


def _said(error: Exception) -> str:
    """Return the driver's own first line, without the statement that SQLAlchemy puts behind it."""
    cause = _cause(error)
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    return str(cause).partition("\n")[0] or type(cause).__name__
