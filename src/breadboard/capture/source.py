"""What capture is given to record, and what all its lines share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.owner import Owner
from breadboard.capture.status import named
from breadboard.capture.turns import Turnstiles
from breadboard.clock import Clock
from breadboard.conversations import Report, Session, Watched
from breadboard.ports import Capabilities


@dataclass(frozen=True, slots=True)
class Source:
    """One connection to keep, ready to be recorded, and what the journal already knows of it."""

    source: int
    symbols: tuple[str, ...]
    capabilities: Capabilities
    session: Session
    epoch: int = 0
    """The number of its last connection in the journal; 0 for none."""
    last_ts: int | None = None
    """The receive stamp of its last record in the journal."""
    messages_per_s: float | None = None
    """What we say at most; None: what the venue allows."""
    owner: Owner | None = None
    """For a venue that allows one connection a key: the right to be it."""
    tiers: Mapping[str, str] = field(default_factory=dict)
    """By symbol as the venue spells it, how busy it is thought to be."""
    aside: str = ""
    """The channel that it carries where that brings no data (``Capabilities.asides``); empty for data."""

    @property
    def watched(self) -> Watched | None:
        """What the session knows of its subscriptions, where it watches them."""
        return getattr(self.session, "subscriptions", None)

    @property
    def report(self) -> Callable[[], Report] | None:
        """How the session tells of the venue's own state, where it does."""
        return getattr(self.session, "report", None)

    @property
    def masked(self) -> Callable[[bytes], bytes] | None:
        """What takes secrets of ours out of a frame, where the venue repeats them."""
        return getattr(self.session, "masked", None)

    @property
    def name(self) -> str:
        """What people read in logs."""
        return named(self.capabilities.venue, self.source, self.aside)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every line of a process shares."""

    appender: Appender
    clock: Clock
    watch: ClockWatch
    rng: Random
    pacer: Pacer
    turnstiles: Turnstiles
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
