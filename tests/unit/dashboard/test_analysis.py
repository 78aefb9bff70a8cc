"""The candles of a page: a place for each bar, and one for what is missing where there is no bar."""

from decimal import Decimal
from typing import Any

from breadboard.client import Bar, GapRow, Instant
from breadboard.dashboard.analysis import between, candles

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
