"""A journal read at the pace at which it was received."""

import time

import numpy as np

from breadboard.model.frames import Frames
from breadboard.ports import JournalReader


class PacedReader:
    """Wraps a reader (``ports.JournalReader``) and hands frames on when they are due, at ``speed`` times their pace."""

    def __init__(self, reader: JournalReader, speed: float) -> None:
        self._reader = reader
        self._speed = speed
        self._held: Frames | None = None
        self._begun: tuple[float, int] | None = None

    @property
    def position(self) -> int:
        """The offset of the next frame ``read`` will return."""
        return self._reader.position if self._held is None else int(self._held.offset[0])

    def wait(self, timeout_s: float) -> None:
        """Wait a millisecond: what is held may be due then."""
        time.sleep(min(timeout_s, 0.001))

    def read(self, max_frames: int) -> Frames | None:
        """Return frames that are due, None when there are none yet."""
        held = self._held or self._reader.read(max_frames)
        if held is None:
            return None
        if self._begun is None:
            self._begun = time.monotonic(), int(held.ts_recv[0])
        started, first = self._begun
        due = first + int((time.monotonic() - started) * 1e9 * self._speed)
        count = min(int(np.searchsorted(np.maximum.accumulate(held.ts_recv), due, side="right")), max_frames)
        self._held = held.take(slice(count, None)) if count < len(held) else None
        return held.take(slice(0, count)) if count else None
