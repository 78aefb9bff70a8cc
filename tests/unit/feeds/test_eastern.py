"""New York's wall clocks to UTC: every turn of the clocks, every form, and dates that nobody gave."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breadboard.feeds.eastern import DAY_NS, SECOND, NearestDay, eastern_ns, parse_clock, parse_day
from breadboard.model.decimals import ABSENT

ZONE = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3600 * SECOND


def turns(years: range) -> list[int]:
    """Seconds of UTC at which New York turns its clocks, found by asking the zone about every hour."""
    found = []
    for year in years:
        hour = datetime(year, 1, 1, tzinfo=UTC)
        before = hour.astimezone(ZONE).utcoffset()
        while hour.year == year:
            hour += timedelta(hours=1)
            if hour.astimezone(ZONE).utcoffset() != before:
                before = hour.astimezone(ZONE).utcoffset()
                found.append(int(hour.timestamp()))
    return found


TURNS = turns(range(2007, 2038))


def wall(second: int, micro: int = 0) -> tuple[str, str]:
    """Date and clock as a line tells them."""
    local = datetime.fromtimestamp(second, UTC).astimezone(ZONE)
    return f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}.{micro:06d}"


def test_there_are_two_turns_a_year() -> None:
    assert len(TURNS) == 2 * 31


@settings(max_examples=400, deadline=None)
@given(turn=st.sampled_from(TURNS), away=st.integers(-3 * 86_400, 3 * 86_400), micro=st.integers(0, 999_999))
def test_every_moment_around_every_turn_is_found_again(turn: int, away: int, micro: int) -> None:
    second = turn + away
    day, clock = wall(second, micro)
    exact = second * SECOND + micro * 1000
    for lag in (0, 5_000_000, -1_300_000_000, 20 * 60 * SECOND):
        assert eastern_ns(parse_day(day), parse_clock(clock), exact + lag) == exact
        assert NearestDay()(parse_clock(clock), exact + lag) == exact


@settings(max_examples=200, deadline=None)
@given(
    moments=st.lists(st.integers(1_000_000_000, 2_200_000_000), min_size=1, max_size=20),
    away=st.integers(-11 * 3600, 11 * 3600),
)
def test_one_clock_finds_dates_near_any_receipt_in_any_order(moments: list[int], away: int) -> None:
    nearest = NearestDay()
    for second in moments:
        assert nearest(parse_clock(wall(second)[1]), (second + away) * SECOND) % HOUR == second * SECOND % HOUR
        assert abs(nearest(parse_clock(wall(second)[1]), second * SECOND) - second * SECOND) <= HOUR
        if not any(abs(second - turn) < 2 * 86_400 for turn in TURNS) and second < TURNS[-1]:
            assert nearest(parse_clock(wall(second)[1]), (second + away) * SECOND) == second * SECOND


def test_the_hour_that_comes_twice_is_the_one_near_its_receipt() -> None:
    day, clock = parse_day("2026-11-01"), parse_clock("01:30:00")
    first = int(datetime(2026, 11, 1, 5, 30, tzinfo=UTC).timestamp()) * SECOND
    assert eastern_ns(day, clock, first + SECOND) == first
    assert eastern_ns(day, clock, first + HOUR - SECOND) == first + HOUR
    assert eastern_ns(day, clock, 0) == first, "nobody knows: the first"


def test_the_hour_that_never_comes_counts_on_from_before() -> None:
    found = eastern_ns(parse_day("03/08/2026"), parse_clock("02:30:00"), 1_772_000_000 * SECOND)
    assert found == int(datetime(2026, 3, 8, 7, 30, tzinfo=UTC).timestamp()) * SECOND


def test_without_a_date_and_a_receipt_there_is_no_time() -> None:
    assert NearestDay()(parse_clock("09:30:00.000001"), 0) == ABSENT
    assert NearestDay()(0, 2**62) == ABSENT, "a receipt far outside this century"


@given(st.dates(date(2000, 1, 1), date(2099, 12, 29)))
@example(date(2000, 2, 29))
def test_three_forms_of_a_date_are_one(day: date) -> None:
    found = {parse_day(f"{day:%Y-%m-%d}"), parse_day(f"{day:%m/%d/%Y}"), parse_day(f"{day:%Y%m%d}")}
    assert len(found) == 1
    assert eastern_ns(found.pop(), 12 * HOUR, 0) == int(
        datetime(day.year, day.month, day.day, 12, tzinfo=ZONE).timestamp() * SECOND
    )


@given(st.integers(0, DAY_NS - 1), st.integers(0, 9))
def test_clocks_have_up_to_nine_decimals(clock: int, digits: int) -> None:
    whole, rest = divmod(clock, SECOND)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    fraction = f"{rest:09d}"[:digits]
    assert parse_clock(f"{text}.{fraction}" if digits else text) == whole * SECOND + int(fraction.ljust(9, "0"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "9:30:00",
            "24:00:00",
            "09:60:00",
            "09:30:60",
            "09:30:00.",
            "09:30:00.1234567890",
            "09-30-00",
            "09:30:00,1",
        ),
        *("09:30:0\u00b2", "09:30:00.12345\u00b2", " 9:30:00", "+9:30:00", "09:30:00.1e3456"),
    ],
)
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_clock(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026-13-01",
            "2026-02-30",
            "1999-12-31",
            "2100-01-01",
            "20261324",
            "2026/11/24",
            "11-24-2026",
            "24.11.2026",
        ),
        *("2026-1-240", "0000-00-00", "2026\u00b2124"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several sentences, ours and the calendar's
        parse_day(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**63 - 1))
def test_any_text_is_a_time_or_a_value_error(day: str, clock: str, ts_recv: int) -> None:
    with suppress(ValueError):
        eastern_ns(parse_day(day), parse_clock(clock), ts_recv)
