"""The database of people's settings: SQLite or PostgreSQL, brought up to date before its first use.

Every transaction that writes waits for the one before it, so what it has read still holds when it writes.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from breadboard.clock import Clock
from breadboard.errors import BreadboardError
from breadboard.settings.schema import HEAD

if TYPE_CHECKING:
    from threading import Thread

T = TypeVar("T")

_HINT: Final = '[settings] url = "postgresql://user@host/breadboard"   # or none, for SQLite'
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_PATIENCE_S: Final = 10.0
"""How long SQLite waits for another process that writes."""
_WRITES: Final = "breadboard_writes"
_ONE_WRITER: Final = sa.text("SELECT pg_advisory_xact_lock(7308606421)")
"""A number of ours and nobody else's, we hope: an advisory lock is one of the whole database."""


class Database:
    """Connections of one event loop. Raises BreadboardError where the database refuses, never with its password."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self.url = _made(url)
        self._engine: AsyncEngine | None = None
        self._current = False
        self._once = asyncio.Lock()
        self._threads: list[Thread] = []

    @property
    def shown(self) -> str:
        """What the database is called in a sentence."""
        return self.url.render_as_string(hide_password=True)

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
        async with self._once:
            if self._current:
                return
            if self._file is not None and not self._file.exists():
                with suppress(OSError):  # SQLite itself says what is wrong, a moment later
                    os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
            async with self._work(writes=False) as work:
                self._current = await work.run_sync(revision) == HEAD
            if not self._current:
                # In a thread with a loop of its own: migrations are long, and an event loop has others to serve.
                await asyncio.to_thread(asked, self.url.render_as_string(hide_password=False), self.clock, _migrate)
                self._current = True

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
            raise BreadboardError(f"the settings {self.shown} cannot be used: {_said(error)}", hint=_HINT) from None

    def _opened(self) -> AsyncEngine:
        if self._file is None:
            return create_async_engine(self.url, pool_size=4, pool_pre_ping=True)
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


def asked(url: str, clock: Clock, work: Callable[[Database], Awaitable[T]]) -> T:
    """Return what ``work`` returns, for whoever has no event loop: it gets one of its own, and the database in it."""

    async def whole() -> T:
        database = Database(url, clock)
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


def _made(url: str) -> sa.URL:
    """Return a URL with our drivers in it. Raises BreadboardError."""
    try:
        made = sa.make_url(url)
    except ArgumentError:
        raise BreadboardError("the settings' database cannot be used: it is no URL", hint=_HINT) from None
    name = made.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise BreadboardError(f"settings are kept in SQLite or PostgreSQL, and not in {name!r}", hint=_HINT)
    made = made.set(drivername=_DRIVERS[name])
    if "sslmode" in made.query:  # libpq's word for it, in every URL that people copy
        given = {key: value for key, value in made.query.items() if key != "sslmode"}
        made = made.set(query={**given, "ssl": made.query["sslmode"]})
    return made


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


def _said(error: Exception) -> str:
    """Return the driver's own first line, without the statement that SQLAlchemy puts behind it."""
    ours = getattr(error, "orig", None) or error
    said = str(ours.__cause__ or ours).partition("\n")[0]
    return said or type(ours).__name__
