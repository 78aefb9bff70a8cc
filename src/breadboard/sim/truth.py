"""What a simulator really sent, and what it did wrong: the count against which a capture is held."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

MOST_DEEDS: Final = 1_000_000
"""The newest ones are remembered; all are counted."""
DEEDS_TOLD: Final = 10_000

Ids = tuple[int, int]
"""The first and last of the venue's numbers in a message."""


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
    dropped: list[Ids] = field(default_factory=list)
    """``(first id, last id)`` of messages that a fault withheld."""

    def note(self, first_id: int, last_id: int) -> None:
        """Count one message that carries these ids."""
        self.count += 1
        self.last_id = last_id
        if self.first_id is None:
            self.first_id = first_id


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that a fault did."""

    fault: str
    at_ns: int
    """Wall nanoseconds UTC of this machine, whatever the venue's own clock says."""
    connection: int
    """0 for what happened to all, or to none."""
    stream: str = ""
    ids: Ids | None = None
    """Of the message that was withheld, repeated, moved or altered; None where no message was."""


@dataclass(slots=True)
class Made:
    """One message as the market made it, and every form in which it was written to somebody."""

    at_ns: int
    stream: str
    ids: Ids
    sent: list[bytes] = field(default_factory=list)


class Truth:
    """The ground truth of one simulator, served at ``GET /_sim/truth``.

    ``keep`` keeps every payload. ``witness`` goes on making the messages of every stream that was ever listened to,
    also while nobody listens, and keeps them in ``made``: what a client that was never away would have had.
    """

    def __init__(self, *, keep: bool = False, witness: bool = False) -> None:
        self.keep = keep
        self.witness = witness
        self.connections: list[Sent] = []
        self.streams: dict[str, Stream] = {}
        self.made: list[Made] = []
        self.gets: deque[tuple[int, str, int]] = deque(maxlen=DEEDS_TOLD)
        """``(wall ns, path, status)`` of the newest answers over HTTP, ours left out."""
        self.deeds: deque[Deed] = deque(maxlen=MOST_DEEDS)
        self.counts: Counter[str] = Counter()
        """Deeds by fault."""
        self.more: Callable[[], Mapping[str, Any]] = dict
        """What else this simulator knows of itself, as JSON values."""

    def makes(self, stream: str, ids: Ids, at_ns: int, *, heard: bool) -> Made | None:
        """Keep a message of a stream that somebody hears or ever heard, where this truth is a witness."""
        if not self.witness or not (heard or stream in self.streams):
            return None
        self.stream(stream)
        made = Made(at_ns, stream, ids)
        self.made.append(made)
        return made

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

    def did(
        self,
        fault: str,
        at_ns: int,
        connection: int = 0,
        stream: str = "",
        ids: Ids | None = None,
        *,
        lost: bool = False,
    ) -> None:
        """Remember what a fault did; ``lost``: the message was withheld."""
        self.deeds.append(Deed(fault, at_ns, connection, stream, ids))
        self.counts[fault] += 1
        if lost and ids is not None:
            self.stream(stream).dropped.append(ids)

    def told(self) -> Mapping[str, Any]:
        """Return everything but payloads, as JSON values; of the deeds the newest ten thousand."""
        newest = list(self.deeds)[-DEEDS_TOLD:]
        return {
            "connections": [
                {"number": c.number, "frames": c.frames, "bytes": c.payload_bytes, "crc32": c.crc32, "end": c.end}
                for c in self.connections
            ],
            "streams": {
                name: {"count": s.count, "first_id": s.first_id, "last_id": s.last_id, "dropped": s.dropped}
                for name, s in sorted(self.streams.items())
            },
            "faults": dict(self.counts),
            "deeds": [[d.fault, d.at_ns, d.connection, d.stream, d.ids] for d in newest],
            **self.more(),
        }
