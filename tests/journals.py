"""Small journals for tests: frames that tell their own offset, and everything a reader returns."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from breadboard.journal import Reader, Writer
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import Provenance, RecordKind

T0 = 1_700_000_000_000_000_000


def frame_at(offset: int) -> bytes:
    """Return bytes that only the frame at this offset has; their number differs too."""
    digest = hashlib.blake2b(str(offset).encode(), digest_size=32).digest()
    return b"%d:" % offset + digest * (digest[0] % 5)


def fill(writer: Writer, count: int, batch: int = 7) -> int:
    """Append frames that tell their offset, from the journal's end on; wait for the disk; return the end."""
    begin = writer.durable
    end = begin + count
    for first in range(begin, end, batch):
        offsets = range(first, min(first + batch, end))
        writer.append(
            RecordKind.DATA, 3, 1, [frame_at(offset) for offset in offsets], [T0 + offset for offset in offsets], 5
        )
    writer.sync(end, 30)
    return end


def epoch_frame(
    source: int,
    epoch: int,
    *,
    opened: bool = True,
    venue: str = "BINANCE",
    provenance: Provenance = Provenance.SYNTHETIC,
) -> bytes:
    """Return the payload of an EPOCH record."""
    return msgspec.json.encode(Epoch(source, epoch, venue, "wss://example", ("BTCUSDT",), provenance, opened))


def rows(directory: Path, start: int = 0, max_frames: int = 1000) -> Iterator[tuple[int, int, bytes]]:
    """Yield ``(offset, kind, bytes)`` of everything visible from ``start`` on."""
    reader = Reader.open(directory, start)
    try:
        while (frames := reader.read(max_frames)) is not None:
            yield from zip(frames.offset.tolist(), frames.kind.tolist(), frames.frames(), strict=True)
    finally:
        reader.close()


def gap_of(payload: bytes) -> Gap:
    """Decode the payload of a GAP frame."""
    return msgspec.json.decode(payload, type=Gap)
