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

# As in HdrHistogram: 64 linear steps per power of two, so a bucket is at most 1/64 of its value wide and its middle
# at most 0.8 % away. The unit is 16 ns: the first 64 steps end at 1.024 us, below which nothing here is measured.
_UNIT: Final = 16
_STEPS: Final = 64
_SIDE: Final = 64 * 38
"""Buckets of one sign: the linear ones and 37 powers of two, to 1.5 days."""


def _bucket(ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each lag: 0 is the most negative, ``_SIDE`` holds zero."""
    units = np.minimum(np.abs(ns), LONGEST_NS) // _UNIT
    fraction, power = np.frexp(units.astype(np.float64))  # exact: fewer than 53 bits
    steep = (power.astype(np.int64) - 6) * _STEPS + (fraction * (2 * _STEPS)).astype(np.int64) - _STEPS
    place = np.where(units < _STEPS, units, steep)
    return np.where(ns < 0, _SIDE - 1 - place, _SIDE + place)


def _edges() -> NDArray[np.float64]:
    """Return the upper end, in ns, of each non-negative bucket."""
    linear = np.arange(1, _STEPS + 1, dtype=np.float64)
    steep = np.ldexp(
        np.tile(np.arange(_STEPS + 1, 2 * _STEPS + 1, dtype=np.float64), 37), np.repeat(np.arange(37), _STEPS)
    )
    return np.concatenate((linear, steep)) * _UNIT


_UPPER: Final = _edges()
_MIDDLE_POSITIVE: Final = (np.concatenate((np.zeros(1), _UPPER[:-1])) + _UPPER) / 2
_MIDDLE: Final = np.concatenate((-_MIDDLE_POSITIVE[::-1], _MIDDLE_POSITIVE))
_TOP: Final = np.concatenate((-np.concatenate((np.zeros(1), _UPPER[:-1]))[::-1], _UPPER))
"""The upper end of every bucket, most negative first."""


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
    ts_recv: int
    """The end of the window, wall ns UTC, exclusive."""
    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    min_ms: float

    @property
    def clock_suspect(self) -> bool:
        """Whether something arrived before it happened."""
        return self.hop in VENUE_CLOCK_HOPS and self.min_ms < 0

    def described(self) -> dict[str, Any]:
        """Return the row as JSON-ready values, with the ``clock_suspect`` mark."""
        return {**asdict(self), "clock_suspect": self.clock_suspect}


class Label(NamedTuple):
    """Whose lag: a venue, one of its feeds (sources), and the hop."""

    venue: str
    feed: str
    hop: str


@dataclass(slots=True)
class _Lag:
    window: LagHistogram
    closed: LagHistogram
    """Every window but the current one, since start."""


class LagBoard:
    """The lags of every feed and hop. Thread-safe; costs about 40 kB a histogram and nothing per idle label."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lags: dict[Label, _Lag] = {}
        self._window_end: int | None = None
        self._latest: list[LagRow] = []

    def add(self, venue: str, feed: str, hop: str, ns: NDArray[np.int64]) -> None:
        """Count the lags of some events on one hop. Leave out events that lack one of the two stamps."""
        if hop not in HOPS:
            raise KeyError(f"no such hop: {hop}")
        label = Label(venue, feed, hop)
        with self._lock:
            lag = self._lags.get(label)
            if lag is None:
                lag = self._lags[label] = _Lag(LagHistogram(), LagHistogram())
            lag.window.add(ns)

    def rows(self, now: int) -> list[LagRow]:
        """Close the ten-second window if ``now`` (wall ns) has passed its end, and return its rows; else nothing.

        Windows are aligned to the wall clock. Call it at least once a second; each sample is in exactly one row.
        """
        with self._lock:
            if self._window_end is None:
                self._window_end = (now // WINDOW_NS + 1) * WINDOW_NS
            if now < self._window_end:
                return []
            end, self._window_end = self._window_end, (now // WINDOW_NS + 1) * WINDOW_NS
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

    def histograms(self) -> dict[Label, LagHistogram]:
        """Return copies of the histograms over everything since start."""
        with self._lock:
            copies = {}
            for label, lag in self._lags.items():
                copy = LagHistogram()
                copy.merge(lag.closed)
                copy.merge(lag.window)
                if copy.count:
                    copies[label] = copy
            return copies


def _row(label: Label, end: int, lags: LagHistogram) -> LagRow:
    median, tail = lags.quantile(0.5), lags.quantile(0.99)
    if median is None or tail is None or lags.min_ns is None or lags.max_ns is None:
        raise ValueError("an empty histogram has no row")
    return LagRow(
        label.venue,
        label.feed,
        label.hop,
        end,
        lags.count,
        median / 1e6,
        tail / 1e6,
        lags.max_ns / 1e6,
        lags.min_ns / 1e6,
    )
