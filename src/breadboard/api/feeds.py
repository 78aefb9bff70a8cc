"""What state each feed is in, told by the feed's own rows and by its silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.journal.format import ALL_SOURCES
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instruments
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, StatusCode
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape

SILENT_NS: Final = 10_000_000_000
"""A feed from which nothing at all came for this long is shown as stale, whatever it last said.

It is the silence of a whole feed with its heartbeats, never that of one thin instrument.
"""
_BOOK_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_STATUS: Final = int(EventKind.STATUS)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
_ORDER: Final = int(EventKind.ORDER)
_DOWN: Final = frozenset({GapReason.RESTART, GapReason.DISCONNECT, GapReason.STORAGE})
_CODES: Final = {
    StatusCode.FEED_UP: "live",
    StatusCode.HEARTBEAT: "live",
    StatusCode.SUBSCRIBED: "live",
    StatusCode.FEED_DOWN: "down",
    StatusCode.STALE: "stale",
    StatusCode.MAINTENANCE: "down",
}


@lru_cache(maxsize=1 << 10)  # asked for every row that is told, and an enumeration's own arithmetic is slow
def provenance(flags: int) -> Provenance:
    """Return where a row comes from, from its own flags."""
    if flags & Flag.SYNTHETIC:
        return Provenance.SYNTHETIC
    if flags & Flag.REPLAYED:
        return Provenance.REPLAY
    return Provenance.HISTORY if flags & Flag.HISTORY else Provenance.LIVE


@dataclass(slots=True)
class FeedState:
    """One source as its rows describe it."""

    source: int
    venue: str | None = None
    said: str = "live"
    """``live``, ``stale`` or ``down``: what the newest row of the source means."""
    ts_recv: int = 0
    rows: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    flags: int = 0
    is_market: bool = False
    """Whether a row of the market was among them: ``flags`` are those of the newest."""

    @property
    def name(self) -> str:
        """The label of this feed in messages, metrics and the table ``lag``."""
        return f"{(self.venue or 'feed').lower()}-{self.source}"

    def state(self, now: int) -> str:
        """Return ``live``, ``stale`` or ``down`` at wall time ``now``."""
        if self.said == "live" and now - self.ts_recv > SILENT_NS:
            return "stale"
        return self.said

    def described(self, now: int, epoch: Epoch | None = None) -> dict[str, Any]:
        """Return the feed as JSON-ready values; what no row of it tells is told by its connection."""
        if self.venue is None and epoch is not None:
            self.venue = epoch.venue
        origin = provenance(self.flags) if self.is_market or epoch is None else epoch.provenance
        return {
            "feed": self.name,
            "source": self.source,
            "venue": self.venue,
            "state": self.state(now),
            "age_ms": max(0, now - self.ts_recv) // 1_000_000,
            "rows": self.rows,
            "gaps": sum(self.gaps.values()),
            "provenance": str(origin),
            "aside": "" if epoch is None else epoch.aside,
            "delayed": bool(self.flags & Flag.DELAYED),
            "conflated": bool(self.flags & Flag.CONFLATED),
        }


def harms(feed: Mapping[str, Any]) -> bool:
    """Return whether the state of a described feed takes something away from the data.

    A source that brings none does not where it is not connected; where it says that the venue is cut off, it does.
    """
    return feed["state"] != "live" and not (feed["aside"] and feed["state"] == "down")


@brief
def _hear(
    kind: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    places: NDArray[np.int64],
    heard: NDArray[np.int64],
) -> int:
    """Fill a row of ``heard[sources, 6]`` for each source that said something; return how many.

    A row has the source, how many rows it has, and its last row that names an instrument, that is a sign of life, of
    the market, a remark (-1 for none). ``places``, by source, are -1 before and after.
    """
    count = 0
    for row in range(len(kind)):
        what = kind[row]
        if what == _CLOCK:  # our own heartbeat says nothing about a venue
            continue
        place = places[source[row]]
        if place < 0:
            place = places[source[row]] = count
            heard[place, 0], heard[place, 1] = source[row], 0
            heard[place, 2] = heard[place, 3] = heard[place, 4] = heard[place, 5] = -1
            count += 1
        heard[place, 1] += 1
        if instrument[row] >= 0:
            heard[place, 2] = row
        if what != _GAP:  # a gap is our remark; only what the venue sent is a sign of life
            heard[place, 3] = row
        if what <= _BOOK_SNAPSHOT or what == _ORDER:
            heard[place, 4] = row
        else:
            heard[place, 5] = row
    for place in range(count):
        places[heard[place, 0]] = -1
    return count


class Feeds:
    """The feeds seen so far, by source number. Not thread-safe; LiveMarket holds the lock.

    What concerns every source (a full disk, a damaged journal) is of no feed, and would make one that never comes up.
    """

    def __init__(self) -> None:
        self.by_source: dict[int, FeedState] = {}
        self._places = np.full(1 << 16, -1, np.int64)

    def take(self, outputs: Outputs, instruments: Instruments) -> None:
        """Learn from one run of rows, in journal order."""
        tape = outputs.tape
        heard = np.empty((min(len(tape), len(self._places)), 6), np.int64)
        count = _hear(tape.kind, tape.source, tape.instrument, self._places, heard)
        for source, rows, *last in heard[:count].tolist():
            if source == ALL_SOURCES:
                continue
            feed = self.by_source.get(source) or self.by_source.setdefault(source, FeedState(source))
            feed.rows += rows
            self._take_last(feed, tape, last, instruments)
        for _, _, gap in outputs.gaps:
            if gap.source != ALL_SOURCES:
                feed = self.by_source.setdefault(gap.source, FeedState(gap.source))
                feed.gaps[gap.reason.label] = feed.gaps.get(gap.reason.label, 0) + 1

    def _take_last(self, feed: FeedState, tape: Tape, last: list[int], instruments: Instruments) -> None:
        """Learn from the last rows of a source: see ``_hear``."""
        named, arrived, market, remark = last
        if feed.venue is None and named >= 0:
            feed.venue = instruments[int(tape.instrument[named])].venue
        if arrived >= 0:
            feed.ts_recv = max(feed.ts_recv, int(tape.ts_recv[arrived]))
        if market >= 0:
            feed.flags, feed.is_market = int(tape.flags[market]), True
            feed.said = "live"
        if remark > market:
            telling = (tape.source == feed.source) & ((tape.kind == _STATUS) | (tape.kind == _GAP))
            telling[: market + 1] = False
            for row in telling.nonzero()[0].tolist():
                feed.said = _said(tape, row) or feed.said


def _said(tape: Tape, row: int) -> str | None:
    code = int(tape.code[row])
    if tape.instrument[row] >= 0:
        return None  # of one instrument, not of the feed
    if tape.kind[row] == EventKind.GAP:
        return "down" if code in _DOWN else None
    return _CODES.get(StatusCode(code)) if code in StatusCode._value2member_map_ else None
