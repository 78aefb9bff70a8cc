"""Every socket in the house's wall. Protocols only: there is nothing to inherit.

The docstrings are the contracts; ``tests/conformance`` holds every implementation to them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind, SequenceRule
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
    connection_lifetime_s: float | None
    max_streams_per_connection: int
    client_messages_per_s: float
    frame_cap: int
    """Bytes; a longer frame is quarantined at capture."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame on the connection."""

    text: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """GET this URL, not before ``delay_s`` from now, and journal the answer as a DOCUMENT under ``tag``.

    A new Fetch with a tag that is still waiting or under way replaces it.
    """

    tag: str
    url: str
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close this connection and open another; the venue, or common sense, asks for it."""

    reason: str


Request = Send | Fetch | Reconnect


class Session(Protocol):
    """One conversation with a venue: what to say, never how to send it. Pure, no clock.

    The driver calls ``on_connect`` once per connection, then ``on_frames`` with what each wake-up of the socket
    delivered, and ``on_document`` for each answer to a Fetch. After a disconnect the same session gets
    ``on_connect`` again and forgets what belonged to the old connection. It never raises on venue bytes.
    """

    url: str

    def on_connect(self) -> list[Request]:
        """Return what to send or fetch first."""
        ...

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Return what the frames call for: a snapshot to fetch, a pong to send, a reconnect. Cheap for most frames."""
        ...

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return what the answer calls for: often nothing, or another Fetch when it is too old or was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a run of frames meant. ``len(frames) == data + control + len(quarantined)``."""

    tape: Tape
    data: int
    control: int
    quarantined: tuple[tuple[int, str], ...]
    """``(offset, reason)`` of each frame that could not be understood; its bytes stay in the journal."""
    ignored: Mapping[str, int]
    """Data frames that are understood but make no event here, by venue message type."""


class Decoder(Protocol):
    """What a venue's bytes mean. Pure: same frames in the same order, same tape, whatever the batch sizes.

    Called with DATA and DOCUMENT frames of one venue, possibly of several sources, in journal order. Rows carry
    ``offset``, ``index``, ``source``, ``ts_recv`` of their frame. Never raises on venue bytes.
    """

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

    capabilities: Capabilities

    def session(self, symbols: Sequence[str], channels: Sequence[str], url: str, rest_url: str) -> Session:
        """Return a conversation for these symbols (any case) and channels (``trade quote book``).

        Empty ``url`` and ``rest_url`` mean the venue's own. Raises UsageError for what the venue cannot have.
        """
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


class Store(Protocol):
    """A copy that can be asked. Writing the same batch twice is harmless."""

    def write(self, table: str, rows: Any, token: str) -> None:  # noqa: ANN401 - a pyarrow.Table, which has no types
        """Insert an Arrow table. The same ``token`` (with the same rows) a second time changes nothing.

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
