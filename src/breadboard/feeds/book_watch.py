"""The capture side of a checksum: a wrong book is asked for anew at once, that symbol alone, and not for ever.

A session reads the book frames with the decoder's own reader, so both come to the same verdict on the same frame.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from breadboard.conversations import Missing, Request
from breadboard.feeds.checked_book import BookMemory
from breadboard.feeds.readers import At, FrameReader
from breadboard.feeds.reading import Event
from breadboard.feeds.watching import Subscriptions
from breadboard.model.kinds import EventKind, GapReason

log = logging.getLogger(__name__)

SETTLED: Final = 5
"""So many right messages after its snapshot a book has to stand, or the next wrong one comes "straight after" it."""
MOST_STRIKES: Final = 2
"""Books wrong straight after their snapshots in a row; then the venue is wrong, and asking again helps nobody."""
MOST_ASKED: Final = 12
"""Times a book is asked for anew within ``WINDOW_S``; OKX counts 480 requests an hour and connection."""
WINDOW_S: Final = 600.0
SNAPSHOT_WITHIN_S: Final = 10.0
"""Seconds until a book that was asked for anew is asked for once more, and until that is told as missing."""


class CheckedReader(FrameReader, Protocol):
    """A reader that keeps checked books."""

    memory: BookMemory


@dataclass(slots=True)
class _Health:
    """How one symbol's book fares on this connection."""

    right: int = 0
    """Messages since its snapshot."""
    strikes: int = 0
    asked: int = 0
    """How often it was asked for since its last snapshot; 0 where none is due."""
    asked_s: float | None = None
    """When, on the clock of ``on_time``; None until that clock is next told."""
    asked_at: list[float] = field(default_factory=list)
    """When it was asked for within the last ``WINDOW_S``."""
    given_up: GapReason | None = None
    why: str = ""
    told: bool = False


class BookWatch:
    """Follows the books of one connection. ``again`` returns what to send so that one symbol's book begins anew."""

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        reader: Callable[[], CheckedReader],
        again: Callable[[str], list[Request]],
        subscriptions: Subscriptions,
    ) -> None:
        self._venue = venue
        self._symbols = frozenset(symbols)
        self._make = reader
        self._ask = again
        self._subscriptions = subscriptions
        self._now_s: float | None = None
        self.on_connect()

    def on_connect(self) -> None:
        """Forget the books of the old connection."""
        self._reader = self._make()
        self._at = At(0, 0, 0)
        self._health: dict[str, _Health] = {}

    def on_frame(self, frame: bytes) -> list[Request]:
        """Take a frame that may speak of books; return what its verdict calls for."""
        try:
            events = self._reader.read(frame, self._at).events
        except ValueError:
            lost = self._reader.lost_book(frame, self._at)
            names = list(self._health) if lost == "" else [] if lost is None else [lost]
            return [request for name in names for request in self._wrong(name)]
        return [request for event in events for request in self._on_event(event)]

    def on_time(self, now_s: float) -> list[Request]:
        """Return a second try for what does not come, and the alarm for what was given up."""
        since_s, self._now_s = self._now_s, now_s
        requests: list[Request] = []
        for symbol, health in self._health.items():
            if health.asked and health.given_up is None:
                requests += self._overdue(symbol, health, now_s)
            if health.given_up is not None and not health.told:
                health.told = True
                requests.append(self._alarm(symbol, health, health.given_up, now_s if since_s is None else since_s))
        return requests

    def _on_event(self, event: Event) -> list[Request]:
        symbol, kind = event.symbol, event.kind
        if symbol is None or kind not in (EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT):
            return []
        health = self._health.get(symbol)
        if health is not None and kind is EventKind.BOOK_SNAPSHOT:
            health.right, health.asked, health.asked_s = 0, 0, None
        if kind is EventKind.BOOK_SNAPSHOT:
            self._subscriptions.renewed((symbol, "book"))
        if not self._reader.memory.book(symbol, self._at).ready:
            if health is not None or kind is EventKind.BOOK_SNAPSHOT:
                return self._wrong(symbol)
            if symbol in self._symbols:
                self._health[symbol] = _Health(asked=1)  # its first snapshot is still to come, within the usual time
            return []
        if health is None:
            health = self._health[symbol] = _Health()
        if kind is EventKind.BOOK_DELTA:
            health.right += 1
            if health.right == SETTLED:
                health.strikes = 0
        return []

    def _wrong(self, symbol: str) -> list[Request]:
        """Ask for a book anew, unless that is under way or has proved to be in vain."""
        if symbol not in self._symbols:
            return []
        health = self._health.setdefault(symbol, _Health())
        if health.asked or health.given_up is not None:
            return []
        health.strikes += health.right < SETTLED
        if health.strikes >= MOST_STRIKES:
            why = f"wrong {MOST_STRIKES} times straight after fresh snapshots"
            return self._give_up(symbol, health, GapReason.CHECKSUM, why)
        now_s = self._now_s or 0.0
        health.asked_at = [*(at for at in health.asked_at if now_s - at < WINDOW_S), now_s]
        if len(health.asked_at) > MOST_ASKED:
            why = f"wrong more than {MOST_ASKED} times in {WINDOW_S:g} s"
            return self._give_up(symbol, health, GapReason.CHECKSUM, why)
        health.asked, health.asked_s = 1, None
        return self._again(symbol)

    def _overdue(self, symbol: str, health: _Health, now_s: float) -> list[Request]:
        if health.asked_s is None:
            health.asked_s = now_s
        if now_s - health.asked_s < SNAPSHOT_WITHIN_S:
            return []
        if health.asked > 1:
            why = f"asked for twice, and no snapshot within {SNAPSHOT_WITHIN_S:g} s"
            return self._give_up(symbol, health, GapReason.SUBSCRIPTION, why)
        health.asked, health.asked_s = health.asked + 1, now_s
        return self._again(symbol)

    def _give_up(self, symbol: str, health: _Health, reason: GapReason, why: str) -> list[Request]:
        """Ask no more on this connection; the alarm goes out with the next look at the time.

        A book that is wrong whenever it is renewed is missing to the end of the connection. One of which no snapshot
        comes is a lost subscription, for which a new connection may be worth its while.
        """
        health.given_up, health.why = reason, why
        if reason is GapReason.CHECKSUM:
            self._subscriptions.renewing([(symbol, "book")], reason, in_vain=True)
        return []

    def _again(self, symbol: str) -> list[Request]:
        self._subscriptions.renewing([(symbol, "book")])
        return self._ask(symbol)

    def _alarm(self, symbol: str, health: _Health, reason: GapReason, since_s: float) -> Missing:
        log.error("%s: the book of %s stays stale until the next connection: %s", self._venue, symbol, health.why)
        return Missing(symbol, "book", reason, since_s, health.why)
