"""What is said to a venue: the requests of a session or an inquiry, and the two kinds of conversation. Pure, no socket.

These are ports like those of ``breadboard.ports``: Protocols, whose docstrings are the contracts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from breadboard.model.kinds import GapReason


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame on the connection."""

    text: str = field(repr=False)
    """May hold a secret (a login): sent, never journaled, never logged."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How fast a venue may be asked for something by one address, all its connections together."""

    pace_s: float
    """Seconds from one request to the next, on average."""
    burst: int
    """Requests at once, after a rest."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """GET this URL, not before ``delay_s`` from now, and journal the answer as a DOCUMENT under ``tag``.

    A new Fetch with a tag that is still waiting or under way replaces it.
    """

    tag: str
    url: str
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """May hold a secret: sent, never journaled, never logged."""
    logs_in: bool = False
    """It fetches what a refused request lacked: the minute after a refusal is not for it, and ends with its success."""
    allowed: Allowance | None = None
    """What the venue counts; None: it is asked for seldom."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close this connection and open another; the venue, or common sense, asks for it."""

    reason: str
    wait_s: float = 0.0
    """The least time until the next attempt, where the venue's rules say so."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Write a GAP: this subscription has been silent in a way that quiet does not explain, since ``since_s``.

    ``since_s`` is on the clock of ``on_time``; the gap ends now. ``symbol`` None is every symbol of the source.
    """

    symbol: str | None
    channel: str | None
    reason: GapReason
    since_s: float
    detail: str
    over: bool = False
    """It is heard again: what was missed stays so, but a book that was renewed since need not be doubted."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The venue refuses this symbol, or this channel of it, by name: for people; nothing is asked again."""

    symbol: str
    channel: str | None
    reason: str


Request = Send | Fetch | Reconnect | Missing | Denied


class Watched(Protocol):
    """What a session that watches its subscriptions knows of them. It has it as ``session.subscriptions``.

    A session without that attribute is recorded just as well; its symbols have no measured rates.
    """

    def rates(self) -> Mapping[str, float]:
        """Return messages a second by symbol, over all its channels, as heard lately."""
        ...

    def missing(self) -> Sequence[str]:
        """Return what is held to be lost at the moment, ``SYMBOL channel`` each."""
        ...

    def on_end(self) -> Sequence[Missing]:
        """Return, as the connection ends, what is on record up to some moment only and was missing until now."""
        ...

    def on_phase(self, phase: str) -> None:
        """Take the phase of the market (``clock``-driven, see ``calendars``): with it what is usual changes."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a session has heard of the venue's own state on its present connection: for people and metrics, no data."""

    facts: Mapping[str, bool | float | str]
    """By name, numbers with their unit in the name; true and false where it is a state."""
    troubles: Sequence[str] = ()
    """What is not as it should be on the venue's side at the moment, a sentence each."""


class Session(Protocol):
    """One conversation with a venue: what to say, never how to send it. Pure, no clock.

    The driver calls ``on_connect`` once per connection, then ``on_frames`` with what each wake-up of the socket
    delivered, ``on_document`` for each answer to a Fetch, and ``on_time`` about once a second while it is connected.
    After a disconnect the same session gets ``on_connect`` again and forgets what belonged to the old connection. It
    never raises on venue bytes. It may have

    - ``subscriptions``, a ``Watched``;
    - ``report() -> Report``, asked about once a second while it is connected;
    - ``masked(frame) -> frame``, where the venue repeats secrets of ours: what it returns is journaled, and is what
      ``on_frames`` gets. Any frame may come, also one that was cut off.
    """

    url: str
    symbols: Sequence[str]
    """What was wished for, as the venue spells it."""

    def on_connect(self) -> list[Request]:
        """Return what to send or fetch first."""
        ...

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Return what the frames call for: a snapshot to fetch, a pong to send, a reconnect. Cheap for most frames."""
        ...

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return what the answer calls for: often nothing, or another Fetch when it is too old or was refused."""
        ...

    def on_time(self, now_s: float) -> list[Request]:
        """Return what the passing of time calls for: an audit, a second try. ``now_s`` is monotonic seconds."""
        ...


class Inquiry(Protocol):
    """One question about the past, put to a source request by request. Pure, no clock.

    The driver carries out ``requests``, then what each answer calls for, until ``done``. It keeps every answer that
    ``taken`` counts, as it came. Never raises on a venue's bytes.
    """

    @property
    def taken(self) -> int:
        """How many answers are part of what was asked for, so far."""
        ...

    @property
    def empty(self) -> bool:
        """Whether the newest of them holds nothing: the source has nothing there."""
        ...

    @property
    def error(self) -> str | None:
        """Why it ended before all was answered, in one sentence without secrets; None where all was."""
        ...

    @property
    def hint(self) -> str:
        """What may help against the error."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What of the question stays unanswered although nothing failed, a sentence each: windows that were refused."""
        ...

    @property
    def late_ns(self) -> int:
        """By how much the source's data are late: what is younger is not there yet. 0: they reach until now."""
        ...

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask, or to wait for."""
        ...

    def requests(self) -> list[Request]:
        """Return what to fetch (or, on a connection of lines, to send) first."""
        ...


class FetchedInquiry(Inquiry, Protocol):
    """An inquiry over HTTP, one request in flight."""

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return what the answer calls for: the next page, the same once more, nothing at the end."""
        ...


class SpokenInquiry(Inquiry, Protocol):
    """An inquiry on a connection of text lines."""

    @property
    def asking(self) -> str:
        """The request whose answer is awaited, as it was sent."""
        ...

    def on_lines(self, lines: Sequence[bytes]) -> tuple[list[bytes], list[Request]]:
        """Return which of these lines to keep, and what to send next: once ``taken`` has counted their answer."""
        ...
