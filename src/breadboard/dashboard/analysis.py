"""What bars say in figures. Floats, for reading: prices themselves stay exact in the rows and downloads."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from breadboard.client import Bar, GapRow, Instant

_DAY_NS: Final = 86_400e9
YEAR_NS: Final = 365.25 * _DAY_NS
EXCHANGE_ZONE: Final = "America/New_York"
"""Of every exchange that has a calendar: its days and hours are told by this clock."""
_NONE: Final = "-"
"""What ECharts takes for no value."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Of bars in order. None where there are too few to say."""

    bars: int
    change_percent: float | None
    volatility_percent: float | None
    """Deviation of the logarithmic return, scaled to a year of bars of this length without a pause."""
    drawdown_percent: float | None
    """The deepest fall of a close below the highest close before it."""
    volume_a_day: float | None
    """Of 24 hours; of an exchange that is not always open, of a day on which there are bars."""


def summary(bars: Sequence[Bar]) -> Summary:
    """Return the figures of bars of one instrument and interval."""
    closes = [float(bar.close) for bar in bars if bar.close > 0]
    if len(closes) < 2:
        return Summary(len(bars), None, None, None, None)
    steps = [math.log(after / before) for before, after in pairwise(closes)]
    mean = sum(steps) / len(steps)
    deviation = math.sqrt(sum((step - mean) ** 2 for step in steps) / len(steps))
    peak, deepest = closes[0], 0.0
    for close in closes:
        peak = max(peak, close)
        deepest = min(deepest, close / peak - 1)
    return Summary(
        bars=len(bars),
        change_percent=100 * (closes[-1] / float(bars[0].open) - 1) if bars[0].open > 0 else None,
        volatility_percent=100 * deviation * math.sqrt(YEAR_NS / (bars[0].ts_close - bars[0].ts_open))
        if len(steps) > 1
        else None,
        drawdown_percent=100 * deepest,
        volume_a_day=float(sum(bar.volume for bar in bars)) / _days(bars),
    )


def _days(bars: Sequence[Bar]) -> float:
    """Return how many days bars are of: by the clock, and for an exchange with sessions those on which there are any.

    Nights and weekends are no time in which it might have traded.
    """
    if not any(bar.session for bar in bars):
        return (bars[-1].ts_close - bars[0].ts_open) / _DAY_NS
    place = ZoneInfo(EXCHANGE_ZONE)
    return len({bar.ts_open.datetime.astimezone(place).date() for bar in bars})


def unit_of(bars: Sequence[Bar]) -> str:
    """Return by what a season is told: ``hour`` of the day, or, of less than two hours, ``minute`` of the hour."""
    return "hour" if bars and bars[-1].ts_close - bars[0].ts_open > 2 * 3600 * 10**9 else "minute"


def season(bars: Sequence[Bar], zone: str = "UTC") -> list[tuple[int, float]]:
    """Return hours or minutes (``unit_of``) of the clock of a zone, and the mean volume of a bar then."""
    unit, place = unit_of(bars), ZoneInfo(zone)
    sums: dict[int, list[float]] = {}
    for bar in bars:
        at: int = getattr(bar.ts_open.datetime.astimezone(place), unit)
        sums.setdefault(at, []).append(float(bar.volume))
    return [(at, sum(found) / len(found)) for at, found in sorted(sums.items())]


