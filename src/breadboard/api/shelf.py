"""Books that clients look at, read from the engine by a thread of its own, each once however many look.

Who reads a book waits until the engine rests between two batches: the event loop must not, and the engine itself is
held up for no more levels than are wanted.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from breadboard.api.services import Services
from breadboard.telemetry.logs import Log

EVERY_S: Final = 1 / 30
REST: Final = 4
REST_MOST_S: Final = 1.0
"""After each round there is a rest of so many times the work that it was, or until the next thirtieth of a second.

To wait for the engine is no work: it is not held up meanwhile.
"""
UNASKED_S: Final = 1.0
"""A book is read again after so long also where nothing seems to have happened to its instrument."""
OLD_S: Final = 2.0
"""A book that was read longer ago is handed to nobody: its reader waits for the engine, and it is not of now."""
_log = Log("books")

Wish = tuple[int, int]
"""An instrument, and how many levels of each side."""


class Shelved(NamedTuple):
    """A book as it was read."""

    version: int
    told: dict[str, Any]
    ts_seen: int
    read: float
    texts: dict[str, bytes]
    """As bytes, by codec, where it was asked for."""

    def text(self, codec: str) -> bytes:
        """Return the row of this book."""
        if codec not in self.texts:
            encode: Any = msgspec.json.encode if codec == "json" else msgspec.msgpack.encode
            self.texts[codec] = encode(self.told)
        return self.texts[codec]


class Shelf:
    """The books that are wanted now. ``changed`` is called on the thread that reads, where there are news.

    That is after each round, and each thirtieth of a second of one that takes longer: what was read first must not be
    old when it is told.
    """

    def __init__(self, services: Services, changed: Callable[[], None]) -> None:
        self._services = services
        self._changed = changed
        self._wanted: dict[object, frozenset[Wish]] = {}
        self._books: dict[Wish, Shelved] = {}
        self._more = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None
        self.version = 0
        """Counts how often there were news."""

    def want(self, who: object, wishes: Iterable[Wish]) -> None:
        """Keep these books for somebody, and no others; nothing: none."""
        wanted = frozenset(wishes)
        if not wanted:
            self._wanted.pop(who, None)
            return
        news = not self._wanted or not wanted <= self._books.keys()
        self._wanted[who] = wanted
        if news:
            self._more.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="books", daemon=True)
            self._thread.start()

    def newer(self, wishes: Iterable[Wish], version: int) -> list[Shelved]:
        """Return those of these books that were found to be others after ``version``."""
        found, old = (self._books.get(wish) for wish in wishes), time.monotonic() - OLD_S
        return [book for book in found if book is not None and book.version > version and book.read > old]

    def close(self) -> None:
        """Have the thread end."""
        self._over = True
        self._more.set()

    def _work(self) -> None:
        while not self._over:
            self._more.clear()  # before the look, so that no wish is slept through
            began, worked = time.monotonic(), time.thread_time()
            self.look()
            ended = time.monotonic()
            self._rest(ended + rest_s(ended - began, time.thread_time() - worked))

    def _rest(self, end: float) -> None:
        """Rest until then, but for books that are not there yet: the others keep their rest, however many come."""
        while (left := end - time.monotonic()) > 0 and self._more.wait(left):
            self._more.clear()
            if self._over:
                return
            self.look(new=True)
        if not self._wanted:
            self._more.wait(UNASKED_S)

    def look(self, *, new: bool = False) -> None:
        """Make one round; of the ``new`` ones, those that are not there yet. What nobody wants is no longer there."""
        wanted = set[Wish]().union(*list(self._wanted.values()))
        known = {wish: book for wish, book in list(self._books.items()) if wish in wanted}
        self._books = known  # book by book from here on: one that waits for the engine does not make the others older
        news, told = False, time.monotonic()
        for wish in wanted - known.keys() if new else wanted:
            found = self._try(wish, known.get(wish), self.version + 1)
            if found is not None:
                known[wish] = found
                news = news or found.version > self.version
            if news and time.monotonic() - told >= EVERY_S:
                self._tell()
                news, told = False, time.monotonic()
        if news:
            self._tell()

    def _tell(self) -> None:
        self.version += 1
        self._changed()

    def _try(self, wish: Wish, before: Shelved | None, version: int) -> Shelved | None:
        try:
            return self._read(wish, before, version)
        except Exception as error:  # noqa: BLE001 - one book that cannot be read must not be the last
            _log.error("a book could not be read", error)
            return None

    def _read(self, wish: Wish, before: Shelved | None, version: int) -> Shelved | None:
        """Return a book anew, where there may be need to."""
        index, depth = wish
        live, now = self._services.live, time.monotonic()
        seen = int(live.records([index])["ts_seen"][0])
        if before is not None and seen == before.ts_seen and now - before.read < UNASKED_S:
            return None
        instrument = live.instrument(index)
        book: Mapping[str, Any] | None = self._services.book(instrument.venue, instrument.symbol, depth)
        if book is None:
            return None
        told = {"id": instrument.id, **book}
        now = time.monotonic()  # it may have waited
        if before is not None and told == before.told and now - before.read < OLD_S - EVERY_S:
            return before._replace(ts_seen=seen, read=now)
        return Shelved(version, told, seen, now, {})  # also the same again: somebody may not have been handed it


def rest_s(took: float, work: float) -> float:
    """Return how long to rest after a round of so many seconds, of which so many were work."""
    return min(max(EVERY_S - took, REST * work, 0.0), REST_MOST_S)
