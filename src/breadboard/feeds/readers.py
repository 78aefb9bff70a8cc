"""The decoder of venues whose frames mean something only in the light of earlier ones, or are no flat JSON objects."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final, Protocol

import msgspec

from breadboard.feeds.drift import Drift
from breadboard.feeds.gathering import Gathering
from breadboard.feeds.reading import Meaning, Refused
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind, SequenceRule
from breadboard.model.tape import Tape
from breadboard.ports import Decoded

log = logging.getLogger(__name__)

_HEAD: Final = msgspec.json.Decoder(DocumentHead)
_MEMORY: Final = msgspec.msgpack.Decoder(list[bytes])
_STAMPS: Final = msgspec.msgpack.Decoder(list[tuple[int, int, int]])
_DATA: Final = int(RecordKind.DATA)
_TRIES: Final = 3


class At(msgspec.Struct, frozen=True, gc=False):
    """Where and when a frame came, and what is wanted of it."""

    source: int
    epoch: int
    """Counts the source's connections: what belongs to one is forgotten with the next."""
    ts_recv: int
    """Wall ns UTC; 0 where nobody knows (``breadboard decode``)."""
    notes: bool = False
    """A person asks: events are to carry notes, which nobody else wants to pay for."""
    before: int = 0
    """Wall ns UTC of the source's last read before this one; 0 where there was none, or the decoder is not asked."""


class FrameReader(Protocol):
    """A venue's reference reader with a memory: field names, numbers, books that a checksum is compared with.

    Frames come in journal order, those of several sources among each other; what is remembered is kept by source, and
    forgotten when ``at.epoch`` changes.
    """

    words: ClassVar[frozenset[str]]
    """Every name that the venue is known to give to members of JSON objects, used here or not: another one is schema
    drift, which the decoder tells. Empty: no names are looked for, and ``Meaning.unknown`` says what is new."""

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means. Raises ValueError with the reason it cannot be understood."""
        ...

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what a fetched document means. Raises ValueError likewise."""
        ...

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return whose book misses a refused frame: its symbol, "" for any of the source, None for none; forget it."""
        ...

    def snapshot(self) -> bytes:
        """Return all memory as bytes; equal memories give equal bytes."""
        ...

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned; empty bytes are a fresh one."""
        ...


