"""The way into the journal that all sources share, and what happens while the disk refuses."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from breadboard.clock import Clock
from breadboard.errors import JournalError
from breadboard.model.gaps import Gap
from breadboard.model.kinds import GapReason, RecordKind
from breadboard.ports import JournalWriter

log = logging.getLogger(__name__)

WAITING_LIMIT = 64 << 20


class Waiting(NamedTuple):
    """One append that the disk has not yet taken."""

    kind: RecordKind
    source: int
    epoch: int
    frames: Sequence[bytes]
    ts_recv: Sequence[int]
    ts_mono: int


class Appender:
    """Appends in order. When the journal refuses, keeps up to ``limit`` bytes and tries again on each ``tick``.

    Once the journal takes records again, a GAP (reason STORAGE) goes before what was kept, for every source that
    was cut: from the last moment known durable (up to two seconds early) to now. What exceeded the limit is counted
    in ``frames_lost`` and named in the gap. ``reopen`` gives a new writer where the old one is beyond repair.
    """

    def __init__(
        self,
        journal: JournalWriter,
        clock: Clock,
        reopen: Callable[[], JournalWriter] | None = None,
        limit: int = WAITING_LIMIT,
    ) -> None:
        self.journal = journal
        self.frames_lost = 0
        self.refusals = 0
        self._clock = clock
        self._reopen = reopen
        self._limit = limit
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._lost: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._second_last: dict[int, tuple[int, int]] = {}
        self._safe: dict[int, int] = {}

    @property
    def refusing(self) -> bool:
        """Whether the journal refused and has not come back."""
        return bool(self._waiting)

    def append(
        self,
        kind: RecordKind,
        source: int,
        epoch: int,
        frames: Sequence[bytes],
        ts_recv: Sequence[int],
        ts_mono: int,
    ) -> None:
        """Give frames to the journal, or keep them until it takes them. Never raises, never waits."""
        if not self._waiting:
            try:
                end = self.journal.append(kind, source, epoch, frames, ts_recv, ts_mono)
            except JournalError as error:
                self.refusals += 1
                log.error("the journal refuses records, they wait in memory: %s", error)  # noqa: TRY400 - a sentence, no traceback
            else:
                self._last[source] = (end, ts_recv[-1])
                return
        self._wait(Waiting(kind, source, epoch, frames, ts_recv, ts_mono))

    def tick(self) -> None:
        """Once a second: note what is durable, and try again if the journal refused."""
        if self._waiting:
            self._retry()
            return
        durable = self.journal.durable
        for source, (end, ts) in self._second_last.items():
            if end <= durable:
                self._safe[source] = ts
        self._second_last = dict(self._last)

    def close(self) -> None:
        """Try once more to write what waits, then make everything durable and let go of the journal."""
        if self._waiting:
            self._retry()
        self.journal.close()

    def _wait(self, record: Waiting) -> None:
        size = sum(map(len, record.frames))
        if self._waiting and self._waiting_bytes + size > self._limit:
            self.frames_lost += len(record.frames)
            self._lost[record.source] = self._lost.get(record.source, 0) + len(record.frames)
            return
        self._waiting.append(record)
        self._waiting_bytes += size

    def _retry(self) -> None:
        try:
            if self._reopen is not None:
                self._replace(self._reopen)
            self._write_gaps()
            while self._waiting:
                record = self._waiting[0]
                end = self.journal.append(*record)
                self._last[record.source] = (end, record.ts_recv[-1])
                self._waiting_bytes -= sum(map(len, record.frames))
                self._waiting.popleft()
        except JournalError as error:
            self.refusals += 1
            log.error("the journal still refuses, %d records wait: %s", len(self._waiting), error)  # noqa: TRY400 - as above
            return
        log.warning("the journal takes records again; the gaps say what may be missing")

    def _replace(self, reopen: Callable[[], JournalWriter]) -> None:
        try:
            self.journal.close()
        except JournalError as error:
            log.debug("the refused journal could not be closed: %s", error)
        self.journal = reopen()

    def _write_gaps(self) -> None:
        """Tell of every source that waits or lost frames, before any of its records."""
        now, mono = self._clock.wall(), self._clock.mono()
        cut = {record.source: record for record in reversed(self._waiting)}
        for source in sorted(set(cut) | set(self._lost)):
            first = cut.get(source)
            since = self._safe.get(source, first.ts_recv[0] if first is not None else now)
            detail = f"the disk refused; {self._lost.get(source, 0)} frames lost, the others written late"
            gap = Gap(source, GapReason.STORAGE, since, now, detail=detail)
            epoch = first.epoch if first is not None else 0
            self.journal.append(RecordKind.GAP, source, epoch, [msgspec.json.encode(gap)], [now], mono)
        self._lost.clear()
