"""Lag, hop by hop, without averages: signed log-linear histograms in ten-second windows.

A hop is one step of an event's way through the house, in nanoseconds of the later stamp minus the earlier one:

========  ==========================  =====================================================
network   ts_recv - ts_event          the venue's clock against ours; may be negative
journal   ts_journal - ts_recv        our clocks only, as are all below
engine    ts_engine - ts_journal
store     ts_store - ts_engine
deliver   ts_deliver - ts_recv        to a WebSocket client, display conflation included
total     last stamp - ts_event       the venue's clock again
========  ==========================  =====================================================

A negative lag is shown as it is and marks the clocks as suspect: a recording that is widely used arrives a second
before it happened, because its recorder's clock was slow. Hiding that would make every other figure a lie.
"""

from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

HOPS: Final = ("network", "journal", "engine", "store", "deliver", "total")
VENUE_CLOCK_HOPS: Final = frozenset({"network", "total"})
"""Hops that subtract the venue's clock from ours; only they can be negative without a fault of ours."""
WINDOW_NS: Final = 10_000_000_000
LONGEST_NS: Final = 86_400_000_000_000
"""One day; a longer lag is counted in the last bucket, and ``min``/``max`` stay exact."""

# A bucket is named by the exponent and the first seven bits of the mantissa of ``|lag| / 16 ns + 64`` as a float64:
# 128 steps per power of two, read from the number's own bits. The 64 makes the steps linear near zero. The middle of a
# bucket is at most 0.8 % away from a lag of 1 us and 0.4 % from a long one.
_UNIT: Final = 16
_FIRST: Final = 64
_STEPS: Final = 128
_POWERS: Final = 37
_SIDE: Final = _STEPS * _POWERS
"""Buckets of one sign, to 2.5 days."""
_SHIFT: Final = 52 - 7
_BASE: Final = (1023 + 6) * _STEPS


