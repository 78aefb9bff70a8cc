"""What a simulator really sent: the count against which a capture is held."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32


@dataclass(slots=True)
class Sent:
    """Everything written to one connection, in order. ``crc32`` runs over the payloads."""

    number: int
    keep: bool
    frames: int = 0
    payload_bytes: int = 0
    crc32: int = 0
    end: str = ""
    """How it ended; empty while it is open."""
    payloads: list[bytes] = field(default_factory=list)
    """The payloads themselves, where the truth was asked to keep them."""

    def note(self, payload: bytes) -> None:
        """Count one data frame."""
        self.frames += 1
        self.payload_bytes += len(payload)
        self.crc32 = crc32(payload, self.crc32)
        if self.keep:
            self.payloads.append(payload)

    def note_lines(self, lines: Sequence[bytes], written: bytes) -> None:
        """Count text lines that were written together; bytes and ``crc32`` take their line ends in."""
        self.frames += len(lines)
        self.payload_bytes += len(written)
        self.crc32 = crc32(written, self.crc32)
        if self.keep:
            self.payloads += lines


@dataclass(slots=True)
class Stream:
    """What one stream said: messages made (whoever listened) and the venue's ids in them."""

    count: int = 0
    first_id: int | None = None
    last_id: int | None = None
    dropped: list[tuple[int, int]] = field(default_factory=list)
    """``(first id, last id)`` of messages that a fault withheld."""

    def note(self, first_id: int, last_id: int) -> None:
        """Count one message that carries these ids."""
        self.count += 1
        self.last_id = last_id
        if self.first_id is None:
            self.first_id = first_id


class Truth:
    """The ground truth of one simulator, served at ``GET /_sim/truth``."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.connections: list[Sent] = []
        self.streams: dict[str, Stream] = {}
        self.more: Callable[[], Mapping[str, Any]] = dict
        """What else this simulator knows of itself, as JSON values."""

    def connection(self) -> Sent:
        """Return the record of a new connection."""
        sent = Sent(len(self.connections) + 1, self.keep)
        self.connections.append(sent)
        return sent

    def stream(self, name: str) -> Stream:
        """Return the record of a stream."""
        found = self.streams.get(name)
        if found is None:
            found = self.streams[name] = Stream()
        return found

    def told(self) -> Mapping[str, Any]:
        """Return everything but the payloads, as JSON values."""
        return {
            "connections": [
                {"number": c.number, "frames": c.frames, "bytes": c.payload_bytes, "crc32": c.crc32, "end": c.end}
                for c in self.connections
            ],
            "streams": {
                name: {"count": s.count, "first_id": s.first_id, "last_id": s.last_id, "dropped": s.dropped}
                for name, s in sorted(self.streams.items())
            },
            **self.more(),
        }
