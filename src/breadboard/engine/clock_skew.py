"""Whether our clock can be believed: the lag of every event, kept as a histogram a source.

A lag is ``ts_recv - ts_event``. It cannot be negative: a recorder whose lags are has a slow clock, and we say so.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import brief, kernel
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.tape import Tape

SUSPECT_NS: Final = -5_000_000
"""A lag below this is one too many."""
SUSPECT_SHARE: Final = 0.01
MOST_SOURCES: Final = 256
"""Sources whose lags are counted, 0.9 MB each; a later one is never suspect, and has no skew."""
SUSPECT_LAGS: Final = 20
"""Fewer lags than this are no evidence."""

_SUB: Final = 10
"""Bits of mantissa in a bucket: 1,024 buckets an octave, 0.1 %."""
_SIDE: Final = (64 - _SUB) << _SUB
_WIDTH: Final = 2 * _SIDE
_UNIT: Final = 1_000
"""Lags are kept in microseconds."""
_TRADE: Final = int(EventKind.TRADE)
_DELTA: Final = int(EventKind.BOOK_DELTA)
_ORDER: Final = int(EventKind.ORDER)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)


@kernel
def _bucket(lag: int) -> int:
    """Return the histogram bucket of a lag in ns: sign, power of two, ten bits."""
    size = max(abs(lag), 0) // _UNIT  # abs(-2**63) is negative
    power = 0
    while size >> power >= 1 << (_SUB + 1):
        power += 1
    place = (power << _SUB) + (size >> power)
    return _SIDE + place if lag >= 0 else _SIDE - 1 - place


@brief
def _count(
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    source: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    slot: NDArray[np.int64],
    counts: NDArray[np.int64],
    late: NDArray[np.int64],
    start: int,
    is_full: bool,
) -> int:
    """Add the lags of the rows from one on; ``late[s]`` counts those below SUSPECT_NS.

    Returns the row whose source has no slot yet, unless there are no more, or the end.
    """
    for row in range(start, len(kind)):
        what = kind[row]
        if not (_TRADE <= what <= _DELTA or what == _ORDER) or ts_event[row] == ABSENT or flags[row] & _LAST_KNOWN:
            continue
        lag = ts_recv[row] - ts_event[row]
        which = slot[source[row]]
        if which < 0:
            if is_full or what == _ORDER:  # orders alone do not make a source one whose clock is judged
                continue
            return row
        counts[which, _bucket(lag)] += 1
        if lag < SUSPECT_NS:
            late[which] += 1
    return len(kind)


class ClockSkew:
    """Stage: per source, lags of trades, quotes and book deltas that carry an event time."""

    def __init__(self) -> None:
        self._sources: list[int] = []
        self._slot = np.full(1 << 16, -1, np.int64)
        self._counts = np.zeros((0, _WIDTH), np.int64)
        self._late = np.zeros(0, np.int64)

    def on_tape(self, tape: Tape) -> None:
        """Take the next rows."""
        row = 0
        columns = (tape.kind, tape.flags, tape.source, tape.ts_event, tape.ts_recv)
        while row < len(tape):
            is_full = len(self._sources) == MOST_SOURCES  # no batch decides who is one too many
            row = _count(*columns, self._slot, self._counts, self._late, row, is_full)
            if row < len(tape):
                self._open(int(tape.source[row]))

    def lags(self, source: int) -> int:
        """Return how many lags of the source were seen."""
        slot = int(self._slot[source])
        return 0 if slot < 0 else int(self._counts[slot].sum())

    def suspect(self, source: int) -> bool:
        """Return whether the clock that stamped this source is slow: over 1 % of at least 20 lags below -5 ms."""
        lags = self.lags(source)
        return lags >= SUSPECT_LAGS and int(self._late[self._slot[source]]) > SUSPECT_SHARE * lags

    def median_ms(self, source: int) -> float:
        """Return the median lag in milliseconds, right to 0.1 %; 0.0 where none was seen."""
        lags = self.lags(source)
        if not lags:
            return 0.0
        bucket = int(np.searchsorted(np.cumsum(self._counts[self._slot[source]]), (lags + 1) // 2))
        return round(_middle_ns(bucket) / 1e6, 3)

    def worst(self) -> tuple[bool, float]:
        """Return ``(suspect, skew_ms)`` of the source whose clock is furthest off; ``(False, 0.0)`` when none is."""
        skews = [self.median_ms(source) for source in sorted(self._sources) if self.suspect(source)]
        return (True, max(skews, key=abs)) if skews else (False, 0.0)

    def snapshot(self) -> bytes:
        """Return all state as bytes: the buckets in use, by source in order."""
        parts: dict[str, object] = {}
        for source in sorted(self._sources):
            counts = self._counts[self._slot[source]]
            used = np.flatnonzero(counts)
            if len(used):
                parts[f"{source}.buckets"] = used
                parts[f"{source}.counts"] = counts[used]
                parts[f"{source}.late"] = int(self._late[self._slot[source]])
        return pack(parts)

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        ClockSkew.__init__(self)
        parts = unpack(state)
        for name in parts:
            source_text, _, what = name.partition(".")
            if what == "buckets":
                source = int(source_text)
                self._open(source)
                self._counts[self._slot[source], parts[name]] = parts[f"{source}.counts"]
                self._late[self._slot[source]] = parts[f"{source}.late"]

    def _open(self, source: int) -> None:
        self._slot[source] = len(self._sources)
        self._sources.append(source)
        self._counts = grown(self._counts, len(self._sources))
        self._late = grown(self._late, len(self._sources))


def _middle_ns(bucket: int) -> int:
    """Return the lag in the middle of a bucket, in ns."""
    sign, place = (1, bucket - _SIDE) if bucket >= _SIDE else (-1, _SIDE - 1 - bucket)
    power = max(0, (place >> _SUB) - 1)
    size = place - (power << _SUB)
    return sign * ((size << power) * _UNIT + ((1 << power) * _UNIT) // 2)
