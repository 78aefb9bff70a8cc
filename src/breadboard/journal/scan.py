"""Walking records, compiled: which bytes are valid records, and which frames they hold."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.journal.checksum import Int, crc32c
from breadboard.journal.format import FRAME_ENTRY_BYTES, RECORD_HEADER_BYTES, RECORD_PREFIX, encode_record
from breadboard.model.frames import FRAME_COLUMNS, Frames
from breadboard.model.kernels import brief, kernel

BEGIN, FIRST, NEXT, COUNT, KIND, CRC, TS_LAST, LENGTH = range(8)
"""Columns of a table of records: byte position, first and next offset, frames, kind, checksum, last frame's ts_recv,
bytes."""
_WIDTH: Final = 8
_HEADER: Final = RECORD_HEADER_BYTES
_ENTRY: Final = FRAME_ENTRY_BYTES
_SMALLEST: Final = _HEADER + _ENTRY
_ZEROS: Final = 64
"""Bytes that are looked at together."""


@kernel
def _u32(data: NDArray[np.uint8], at: Int) -> np.uint32:
    return np.uint32(
        np.uint32(data[at])
        | (np.uint32(data[at + 1]) << np.uint32(8))
        | (np.uint32(data[at + 2]) << np.uint32(16))
        | (np.uint32(data[at + 3]) << np.uint32(24))
    )


@kernel
def _i64(data: NDArray[np.uint8], at: Int) -> np.int64:
    return np.int64(np.uint64(_u32(data, at)) | (np.uint64(_u32(data, at + 4)) << np.uint64(32)))


@kernel
def _valid(data: NDArray[np.uint8], at: Int, sync: np.uint32, low: Int, high: Int) -> Int:
    """Return the length of the valid record at ``at`` whose offsets lie in ``[low, high)``, or 0."""
    if at + _SMALLEST > len(data) or _u32(data, at) != sync:
        return 0
    length = np.int64(_u32(data, at + 8))
    count = np.int64(_u32(data, at + 12))
    first, after = _i64(data, at + 16), _i64(data, at + 24)
    if count < 1 or at + length > len(data) or _HEADER + _ENTRY * count > length:
        return 0
    if first < low or after > high or after - first < count:
        return 0
    if crc32c(data, at + 8, at + length, sync) != _u32(data, at + 4):
        return 0
    payload = np.int64(0)
    for frame in range(count):
        payload += np.int64(_u32(data, at + _HEADER + _ENTRY * frame))
    return length if _HEADER + _ENTRY * count + payload == length else 0


@kernel
def _after_zeros(data: NDArray[np.uint8], at: Int) -> Int:
    """Return ``at``, or where runs of zeros end that begin there: no record begins with one, since *sync* is odd."""
    while at + _ZEROS <= len(data):
        found = np.uint8(0)
        for place in range(_ZEROS):
            found |= data[at + place]
        if found:
            break
        at += _ZEROS
    return at


@kernel
def _scan(
    data: NDArray[np.uint8], at: Int, sync: np.uint32, low: Int, high: Int, resync: bool, out: NDArray[np.int64]
) -> tuple[int, Int]:
    """Fill ``out`` with the valid records from ``at`` on; return how many, and the byte after the last."""
    rows = 0
    done = at
    while rows < len(out) and low < high and at + _SMALLEST <= len(data):
        length = _valid(data, at, sync, low, high)
        if length == 0:
            if not resync:
                break
            at = _after_zeros(data, at + 1)
            continue
        count = np.int64(_u32(data, at + 12))
        out[rows, 0] = at
        out[rows, 1] = _i64(data, at + 16)
        out[rows, 2] = low = _i64(data, at + 24)
        out[rows, 3] = count
        out[rows, 4] = data[at + 62]
        out[rows, 5] = np.int64(_u32(data, at + 4))
        out[rows, 6] = _i64(data, at + 32) + np.int64(_u32(data, at + _HEADER + _ENTRY * (count - 1) + 4))
        out[rows, 7] = length
        rows += 1
        at += length
        done = at
    return rows, done


@kernel
def _opener(data: NDArray[np.uint8], at: Int, low: Int) -> Int:
    """Return the first byte from ``at`` on where a valid record begins, whatever its first word; -1: none does."""
    while at + _SMALLEST <= len(data):
        word = _u32(data, at)
        if word & np.uint32(1) and _valid(data, at, word, low, np.int64(1) << 62):
            return np.int64(at)
        at += 1
    return np.int64(-1)


@brief
def _runs(records: NDArray[np.int64], total: NDArray[np.int64], holes: NDArray[np.int64]) -> int:
    """Fill in the frames before each record, and of all, and the rows behind which offsets do not continue."""
    count = total[0] = 0
    last = len(records) - 1
    for row in range(len(records)):
        frames = records[row, 3]
        total[row + 1] = total[row] + frames
        if row == last or records[row + 1, 1] != records[row, 1] + frames:
            holes[count] = row
            count += 1
    return count


@brief
def _fill(
    data: NDArray[np.uint8],
    records: NDArray[np.int64],
    skip: int,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    offset: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    ts_mono: NDArray[np.int64],
    ts_journal: NDArray[np.int64],
    source: NDArray[np.uint16],
    epoch: NDArray[np.uint32],
    kind: NDArray[np.uint8],
) -> None:
    """Fill the columns with the frames of ``records``, without the first ``skip``, as far as the columns reach."""
    row = -skip
    for record in range(len(records)):
        at, first, count = records[record, 0], records[record, 1], records[record, 3]
        base, mono, stamp = _i64(data, at + 32), _i64(data, at + 40), _i64(data, at + 48)
        the_epoch = _u32(data, at + 56)
        the_source = np.uint16(data[at + 60]) | (np.uint16(data[at + 61]) << np.uint16(8))
        the_kind = data[at + 62]
        byte = at + _HEADER + _ENTRY * count
        for frame in range(count):
            if row >= len(begin):
                return
            entry = at + _HEADER + _ENTRY * frame
            length, delta = np.int64(_u32(data, entry)), np.int64(_u32(data, entry + 4))
            if row >= 0:
                begin[row], end[row], offset[row] = byte, byte + length, first + frame
                ts_recv[row] = base + delta
                ts_mono[row] = mono + delta if mono else 0
                ts_journal[row], source[row], epoch[row], kind[row] = stamp, the_source, the_epoch, the_kind
            byte += length
            row += 1


def scan(
    data: NDArray[np.uint8], at: int, sync: int, span: tuple[int, int], *, resync: bool
) -> tuple[NDArray[np.int64], int]:
    """Return the valid records in ``data[at:]`` with offsets in ``span``, one row each, and the byte after the last.

    With ``resync`` the search goes on behind bytes that are no record; without, it ends there. A record is taken only
    if its offsets follow those before it, so the rows' offsets always grow.
    """
    out = np.empty((max(0, len(data) - at) // _SMALLEST + 1, _WIDTH), np.int64)
    rows, done = _scan(data, at, np.uint32(sync), span[0], span[1], resync, out)
    return out[:rows].copy(), int(done)


def openers(data: NDArray[np.uint8], base: int) -> Iterator[tuple[int, int]]:
    """Yield ``(word, bytes)`` of every valid record with offsets from ``base`` on, whichever word opens it."""
    at = 0
    while (at := int(_opener(data, at, base))) >= 0:
        word, length = int(_u32(data, at)), int(_u32(data, at + 8))
        yield word, length
        at += length


def runs(records: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the frames before each record, and of all; and the rows after which offsets do not continue.

    The last row is among these.
    """
    total, holes = np.empty(len(records) + 1, np.int64), np.empty(len(records), np.int64)
    return total, holes[: _runs(records, total, holes)]


def frames_of(data: NDArray[np.uint8], records: NDArray[np.int64], skip: int, count: int) -> Frames:
    """Return ``count`` frames of consecutive records, without the first ``skip``, over ``data`` itself."""
    columns = [np.empty(count, dtype) for dtype in FRAME_COLUMNS.values()]
    _fill(data, records, skip, *columns)
    return Frames(data, *columns)


def warm() -> None:
    """Compile the kernels (or load them from numba's cache) with tiny inputs."""
    prefix, body, _ = encode_record(1, 1, 0, 1, 0, [b"x"], RECORD_PREFIX.pack(1, 0), (1, 1, 1))
    data = np.frombuffer(prefix + body, np.uint8)
    records, _ = scan(data, 0, 1, (0, 1), resync=True)
    runs(records)
    frames_of(data, records, 0, 1)
