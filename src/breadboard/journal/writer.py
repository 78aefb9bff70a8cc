"""The one writer of a journal: append copies and returns, a commit thread makes durable and then visible."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from breadboard.clock import Clock, SystemClock
from breadboard.errors import JournalError
from breadboard.journal.files import Files, SystemFiles
from breadboard.journal.head import Head, Lock
from breadboard.journal.items import Item, frame_items, gap_item, opened
from breadboard.journal.preparing import Preparer
from breadboard.journal.recovery import Recovered, recover
from breadboard.journal.sealer import Sealer
from breadboard.journal.segments import Segment, segment_path
from breadboard.journal.tail import Tail
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import GapReason, RecordKind

SEGMENT_BYTES: Final = 64 << 20
PENDING_BYTES: Final = 256 << 20
"""Memory for what is not yet durable: 65 s at 13,000 messages of 300 bytes a second."""
COMMIT_BYTES: Final = 8 << 20
"""The most that one write takes, so that its copy stays small."""
RETRY_S: Final = 1.0

_log = logging.getLogger(__name__)


class Writer:
    """Appends to a journal directory; implements ``ports.JournalWriter``. Thread-safe.

    When the disk refuses (a failed or short write or fsync), the handle is never used again: a new segment is begun
    after the last durable offset and takes what is held in memory. When that is refused too, ``append`` and ``sync``
    raise a transient JournalError, nothing more is acknowledged, and the commit thread tries again every ``retry_s``;
    when the disk is back, what was held is written, a GAP record (STORAGE) stands for what was refused, and appends
    are taken again.
    """

    def __init__(
        self,
        tail: Tail,
        head: Head,
        lock: Lock,
        sealer: Sealer | None,
        *,
        segment_bytes: int,
        pending_limit: int,
        on_durable: Callable[[int], None] | None,
        retry_s: float,
    ) -> None:
        self._tail = tail
        self._head = head
        self._lock_file = lock
        self._sealer = sealer
        self._segment_bytes = segment_bytes
        self._preparer = Preparer(tail.directory, tail.files, segment_bytes)
        self._pending_limit = pending_limit
        self._on_durable = on_durable
        self._retry_s = retry_s
        self._sync = tail.sync
        self._clock = tail.clock
        self._next = self._durable = tail.durable
        self._ts_last = tail.ts_last
        self._epochs = dict(tail.epochs)
        self._pending: list[Item] = []
        self._pending_bytes = 0
        self._refused: tuple[int, int] | None = None
        self._failure: OSError | None = None
        self._closing = False
        self._mutex = threading.Lock()
        self._work = threading.Condition(self._mutex)
        self._done = threading.Condition(self._mutex)
        self._thread = threading.Thread(target=self._run, name="journal-commit", daemon=True)
        self._thread.start()

    @staticmethod
    def open(
        directory: Path,
        *,
        base_offset: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
        compress: bool = True,
        clock: Clock | None = None,
        files: Files | None = None,
        on_durable: Callable[[int], None] | None = None,
        pending_limit: int = PENDING_BYTES,
        retry_s: float = RETRY_S,
    ) -> "Writer":
        """Lock the journal in ``directory`` (made if absent), recover its tail and begin a new segment.

        ``base_offset`` is where an empty journal begins. ``on_durable`` is called by the commit thread with each new
        durable offset. Raises JournalLocked naming the process that writes it, JournalError where the disk refuses.
        """
        clock = clock or SystemClock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = Lock(directory / "LOCK")
        except OSError as error:
            raise JournalError(f"the journal {directory} cannot be opened: {error}") from error
        try:
            found = recover(directory, base_offset, clock.wall())
            tail = _begin(directory, found, files or SystemFiles(), clock)
            head = Head.make(directory / "HEAD", tail.durable, tail.base, tail.sync)
        except OSError as error:
            lock.close()
            raise JournalError(
                f"the journal {directory} cannot be written: {error}", hint=f"df -h {directory}", transient=True
            ) from error
        except BaseException:
            lock.close()
            raise
        sealer = Sealer(found.raw) if compress else None
        return Writer(
            tail,
            head,
            lock,
            sealer,
            segment_bytes=segment_bytes,
            pending_limit=pending_limit,
            on_durable=on_durable,
            retry_s=retry_s,
        )

    @property
    def durable(self) -> int:
        """The offset before which everything is on disk and visible."""
        return self._durable

    @property
    def ts_last(self) -> int:
        """When the last frame was received, over restarts; 0 before the first."""
        return self._ts_last

    @property
    def pending_bytes(self) -> int:
        """Bytes taken and not yet durable."""
        return self._pending_bytes

    @property
    def epochs(self) -> dict[int, Epoch]:
        """The latest open Epoch of every source, over restarts; also of sources whose connection has ended since."""
        with self._mutex:
            return dict(self._epochs)

    def append(
        self,
        kind: RecordKind,
        source: int,
        epoch: int,
        frames: Sequence[bytes],
        ts_recv: Sequence[int],
        ts_mono: int,
    ) -> int:
        """Take frames and return the offset after the last; see ``ports.JournalWriter``.

        Blocks only while more than ``pending_limit`` bytes wait for the disk. Raises JournalError when the disk has
        refused, and for frames or stamps that no record can hold (then nothing was taken).
        """
        if len(frames) != len(ts_recv):
            raise JournalError(f"{len(frames)} frames came with {len(ts_recv)} receive stamps")
        epochs = opened(frames) if kind == RecordKind.EPOCH else ()
        with self._mutex:
            self._admit(ts_recv)
            stamps, of = (ts_mono, self._clock.wall()), (kind, source, epoch)
            self._take(frame_items(self._sync, self._next, of, frames, ts_recv, stamps, epochs))
            return self._next

    def sync(self, offset: int, timeout_s: float | None = None) -> None:
        """Wait until ``durable`` reaches ``offset``. Raises JournalError when the disk refuses or time is up."""
        with self._mutex:
            reached = self._done.wait_for(
                lambda: self._durable >= offset or self._failure is not None or not self._thread.is_alive(), timeout_s
            )
            if self._durable >= offset:
                return
            if self._failure is not None:
                raise self._refusal(self._failure)
            reason = "the writer is closed" if reached else f"{timeout_s} s have passed"
            raise JournalError(f"offset {offset} is not durable, the journal is at {self._durable}: {reason}")

    def astray(self) -> Path | None:
        """Return the path of HEAD or of the newest segment, where it does not lead to the file that is written to.

        Whoever removes or moves a journal leaves us with files that take everything and that nobody reads. While a
        segment begins it may be mistaken, once. Not after ``close``.
        """
        head = self._tail.directory / "HEAD"
        return self._tail.astray() if self._head.is_at(head) else head

    def close(self) -> None:
        """Make everything durable and release the lock. Raises JournalError for what the disk did not take."""
        with self._mutex:
            if self._closing:
                return
            self._closing = True
            self._work.notify_all()
            self._done.notify_all()
        self._thread.join()
        self._preparer.stop()
        with self._mutex:
            self._done.notify_all()
        if self._sealer is not None:
            self._sealer.close()
        self._tail.drop()
        self._head.close()
        self._lock_file.close()
        if self._failure is not None:
            raise self._refusal(self._failure)

    def _admit(self, ts_recv: Sequence[int]) -> None:
        """Wait for room. Holds the mutex."""
        if self._pending_bytes < self._pending_limit and self._failure is None and not self._closing:
            return
        self._done.wait_for(
            lambda: self._pending_bytes < self._pending_limit or self._failure is not None or self._closing
        )
        if self._closing:
            raise JournalError("the journal is closed, it takes no more frames")
        if self._failure is not None:
            if len(ts_recv):
                first = self._refused[0] if self._refused else int(ts_recv[0])
                self._refused = first, int(ts_recv[-1])
            raise self._refusal(self._failure)

    def _take(self, items: list[Item]) -> None:
        """Queue records for the commit thread. Holds the mutex."""
        idle = not self._pending
        self._pending += items
        for item in items:
            self._next = item.next
            self._pending_bytes += item.size
            self._ts_last = item.ts_last
            for epoch in item.epochs:
                self._epochs[epoch.source] = epoch
        if idle:
            self._work.notify()

    def _refusal(self, error: OSError) -> JournalError:
        return JournalError(
            f"the disk refuses the journal {self._tail.directory}: {error.strerror or error}; "
            f"durable up to offset {self._durable}",
            hint=f"df -h {self._tail.directory}",
            transient=True,
        )

    def _run(self) -> None:
        try:
            self._commit_forever()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may append to a journal that does not commit
            _log.exception("the commit thread of %s ended", self._tail.directory)
            with self._mutex:
                self._failure = OSError(f"the commit thread ended: {error!r}")
                self._done.notify_all()

    def _commit_forever(self) -> None:
        while True:
            with self._mutex:
                self._work.wait_for(lambda: self._pending or self._closing)
                batch, self._pending = self._pending, []
            if not batch:
                return
            while batch:
                count = self._fitting(batch)
                if not self._commit(batch[:count]):
                    return
                del batch[:count]

    def _fitting(self, batch: list[Item]) -> int:
        """Return how many records the next write takes: at least one, not far beyond the segment's size."""
        room = min(self._segment_bytes - self._tail.size, COMMIT_BYTES)
        for count, item in enumerate(batch, 1):
            room -= item.size
            if room <= 0:
                return count
        return len(batch)

    def _commit(self, items: list[Item]) -> bool:
        """Make records durable, then visible; False when the disk refused until the writer was closed."""
        try:
            self._tail.write(items)
        except OSError as error:
            _log.warning("the disk refused a write to %s: %s", self._tail.directory, error)
            if not self._elsewhere(items):
                return False
        self._publish(sum(item.size for item in items))
        ready = self._preparer.ready(self._tail.size)
        if self._tail.size >= self._segment_bytes or (ready and not self._tail.prepared):
            self._rotate()
        return True

    def _elsewhere(self, items: list[Item]) -> bool:
        """Write to a new segment, again and again until it is taken; False when the writer is closed first."""
        self._preparer.stop()
        while True:
            try:
                self._begin_segment(items)
            except OSError as error:
                with self._mutex:
                    self._failure = error
                    self._done.notify_all()
                    self._work.wait_for(lambda: self._closing, self._retry_s)
                    if self._closing:
                        return False
            else:
                with self._mutex:
                    self._resume()
                return True

    def _begin_segment(self, items: Sequence[Item]) -> None:
        old = self._tail.base
        self._tail.start(items, self._preparer.take())
        if self._sealer is not None and old != self._tail.base:
            self._sealer.add(Segment(old, segment_path(self._tail.directory, old), sealed=False))

    def _rotate(self) -> None:
        try:
            self._begin_segment(())
        except OSError as error:
            _log.warning("the disk refused a new segment in %s: %s", self._tail.directory, error)
        else:
            self._publish(0)

    def _resume(self) -> None:
        """Take appends again, after a GAP record where some were refused. Holds the mutex."""
        if self._failure is not None and self._refused is not None:
            ts = (self._ts_last or self._refused[0], self._refused[1])
            span, detail = (self._next, self._next + 1), f"the disk refused: {self._failure}"
            self._take([gap_item(self._sync, span, GapReason.STORAGE, ts, detail, self._clock.wall())])
        self._failure = self._refused = None

    def _publish(self, size: int) -> None:
        self._head.publish(self._tail.durable, self._tail.base)
        with self._mutex:
            self._durable = self._tail.durable
            self._pending_bytes -= size
            self._done.notify_all()
        if self._on_durable is not None:
            try:
                self._on_durable(self._durable)
            except Exception:  # noqa: BLE001 - whatever a hook does, the commit thread goes on
                _log.exception("the on_durable hook failed")


def _begin(directory: Path, found: Recovered, files: Files, clock: Clock) -> Tail:
    tail = Tail(directory, files, clock, found.sync, found.base, found.ts_before, dict(found.epochs), found.chain)
    try:
        tail.start(found.items)
    except OSError:
        with suppress(OSError):
            tail.start(found.items)
            return tail
        raise
    return tail
