"""Lag histograms against numpy's exact quantiles, and the windows they are kept in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.telemetry.lag import LONGEST_NS, WINDOW_NS, LagBoard, LagHistogram

LAGS = st.lists(st.integers(-LONGEST_NS, LONGEST_NS), min_size=1, max_size=400)
SHARES = st.floats(0.0, 1.0)


def near(estimate: float | None, exact: float) -> bool:
    """One bucket: 0.8 % from a microsecond up, 16 ns below it."""
    assert estimate is not None
    return abs(estimate - exact) <= 0.008 * abs(exact) + 16


@given(LAGS, SHARES)
def test_a_quantile_is_within_one_percent_of_the_exact_one(lags: list[int], share: float) -> None:
    histogram = LagHistogram()
    histogram.add(np.array(lags, np.int64))
    assert near(histogram.quantile(share), np.quantile(lags, share, method="inverted_cdf"))


@given(LAGS, LAGS, SHARES)
def test_merging_two_histograms_is_adding_to_one(left: list[int], right: list[int], share: float) -> None:
    one, other, both = LagHistogram(), LagHistogram(), LagHistogram()
    one.add(np.array(left, np.int64))
    other.add(np.array(right, np.int64))
    both.add(np.array(left + right, np.int64))
    one.merge(other)
    assert (one.count, one.min_ns, one.max_ns) == (both.count, both.min_ns, both.max_ns)
    assert one.quantile(share) == both.quantile(share)


def test_large_and_small_batches_count_alike() -> None:
    lags = np.random.default_rng(20261120).normal(2e6, 5e5, 1000).astype(np.int64)
    whole, pieces = LagHistogram(), LagHistogram()
    whole.add(lags)
    for piece in np.array_split(lags, 100):
        pieces.add(piece)
    assert [whole.quantile(q) for q in (0.1, 0.5, 0.99)] == [pieces.quantile(q) for q in (0.1, 0.5, 0.99)]


def test_a_lag_beyond_a_day_is_counted_and_its_size_stays_exact() -> None:
    histogram = LagHistogram()
    histogram.add(np.array([400 * LONGEST_NS, -400 * LONGEST_NS]))
    assert (histogram.count, histogram.max_ns, histogram.min_ns) == (2, 400 * LONGEST_NS, -400 * LONGEST_NS)


@given(LAGS)
def test_counts_at_bounds_never_fall_and_end_at_the_count(lags: list[int]) -> None:
    histogram = LagHistogram()
    histogram.add(np.array(lags, np.int64))
    counts = histogram.cumulative(np.array([-1e12, -1e6, 0.0, 1e6, 1e9, 1e15]))
    assert counts == sorted(counts)
    assert counts[-1] == len(lags)
    assert abs(counts[2] - sum(lag <= 0 for lag in lags)) <= sum(0 <= lag <= 16 for lag in lags)


def test_an_empty_histogram_has_no_quantile_and_reset_empties_it() -> None:
    histogram = LagHistogram()
    assert histogram.quantile(0.5) is None
    histogram.add(np.array([5], np.int64))
    histogram.reset()
    assert (histogram.count, histogram.quantile(0.5), histogram.max_ns) == (0, None, None)


def test_each_sample_is_in_exactly_one_ten_second_row() -> None:
    board, start = LagBoard(), 1_000 * WINDOW_NS
    assert board.rows(start + 1) == []
    board.add("BINANCE", "BINANCE-0", "network", "live", np.array([1_000_000, 3_000_000]))
    assert board.rows(start + WINDOW_NS - 1) == []
    (row,) = board.rows(start + WINDOW_NS)
    assert (row.venue, row.feed, row.hop, row.ts_recv) == ("BINANCE", "BINANCE-0", "network", start + WINDOW_NS)
    assert (row.count, row.min_ms, row.max_ms) == (2, 1.0, 3.0)
    assert row.p50_ms == pytest.approx(1.0, rel=0.01)
    assert board.rows(start + 2 * WINDOW_NS) == []
    assert [total.count for total in board.totals(start)] == [2]


def test_a_negative_network_lag_is_shown_as_it_is_and_marks_the_clock() -> None:
    board = LagBoard()
    board.rows(0)
    board.add("BINANCE", "f", "network", "live", np.array([-1_060_000_000] * 3))
    board.add("BINANCE", "f", "journal", "live", np.array([200_000]))
    network, journal = board.rows(WINDOW_NS)
    assert network.p50_ms == pytest.approx(-1060, rel=0.01)
    assert network.min_ms == -1060.0
    assert (network.clock_suspect, journal.clock_suspect) == (True, False)
    assert network.described()["clock_suspect"] is True


def test_a_row_has_the_tail_that_the_target_is_about_and_one_hop_can_be_had_alone() -> None:
    board = LagBoard()
    board.rows(0)
    board.add("V", "a", "network", "live", np.arange(1, 101) * 1_000_000)
    board.add("V", "b", "network", "live", np.array([5]))
    board.add("V", "a", "store", "live", np.array([5]))
    found = {(row.feed, row.hop): row for row in board.rows(WINDOW_NS)}["a", "network"]
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == pytest.approx((50, 95, 99), rel=0.01)
    assert [(label.feed, label.hop) for label in board.histograms(hop="network")] == [
        ("a", "network"),
        ("b", "network"),
    ]
    assert [(label.feed, label.hop) for label in board.histograms(feed="a", hop="store")] == [("a", "store")]


def test_a_hop_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError, match="teleport"):
        LagBoard().add("V", "f", "teleport", "live", np.array([1]))


def test_the_last_window_is_closed_early_when_nothing_more_comes_and_provenances_are_kept_apart() -> None:
    board, start = LagBoard(), 1_000 * WINDOW_NS
    assert board.rows(start) == []
    board.add("BINANCE", "f", "network", "synthetic", np.array([1_000]))
    board.add("BINANCE", "f", "network", "live", np.array([2_000, 3_000]))
    assert board.rows(start + 5) == []
    rows = board.rows(start + 6, ending=True)
    assert [(row.provenance, row.count, row.ts_recv) for row in rows] == [
        ("synthetic", 1, start + 6),
        ("live", 2, start + 6),
    ]
    assert board.rows(start + 7, ending=True) == []
