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

    ``history(kind="trades", start=gap.ts_from, end=gap.ts_to)`` has it where the server stored it; while ``ts_to`` is
    None, the row of this channel that comes next says when it ends.
    """

    channel: str
    reason: str
    missing: int | None = None
    """How many were left out; None where nobody knows. After a loss they are those of any instrument."""
    ts_from: Instant | None = None
    """Our time of receipt of the last row before the gap; None where none came before it."""
    ts_to: Instant | None = None
    """Of the first row behind it, where that came with it. None where the server had only the loss to tell, as after
    its restart: a gap is told at once, before anybody knows what follows. As ``end`` of a question, None is no bound.
    """


StreamRow = Tick | Trade | Alert | Book | Lag | Status | Gap
