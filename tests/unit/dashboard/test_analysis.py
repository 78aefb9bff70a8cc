"""The candles of a page, with a place for each bar and one for what is missing where there is none; and figures."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from breadboard.client import Bar, GapRow, Instant
from breadboard.dashboard.analysis import between, candles, summary

MINUTE = 60 * 10**9


def bar(minute: int) -> Bar:
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), Decimal(1))
    return Bar(ts_open=Instant(minute * MINUTE), ts_close=Instant((minute + 1) * MINUTE), **prices)  # type: ignore[arg-type] # a mapping of them


def gap(begin: float, end: float) -> GapRow:
    return GapRow(ts_recv=Instant(0), ts_from=Instant(int(begin * MINUTE)), ts_to=Instant(int(end * MINUTE)))


def drawn(minutes: list[int], *gaps: GapRow) -> tuple[list[str], list[str], list[Any]]:
    """Return the times of an axis, those at which something may be missing, and those without a candle."""
    option = candles([bar(minute) for minute in minutes], gaps, "#0000ff", "#ff8800")
    times = [when[11:16] for when in option["xAxis"][0]["data"]]
    price, volume, missing = option["series"]
    assert option["xAxis"][1]["data"] == option["xAxis"][0]["data"]
    assert len(times) == len(price["data"]) == len(volume["data"]) == len(missing["data"])
    empty = [when for when, candle in zip(times, price["data"], strict=True) if candle == "-"]
    assert [when for when, size in zip(times, volume["data"], strict=True) if size == "-"] == empty
    return times, [when for when, mark in zip(times, missing["data"], strict=True) if mark == 1], empty


def test_an_outage_between_two_bars_has_a_place_of_its_own_that_is_marked() -> None:
    times, marked, empty = drawn([0, 1, 60, 61], gap(20, 50))
    assert times == ["00:00", "00:01", "00:20", "01:00", "01:01"]
    assert (marked, empty) == (["00:20"], ["00:20"])


def test_a_gap_within_one_bar_marks_that_bar_and_makes_no_place() -> None:
    assert drawn([0, 1, 2], gap(1.2, 1.4)) == (["00:00", "00:01", "00:02"], ["00:01"], [])


def test_a_gap_over_bars_and_the_time_between_them_marks_both() -> None:
    times, marked, empty = drawn([0, 1, 5, 6], gap(1.5, 5.5))
    assert times == ["00:00", "00:01", "00:02", "00:05", "00:06"]
    assert (marked, empty) == (["00:01", "00:02", "00:05"], ["00:02"])


def test_what_is_missing_before_the_first_bar_and_behind_the_last_is_seen() -> None:
    times, marked, empty = drawn([10, 11], gap(1, 2), gap(30, 40), gap(35, 50))
    assert times == ["00:01", "00:10", "00:11", "00:30"]
    assert marked == empty == ["00:01", "00:30"]


def test_several_outages_between_the_same_two_bars_have_one_place() -> None:
    times, marked, empty = drawn([0, 60], gap(30, 31), gap(5, 6), gap(40, 41))
    assert (times, marked, empty) == (["00:00", "00:05", "01:00"], ["00:05"], ["00:05"])


def test_quiet_is_no_gap_and_no_bars_have_no_places() -> None:
    assert drawn([0, 60]) == (["00:00", "01:00"], [], [])
    assert between([], [gap(1, 2)]) == {}
    assert between([bar(0), bar(1)], [gap(0.5, 1.5)]) == {}, "there is no time between them"


def sold(session: str, *hours: tuple[int, int], lasts: int = 1, volume: int = 1200) -> list[Bar]:
    """Return bars at a day of May 2022 and an hour of New York."""
    place = ZoneInfo("America/New_York")
    opened = [Instant.of(datetime(2022, 5, day, hour, tzinfo=place)) for day, hour in hours]
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal(1))
    return [
        Bar(
            ts_open=at,
            ts_close=Instant(at + lasts * 60 * MINUTE),
            volume=Decimal(volume),
            session=session,
            **prices,  # type: ignore[arg-type] # a mapping of them
        )
        for at in opened
    ]


def test_the_volume_of_a_day_of_an_exchange_is_what_traded_on_it_and_not_that_of_24_hours() -> None:
    pre, regular, post = (
        sold(name, *((10, hour) for hour in hours))
        for name, hours in (("pre", range(4, 9)), ("regular", range(9, 16)), ("post", range(16, 20)))
    )
    assert summary(pre + regular + post).volume_a_day == 16 * 1200
    assert summary(regular).volume_a_day == 7 * 1200


def test_weekends_are_no_days_of_an_exchange() -> None:
    fortnight = sold("regular", *((day, 0) for day in (9, 10, 11, 12, 13, 16, 17, 18, 19, 20)), lasts=24, volume=300)
    assert summary(fortnight).volume_a_day == 300


def test_an_evening_in_new_york_is_of_its_day_though_it_is_the_next_one_in_utc() -> None:
    assert summary(sold("post", (10, 18), (10, 19), (10, 20))).volume_a_day == 3 * 1200
    assert summary(sold("post", (10, 19), (11, 19))).volume_a_day == 1200


def test_without_a_calendar_a_day_has_24_hours() -> None:
    assert summary(sold("", *((10, hour) for hour in range(12)))).volume_a_day == 24 * 1200
    assert summary(sold("", (10, 0), (12, 23))).volume_a_day == 2 * 1200 / 3, "the day between them counts"
