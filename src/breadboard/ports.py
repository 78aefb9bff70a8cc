"""Every socket in the house's wall. Protocols only: there is nothing to inherit.

The docstrings are the contracts; ``tests/conformance`` holds every implementation to them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.model.bars import NO_BARS
from breadboard.model.executions import Fill, Order
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import GapReason, RecordKind, SequenceRule, Side
from breadboard.model.tape import Tape


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a feed is and is not, as values, so that nobody asks for its name."""

    venue: str
    """Upper case, as on the tape."""
    completeness: str
    """``full``, ``conflated`` or ``delayed``."""
    sequence_rule: SequenceRule
    sequence_scope: str
    """``symbol``, ``connection`` or ``none``."""
    checksum: str
    """``crc32`` or ``none``."""
    heartbeat_s: float | None
    """The longest silence of a healthy connection with at least one busy symbol; None where the venue has no rule."""
    ts_event_unit: str
    trade_ids_contiguous: bool
    """No number of an instrument's trades is left out: one that is missing is a lost trade."""
    connection_lifetime_s: float | None
    max_streams_per_connection: int
    client_messages_per_s: float
    frame_cap: int
    """Bytes; a longer frame is quarantined at capture."""
    channels: tuple[str, ...] = ("trade", "quote", "book")
    """What can be asked for, and what is asked for where nobody says."""
    channel_groups: tuple[tuple[str, ...], ...] = ()
    """Channels that need a connection of their own each group (IQFeed's ports); empty: one connection carries all."""
    asides: tuple[str, ...] = ()
    """Channels that tell how the venue's side is and bring no data (IQFeed's admin port), each a group of its own.

    They have no symbols and one connection a venue's address; one that cannot be made costs nothing.
    """
    ping: str = ""
    """On a connection of text lines, the line that makes the venue answer; a WebSocket has pings of its own."""
    keepalive: "Keepalive | None" = None
    """What the venue wants to hear now and then."""
    credential: str = ""
    """The environment variable that holds the key; empty for a venue that asks for none."""
    former_credential: str = ""
    """An older name of that variable, which is still read."""
    single_connection: bool = False
    """The venue counts connections a key, and lets the newer one throw out the older."""
    max_symbols_per_connection: int | None = None
    """Where the venue counts symbols rather than streams (Yahoo: 100)."""
    calendar: str = ""
    """The exchange whose hours the data keeps (``XNYS``): outside them silence proves nothing. Empty: always open."""
    bar_calendars: tuple[tuple[str, str], ...] = ()
    """By a pattern of whole symbols, the exchange whose days and sessions bars of them keep, where ``calendar`` is not
    said for all: of a vendor of stocks, futures and currencies."""
    trade_ids_growing: bool = False
    """They grow and are given once, but leave numbers out: they show a trade that is told twice, and no lost one."""
    withdraws_trades: bool = False
    """It may take back a trade that it told (a WITHDRAWN row): trades are then remembered, so that bars can follow."""
    canary: tuple[str, ...] = ()
    """Symbols that tick day and night. Every connection asks for them too, each in a place of its own."""

    def calendar_of(self, symbol: str) -> str:
        """Return the exchange whose days and sessions bars of a symbol keep; empty for one that trades on and on."""
        kept = (calendar for pattern, calendar in self.bar_calendars if re.fullmatch(pattern, symbol, re.ASCII))
        return self.calendar or next(kept, "")


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A text frame that is sent ``every_s`` seconds, whatever else is said."""

    text: str
    every_s: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants of a venue: symbols (any case) and channels, and where the venue lives."""

    symbols: Sequence[str]
    channels: Sequence[str]
    url: str = ""
    """Empty: the venue's own address."""
    rest_url: str = ""
    key: str = field(default="", repr=False)
    """The secret; never written, never logged."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame on the connection."""

    text: str = field(repr=False)
    """May hold a secret (a login): sent, never journaled, never logged."""


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


