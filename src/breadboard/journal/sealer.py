"""The thread that compresses finished segments, one after the other."""

import logging
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from breadboard.errors import JournalError
from breadboard.journal.sealed import seal
from breadboard.journal.segments import Segment, segment_path
from breadboard.model.recent import Recent

BUSY_BYTES: Final = 32 << 20
"""Finished within a second: capture then needs the processor more than the disk needs its room."""
MOST_WAITING: Final = 256
"""Segments; when more wait, they are sealed however busy it is. 16 GiB of the usual size."""
LOOK_S: Final = 0.2
"""Between two looks whether a flood is over."""

_log = logging.getLogger(__name__)


class Sealer:
    """Seals segments in the order they are added.

    One that cannot be sealed stays raw until the journal is opened again. To compress a byte and read it back costs as
    much as all else that capture does with it, so while a flood lasts (BUSY_BYTES a second) segments wait for its end.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._queue: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._finished = Recent(1.0)
        for segment in segments:
            self.add(segment)
        self._thread = threading.Thread(target=self._run, name="journal-seal", daemon=True)
        self._thread.start()

    def add(self, segment: Segment) -> None:
        """Seal this segment when its turn comes."""
        with suppress(OSError):  # retired already
            self._finished.add(segment.path.stat().st_size)
        self._queue.put(segment)

    def close(self) -> None:
        """Finish the segment under way; the others are sealed when the journal is next opened."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (segment := self._queue.get()) is not None:
            while self._is_flooded() and self._queue.qsize() < MOST_WAITING and not self._closing.wait(LOOK_S):
                pass
            if self._closing.is_set():
                return
            try:
                seal(segment.path, segment_path(segment.path.parent, segment.base, sealed=True))
            except FileNotFoundError:
                _log.info("the segment %s was retired before it was sealed", segment.path)
            except (OSError, JournalError) as error:
                _log.warning("the segment %s stays uncompressed: %s", segment.path, error)

    def _is_flooded(self) -> bool:
        """Return whether BUSY_BYTES or more were finished within a second."""
        return self._finished.total() >= BUSY_BYTES
