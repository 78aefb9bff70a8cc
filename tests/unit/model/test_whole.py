"""Records copied as bytes are what numpy's own copies of them are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.model import whole
from breadboard.model.bars import BAR
from breadboard.model.latest import LATEST

TYPES = pytest.mark.parametrize("dtype", [BAR, LATEST], ids=["bar", "latest"])


def some(dtype: np.dtype[np.void], count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Records of random bytes."""
    return np.frombuffer(np.random.default_rng(seed).bytes(count * dtype.itemsize), dtype).copy()


def same(one: np.ndarray[tuple[int], np.dtype[np.void]], other: np.ndarray[tuple[int], np.dtype[np.void]]) -> bool:
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@TYPES
@given(count=st.integers(0, 20), step=st.sampled_from([1, 2, -1]), seed=st.integers(0, 99))
def test_copies_are_numpys(dtype: np.dtype[np.void], count: int, step: int, seed: int) -> None:
    rows = some(dtype, count, seed)[::step]
    places = np.random.default_rng(seed).integers(0, len(rows), 7) if len(rows) else np.empty(0, np.int64)
    mask = np.arange(len(rows)) % 3 == seed % 3
    assert same(whole.copied(rows), rows.copy())
    assert same(whole.picked(rows, places), rows[places])
    assert same(whole.picked(rows, mask), rows[mask])
    assert same(whole.joined([rows, rows[:3], rows[:0]]), np.concatenate([rows, rows[:3], rows[:0]]))


@TYPES
def test_a_copy_is_ones_own(dtype: np.dtype[np.void]) -> None:
    rows = some(dtype, 5, 1)
    before = rows.tobytes()
    for copy in (whole.copied(rows), whole.joined([rows], copy=True), whole.joined([rows, rows])):
        copy[:] = np.zeros(1, dtype)
        assert rows.tobytes() == before
    assert whole.joined([rows]) is rows


@TYPES
def test_put_replaces_the_records_at_its_places_and_no_others(dtype: np.dtype[np.void]) -> None:
    rows, news = some(dtype, 6, 2), some(dtype, 2, 3)
    expected = rows.copy()
    expected[[4, 1]] = news
    whole.put(rows, np.array([4, 1]), news)
    assert same(rows, expected)
