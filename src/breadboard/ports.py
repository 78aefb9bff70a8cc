"""Every socket in the house's wall. Protocols only: there is nothing to inherit.

The docstrings are the contracts; ``tests/conformance`` holds every implementation to them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.conversations import Session
from breadboard.model.bars import NO_BARS
from breadboard.model.executions import Fill, Order
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind, SequenceRule, Side
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

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """Run trusted SQL with typed parameters and return an Arrow table.

        The store ends one that takes longer than ``within_s``, and TookTooLong is raised; None: it may take its time.
        """
        ...

    def lines(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        within_s: float | None = None,
        few: bool = False,
    ) -> bytes:
        """Run trusted SQL with typed parameters and return a line of JSON a row, an object each.

        Decimals are strings of plain digits, times are ISO 8601 in UTC with nanoseconds; no other byte is a line's end.
        ``within_s`` as in ``query``. ``few`` says that the rows are few and lie together in the table's order: then
        what it takes to be fast with many is left out.
        """
        ...

    def ask(self, sql: str) -> Iterator[Any]:
        """Run one untrusted query, read-only and bounded, as Arrow record batches. Raises QueryRefused, TookTooLong."""
        ...
