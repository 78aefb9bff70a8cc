"""Venue times become nanoseconds exactly, or are refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds.times import parse_epoch, parse_rfc3339, rfc3339_or_absent, time_at
from breadboard.model.decimals import ABSENT


def compiled(text: str) -> int:
    raw = np.frombuffer(text.encode(), np.uint8)
    return time_at(raw, 0, len(raw))


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - the text adds the Z
    st.integers(0, 9),
    st.integers(0, 999_999_999),
)
def test_every_time_of_the_century_is_exact_in_both_readers(moment: datetime, digits: int, fraction: int) -> None:
    moment = moment.replace(microsecond=0)
    decimals = f"{fraction:09d}"[:digits]
    text = moment.isoformat() + (f".{decimals}" if digits else "") + "Z"
    seconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    expected = seconds * 10**9 + int(decimals.ljust(9, "0"))
    assert parse_rfc3339(text) == expected
    assert compiled(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789-:.TZ", min_size=18, max_size=31))
def test_the_kernel_accepts_no_time_that_the_reference_does_not(text: str) -> None:
    found = compiled(text)
    if found >= 0:
        assert found == parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2021-02-29T00:00:00Z", "2021-13-01T00:00:00Z", "2021-04-17T24:00:00Z", "2021-04-17T00:60:00Z"),
        *("2021-04-17T00:00:00", "2021-04-17", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", ""),
        *("2021-04-17T00:00:00.Z", "2021-04-17T00:00:00.1234567890Z", "2021-00-17T00:00:00Z", "2021-04-00T00:00:00Z"),
    ],
)
def test_what_is_no_time_is_refused_by_both(text: str) -> None:
    assert compiled(text) == -1
    with pytest.raises(ValueError, match="time"):
        parse_rfc3339(text)


def test_an_offset_and_a_leap_second_are_left_to_the_reference() -> None:
    assert parse_rfc3339("2021-04-17T02:00:00+02:00") == parse_rfc3339("2021-04-17T00:00:00Z")
    assert parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2016-12-31T23:59:59.999999999Z")
    assert compiled("2021-04-17T02:00:00+02:00") == compiled("2016-12-31T23:59:60Z") == -1


def test_milliseconds_and_microseconds_are_told_apart_and_the_rest_is_refused() -> None:
    assert parse_epoch(1_723_161_255_342) == 1_723_161_255_342_000_000
    assert parse_epoch(1_723_161_255_342_123) == 1_723_161_255_342_123_000
    for impossible in (0, 1_723_161_255, 1_723_161_255_342_123_456, 10**30, 4_102_444_800_000):
        with pytest.raises(ValueError, match=str(impossible)):
            parse_epoch(impossible)


@pytest.mark.parametrize(
    "text", [None, "0001-01-01T00:00:00.000000Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.0Z"]
)
def test_a_time_that_nobody_set_is_absent(text: str | None) -> None:
    assert rfc3339_or_absent(text) == ABSENT


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00.000001Z", "0001-01-02T00:00:00Z", "1969-12-31T00:00:00Z", "", "Z"]
)
def test_any_other_impossible_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        rfc3339_or_absent(text)
    assert rfc3339_or_absent("2021-04-17T00:00:00Z") == parse_rfc3339("2021-04-17T00:00:00Z")
