"""The watermark rule of ``Bars`` as rows: which source entered which second of event time, at which row of the tape.

For stages that close windows exactly where bars are closed. The rule is written in ``bars.py``; a test holds the two
together.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bar_kernel import CLOCKS, implausible, step
from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag, StatusCode
from breadboard.model.tape import Tape

MARK: Final = np.dtype(
    [
        ("row", np.int64),  # of the tape
        ("source", np.int64),
        ("second", np.int64),  # windows of the source that end at or before it are over
        ("ended", np.int64),  # 1: a history is at its end; whatever is still open is over
    ]
)
"""One advance of one source's watermark; it counts before the row itself does."""

_SECOND: Final = 1_000_000_000
_UNKNOWN: Final = ("newest", "first", "second", "best")
_CLOCK: Final = int(EventKind.CLOCK)
_GAP: Final = int(EventKind.GAP)
_STATUS: Final = int(EventKind.STATUS)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_HISTORY: Final = int(Flag.HISTORY)


@kernel
def _advance(row: int, source: int, watermark: int, clocks: NDArray[np.void], marks: NDArray[np.void], at: int) -> int:
    """Note that a source's watermark came to ``watermark``, where that is a new second; return the next place."""
    second = watermark // _SECOND
    if second <= clocks[source].second:
        return at
    clocks[source].second = second
    mark = marks[at]
    mark.row, mark.source, mark.second, mark.ended = row, source, second, 0
    return at + 1


@kernel
def _run(  # noqa: C901 - one loop, entered once a batch
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    size: NDArray[np.int64],
    clocks: NDArray[np.void],
    lateness: int,
    idle: int,
    timely: NDArray[np.bool_],
    marks: NDArray[np.void],
) -> int:
    """Fill ``timely`` and ``marks`` (room for one a row, and one a source for each CLOCK row); return how many."""
    at = 0
    for row in range(len(kind)):
        if kind[row] == _CLOCK:
            if size[row] != ABSENT:
                step(clocks, len(clocks) - 1, size[row])
            for each in range(len(clocks)):
                clock = clocks[each]
                if clock.newest != ABSENT and ts_recv[row] - clock.recv > idle:
                    at = _advance(row, each, ts_recv[row] + clock.shift - max(idle, lateness), clocks, marks, at)
            continue
        if kind[row] == _GAP:
            continue
        clock = clocks[source[row]]
        if kind[row] == _STATUS and code[row] == _DOWN and flags[row] & _HISTORY and clock.newest != ABSENT:
            mark = marks[at]
            mark.row, mark.source, mark.second, mark.ended = row, source[row], clock.second, 1
            at += 1
        clock.recv = ts_recv[row]
        when = ts_event[row]
        if when == ABSENT or flags[row] & (_DUPLICATE | _LAST_KNOWN):
            continue
        if implausible(clock, when - ts_recv[row], flags[row]):
            continue
        timely[row] = True
        if when > clock.newest:
            clock.newest, clock.shift = when, when - ts_recv[row]
            at = _advance(row, source[row], when - lateness, clocks, marks, at)
    return at


class Watermarks:
    """Where each source is in event time. ``lateness_ms`` and ``idle_s`` as for ``Bars``."""

    def __init__(self, lateness_ms: int, idle_s: float) -> None:
        self._lateness = lateness_ms * 1_000_000
        self._idle = int(idle_s * _SECOND)
        self._known = 0
        self._clocks = np.zeros(0, CLOCKS)

    def meet(self, tape: Tape) -> None:
        """Make room for the sources of the next tape."""
        self._grow(max(1, tape.contents.sources))

    def on_tape(self, tape: Tape) -> tuple[NDArray[np.bool_], NDArray[np.void]]:
        """Return which rows have an event time to be believed, and the ``MARK`` rows, in order."""
        self.meet(tape)
        timely = np.zeros(len(tape), np.bool_)
        marks = np.zeros(2 * len(tape) + tape.contents.kinds[_CLOCK] * self._known, MARK)
        count = _run(
            tape.kind,
            tape.code,
            tape.flags,
            tape.source,
            tape.ts_event,
            tape.ts_recv,
            tape.size,
            self._clocks[: self._known],
            self._lateness,
            self._idle,
            timely,
            marks,
        )
        return timely, marks[:count]

    @property
    def sources(self) -> int:
        """How many sources there are room for: one more than the highest number heard of."""
        return self._known

    @property
    def seconds(self) -> NDArray[np.int64]:
        """By source, the second its watermark has come to; ABSENT before its first event time."""
        found: NDArray[np.int64] = self._clocks["second"][: self._known].copy()
        return found

    def packed(self) -> bytes:
        """Return all state as bytes."""
        seen = np.flatnonzero(self._clocks["recv"][: self._known] != 0)
        return pack({"sources": seen, "clocks": self._clocks[seen]})

    def unpacked(self, state: bytes) -> None:
        """Go back to what ``packed`` returned."""
        parts = unpack(state)
        self._clocks, self._known = np.zeros(0, CLOCKS), 0
        self._grow(int(parts["sources"].max(initial=-1)) + 1)
        self._clocks[parts["sources"]] = parts["clocks"]

    def _grow(self, count: int) -> None:
        if count > self._known:
            self._clocks = grown(self._clocks, count)
            fresh: Any = self._clocks[self._known : count]
            for name in _UNKNOWN:
                fresh[name] = ABSENT
            self._known = count
