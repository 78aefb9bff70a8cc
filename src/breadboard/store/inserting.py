"""How a block goes into a table: streamed to an embedded engine, posted to a server."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import chdb
from clickhouse_connect.driver.exceptions import DatabaseError

_CODE: Final = re.compile(r"Code: (\d+)\.")


class Inserter(Protocol):
    """Puts Native blocks into tables. Raises what the client library raises; not thread-safe."""

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str) -> None:
        """Insert a block with these columns under a token; on disk on return."""
        ...

    def close(self) -> None:
        """Let go of the engine."""
        ...


class Embedded:
    """Streams blocks to the engine of this process, which takes them in a thread of its own.

    The client library would write each to a temporary file and have the engine read it, in the thread that asks.
    """

    def __init__(self, directory: str, settings: Mapping[str, Any]) -> None:
        self._connection: Any = chdb.connect(directory)
        for name, value in settings.items():
            self._connection.query(f"SET {name} = {value}")

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str) -> None:
        """Insert a block."""
        columns = ", ".join(f"`{name}`" for name in names)
        statement = f"INSERT INTO {table} ({columns}) SETTINGS insert_deduplication_token = '{token}'"
        try:
            with self._connection.send_insert(statement, "Native") as stream:
                stream.append(block)
                stream.finish()
        except RuntimeError as error:
            code = _CODE.search(str(error))
            raise DatabaseError(str(error), code=int(code[1]) if code else None) from error

    def close(self) -> None:
        """Let go of the engine."""
        self._connection.close()


class Remote:
    """Posts blocks to a server, with the client that also sends the store's statements."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the driver has no usable types
        self._client = client

    def insert(self, table: str, names: Iterable[str], block: bytes, token: str) -> None:
        """Insert a block."""
        settings = {"insert_deduplication_token": token, "insert_deduplicate": "1", "async_insert": "0"}
        self._client.raw_insert(table, list(names), block, settings=settings, fmt="Native")

    def close(self) -> None:
        """Do nothing: the client is not ours."""
