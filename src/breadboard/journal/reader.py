"""Follows a journal from an offset, across segments, seals, restarts of the writer and damage."""

import time
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import Final

from breadboard.errors import JournalDamaged, JournalError
from breadboard.journal.format import ALL_SOURCES, encode_gap
from breadboard.journal.head import BELIEVABLE, Head
from breadboard.journal.scan import COUNT, FIRST, NEXT, TS_LAST, frames_of
from breadboard.journal.segments import Segment, listing, load
from breadboard.journal.wake import LOOK_EVERY_S
from breadboard.journal.window import EMPTY, Window, more, whole
from breadboard.journal.word import sync_word
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import GapReason, RecordKind

_TRIES: Final = 8


class Reader:
    """Reads a journal directory in order of offset; implements ``ports.JournalReader``.

    Holds no lock and never looks past HEAD. Every record handed out has passed its checksum. Frames are views of memory
    that nothing writes to again, so they stay valid when the segment is sealed or retired. Not thread-safe.
    """

    def __init__(self, directory: Path, start: int) -> None:
        self._directory = directory
        self._position = start
        self._head: Head | None = None
        self._rebuilt: tuple[tuple[str, int], int] | None = None
        self._window: Window = EMPTY
        self._next_base: int | None = None
        self._ts_last = 0
        self._epochs: dict[int, Epoch] = {}
        self._sync = 0

    @staticmethod
    def open(directory: Path, start: int = 0) -> "Reader":
        """Open at offset ``start``. An empty directory is a journal that has not begun yet.

        Raises JournalError where there is no directory, or ``start`` lies beyond the journal's end.
        """
        for _ in range(_TRIES):
            try:
                return Reader._opened(directory, start)
            except FileNotFoundError:
                continue  # a segment was sealed or retired between listing and reading
        raise JournalError(f"the segments of the journal {directory} change too fast to be read", transient=True)

    @staticmethod
    def _opened(directory: Path, start: int) -> "Reader":
        reader = Reader(directory, start)
        segments = listing(directory)
        if start > reader._visible():
            end = load(segments[-1], sync_word(directory, segments)).next if segments else 0
            if start > end:
                raise JournalError(
                    f"offset {start} lies beyond the end of the journal {directory}, which is {end}",
                    hint="breadboard status   # a journal that was replaced needs a new store",
                )
        if segments:
            reader._seek(segments)
        return reader

    @property
    def position(self) -> int:
        """The offset of the next frame ``read`` will return."""
        return self._position

    @property
    def epochs(self) -> dict[int, Epoch]:
        """The latest open Epoch of every source that the journal knew at the offset this reader started at."""
        return dict(self._epochs)

    def read(self, max_frames: int) -> Frames | None:
        """Return the next durable frames, at most ``max_frames``; None when there are none yet.

        A GAP frame (source 0xFFFF, reason DAMAGE) in place of missing offsets comes alone; ``position`` then jumps
        behind them. Raises JournalError where the disk cannot be read.
        """
        visible = self._visible()
        while self._position < visible:
            frames = self._step(max(1, max_frames), visible)
            if frames is not None:
                return frames
        return None

    def wait(self, timeout_s: float) -> None:
        """Return when ``read`` may find something, at the latest after ``timeout_s``; may return too early."""
        if self._head is None:
            time.sleep(min(timeout_s, LOOK_EVERY_S))  # nobody writes yet, or any more
        else:
            self._head.wait(self._position, timeout_s)

    def close(self) -> None:
        """Release the files. Frames that were handed out stay valid."""
        self._window.close()
        self._window = EMPTY
        if self._head is not None:
            self._head.close()
            self._head = None

    def _visible(self) -> int:
        """Return the offset before which everything may be read."""
        if self._head is not None and self._head.durable <= self._position and self._head.orphaned:
            self._head.close()
            self._head = None
        if self._head is None:
            self._head = Head.find(self._directory / "HEAD")
        return self._head.durable if self._head is not None else self._without_head()

    def _without_head(self) -> int:
        """Return the end of the valid records: nobody writes a journal that has no HEAD."""
        segments = listing(self._directory)
        if not segments:
            return 0
        try:
            key = (segments[-1].path.name, segments[-1].path.stat().st_size)
            if self._rebuilt is None or self._rebuilt[0] != key:
                self._rebuilt = key, load(segments[-1], sync_word(self._directory, segments)).next
        except FileNotFoundError:
            return self._position
        return self._rebuilt[1]

    def _step(self, max_frames: int, visible: int) -> Frames | None:
        """Return frames or a gap, or None after a change of window."""
        segment = self._window.segment
        if segment is None or (self._next_base is not None and self._position >= self._next_base):
            return self._enter()
        if self._next_base is None and (self._head is None or self._head.active != segment.base):
            self._next_base = self._following(segment)
        limit = visible if self._next_base is None else min(self._next_base, visible)
        if self._position >= limit:
            return None
        if self._window.row >= len(self._window.records) and not self._load(limit):
            return None if self._window.segment is None else self._nothing_until(limit)
        records, row = self._window.records, self._window.row
        if records[row, FIRST] > self._position:
            return self._gap(int(records[row, FIRST]), self._window.stamp(), "")
        return self._take(max_frames)

    def _nothing_until(self, limit: int) -> Frames:
        """Return a GAP frame for all offsets up to ``limit``. Raises JournalDamaged where only HEAD can be wrong."""
        if limit - self._position > BELIEVABLE:
            raise JournalDamaged(
                f"HEAD of the journal {self._directory} says {limit}, its segments end at {self._position}",
                hint="breadboard up   # the writer rebuilds HEAD from the segments",
            )
        return self._gap(limit, self._stamp_at(limit), "")

    def _take(self, max_frames: int) -> Frames:
        """Return frames of the window from the position on, up to the next hole."""
        window = self._window
        records, row = window.records, window.row
        skip = self._position - int(records[row, FIRST])
        if skip >= records[row, COUNT]:  # inside the range that a GAP record stands for
            gap = frames_of(window.data, records[row : row + 1], 0, 1)
            gap.offset[0] = self._position
            self._passed(row + 1, int(records[row, NEXT]))
            return gap
        before = int(window.total[row]) + skip
        count = min(max_frames, int(window.total[window.run_end()]) - before)
        last = int(window.total.searchsorted(before + count)) - 1
        frames = frames_of(window.data, records[row : last + 1], skip, count)
        if before + count == window.total[last + 1]:
            self._passed(last + 1, int(records[last, NEXT]))
        else:
            self._passed(last, int(frames.offset[-1]) + 1)
        return frames

    def _passed(self, row: int, position: int) -> None:
        if row:
            self._ts_last = int(self._window.records[row - 1, TS_LAST])
        self._window.row = row
        self._position = position

    def _load(self, limit: int) -> bool:
        """Bring more records into the window; False where there are none before ``limit``, or no such segment now."""
        window = more(self._window, self._position, limit)
        for _ in range(_TRIES):
            if window is not None:
                break
            segment = self._current()
            if segment is None:
                self._window.close()
                self._window = EMPTY
                return False
            with suppress(FileNotFoundError):  # sealed or retired since the listing: look again
                window = whole(segment, self._sync, self._position, limit)
                self._window.close()
        if window is None:
            raise JournalError(f"the segments of the journal {self._directory} change too fast", transient=True)
        self._window = window
        return window.row < len(window.records)

    def _current(self) -> Segment | None:
        """Look the current segment up again: it may have been sealed, replaced or retired."""
        base = self._window.segment.base if self._window.segment else -1
        return next((segment for segment in listing(self._directory) if segment.base == base), None)

    def _enter(self) -> Frames | None:
        """Go to the segment that holds the position."""
        segments = listing(self._directory)
        if not segments:
            raise JournalError(f"the segments of the journal {self._directory} are gone, HEAD is still there")
        self._sync = self._sync or sync_word(self._directory, segments)
        if self._position < segments[0].base:
            return self._gap(segments[0].base, self._stamp_at(segments[0].base), "retired")
        index = bisect_right([segment.base for segment in segments], self._position) - 1
        self._next_base = segments[index + 1].base if index + 1 < len(segments) else None
        self._window.close()
        self._window = Window.before(segments[index])
        return None

    def _seek(self, segments: list[Segment]) -> None:
        """Find the start in its segment, and what was known there."""
        self._sync = sync_word(self._directory, segments)
        index = max(0, bisect_right([segment.base for segment in segments], self._position) - 1)
        content = load(segments[index], self._sync)
        self._epochs = content.epochs(max(self._position, segments[index].base))
        if self._position < segments[0].base:
            return
        self._ts_last = content.until(self._position).ts_last
        if content.header is None and index:
            before = load(segments[index - 1], self._sync, segments[index].base)
            self._epochs = before.epochs() | self._epochs
            self._ts_last = self._ts_last or before.ts_last

    def _following(self, segment: Segment) -> int | None:
        return next((other.base for other in listing(self._directory) if other.base > segment.base), None)

    def _stamp_at(self, limit: int) -> int:
        """Return ``ts_recv`` of the first good frame of the segment at ``limit``; our last where there is none."""
        for segment in listing(self._directory):
            if segment.base == limit:
                with suppress(FileNotFoundError):  # then the gap ends where we last saw good data
                    window = whole(segment, self._sync, limit)
                    window.close()
                    return window.stamp() or self._ts_last
        return self._ts_last

    def _gap(self, after: int, stamp: int, detail: str) -> Frames:
        """Return a GAP frame for the offsets from the position up to ``after``, and go there."""
        text = detail or f"{after - self._position} frames at offset {self._position}"
        payload = encode_gap(ALL_SOURCES, GapReason.DAMAGE, (self._ts_last, stamp), text)
        frames = Frames.of([payload], [stamp], kind=RecordKind.GAP, offset=self._position, source=ALL_SOURCES, epoch=0)
        self._position = after
        return frames
