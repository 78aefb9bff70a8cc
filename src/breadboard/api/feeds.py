"""What state each feed is in, told by the feed's own rows and by its silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np

from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, StatusCode
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape, of_market

SILENT_NS: Final = 10_000_000_000
"""A feed from which nothing at all came for this long is shown as stale, whatever it last said.

It is the silence of a whole feed with its heartbeats, never that of one thin instrument.
"""
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


class Feeds:
    """The feeds seen so far, by source number. Not thread-safe; LiveMarket holds the lock."""

    def __init__(self) -> None:
        self.by_source: dict[int, FeedState] = {}

    def take(self, outputs: Outputs, instruments: Instruments) -> None:
        """Learn from one run of rows, in journal order."""
        tape = outputs.tape
        if not len(tape):
            return
        spoken = tape.kind != EventKind.CLOCK  # our own heartbeat says nothing about a venue
        # Only those that are there: our clock's number is the highest there can be, and would make a range of them all.
        for source in np.unique(tape.source[spoken]).tolist():
            self._take_source(source, tape, np.flatnonzero(spoken & (tape.source == source)), instruments)
        for _, _, gap in outputs.gaps:
            feed = self.by_source.setdefault(gap.source, FeedState(gap.source))
            feed.gaps[gap.reason.label] = feed.gaps.get(gap.reason.label, 0) + 1

    def _take_source(self, source: int, tape: Tape, rows: np.ndarray[Any, Any], instruments: Instruments) -> None:
        feed = self.by_source.setdefault(source, FeedState(source))
        kinds = tape.kind[rows]
        feed.rows += len(rows)
        named = rows[tape.instrument[rows] >= 0]
        if feed.venue is None and len(named):
            feed.venue = instruments[int(tape.instrument[named[-1]])].venue
        arrived = rows[kinds != EventKind.GAP]  # a gap is our remark; only what the venue sent is a sign of life
        if len(arrived):
            feed.ts_recv = max(feed.ts_recv, int(tape.ts_recv[arrived[-1]]))
        market = rows[of_market(kinds)]
        if len(market):
            feed.flags, feed.is_market = int(tape.flags[market[-1]]), True
        telling = rows[(kinds == EventKind.STATUS) | (kinds == EventKind.GAP)]
        after = int(market[-1]) if len(market) else -1
        if after >= 0:
            feed.said = "live"
        for row in telling[telling > after].tolist():
            feed.said = _said(tape, row) or feed.said


def _said(tape: Tape, row: int) -> str | None:
    code = int(tape.code[row])
    if tape.instrument[row] >= 0:
        return None  # of one instrument, not of the feed
    if tape.kind[row] == EventKind.GAP:
        return "down" if code in _DOWN else None
    return _CODES.get(StatusCode(code)) if code in StatusCode._value2member_map_ else None
