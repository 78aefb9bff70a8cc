"""The segment files of a journal directory: which there are, and what is in one."""

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.errors import JournalError
from breadboard.journal.files import read_patiently
from breadboard.journal.format import (
    CHAIN_BYTES,
    SEGMENT_HEADER,
    SegmentHeader,
    parse_epoch,
    parse_segment_header,
)
from breadboard.journal.head import OFFSET_MAX
from breadboard.journal.scan import BEGIN, COUNT, CRC, FIRST, KIND, LENGTH, NEXT, TS_LAST, frames_of, scan
from breadboard.journal.sealed import decompress, first_block
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import RecordKind

RAW: Final = ".seg"
SEALED: Final = ".seg.zst"
_DIGITS: Final = 20
_BLOCK: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment file, by name."""

    base: int
    path: Path
    sealed: bool
    twin: Path | None = None
    """The sealed form beside a raw one: for a moment while a segment is sealed, for good in a copy of a journal that
    was made while it was written and added to later. Either may hold more than the other."""

    def forms(self) -> "list[Segment]":
        """Return it as one segment for each file that is there, the raw one first."""
        if self.twin is None:
            return [self]
        return [replace(self, twin=None), Segment(self.base, self.twin, sealed=True)]


@dataclass(frozen=True, slots=True)
class Content:
    """A whole segment in memory, checked."""

    segment: Segment
    data: NDArray[np.uint8]
    """The raw segment, without zeros at its end."""
    header: SegmentHeader | None
    """None where the header is damaged."""
    sync: int
    records: NDArray[np.int64]
    """The table of its valid records, see ``scan``."""
    damaged_blocks: int
    """Blocks that could not be read: compressed ones, or of the disk."""

    @property
    def next(self) -> int:
        """The offset after its last valid record."""
        return int(self.records[-1, NEXT]) if len(self.records) else self.segment.base

    @property
    def reach(self) -> tuple[int, int]:
        """How far it goes, and over how many records: what the better of two forms has more of."""
        return self.next, len(self.records)

    def covers(self, other: "Content") -> bool:
        """Return whether every valid record of ``other`` is in this one, too, and its header."""
        if self.header is None and other.header is not None:
            return False
        mine, its = self.records[:, [FIRST, NEXT, CRC]], other.records[:, [FIRST, NEXT, CRC]]
        at = np.searchsorted(mine[:, 0], its[:, 0])
        return bool((at < len(mine)).all() and (mine[at] == its).all())

    @property
    def broken(self) -> bool:
        """Whether bytes that are no record lie between two that are."""
        begins, ends = self.records[1:, BEGIN], self.records[:-1, BEGIN] + self.records[:-1, LENGTH]
        return bool((begins != ends).any())

    @property
    def ts_last(self) -> int:
        """``ts_recv`` of its last frame, or of the last before it; 0 where neither is known."""
        if len(self.records):
            return int(self.records[-1, TS_LAST])
        return self.header.ts_before if self.header else 0

    def until(self, limit: int) -> "Content":
        """Return the same with only the records that end at or before offset ``limit``."""
        return replace(self, records=self.records[self.records[:, NEXT] <= limit])

    def digest(self) -> bytes:
        """Return what the next segment's header holds as ``chain``: 16 bytes of BLAKE2b.

        Over this header's bytes and the checksum of every valid record in order, so compression changes nothing.
        """
        begin = self.header.length if self.header else 0
        crcs = self.records[:, CRC].astype("<u4").tobytes()
        return blake2b(self.data[:begin].tobytes() + crcs, digest_size=CHAIN_BYTES).digest()

    def epochs(self, before: int = OFFSET_MAX) -> dict[int, Epoch]:
        """Return the latest open Epoch of every source as known at offset ``before``."""
        known = dict(self.header.epochs) if self.header else {}
        for row in self.records[self.records[:, KIND] == RecordKind.EPOCH]:
            frames = frames_of(self.data, row[None, :], 0, int(row[COUNT]))
            for offset, payload in zip(frames.offset.tolist(), frames.frames(), strict=True):
                epoch = parse_epoch(payload)
                if offset < before and epoch is not None and epoch.open:
                    known[epoch.source] = epoch
        return known


def segment_path(directory: Path, base: int, *, sealed: bool = False) -> Path:
    """Return the path of the segment that begins at ``base``."""
    return directory / f"{base:0{_DIGITS}d}{SEALED if sealed else RAW}"


def listing(directory: Path) -> list[Segment]:
    """Return the directory's segments in order of offset; one that has both forms is the raw one with a ``twin``.

    Raises JournalError where there is no such directory.
    """
    found: dict[int, Segment] = {}
    packed: dict[int, Path] = {}
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names only; a Path for each would cost more than the rest
    except OSError as error:
        raise JournalError(f"there is no journal at {directory}: {error.strerror}", hint="breadboard up") from error
    for name in names:
        digits, dot, suffix = name.partition(".")
        if len(digits) != _DIGITS or not digits.isdecimal() or dot + suffix not in {RAW, SEALED}:
            continue
        if suffix == RAW[1:]:
            found[int(digits)] = Segment(int(digits), directory / name, sealed=False)
        else:
            packed[int(digits)] = directory / name
    for base, path in packed.items():
        raw = found.get(base)
        found[base] = replace(raw, twin=path) if raw else Segment(base, path, sealed=True)
    return [found[base] for base in sorted(found)]


def read_raw(segment: Segment, *, patient: bool = False) -> tuple[NDArray[np.uint8], int]:
    """Return a segment's raw bytes, and how many blocks of it could not be read.

    ``patient``: what the disk cannot read is zeros and counts as damaged. Raises FileNotFoundError where it has been
    sealed or retired meanwhile, JournalError where the disk fails.
    """
    try:
        data, damaged = read_patiently(segment.path) if patient else (segment.path.read_bytes(), 0)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalError(f"the journal segment {segment.path} cannot be read: {error.strerror}") from error
    if segment.sealed:
        data, bad = decompress(data)
        damaged = max(damaged, bad)
    return np.frombuffer(data, np.uint8), damaged


def header_of(data: NDArray[np.uint8]) -> SegmentHeader | None:
    """Parse the header at the begin of a segment's bytes; None where it is damaged."""
    fixed = data.data[: SEGMENT_HEADER.size]
    if len(fixed) < SEGMENT_HEADER.size:
        return None
    return parse_segment_header(data.data[: SEGMENT_HEADER.unpack(fixed)[2]])