def _bucket(ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each lag: 0 is the most negative, ``_SIDE`` holds zero."""
    units = np.minimum(np.abs(ns), LONGEST_NS) / _UNIT + _FIRST
    place: NDArray[np.int64] = (units.view(np.int64) >> _SHIFT) - _BASE
    return np.where(ns < 0, _SIDE - 1 - place, _SIDE + place)


def _edges() -> NDArray[np.float64]:
    """Return the ends, in ns, of the non-negative buckets: one more than there are buckets."""
    steps = np.tile(np.arange(_STEPS, 2 * _STEPS, dtype=np.float64), _POWERS)
    starts = np.ldexp(steps / _STEPS, np.repeat(np.arange(_POWERS), _STEPS)) - 1
    return np.append(starts, 2.0**_POWERS - 1) * _FIRST * _UNIT


_EDGES: Final = _edges()
_MIDDLES: Final = (_EDGES[1:] + _EDGES[:-1]) / 2
_MIDDLE: Final = np.concatenate((-_MIDDLES[::-1], _MIDDLES))
_TOP: Final = np.concatenate((-_EDGES[-2::-1], _EDGES[1:]))
"""The middle and the upper end of every bucket, most negative first."""


class LagHistogram:
    """Counts of signed nanoseconds, about 1 % wide from 1 us to 1 day either side of zero. Not thread-safe."""

    def __init__(self) -> None:
        self._counts = np.zeros(2 * _SIDE, np.int64)
        self.count = 0
        self.min_ns: int | None = None
        self.max_ns: int | None = None

    def add(self, ns: NDArray[np.int64]) -> None:
        """Count every lag of the array."""
        if not len(ns):
            return
        buckets = _bucket(ns)
        if len(ns) < 256:  # adding a whole row of buckets costs more than this many single ones
            np.add.at(self._counts, buckets, 1)
        else:
            self._counts += np.bincount(buckets, minlength=2 * _SIDE)
        self._widen(len(ns), int(ns.min()), int(ns.max()))

    def merge(self, other: "LagHistogram") -> None:
        """Count everything that ``other`` has counted, as if it had been added here."""
        if other.min_ns is None or other.max_ns is None:
            return
        self._counts += other._counts  # noqa: SLF001 - the same class
        self._widen(other.count, other.min_ns, other.max_ns)

    def reset(self) -> None:
        """Forget everything."""
        self._counts[:] = 0
        self.count = 0
        self.min_ns = self.max_ns = None

    def quantile(self, share: float) -> float | None:
        """Return the lag in ns that ``share`` of the counted ones do not exceed, within 0.8 %; None when empty."""
        if self.min_ns is None or self.max_ns is None:
            return None
        rank = max(1, int(np.ceil(share * self.count)))
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(min(max(_MIDDLE[bucket], self.min_ns), self.max_ns))

    def cumulative(self, bounds_ns: NDArray[np.float64]) -> list[int]:
        """Return how many lags are at or below each bound, within one bucket's width."""
        below = np.concatenate((np.zeros(1, np.int64), np.cumsum(self._counts)))
        counts: list[int] = below[np.searchsorted(_TOP, bounds_ns, side="right")].tolist()
        return counts

    def _widen(self, count: int, low: int, high: int) -> None:
        self.count += count
        self.min_ns = low if self.min_ns is None else min(self.min_ns, low)
        self.max_ns = high if self.max_ns is None else max(self.max_ns, high)


@dataclass(frozen=True, slots=True)
class LagRow:
    """One row of the SQL table ``lag``: one hop of one feed in one window. Lags in milliseconds."""

    venue: str
    feed: str
    hop: str
    provenance: str
    ts_recv: int
    """The end of the window, wall ns UTC, exclusive."""
    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    min_ms: float
    p95_ms: float
    """Told, and not in the table."""

    @property
    def clock_suspect(self) -> bool:
        """Whether something arrived before it happened."""
        return self.hop in VENUE_CLOCK_HOPS and self.min_ms < 0

    def described(self) -> dict[str, Any]:
        """Return the row as JSON-ready values, with the ``clock_suspect`` mark."""
        return {**asdict(self), "clock_suspect": self.clock_suspect}


class Label(NamedTuple):
    """Whose lag: a venue, one of its feeds (sources), the hop, and where the data comes from."""

    venue: str
    feed: str
    hop: str
    provenance: str


@dataclass(slots=True)
class _Lag:
    window: LagHistogram
    closed: LagHistogram
    """Every window but the current one, since start."""


class LagBoard:
    """The lags of every feed and hop. Thread-safe; costs about 150 kB a label."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lags: dict[Label, _Lag] = {}
        self._window_end: int | None = None
        self._latest: list[LagRow] = []

    def add(self, venue: str, feed: str, hop: str, provenance: str, ns: NDArray[np.int64]) -> None:
        """Count the lags of some events on one hop. Leave out events that lack one of the two stamps.

        ``provenance`` (``live``, ``synthetic``, ``replay``, ``history``) is what the events' own flags say.
        """
        if hop not in HOPS:
            raise KeyError(f"no such hop: {hop}")
        label = Label(venue, feed, hop, provenance)
        with self._lock:
            lag = self._lags.get(label)
            if lag is None:
                lag = self._lags[label] = _Lag(LagHistogram(), LagHistogram())
            lag.window.add(ns)

    def rows(self, now: int, *, ending: bool = False) -> list[LagRow]:
        """Close the ten-second window if ``now`` (wall ns) has passed its end, and return its rows; else nothing.

        Windows are aligned to the wall clock. Call it at least once a second; each sample is in exactly one row.
        ``ending`` closes the window as it is: nothing more will be counted.
        """
        with self._lock:
            if self._window_end is None:
                self._window_end = (now // WINDOW_NS + 1) * WINDOW_NS
            if now < self._window_end and not ending:
                return []
            end, self._window_end = min(self._window_end, now), (now // WINDOW_NS + 1) * WINDOW_NS
            self._latest = [_row(label, end, lag.window) for label, lag in self._lags.items() if lag.window.count]
            for lag in self._lags.values():
                lag.closed.merge(lag.window)
                lag.window.reset()
            return list(self._latest)

    def latest(self) -> list[LagRow]:
        """Return the rows of the last closed window again."""
        with self._lock:
            return list(self._latest)

    def totals(self, now: int) -> list[LagRow]:
        """Return one row per label over everything since start."""
        return [_row(label, now, histogram) for label, histogram in self.histograms().items()]

    def histograms(self, *, feed: str | None = None, hop: str | None = None) -> dict[Label, LagHistogram]:
        """Return copies of the histograms over everything since start, of one feed, of one hop, or of all."""
        with self._lock:
            copies = {}
            for label, lag in self._lags.items():
                if feed not in (None, label.feed) or hop not in (None, label.hop):
                    continue
                copy = LagHistogram()
                copy.merge(lag.closed)
                copy.merge(lag.window)
                if copy.count:
                    copies[label] = copy
            return copies


def _row(label: Label, end: int, lags: LagHistogram) -> LagRow:
    median, most, tail = (lags.quantile(share) for share in (0.5, 0.95, 0.99))
    if median is None or most is None or tail is None or lags.min_ns is None or lags.max_ns is None:
        raise ValueError("an empty histogram has no row")
    return LagRow(
        *label,
        end,
        lags.count,
        median / 1e6,
        tail / 1e6,
        lags.max_ns / 1e6,
        lags.min_ns / 1e6,
        most / 1e6,
    )
