"""The way into the journal that all sources share, and what happens while the disk refuses."""

import logging
from collections import deque
from collections.abc import Sequence
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
    in ``frames_lost`` and named in the gap. A record that no journal could hold (an error that is not transient) is
    lost alone, and counted and told of in the same way.
    """

    def __init__(self, journal: JournalWriter, clock: Clock, limit: int = WAITING_LIMIT) -> None:
        self.journal = journal
        self.frames_lost = 0
        self.refusals = 0
        self.cuts: dict[int, int] = {}
        """How often a source's records were cut by a STORAGE gap. Its books need new snapshots each time."""
        self._clock = clock
        self._limit = limit
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._lost: dict[int, tuple[int, Waiting]] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._second_last: dict[int, tuple[int, int]] = {}
        self._safe: dict[int, int] = {}

    @property
    def refusing(self) -> bool:
        """Whether something waits: the journal refused, or a loss is still to be told of."""
        return bool(self._waiting or self._lost)

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
        record = Waiting(kind, source, epoch, frames, ts_recv, ts_mono)
        if self.refusing:
            self._wait(record)
            return
        try:
            self._write(record)
        except JournalError as error:
            self.refusals += 1
            log.error("the journal refuses a record of source %d: %s", source, error)  # noqa: TRY400 - a sentence, no traceback
            if error.transient:
                self._wait(record)
            else:
                self._lose(record)
                self._retry()

    def tick(self) -> None:
        """Once a second: note what is durable, and try again if the journal refused."""
        if self.refusing:
            self._retry()
            return
        durable = self.journal.durable
        for source, (end, ts) in self._second_last.items():
            if end <= durable:
                self._safe[source] = ts
        self._second_last = dict(self._last)

    def close(self) -> None:
        """Try once more to write what waits, then make everything durable and let go of the journal."""
        if self.refusing:
            self._retry()
        self.journal.close()

    def _write(self, record: Waiting) -> None:
        end = self.journal.append(*record)
        self._last[record.source] = (end, record.ts_recv[-1])

    def _wait(self, record: Waiting) -> None:
        size = sum(map(len, record.frames))
        if self._waiting_bytes + size > self._limit:
            self._lose(record)
            return
        self._waiting.append(record)
        self._waiting_bytes += size

    def _lose(self, record: Waiting) -> None:
        self.frames_lost += len(record.frames)
        count, first = self._lost.get(record.source, (0, record))
        self._lost[record.source] = count + len(record.frames), Waiting(*first[:3], (), first.ts_recv, first.ts_mono)

    def _retry(self) -> None:
        """Tell of the gaps, then write what waits; stop at the first refusal."""
        try:
            self._write_gaps()
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting_bytes -= sum(map(len, self._waiting.popleft().frames))
        except JournalError as error:
            self.refusals += 1
            log.error("the journal still refuses, %d records wait: %s", len(self._waiting), error)  # noqa: TRY400 - as above
            if self._waiting and not error.transient:
                record = self._waiting.popleft()
                self._waiting_bytes -= sum(map(len, record.frames))
                self._lose(record)
            return
        log.warning("the journal takes records again; the gaps say what may be missing")

    def _write_gaps(self) -> None:
        """Tell of every source that waits or lost frames, before any of its records."""
        now, mono = self._clock.wall(), self._clock.mono()
        cut = {record.source: record for record in reversed(self._waiting) if record.kind != RecordKind.CLOCK}
        for source in sorted(set(cut) | set(self._lost)):
            count, first = self._lost.get(source, (0, cut.get(source)))
            assert first is not None
            since = self._safe.get(source, first.ts_recv[0])
            detail = f"the disk refused; {count} frames lost, the others written late"
            begin, end = min(since, now), max(since, now)  # our clock may have been set back meanwhile
            gap = Gap(source, GapReason.STORAGE, begin, end, detail=detail)
            self.journal.append(RecordKind.GAP, source, first.epoch, [msgspec.json.encode(gap)], [now], mono)
            self._lost.pop(source, None)
            self.cuts[source] = self.cuts.get(source, 0) + 1
