"""Frames: what the journal hands to decoders, as columns over one buffer of raw bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME_COLUMNS: Final = {
    "begin": np.int64,
    "end": np.int64,
    "offset": np.int64,
    "ts_recv": np.int64,
    "ts_mono": np.int64,
    "ts_journal": np.int64,
    "source": np.uint16,
    "epoch": np.uint32,
    "kind": np.uint8,
}


@dataclass(frozen=True, slots=True)
class Frames:
    """A run of journal frames in journal order.

    ``buffer`` is uint8; frame ``i`` is ``buffer[begin[i]:end[i]]``. ``offset`` is dense in the journal (dense here
    too unless rows were selected). ``ts_recv`` and ``ts_journal`` are wall nanoseconds UTC, ``ts_mono`` the receiving
    machine's monotonic nanoseconds (0 where a recording has none). ``kind`` holds ``RecordKind`` values.
    """

    buffer: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    offset: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    ts_mono: NDArray[np.int64]
    ts_journal: NDArray[np.int64]
    source: NDArray[np.uint16]
    epoch: NDArray[np.uint32]
    kind: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.offset)

    def frame(self, index: int) -> bytes:
        """Return the raw bytes of one frame."""
        return self.buffer[self.begin[index] : self.end[index]].tobytes()

    def frames(self) -> list[bytes]:
        """Return every frame's raw bytes, in order."""
        view = self.buffer.tobytes()
        return [view[a:b] for a, b in zip(self.begin.tolist(), self.end.tolist(), strict=True)]

    def take(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "Frames":
        """Return some rows, over the same buffer."""
        return Frames(self.buffer, *(getattr(self, name)[rows] for name in FRAME_COLUMNS))

    @staticmethod
    def of(
        frames: Sequence[bytes],
        ts_recv: Sequence[int],
        *,
        kind: int,
        offset: int = 0,
        source: int = 0,
        epoch: int = 1,
    ) -> "Frames":
        """Return frames made in memory, as tests and ``decode`` need them."""
        count = len(frames)
        ends = np.cumsum(np.fromiter(map(len, frames), np.int64, count), dtype=np.int64)
        stamps = np.asarray(ts_recv, np.int64)
        return Frames(
            buffer=np.frombuffer(b"".join(frames), np.uint8),
            begin=np.concatenate((np.zeros(1, np.int64), ends[:-1])) if count else ends,
            end=ends,
            offset=np.arange(offset, offset + count, dtype=np.int64),
            ts_recv=stamps,
            ts_mono=np.zeros(count, np.int64),
            ts_journal=stamps,
            source=np.full(count, source, np.uint16),
            epoch=np.full(count, epoch, np.uint32),
            kind=np.full(count, kind, np.uint8),
        )

    @staticmethod
    def join(parts: Sequence["Frames"]) -> "Frames":
        """Return several runs as one, over a new buffer."""
        if len(parts) == 1:
            return parts[0]
        shifts = np.cumsum([0] + [len(part.buffer) for part in parts])
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0, dtype)
            for name, dtype in FRAME_COLUMNS.items()
        }
        for name in ("begin", "end"):
            columns[name] = (
                np.concatenate([getattr(part, name) + shift for part, shift in zip(parts, shifts, strict=False)])
                if parts
                else columns[name]
            )
        buffer = np.concatenate([part.buffer for part in parts]) if parts else np.empty(0, np.uint8)
        return Frames(buffer, **columns)
