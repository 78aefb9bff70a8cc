"""Moments as clients write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.api.instants import instant, iso
from breadboard.api.problems import Problem


@given(st.integers(-62_135_596_800_000_000_000 // 8, (1 << 63) - 1))
def test_what_is_told_as_iso_is_read_back_to_the_nanosecond(ns: int) -> None:
    assert instant(iso(ns)) == instant(str(ns)) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00.0000000019Z", 1),  # what is finer than we count is left away
        ("1970-01-01T00:00:00.1", 100_000_000),
        ("1970-01-01T01:00:00.000000007+01:00", 7),
        ("1970-01-01T00:00:01,000000001Z", 1_000_000_001),
        ("1970-01-02", 86_400_000_000_000),
    ],
)
def test_digits_behind_the_second_count_as_they_are_written(text: str, ns: int) -> None:
    assert instant(text) == ns


@pytest.mark.parametrize("text", ["", "yesterday", "1e9", "9223372036854775808", "2300-01-01"])
def test_what_is_no_time_says_so(text: str) -> None:
    with pytest.raises(Problem):
        instant(text)
