"""What bars say in figures. Floats, for reading: prices themselves stay exact in the rows and downloads."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from breadboard.client import Bar, GapRow

YEAR_NS: Final = 365.25 * 86_400e9


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
    days = (bars[-1].ts_close - bars[0].ts_open) / 86_400e9
    return Summary(
        bars=len(bars),
        change_percent=100 * (closes[-1] / float(bars[0].open) - 1) if bars[0].open > 0 else None,
        volatility_percent=100 * deviation * math.sqrt(YEAR_NS / (bars[0].ts_close - bars[0].ts_open))
        if len(steps) > 1
        else None,
        drawdown_percent=100 * deepest,
        volume_a_day=float(sum(bar.volume for bar in bars)) / days,
    )


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
    """Return an ECharts option: candles over volume, with a slider, and marks where something may be missing."""
    times = [str(bar.ts_open)[:19].replace("T", " ") for bar in bars]
    areas = [[{"xAxis": times[first]}, {"xAxis": times[last]}] for first, last in holes(bars, gaps)]
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
        "yAxis": [{"scale": True, "gridIndex": 0}, {"scale": True, "gridIndex": 1, "splitNumber": 2, "min": 0}],
        "dataZoom": [
            {"type": "inside", "xAxisIndex": [0, 1]},
            {"type": "slider", "xAxisIndex": [0, 1], "bottom": 4, "height": 22},
        ],
        "series": [
            {
                "name": "price",
                "type": "candlestick",
                "data": [[float(bar.open), float(bar.close), float(bar.low), float(bar.high)] for bar in bars],
                "itemStyle": {"color": up, "color0": down, "borderColor": up, "borderColor0": down},
                "markArea": {"silent": True, "itemStyle": {"color": "#ffc85733"}, "data": areas},
            },
            {
                "name": "volume",
                "type": "bar",
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": [float(bar.volume) for bar in bars],
                "itemStyle": {"color": "#5b6b86"},
            },
        ],
    }


def holes(bars: Sequence[Bar], gaps: Sequence[GapRow]) -> list[tuple[int, int]]:
    """Return the first and last bar that each gap touches, once each. The bars are in order."""
    found: dict[tuple[int, int], None] = {}
    for gap in gaps:
        first = bisect_right(bars, gap.ts_from, key=lambda bar: bar.ts_close)
        behind = bisect_right(bars, gap.ts_to, key=lambda bar: bar.ts_open)
        if first < behind:
            found[first, behind - 1] = None
    return list(found)