def candles(bars: Sequence[Bar], gaps: Sequence[GapRow], up: str, down: str) -> dict[str, Any]:
    """Return an ECharts option: candles over volume, with a slider, and marks where something may be missing.

    The axis has a place for each bar and none for time without one: what is missing between two bars has a place of
    its own there, without a candle, or nothing of it would be seen.
    """
    places, marked = _places(bars, gaps)
    times = [str(when)[:19].replace("T", " ") for when, _ in places]
    drawn = [bar for _, bar in places]
    return {
        "animation": False,
        "grid": [
            {"left": 70, "right": 20, "top": 16, "height": "62%"},
            {"left": 70, "right": 20, "top": "74%", "height": "14%"},
        ],
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "cross"}},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "xAxis": [
            {"type": "category", "data": times, "gridIndex": 0},
            {"type": "category", "data": times, "gridIndex": 1, "axisLabel": {"show": False}},
        ],
        "yAxis": [
            {"scale": True, "gridIndex": 0},
            {"scale": True, "gridIndex": 1, "splitNumber": 2, "min": 0},
            {"show": False, "gridIndex": 0, "min": 0, "max": 1, "axisPointer": {"show": False}},
        ],
        "dataZoom": [
            {"type": "inside", "xAxisIndex": [0, 1]},
            {"type": "slider", "xAxisIndex": [0, 1], "bottom": 4, "height": 22},
        ],
        "series": [
            {
                "name": "price",
                "type": "candlestick",
                "data": [
                    [float(bar.open), float(bar.close), float(bar.low), float(bar.high)] if bar else _NONE
                    for bar in drawn
                ],
                "itemStyle": {"color": up, "color0": down, "borderColor": up, "borderColor0": down},
            },
            {
                "name": "volume",
                "type": "bar",
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": [float(bar.volume) if bar else _NONE for bar in drawn],
                "itemStyle": {"color": "#5b6b86"},
            },
            {  # and not a markArea: of a single place that has no width
                "name": "gap",
                "type": "bar",
                "yAxisIndex": 2,
                "barWidth": "100%",
                "silent": True,
                "z": 0,
                "tooltip": {"show": False},
                "data": [1 if mark else _NONE for mark in marked],
                "itemStyle": {"color": "#ffc85733"},
            },
        ],
    }


def _places(bars: Sequence[Bar], gaps: Sequence[GapRow]) -> tuple[list[tuple[Instant, Bar | None]], list[bool]]:
    """Return the places of an axis, each with its time and its bar, if any, and which of them a gap touches."""
    empty = between(bars, gaps)
    begun = [0] * (len(bars) + 1)  # of each bar: how many gaps begin to touch it, less those that no longer do
    for first, last in holes(bars, gaps):
        begun[first] += 1
        begun[last + 1] -= 1
    places: list[tuple[Instant, Bar | None]] = []
    marked: list[bool] = []
    for at, inside in enumerate(accumulate(begun)):
        if at in empty:
            places.append((empty[at], None))
            marked.append(True)
        if at < len(bars):
            places.append((bars[at].ts_open, bars[at]))
            marked.append(inside > 0)
    return places, marked


def holes(bars: Sequence[Bar], gaps: Sequence[GapRow]) -> list[tuple[int, int]]:
    """Return the first and last bar that each gap touches, once each. The bars are in order."""
    found: dict[tuple[int, int], None] = {}
    for gap in gaps:
        first, behind = _touched(bars, gap)
        if first < behind:
            found[first, behind - 1] = None
    return list(found)


def between(bars: Sequence[Bar], gaps: Sequence[GapRow]) -> dict[int, Instant]:
    """Return the bars before which there is time without a bar that a gap touches, and when it begins to.

    The bar behind the last one is their number.
    """
    apart = [at for at in range(1, len(bars)) if bars[at - 1].ts_close < bars[at].ts_open]
    apart = [0, *apart, len(bars)] if bars else []
    found: dict[int, Instant] = {}
    for gap in gaps:
        first, behind = _touched(bars, gap)
        for at in apart[bisect_left(apart, first) : bisect_right(apart, behind)]:
            since = gap.ts_from if at == 0 else max(gap.ts_from, bars[at - 1].ts_close)
            if (at == len(bars) or since < bars[at].ts_open) and since <= gap.ts_to:
                found[at] = min(since, found.get(at, since))
    return found


def _touched(bars: Sequence[Bar], gap: GapRow) -> tuple[int, int]:
    """Return the first bar that a gap touches, and the first behind those; the same where it touches none."""
    first = bisect_right(bars, gap.ts_from, key=lambda bar: bar.ts_close)
    return first, max(first, bisect_right(bars, gap.ts_to, key=lambda bar: bar.ts_open))
