"""Moments as clients write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.api.instants import instant, iso
from breadboard.api.problems import Problem


@given(st.integers(-62_135_596_800_000_000_000 // 8, (1 << 63) - 1))
def test_what_is_told_as_iso_is_read_back_to_the_nanosecond(ns: int) -> None:
    assert instant(iso(ns)) == ns
    if ns == 0 or abs(ns) >= 10**17:
        assert instant(str(ns)) == ns


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


@pytest.mark.parametrize("text", ["1795785120", "1795785120000", "1795785120000000"])
def test_a_number_of_a_coarser_unit_is_refused_with_the_moment_that_it_means(text: str) -> None:
    with pytest.raises(Problem, match=rf"{text} ns since 1970 are 1970-01") as refusal:
        instant(text)
    assert refusal.value.hint == "start=2026-11-27T13:12:00.000000000Z or, in ns since 1970, start=1795785120000000000"


@pytest.mark.parametrize("zone", ["01:00", "0530"])
def test_a_zone_whose_plus_became_a_blank_is_told_how_it_is_written(zone: str) -> None:
    with pytest.raises(Problem) as refusal:
        instant(f"2026-11-27T09:30:00.5 {zone}")
    assert refusal.value.sentence == f"'2026-11-27T09:30:00.5 {zone}' is no time"
    assert refusal.value.hint == f"a + in an address is %2B: 2026-11-27T09:30:00.5%2B{zone}"
    with pytest.raises(Problem) as refusal:
        instant(f"2026-11-27 {zone} soon")
    assert refusal.value.hint == "start=2026-11-20T09:30:00Z or ns since 1970"


@pytest.mark.parametrize("text", ["7", "-1795785120"])
def test_a_number_that_is_a_moment_of_no_unit_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        instant(text)
    assert refusal.value.hint == "start=2026-11-20T09:30:00Z or ns since 1970"
    assert instant("0") == 0
