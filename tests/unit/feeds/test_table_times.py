"""Times as people write them into tables: to the nanosecond, or refused."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.feeds.reading import Refused
from breadboard.feeds.table_times import ns_of

S = 10**9
T = 1_764_000_000 * S
"""2025-11-24T16:00:00Z."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1764000000", T),
        ("1764000000.25", T + S // 4),
        ("1764000000123", T + 123_000_000),
        ("1764000000123456", T + 123_456_000),
        ("1764000000123456.789", T + 123_456_789),
        ("1764000000123456789", T + 123_456_789),
        ("2025-11-24T16:00:00Z", T),
        ("2025-11-24T16:00:00.123456789Z", T + 123_456_789),
        ("2025-11-24 16:00:00,5 UTC", T + S // 2),
        ("2025-11-24 11:00:00-05:00", T),
        ("2025-11-24T21:30+0530", T),
        ("20251124 16:00:00", T),
        ("2025.11.24 16:00", T),
        ("2025/11/24", T - 16 * 3600 * S),
        ("2025-11-24", T - 16 * 3600 * S),
    ],
)
def test_a_time_is_what_it_says_to_the_nanosecond(text: str, ns: int) -> None:
    assert ns_of(text, "UTC") == ns


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0",
            "34200000",
            "5",
            "1764000000000000000000",
            "45000.5",
            "1.7e9",
            "-1764000000",
            "11/24/2025",
            "24.11.2025",
        ),
        *("2025-13-01", "2025-02-30", "2025-11-24T25:00:00Z", "2025-11-24T16:00:60Z", "1764000000.1234567891"),
        *("2025-11-24T16:00:00.1234567891Z", "1600-01-01", "16:00:00", "noon", "2025-11-24T16:00:00+9999"),
        *("2025-11-24-05", "20251124-0530", "2025-11-24Z", "2025-11-24 UTC"),  # an offset of no time of day
        *("202511240930", "251124093000", "20251124093000", "20251124093000123", "160000000", "251124093000123"),
        *("2025112409", "2511240930", "2511240930.0", "002511240930", "2025112409300000"),  # seconds of 2034?
        *("1764000000123456789.0", "0934200000"),
    ],
)
def test_what_may_be_another_time_or_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        ns_of(text, "UTC")


def test_a_time_of_day_has_the_day_that_the_user_says_and_its_zone() -> None:
    assert ns_of("11:00:00.5", "America/New_York", "2025-11-24") == T + S // 2
    assert ns_of("2025-11-24 11:00", "America/New_York", "2025-11-24") == T
    with pytest.raises(Refused, match="is not of 2025-11-24"):
        ns_of("2025-11-25 11:00", "America/New_York", "2025-11-24")


def test_a_time_that_the_clock_leaves_out_is_refused() -> None:
    with pytest.raises(Refused, match="2026-03-08T02:30 never is in America/New_York, where the clock goes forward"):
        ns_of("2026-03-08 02:30", "America/New_York")
    assert ns_of("2026-03-08 03:00", "America/New_York") == ns_of("2026-03-08 07:00Z", "UTC")
    assert ns_of("2026-03-08 02:30", "UTC") == ns_of("2026-03-08 02:30Z", "UTC")


def test_a_day_without_a_time_of_day_begins_with_its_first_moment_whatever_the_clock_does() -> None:
    assert ns_of("2026-04-24", "Africa/Cairo") == ns_of("2026-04-23T22:00Z", "UTC")  # there is no 00:00
    assert ns_of("2026-11-01", "America/Havana") == ns_of("2026-11-01T04:00Z", "UTC")  # 00:00 comes twice


@given(
    ns=st.integers(160_000_000 * S, 4_000_000_000 * S),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
)
def test_a_time_in_any_spelling_is_the_same(ns: int, zone: str) -> None:
    whole, rest = divmod(ns, S)
    at = EPOCH + timedelta(seconds=whole)
    local = at.astimezone(ZoneInfo(zone))
    aware = f"{at:%Y-%m-%dT%H:%M:%S}.{rest:09}"
    assert ns_of(f"{aware}Z", zone) == ns
    if 1_000_000_000 <= whole < 2_000_000_000:
        assert ns_of(f"{ns}", zone) == ns_of(f"{whole}.{rest:09}", zone) == ns
    assert ns_of(f"{local:%Y-%m-%d %H:%M:%S}.{rest:09}{local:%z}", "UTC") == ns
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():  # it comes once
        assert ns_of(f"{local:%Y-%m-%d %H:%M:%S}.{rest:09}", zone) == ns
