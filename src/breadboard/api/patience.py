"""The store as the API asks it: a question that nobody waits for any more is not worked on any more."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from breadboard.errors import TookTooLong
from breadboard.ports import Store

T = TypeVar("T")
_thread = threading.local()


def one_after_another(function: Callable[[], T]) -> T:
    """Run what asks the store several times, on this thread; ``Patient`` begins none of them when time is over."""
    _thread.begun = time.monotonic()
    try:
        return function()
    finally:
        del _thread.begun


class Patient:
    """``ports.Store`` whose questions the engine ends after so many seconds each: then they raise TookTooLong."""

    def __init__(self, store: Store, within_s: float) -> None:
        self._store = store
        self._within_s = within_s

    def write(self, table: str, rows: Any, token: str) -> None:  # noqa: ANN401 - as the port
        """Write, for as long as it takes."""
        self._store.write(table, rows, token)

    def written(self) -> int:
        """Return what the store does."""
        return self._store.written()

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - as the port
        """Ask for a table."""
        self._in_time()
        return self._store.query(sql, params, within_s=self._within_s if within_s is None else within_s)

    def lines(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        within_s: float | None = None,
        few: bool = False,
    ) -> bytes:
        """Ask for lines of JSON."""
        self._in_time()
        limit = self._within_s if within_s is None else within_s
        return self._store.lines(sql, params, within_s=limit, few=few)

    def ask(self, sql: str) -> Iterator[Any]:
        """Ask what a stranger asks; the store has its own limits for that."""
        return self._store.ask(sql)

    def _in_time(self) -> None:
        begun = getattr(_thread, "begun", None)
        if begun is not None and time.monotonic() - begun >= self._within_s:
            hint = "start=…&end=…   # a shorter time"
            raise TookTooLong(f"the store gave up after {self._within_s:g} s", hint=hint)
