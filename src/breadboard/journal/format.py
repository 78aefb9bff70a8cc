"""The bytes of a journal: segment headers and records. Pure; ``docs/journal.md`` gives the same byte by byte.

All integers are little-endian. A record's checksum starts from the journal's own random ``sync`` word, which also opens
every record: bytes that a venue sends cannot pass for a record, because the venue does not know the word.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

from breadboard.errors import JournalError
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, GapState, RecordKind

SEGMENT_MAGIC: Final = b"BBRDJRNL"
VERSION: Final = 1
SEGMENT_HEADER: Final = struct.Struct("<8sIIqqqII16s")
"""magic, version, header length, base offset, created, ts_before, sync, reserved, chain."""
CHAIN_BYTES: Final = 16
NO_CHAIN: Final = bytes(CHAIN_BYTES)

RECORD_PREFIX: Final = struct.Struct("<II")
"""sync, crc32c of everything after these eight bytes."""
RECORD_BODY: Final = struct.Struct("<IIqqqqqIHBB")
"""length, count, first, next, ts_recv, ts_mono, ts_journal, epoch, source, kind, flags."""
RECORD_HEADER_BYTES: Final = RECORD_PREFIX.size + RECORD_BODY.size
FRAME_ENTRY_BYTES: Final = 8
"""u32 length and u32 nanoseconds after the record's ``ts_recv``, for each frame."""

RECORD_PAYLOAD_BYTES: Final = 1 << 20
"""A record is closed when its frames reach this size, so that one bad bit costs at most about so much."""
RECORD_FRAMES: Final = 1 << 16
FRAME_BYTES: Final = 1 << 28
"""The longest frame a record can hold."""
ALL_SOURCES: Final = 0xFFFF
"""The ``source`` of what concerns every source."""

_SMALL: Final = 8
_SHORT: Final = 64
"""Frames up to which, as one read of a socket brings them, beginning with numpy costs more than all the rest."""
_SHORT_TABLES: Final = tuple(struct.Struct(f"<{2 * count}I") for count in range(_SHORT + 1))
_U32: Final = 1 << 32
_LATEST: Final = (1 << 63) - 1
_epochs = msgspec.json.Decoder(dict[str, Epoch])
_epoch = msgspec.json.Decoder(Epoch)


class SegmentHeader(msgspec.Struct, frozen=True):
    """How a segment begins."""

    base: int
    """The offset of its first frame."""
    created: int
    """Wall ns UTC."""
    ts_before: int
    """``ts_recv`` of the last frame before this segment; 0 where there is none."""
    sync: int
    """The journal's random word, not 0."""
    chain: bytes
    """16-byte digest of the segment before; zeros for the first."""
    epochs: dict[int, Epoch]
    """The latest open Epoch of every source at this point."""
    length: int = 0
    """Bytes of the header; set when parsed."""


def pack_segment_header(header: SegmentHeader) -> bytes:
    """Return the header's bytes, checksum last."""
    meta = msgspec.json.encode({str(source): epoch for source, epoch in sorted(header.epochs.items())})
    length = SEGMENT_HEADER.size + len(meta) + 4
    fixed = SEGMENT_HEADER.pack(
        SEGMENT_MAGIC, VERSION, length, header.base, header.created, header.ts_before, header.sync, 0, header.chain
    )
    return fixed + meta + struct.pack("<I", crc32c(fixed + meta))


def parse_segment_header(data: bytes | memoryview) -> SegmentHeader | None:
    """Return the header, or None where it is cut short or fails its checksum.

    Raises JournalError for an intact header of a version that is not ours.
    """
    if len(data) < SEGMENT_HEADER.size + 4:
        return None
    magic, version, length, base, created, ts_before, sync, _, chain = SEGMENT_HEADER.unpack_from(data)
    if magic != SEGMENT_MAGIC or not SEGMENT_HEADER.size + 4 <= length <= len(data):
        return None
    if struct.unpack_from("<I", data, length - 4)[0] != crc32c(bytes(data[: length - 4])):
        return None
    if version != VERSION:
        raise JournalError(
            f"the journal segment at offset {base} has format version {version}, this program reads {VERSION}",
            hint="pip install --upgrade breadboard",
        )
    try:
        known = _epochs.decode(bytes(data[SEGMENT_HEADER.size : length - 4]))
        epochs = {int(source): epoch for source, epoch in known.items()}
    except (msgspec.MsgspecError, ValueError):
        return None
    return SegmentHeader(base, created, ts_before, sync, chain, epochs, length)


