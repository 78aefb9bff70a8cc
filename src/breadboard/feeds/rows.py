"""Rows of one frame, read one by one: one that cannot be read costs itself alone, and a gap tells of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, symbol_of
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason

E = TypeVar("E")

REASON_LENGTH: Final = 300
"""Characters of what is told of all rows of a frame that could not be read."""
MOST_LOST: Final = 8
"""Instruments of one frame of which a gap tells singly; of more, its whole source may lack some."""
_MOST_REASONS: Final = 20
"""Rows of which a reason is kept: one frame may have thousands."""


class Rows:
    """What the rows of one frame say, and which of them could not be read. ``channel`` is ours: trade, quote, book."""

    __slots__ = ("_at", "_channel", "_count", "_lost", "_reasons")

    def __init__(self, channel: str, at: At) -> None:
        self._channel = channel
        self._at = at
        self._count = 0
        self._reasons: list[tuple[int, str]] = []
        self._lost: dict[str | None, str] = {}
        """By the instrument of which something may be missing (None: any), the first reason."""

    def parts(self, parts: Iterable[Any], tell: Callable[[Any], E]) -> Iterator[E]:
        """Yield the parts of a frame that have rows in them; one that cannot be read may have had any instrument's."""
        for part in parts:
            try:
                found = tell(part)
            except ValueError as error:
                self._refuse(None, str(error))
                self._count += 1
            else:
                yield found

    def read(self, rows: Iterable[Any], tell: Callable[[Any], E], whose: Callable[[Any], str | None]) -> list[E]:
        """Return what rows say. ``tell`` raises ValueError for one that cannot be read; ``whose`` names its symbol."""
        found: list[E] = []
        for row in rows:
            try:
                found.append(tell(row))
            except ValueError as error:
                self._refuse(whose(row), str(error))
            self._count += 1
        return found

    def meaning(self, events: Iterable[Event]) -> Meaning:
        """Return what the frame means: these events, and behind them a gap for each instrument that may lack some."""
        if not self._reasons:
            return Meaning(tuple(events))
        lost = self._lost if len(self._lost) <= MOST_LOST else {None: next(iter(self._lost.values()))}
        gaps = (gap_of(symbol, self._channel, reason, self._at) for symbol, reason in lost.items())
        told = [reason if self._count == 1 else f"row {place}: {reason}" for place, reason in self._reasons]
        return Meaning((*events, *gaps), refused="; ".join(told)[:REASON_LENGTH])

    def _refuse(self, symbol: str | None, reason: str) -> None:
        if len(self._reasons) < _MOST_REASONS:
            self._reasons.append((self._count, reason))
        self._lost.setdefault(symbol, reason)


def read_rows(
    channel: str, rows: Sequence[Any], tell: Callable[[Any], Event], whose: str | Callable[[Any], str | None], at: At
) -> Meaning:
    """Return what a frame of rows means. ``whose``: the symbol of them all, or what names that of one; see ``Rows``."""
    found = Rows(channel, at)
    return found.meaning(found.read(rows, tell, whose if callable(whose) else lambda _: whose))


def unread(channel: str, symbol: str | None, error: ValueError, at: At) -> Meaning:
    """Return what a frame means that has one thing to say of one instrument (None: of any), and cannot be read."""
    reason = str(error)
    return Meaning((gap_of(symbol, channel, reason, at),), refused=reason)


def symbol_in(row: object, key: str) -> str | None:
    """Return the symbol that a row has under ``key``; None where there is none that could be one."""
    found = row.get(key) if isinstance(row, dict) else None
    try:
        return symbol_of(found) if isinstance(found, str) else None
    except ValueError:
        return None


def gap_of(symbol: str | None, channel: str | None, reason: str, at: At) -> Event:
    """Return the gap of what cannot be read (``channel`` None: of any): it came since the source's read before this.

    Of a book the row alone is told, as of a frame that is refused: it makes the book stale, the quarantine says why.
    """
    flags = Flag(0) if symbol else Flag.FEED_WIDE
    if channel == "book":
        return Event(kind=EventKind.GAP, symbol=symbol, flags=flags, code=GapReason.QUARANTINE)
    since = min(at.before or at.ts_recv, at.ts_recv)
    gap = Gap(at.source, GapReason.QUARANTINE, since, at.ts_recv, symbol, channel, detail=reason[:REASON_LENGTH])
    return Event(kind=EventKind.GAP, symbol=symbol, flags=flags, code=gap.reason, gap=gap)