WHOLE_FRAME: Final = -1


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a run of frames meant. ``len(frames) == data + control + len(quarantined)``."""

    tape: Tape
    """Its ``flags`` and ``instrument`` are the caller's to write to."""
    data: int
    control: int
    quarantined: tuple[tuple[int, str], ...]
    """``(offset, reason)`` of each frame that could not be understood; its bytes stay in the journal."""
    ignored: Mapping[str, int]
    """Data frames that are understood but make no event here, by venue message type."""
    checked: int = 0
    """Book messages whose checksum was compared, ``failed`` of them in vain."""
    failed: int = 0
    bars: NDArray[np.void] = field(default_factory=lambda: NO_BARS)
    """``BAR`` rows that the vendor made itself, in journal order, ``instrument`` a local id like the tape's."""
    notes: Mapping[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    """By ``(offset, index)``, what a row says beyond the tape's columns. Of STATUS rows always, of others if asked.

    Under ``(offset, WHOLE_FRAME)``, what a frame says beyond its events and bars (``import``): splits, rows left out.
    """


class Decoder(Protocol):
    """What a venue's bytes mean. Pure: same frames in the same order, same tape, whatever the batch sizes.

    Called with DATA and DOCUMENT frames of one venue, possibly of several sources, in journal order. Rows carry
    ``offset``, ``index``, ``source``, ``ts_recv`` of their frame. Never raises on venue bytes.

    ``guarded``: a bug of its own costs the frame that trips it and is told as quarantine. The router protects itself
    from the others by a snapshot before every call, which therefore has to be cheap.
    """

    guarded: bool

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order."""
        ...

    def snapshot(self) -> bytes:
        """Return all state as bytes (often none)."""
        ...

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        ...


class Feed(Protocol):
    """One venue: how it talks, and what its bytes mean."""

    @property
    def capabilities(self) -> Capabilities:
        """What it is and is not."""
        ...

    def session(self, wish: Wish) -> Session:
        """Return a conversation for what is wished. Raises UsageError for what the venue cannot have."""
        ...

    def decoder(self, instruments: Instruments) -> Decoder:
        """Return a decoder that gives ids from ``instruments``."""
        ...


class JournalWriter(Protocol):
    """The one writer of a journal. Thread-safe: several sources may append."""

    def append(
        self,
        kind: RecordKind,
        source: int,
        epoch: int,
        frames: Sequence[bytes],
        ts_recv: Sequence[int],
        ts_mono: int,
    ) -> int:
        """Take frames for the journal and return the offset after the last of them.

        Copies before it returns, and does not wait for the disk: the frames are durable, and only then visible to
        readers, when ``durable`` has reached the returned offset. ``ts_recv`` is one wall stamp per frame;
        ``ts_mono`` the monotonic stamp that goes with the first. Raises JournalError once the disk has refused.
        """
        ...

    @property
    def durable(self) -> int:
        """The offset before which everything is on disk and visible."""
        ...

    def sync(self, offset: int, timeout_s: float | None = None) -> None:
        """Wait until ``durable`` reaches ``offset``. Raises JournalError when the disk refuses or time is up."""
        ...

    def close(self) -> None:
        """Make everything durable and release the lock."""
        ...


class JournalReader(Protocol):
    """Follows a journal from an offset. Holds no lock; the writer may be another process, alive or dead."""

    def read(self, max_frames: int) -> Frames | None:
        """Return the next durable frames, at most ``max_frames``, at least one; None when there are none yet.

        No hole is skipped in silence: where bytes are damaged or were retired, a GAP record says so in their place.
        """
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when ``read`` may find something, at the latest after ``timeout_s``; may return too early."""
        ...

    @property
    def position(self) -> int:
        """The offset of the next frame ``read`` will return."""
        ...


class Stage(Protocol):
    """A pure step of the engine over the tape. Time only from records; same prefix, same state."""

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return what the stage concluded as a structured array, or None."""
        ...

    def snapshot(self) -> bytes:
        """Return all state as bytes; equal states give equal bytes."""
        ...

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        ...


class Market(Protocol):
    """The books as they are at one moment of a replay or a live run."""

    def levels(self, instrument: int, side: Side) -> Iterator[tuple[int, int]] | None:
        """Return what can be taken by who does ``side``: ``(price, size)``, best first; None where it is not believed.

        Prices in 1e-9 of the quote currency; sizes in 1e-8 of what the venue counts (contracts, where there are any).
        """
        ...


class Execution(Protocol):
    """Where orders go that take what is there (immediate or cancel). There is no live trading behind it.

    Pure, and driven by time as records tell it: no clock, no thread, no network. Whoever calls ``submit`` asks ``due``,
    and calls ``until`` before it shows the market anything that was received after that time.

    - Each order that was submitted gets exactly one ``Fill``, none before it is due, in the order in which they fall
      due (of the same time: as submitted). A fill never holds more than the order's size, nor a price beyond its limit.
    - An order is held against the market as it is then, not as it was when it was decided. A market that is not
      believed then fills nothing, and the fill says so (UNSURE).
    - Equal calls give equal fills, also after ``restore``.
    """

    def submit(self, orders: Sequence[Order]) -> None:
        """Take orders, decided at their ``ts``. Never raises for what a market may refuse: a fill says so."""
        ...

    @property
    def due(self) -> int | None:
        """The earliest time, on our clock, at which something comes of an order; None where nothing waits."""
        ...

    def until(self, ts: int, market: Market) -> list[Fill]:
        """Return what came of every order due before ``ts``, given the market as it is just before then."""
        ...

    def step(self, ns: int) -> None:
        """Take it that our wall clock was set by so much: what waits is due at the same moment as before."""
        ...

    def snapshot(self) -> bytes:
        """Return all state as bytes; equal states give equal bytes."""
        ...

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        ...


class Store(Protocol):
    """A copy that can be asked. Writing the same batch twice is harmless."""

    def write(self, table: str, rows: Any, token: str) -> None:  # noqa: ANN401 - columns in the form of the store
        """Insert rows of a table. The same ``token`` (with the same rows) a second time changes nothing.

        Durable on return. Raises StoreError, ``transient`` where trying again may help.
        """
        ...

    def written(self) -> int:
        """Return the journal offset before which every batch is complete in every table."""
        ...

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """Run trusted SQL with typed parameters and return an Arrow table."""
        ...

    def ask(self, sql: str) -> Iterator[Any]:
        """Run one untrusted query, read-only and bounded, as Arrow record batches. Raises QueryRefused."""
        ...
