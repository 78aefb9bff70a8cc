"""Clients that ask, lent to one thread at a time."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

READERS: Final = 6
"""Queries of one kind under way at once; more wait their turn."""
READING: Final[dict[str, Any]] = {
    "output_format_arrow_string_as_string": 1,
    "output_format_json_quote_decimals": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_escape_forward_slashes": 0,
    "date_time_output_format": "iso",
}
"""How rows are written for us: digits stay as they are, whoever reads them."""

FEW: Final[dict[str, Any]] = {"max_threads": 1, "output_format_parallel_formatting": 0}
"""For a few rows that lie together: other threads cost more than they save."""
FEW_EMBEDDED: Final = FEW | {"query_plan_optimize_lazy_materialization": 0}
"""Columns that are read later as well; older servers do not know that they could be."""


class Pool:
    """Clients, each used by one thread at a time, made as they are needed."""

    def __init__(self, make: Callable[[], Any], size: int = READERS) -> None:
        self._make = make
        self._slots: queue.LifoQueue[Any] = queue.LifoQueue()
        self._size = size
        for _ in range(size):
            self._slots.put(None)

    @contextmanager
    def one(self) -> Iterator[Any]:
        """Lend a client; waits while all are lent. One whose query failed is not lent again.

        An embedded engine keeps what a query that broke had already written, and answers the next one with it.
        """
        client = self._slots.get()
        try:
            if client is None:
                client = self._make()
            yield client
        except BaseException:
            broken, client = client, None
            if broken is not None:
                broken.close()
            raise
        finally:
            self._slots.put(client)

    def close(self) -> None:
        """Take every client back and close it."""
        for _ in range(self._size):
            client = self._slots.get()
            if client is not None:
                client.close()
        for _ in range(self._size):
            self._slots.put(None)


class Readers:
    """Clients by how long their queries may take, and by whether they are about few rows.

    A setting that a query brings along is set before it and unset after it, embedded: two queries more, and twice the
    time. A client has it from the beginning.
    """

    def __init__(self, make: Callable[[dict[str, Any]], Any], few: dict[str, Any]) -> None:
        self._make = make
        self._few = few
        self._lock = threading.Lock()
        self._pools: dict[tuple[float | None, bool], Pool] = {}

    def such(self, within_s: float | None, *, few: bool) -> Pool:
        """Return the clients whose queries end after so many seconds; None: never."""
        with self._lock:
            if (within_s, few) not in self._pools:
                settings = _reading(within_s) | (self._few if few else {})
                self._pools[within_s, few] = Pool(lambda: self._make(settings))
            return self._pools[within_s, few]

    def close(self) -> None:
        """Take every client back and close it."""
        for pool in self._pools.values():
            pool.close()


def _reading(within_s: float | None) -> dict[str, Any]:
    limits = {} if within_s is None else {"max_execution_time": within_s, "timeout_overflow_mode": "throw"}
    return READING | limits
