"""The thread that compresses finished segments, one after the other."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from breadboard.journal.segments import Segment
from breadboard.journal.twins import compress
from breadboard.model.recent import Recent

BUSY_BYTES: Final = 32 << 20
"""Finished within a second: capture then needs the processor more than the disk needs its room."""
MOST_WAITING: Final = 256
"""Segments; when more wait, they are sealed however busy it is. 16 GiB of the usual size."""
LOOK_S: Final = 0.2
"""Between two looks whether a flood is over."""
RETRY_S: Final = 60.0
"""Between two tries to seal what could not be: a full disk may have room again."""

_log = logging.getLogger(__name__)


class Sealer:
    """Seals segments in the order they are added.

    One that cannot be sealed stays raw and is tried again every RETRY_S. To compress a byte and read it back costs as
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
        failed: list[Segment] = []
        again = 0.0
        while not self._closing.is_set():
            if failed and time.monotonic() >= again:
                failed = [segment for segment in failed if not self._seal(segment, told=True)]
                again = time.monotonic() + RETRY_S
            try:
                segment = self._queue.get(timeout=max(0.0, again - time.monotonic()) if failed else None)
            except queue.Empty:
                continue
            while self._is_flooded() and self._queue.qsize() < MOST_WAITING and not self._closing.wait(LOOK_S):
                pass
            if segment is None or self._closing.is_set():
                return
            if not self._seal(segment):
                again = again if failed else time.monotonic() + RETRY_S
                failed.append(segment)

    def _seal(self, segment: Segment, *, told: bool = False) -> bool:
        """Return whether nothing is left to do; a failure is logged unless that was done before (``told``)."""
        if self._closing.is_set():
            return False
        try:
            compress(segment)
        except FileNotFoundError:
            _log.info("the segment %s was retired before it was sealed", segment.path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the segments after this one are to be sealed
            if not told:
                _log.warning("the segment %s stays uncompressed, next try in %.0f s: %s", segment.path, RETRY_S, error)
            return False
        return True

    def _is_flooded(self) -> bool:
        """Return whether BUSY_BYTES or more were finished within a second."""
        return self._finished.total() >= BUSY_BYTES