class ReadingDecoder:
    """A ``ports.Decoder`` around a ``FrameReader``. A frame that trips a bug in the reader is quarantined alone.

    ``stamped``: remembers when each source was read, and tells the reader (``At.before``).
    """

    guarded = True

    def __init__(
        self,
        venue: str,
        rule: SequenceRule,
        frame_cap: int,
        reader: FrameReader,
        instruments: Instruments,
        *,
        stamped: bool = False,
    ) -> None:
        self._venue = venue
        self._rule = rule
        self._cap = frame_cap
        self._reader = reader
        self._drift = Drift(reader.words)
        self._instruments = instruments
        self._ids: dict[str, int] = {}
        """Ids given so far: they never change."""
        self._stamped = stamped
        self._stamps: dict[int, tuple[int, int]] = {}
        """By source, when its newest read was (wall ns UTC), and the one before."""
        self.notes = False
        """Ask the reader for notes."""

    def snapshot(self) -> bytes:
        """Return the reader's memory, which new forms were told of, and when each source was last read."""
        stamps = [(source, *stamps) for source, stamps in sorted(self._stamps.items())]
        parts = self._reader.snapshot(), self._drift.snapshot(), msgspec.msgpack.encode(stamps) if stamps else b""
        return msgspec.msgpack.encode(parts) if any(parts) else b""

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned; one from before there were stamps has none."""
        memory, told, stamps = (*(_MEMORY.decode(state) if state else ()), b"", b"", b"")[:3]
        self._reader.restore(memory)
        self._drift.restore(told)
        self._stamps = {source: (now, before) for source, now, before in (_STAMPS.decode(stamps) if stamps else ())}

    def reading(self, at: At) -> Callable[[bytes], Meaning]:
        """Return the reader as a function of one frame, for who fuzzes it."""
        return lambda frame: self._reader.read(frame, at)

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order."""
        gathered = Gathering(self._intern, every_note=self.notes)
        self._read(frames, range(len(frames)), gathered)
        return self._decoded(frames, gathered, gathered.tape(frames))

    def _read(self, frames: Frames, rows: Sequence[int], gathered: Gathering) -> None:
        """Read some of the frames, in this order."""
        at = None
        for row, raw, kind, source, epoch, ts_recv in _columns(frames, rows):
            if at is None or ts_recv != at.ts_recv or source != at.source or epoch != at.epoch:
                # The frames of one read share it.
                at = At(source, epoch, ts_recv, self.notes, self._before(source, ts_recv) if self._stamped else 0)
            try:
                meaning = self._tried(raw, at, kind)
                gathered.take(frames, row, meaning)
                if kind == _DATA and meaning.heard:
                    self._look_for_drift(frames, row, raw, meaning, gathered)
            except ValueError as error:
                gathered.refuse(frames, row, str(error), self._reader.lost_book(raw, at) if kind == _DATA else None)
            except Exception as error:
                log.exception("the reader of %s tripped over a frame", self._venue)
                gathered.refuse(frames, row, f"the decoder failed: {error!r}", self._reader.lost_book(raw, at))

    def _before(self, source: int, ts_recv: int) -> int:
        """Return when a source was read before the read of ``ts_recv``, which may be told in parts; 0 where never."""
        newest, before = self._stamps.get(source, (0, 0))
        if newest != ts_recv:
            newest, before = self._stamps[source] = ts_recv, newest
        return before

    def _decoded(self, frames: Frames, gathered: Gathering, tape: Tape) -> Decoded:
        data = len(frames) - gathered.control - len(gathered.quarantined)
        return Decoded(
            tape,
            data,
            gathered.control,
            tuple(gathered.quarantined),
            gathered.ignored,
            gathered.checked,
            gathered.failed,
            gathered.bars(),
            gathered.notes,
        )

    def _look_for_drift(self, frames: Frames, row: int, raw: bytes, meaning: Meaning, gathered: Gathering) -> None:
        """Tell of forms that this venue was never seen to use, behind what the frame itself means."""
        names = self._drift.names(raw) + meaning.unknown
        strange = self._drift.tell(names) if names else None
        if strange is not None:
            gathered.add(frames, row, len(meaning.events), strange)

    def _tried(self, raw: bytes, at: At, kind: int) -> Meaning:
        """Read a frame, three times at most where that trips a bug. Raises what the reader raised at last."""
        for _ in range(_TRIES - 1):
            try:
                return self._meaning(raw, at, kind)
            except ValueError:
                raise
            except Exception:  # noqa: BLE001 - the next try tells whether it is the frame
                log.warning("the reader of %s tripped over a frame; it is tried again", self._venue)
        return self._meaning(raw, at, kind)

    def _meaning(self, raw: bytes, at: At, kind: int) -> Meaning:
        if len(raw) > self._cap:
            raise Refused(f"a frame of {len(raw)} bytes, over the cap of {self._cap}")
        if kind == _DATA:
            return self._reader.read(raw, at)
        if kind != RecordKind.DOCUMENT:
            raise Refused(f"a record of kind {kind}, which is not the venue's")
        line, _, body = raw.partition(b"\n")
        try:
            head = _HEAD.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Refused("a document without its head line") from None
        return self._reader.read_document(head, body, at)

    def _intern(self, symbol: str) -> int:
        known = self._ids.get(symbol)
        if known is None:
            known = self._ids[symbol] = self._instruments.intern(self._venue, symbol, self._rule)
        return known


def _columns(frames: Frames, rows: Sequence[int]) -> Iterator[tuple[int, bytes, int, int, int, int]]:
    """Yield row, bytes, kind, source, epoch and receive stamp of each of these rows."""
    if len(rows) == len(frames):
        columns = (frames.kind, frames.source, frames.epoch, frames.ts_recv)
        yield from zip(rows, _raw(frames), *(column.tolist() for column in columns), strict=True)
        return
    for row in rows:
        stamps = int(frames.kind[row]), int(frames.source[row]), int(frames.epoch[row]), int(frames.ts_recv[row])
        yield row, frames.frame(row), *stamps


def _raw(frames: Frames) -> Iterator[bytes]:
    """Yield each frame's bytes; frames that lie side by side are cut from one copy."""
    if not len(frames):
        return
    low, high = int(frames.begin.min()), int(frames.end.max())
    bounds = zip(frames.begin.tolist(), frames.end.tolist(), strict=True)
    if high - low > 2 * int((frames.end - frames.begin).sum()) + 4096:
        yield from (frames.buffer[begin:end].tobytes() for begin, end in bounds)
        return
    whole = frames.buffer[low:high].tobytes()
    yield from (whole[begin - low : end - low] for begin, end in bounds)
