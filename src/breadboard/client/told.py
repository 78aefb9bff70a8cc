"""What a stream tells besides the market: how it is, and what is missing."""

import msgspec

from breadboard.client.instants import Instant
from breadboard.client.recorded import Alert, Trade
from breadboard.client.rows import Book, Feed, Lag, Row, Tick


class Status(Row, frozen=True, kw_only=True):
    """The heartbeat of a stream, each second."""

    t: int
    """ms UTC."""
    feed: str = ""
    """``live``, ``stale``, ``down`` or ``waiting``: the worst of the feeds."""
    provenance: str | None = None
    feeds: tuple[Feed, ...] = ()
    gaps: int = 0
    conflated: int = 0
    """Rows that newer ones replaced before this client could be told."""
    dropped: int = 0
    next: dict[str, int] = msgspec.field(default_factory=dict)
    """By channel, the sequence that comes next."""


class Gap(Row, frozen=True, kw_only=True):
    """Something of a stream is missing here, between what came before and what comes next.

    ``history(kind="trades", start=gap.ts_from, end=gap.ts_to)`` has it where the server stored it.
    """

    channel: str
    reason: str
    missing: int | None = None
    """How many were left out; None where nobody knows. After a loss they are those of any instrument."""
    ts_from: Instant | None = None
    """Our time of receipt of the last row before the gap, and of the first behind it; None where there is none."""
    ts_to: Instant | None = None


StreamRow = Tick | Trade | Alert | Book | Lag | Status | Gap
