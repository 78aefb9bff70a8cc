"""A stretch of one segment in memory, with the table of its valid records."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.errors import JournalError
from breadboard.journal.format import RECORD_HEADER_BYTES
from breadboard.journal.head import OFFSET_MAX
from breadboard.journal.scan import BEGIN, LENGTH, NEXT, frames_of, runs, scan
from breadboard.journal.segments import Segment, header_of, load

CHUNK_BYTES: Final = 4 << 20
"""How much of a raw segment is read at once."""
_STEP_BYTES: Final = 64 << 10
"""How much is read first: in general all that is new. Behind it may be zeros, as long as the segment will be."""
_HEADER_BYTES: Final = 1 << 18
"""A longer segment header is left to the look at the whole segment."""


@dataclass(slots=True)
class Window:
    """Bytes of a segment, the records among them, and the first that is not yet used up."""

    segment: Segment | None
    data: NDArray[np.uint8]
    records: NDArray[np.int64]
    row: int = 0
    end: int = -1
    """The byte of the file after the last record; -1 where only a look at the whole segment can tell."""
    file: int = -1
    sync: int = 0
    total: NDArray[np.int64] = field(init=False)
    """Frames before each record, and of all."""
    holes: NDArray[np.int64] = field(init=False)
    """Rows after which offsets do not continue, the last row among them."""

    def __post_init__(self) -> None:
        self.total, self.holes = runs(self.records)

    @staticmethod
    def before(segment: Segment) -> "Window":
        """Return an empty window before a segment's first record, with the file open where it can be read in parts."""
        window = Window(segment, _NOTHING, _NO_RECORDS)
        if not segment.sealed:
            with suppress(OSError):  # sealed meanwhile, or unreadable: the look at the whole segment says which
                window.file = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
                header = header_of(np.frombuffer(os.pread(window.file, _HEADER_BYTES, 0), np.uint8))
                if header is not None and header.base == segment.base:
                    window.end, window.sync = header.length, header.sync
        return window

    def run_end(self) -> int:
        """Return the row after the run of dense offsets that ``row`` is in."""
        return int(self.holes[self.holes.searchsorted(self.row)]) + 1

    def stamp(self) -> int:
        """Return ``ts_recv`` of the first frame not used up; 0 where there is none."""
        if self.row >= len(self.records):
            return 0
        return int(frames_of(self.data, self.records[self.row : self.row + 1], 0, 1).ts_recv[0])

    def close(self) -> None:
        """Close the file, if one is open."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


_NOTHING: Final = np.frombuffer(b"", np.uint8)
_NO_RECORDS: Final = np.empty((0, 8), np.int64)
EMPTY: Final = Window(None, _NOTHING, _NO_RECORDS)


def more(window: Window, position: int, limit: int) -> Window | None:
    """Return the window of the records that follow in the same file; None where the next bytes are not one.

    Takes over the open file.
    """
    if window.file < 0 or window.end < 0:
        return None
    for size in (_STEP_BYTES, CHUNK_BYTES):
        data = _read(window, size)
        if len(data) <= RECORD_HEADER_BYTES:
            return None
        records, done = scan(data, 0, window.sync, (position, limit), resync=False)
        if len(data) < size or (len(records) and records[-1, NEXT] >= limit):
            break
    if not len(records):
        return None
    return Window(window.segment, data, records, end=window.end + done, file=window.file, sync=window.sync)


def _read(window: Window, size: int) -> NDArray[np.uint8]:
    """Return the bytes after the window, at most so many."""
    try:
        rest = os.fstat(window.file).st_size - window.end
        return np.frombuffer(os.pread(window.file, max(0, min(size, rest)), window.end), np.uint8)
    except OSError as error:
        path = window.segment.path if window.segment else ""
        raise JournalError(f"the journal segment {path} cannot be read: {error.strerror}") from error


def whole(segment: Segment, sync: int, position: int, limit: int = OFFSET_MAX) -> Window:
    """Return the window of everything from ``position`` on, read afresh; the damaged stretches are left out.

    Raises FileNotFoundError where the segment was sealed or retired meanwhile, JournalError where the disk fails.
    """
    content = load(segment, sync, limit)
    row = int(np.searchsorted(content.records[:, NEXT], position, side="right"))
    window = Window.before(segment)
    end = int(content.records[-1, BEGIN] + content.records[-1, LENGTH]) if len(content.records) else window.end
    return Window(segment, content.data, content.records, row=row, end=end, file=window.file, sync=content.sync)
