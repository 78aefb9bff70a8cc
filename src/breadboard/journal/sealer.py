"""The thread that compresses finished segments, one after the other."""

import logging
import queue
import threading
from collections.abc import Sequence

from breadboard.errors import JournalError
from breadboard.journal.sealed import seal
from breadboard.journal.segments import Segment, segment_path

_log = logging.getLogger(__name__)


class Sealer:
    """Seals segments in the order they are added.

    One that cannot be sealed stays raw until the journal is opened again.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._queue: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._closing = False
        for segment in segments:
            self.add(segment)
        self._thread = threading.Thread(target=self._run, name="journal-seal", daemon=True)
        self._thread.start()

    def add(self, segment: Segment) -> None:
        """Seal this segment when its turn comes."""
        self._queue.put(segment)

    def close(self) -> None:
        """Finish the segment under way; the others are sealed when the journal is next opened."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (segment := self._queue.get()) is not None and not self._closing:
            try:
                seal(segment.path, segment_path(segment.path.parent, segment.base, sealed=True))
            except FileNotFoundError:
                _log.info("the segment %s was retired before it was sealed", segment.path)
            except (OSError, JournalError) as error:
                _log.warning("the segment %s stays uncompressed: %s", segment.path, error)
