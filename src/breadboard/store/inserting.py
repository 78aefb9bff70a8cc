"""How a block goes into a table: streamed to an embedded engine, posted to a server."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import chdb
from clickhouse_connect.driver.exceptions import DatabaseError

from breadboard.store.noted import Noted

_CODE: Final = re.compile(r"Code: (\d+)\.")


class Inserter(Protocol):
    """Puts Native blocks into tables. Raises what the client library raises; not thread-safe."""

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str, parts: int) -> bool:
        """Insert a block with these columns under a token, as so many parts; on disk on return.

        False where nothing says that it was taken: then the token was known, or it was refused without an error.
        """
        ...

    def close(self) -> None:
        """Let go of the engine."""
        ...


class Embedded:
    """Streams blocks to the engine of this process, which takes them in a thread of its own.

    The client library would write each to a temporary file and have the engine read it, in the thread that asks. A
    stream tells of what it cannot read, and not of what it cannot write: for that, see ``noted``.
    """

    def __init__(self, directory: str, settings: Mapping[str, Any]) -> None:
        self._connection: Any = chdb.connect(directory)
        for name, value in settings.items():
            self._connection.query(f"SET {name} = {value}")
        self._noted: dict[str, Noted] = {}

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str, parts: int) -> bool:
        """Insert a block; tell whether the engine noted its parts."""
        columns = ", ".join(f"`{name}`" for name in names)
        statement = f"INSERT INTO {table} ({columns}) SETTINGS insert_deduplication_token = '{token}'"
        try:
            noted = self._noted.get(table) or self._log_of(table)
            before = noted.place()
            with self._connection.send_insert(statement, "Native") as stream:
                stream.append(block)
                stream.finish()
        except RuntimeError as error:
            code = _CODE.search(str(error))
            raise DatabaseError(str(error), code=int(code[1]) if code else None) from error
        return noted.parts(before) >= parts

    def close(self) -> None:
        """Let go of the engine."""
        self._connection.close()

    def _log_of(self, table: str) -> Noted:
        where = f"database = currentDatabase() AND name = '{table}'"
        sql = f"SELECT data_paths[1] AS path FROM system.tables WHERE {where}"  # noqa: S608 - our words
        found = self._connection.query(sql, "JSONEachRow").bytes()
        self._noted[table] = Noted(Path(json.loads(found)["path"]))
        return self._noted[table]


class Remote:
    """Posts blocks to a server, with the client that also sends the store's statements. A server tells all errors."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the driver has no usable types
        self._client = client

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str, parts: int) -> bool:
        """Insert a block."""
        del parts
        settings = {"insert_deduplication_token": token, "insert_deduplicate": "1", "async_insert": "0"}
        self._client.raw_insert(table, list(names), block, settings=settings, fmt="Native")
        return True

    def close(self) -> None:
        """Do nothing: the client is not ours."""