def parse_epoch(payload: bytes) -> Epoch | None:
    """Return the Epoch that an EPOCH frame holds, or None where it holds something else."""
    try:
        return _epoch.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def encode_record(
    sync: int,
    kind: int,
    source: int,
    epoch: int,
    first: int,
    frames: Sequence[bytes],
    table: bytes,
    stamps: tuple[int, int, int],
    *,
    span: int | None = None,
) -> tuple[bytes, bytes, int]:
    """Return ``(prefix, body, crc)`` of one record; the record is prefix + body.

    ``stamps`` are ``(ts_recv, ts_mono, ts_journal)``. ``span`` is how many offsets the record stands for where that is
    not its number of frames: a GAP record put in the place of lost ones.
    """
    count = len(frames)
    payload = sum(map(len, frames)) if count <= _SMALL else int(np.frombuffer(table, "<u4")[::2].sum(dtype=np.int64))
    length = RECORD_HEADER_BYTES + len(table) + payload
    head = RECORD_BODY.pack(
        length, count, first, first + (count if span is None else span), *stamps, epoch, source, kind, 0
    )
    body = b"".join((head, table, *frames))
    crc = crc32c(body, sync)
    return RECORD_PREFIX.pack(sync, crc), body, crc


def runs(frames: Sequence[bytes], ts_recv: Sequence[int]) -> Iterator[tuple[int, int, bytes]]:
    """Cut frames into records: yield ``(begin, end, frame table)``.

    A record ends where a stamp goes back, or runs 2**32 ns ahead of the record's first, or the record is full.
    Raises JournalError for a frame that no record can hold, before it yields anything.
    """
    count = len(frames)
    if 0 < count <= _SHORT and (whole := _short_table(frames, ts_recv)) is not None:
        yield 0, count, whole
        return
    lengths = np.fromiter(map(len, frames), np.int64, count)
    if count and int(lengths.max()) > FRAME_BYTES:
        raise JournalError(f"a frame of {lengths.max()} bytes is longer than a record can hold ({FRAME_BYTES})")
    stamps = np.asarray(ts_recv, np.int64)
    begin = 0
    while begin < count:
        end = min(count, begin + RECORD_FRAMES)
        deltas = stamps[begin:end] - stamps[begin]
        odd = np.zeros(end - begin, np.bool_)
        odd[1:] = (np.diff(stamps[begin:end]) < 0) | (deltas[1:] >= _U32)
        odd[1:] |= np.cumsum(lengths[begin:end])[1:] > RECORD_PAYLOAD_BYTES
        if odd.any():
            end = begin + int(odd.argmax())
        yield begin, end, _table(lengths[begin:end], deltas[: end - begin])
        begin = end


def encode_gap(source: int, reason: GapReason, ts: tuple[int, int], detail: str, *, lost: bool = True) -> bytes:
    """Return the payload of a GAP frame for the time between two stamps (in either order)."""
    state = GapState.LOST if lost else GapState.OPEN
    return msgspec.json.encode(Gap(source, reason, min(ts), max(ts), state=state, detail=detail))


def gap_record(
    sync: int, span: tuple[int, int], payload: bytes, stamps: tuple[int, int, int]
) -> tuple[bytes, bytes, int]:
    """Return a GAP record that stands for the offsets ``span[0] <= offset < span[1]``."""
    table = RECORD_PREFIX.pack(len(payload), 0)
    return encode_record(
        sync, RecordKind.GAP, ALL_SOURCES, 0, span[0], [payload], table, stamps, span=span[1] - span[0]
    )


def _short_table(frames: Sequence[bytes], ts_recv: Sequence[int]) -> bytes | None:
    """Return the table of a few frames that are one record; None where they may be more, or none."""
    first = last = ts_recv[0]
    size = 0
    table: list[int] = []
    for frame, ts in zip(frames, ts_recv, strict=True):
        length = len(frame)
        size += length
        if ts < last or ts - first >= _U32:
            return None
        last = ts
        table += (length, ts - first)
    if last > _LATEST or (size > RECORD_PAYLOAD_BYTES and (len(frames) > 1 or size > FRAME_BYTES)):
        return None
    return _SHORT_TABLES[len(frames)].pack(*table)


def _table(lengths: NDArray[np.int64], deltas: NDArray[np.int64]) -> bytes:
    table = np.empty((len(lengths), 2), "<u4")
    table[:, 0] = lengths
    table[:, 1] = deltas
    return table.tobytes()