def peek(segment: Segment) -> SegmentHeader | None:
    """Read a segment's header alone; None where it is damaged. Raises as ``read_raw`` does."""
    headers = (_peek(form) for form in segment.forms())
    return next((header for header in headers if header is not None), None)


def _peek(segment: Segment) -> SegmentHeader | None:
    try:
        if segment.sealed:
            return header_of(np.frombuffer(first_block(segment.path), np.uint8))
        with segment.path.open("rb") as file:
            fixed = file.read(SEGMENT_HEADER.size)
            if len(fixed) < SEGMENT_HEADER.size:
                return None
            length = min(SEGMENT_HEADER.unpack(fixed)[2], segment.path.stat().st_size)
            return parse_segment_header(fixed + file.read(max(0, length - len(fixed))))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalError(f"the journal segment {segment.path} cannot be read: {error.strerror}") from error


def load(segment: Segment, sync: int, limit: int = OFFSET_MAX, *, patient: bool = False) -> Content:
    """Read and check a whole segment: every valid record with offsets in ``[base, limit)``.

    Of one that has both forms, the one that goes further, with more records. ``sync`` is used where the header is
    damaged. ``patient`` and what it raises as for ``read_raw``.
    """
    return max((_load(form, sync, limit, patient) for form in segment.forms()), key=lambda content: content.reach)


def _load(segment: Segment, sync: int, limit: int, patient: bool) -> Content:
    data, damaged = read_raw(segment, patient=patient)
    header = header_of(data)
    if header is not None and header.base != segment.base:
        header = None
    word = header.sync if header else sync
    begin = header.length if header else 0
    records, _ = scan(data, begin, word, (segment.base, limit), resync=True)
    return Content(segment, _without_zeros(data, _end(header, records)), header, word, records, damaged)


def _end(header: SegmentHeader | None, records: NDArray[np.int64]) -> int:
    """Return the byte after the last valid record."""
    if len(records):
        return int(records[-1, BEGIN] + records[-1, LENGTH])
    return header.length if header else 0


def _without_zeros(data: NDArray[np.uint8], end: int) -> NDArray[np.uint8]:
    """Return the bytes without zeros that lie behind ``end`` and nothing else after them: the file was made in advance.

    A copy, where these are many: who keeps a frame keeps all bytes that were read with it.
    """
    last = len(data)
    while last > end and not data[max(end, last - _BLOCK) : last].any():
        last = max(end, last - _BLOCK)
    block = data[max(end, last - _BLOCK) : last]
    last -= int((block[::-1] != 0).argmax()) if len(block) else 0
    return data[:last].copy() if last < len(data) - _BLOCK else data[:last]


def torn_bytes(content: Content) -> int:
    """Return how many bytes follow the last valid record."""
    return len(content.data) - _end(content.header, content.records)
