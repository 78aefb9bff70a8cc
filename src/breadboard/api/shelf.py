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
"""After each round there is a rest of so many times as long as it took, or until the next thirtieth of a second."""
UNASKED_S: Final = 1.0
"""A book is read again after so long also where nothing seems to have happened to its instrument."""
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
    """The books that are wanted now. ``changed`` is called on the thread that reads, after a round with news."""

    def __init__(self, services: Services, changed: Callable[[], None]) -> None:
        self._services = services
        self._changed = changed
        self._wanted: dict[object, frozenset[Wish]] = {}
        self._books: dict[Wish, Shelved] = {}
        self._more = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None
        self.version = 0
        """Counts the rounds that found something."""

    def want(self, who: object, wishes: Iterable[Wish]) -> None:
        """Keep these books for somebody, and no others; nothing: none."""
        wanted = frozenset(wishes)
        if not wanted:
            self._wanted.pop(who, None)
            return
        self._wanted[who] = wanted
        self._more.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="books", daemon=True)
            self._thread.start()

    def newer(self, wishes: Iterable[Wish], version: int) -> list[Shelved]:
        """Return those of these books that were found to be others after ``version``."""
        found = (self._books.get(wish) for wish in wishes)
        return [book for book in found if book is not None and book.version > version]

    def close(self) -> None:
        """Have the thread end."""
        self._over = True
        self._more.set()

    def _work(self) -> None:
        while not self._over:
            self._more.clear()  # before the look, so that no wish is slept through
            if not self._wanted:
                self._books = {}
                self._more.wait(UNASKED_S)
                continue
            began = time.monotonic()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - one book that cannot be read must not be the last
                _log.error("a book could not be read", error)
            took = time.monotonic() - began
            time.sleep(max(EVERY_S - took, REST * took))

    def look(self) -> None:
        """Make one round."""
        wanted = set[Wish]().union(*list(self._wanted.values()))
        known = {wish: book for wish, book in self._books.items() if wish in wanted}
        news, version = False, self.version + 1
        for wish in wanted:
            found = self._read(wish, known.get(wish), version)
            if found is not None:
                known[wish] = found
                news = news or found.version == version
        self._books = known  # in one piece: the event loop reads it meanwhile
        if news:
            self.version = version
            self._changed()

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
        if before is not None and told == before.told:
            return before._replace(ts_seen=seen, read=now)
        return Shelved(version, told, seen, now, {})
