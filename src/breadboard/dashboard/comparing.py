"""Several instruments on one chart: each in percent since the first moment at which all of them had a price."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from breadboard.client import Bar, GapRow, Instant

DARK: Final = ("#4cc2ff", "#ff9a4d", "#e8ecf3", "#3ddc97", "#ffc857", "#c9a0ff")
LIGHT: Final = ("#0b62b8", "#b14a00", "#141821", "#0a7a4b", "#8a5b00", "#6b3fb5")
_STROKES: Final = ("solid", "dashed", "dotted")
"""Lines of a chart differ in more than their colour."""
MOST: Final = len(DARK)

Points = list[tuple[Instant, float]]


def percents(series: Mapping[str, Sequence[Bar]]) -> tuple[Instant | None, dict[str, Points]]:
    """Return from when on it is counted, and of each instrument its closes in percent of the one it had then.

    What has no bar, or no price above zero then, has no points; where nothing has a bar there is no moment.
    """
    there = {name: bars for name, bars in series.items() if bars}
    if not there:
        return None, {name: [] for name in series}
    since = max(bars[0].ts_open for bars in there.values())
    found: dict[str, Points] = {name: [] for name in series}
    for name, bars in there.items():
        base = float(bars[bisect_right(bars, since, key=lambda bar: bar.ts_open) - 1].close)
        if base > 0:
            found[name] = [(bar.ts_open, 100 * (float(bar.close) / base - 1)) for bar in bars if bar.ts_open >= since]
    return since, found


def lines(
    lines_of: Mapping[str, Points], gaps: Mapping[str, Sequence[GapRow]], colours: Sequence[str]
) -> dict[str, Any]:
    """Return an ECharts option: a line an instrument over a true time axis, with none across one of its gaps."""
    return {
        "animation": False,
        "useUTC": True,
        "grid": {"left": 70, "right": 20, "top": 40, "bottom": 70},
        "legend": {"top": 4, "data": list(lines_of)},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "time"},
        "yAxis": {"scale": True, "axisLabel": {"formatter": "{value} %"}},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 4, "height": 22}],
        "series": [
            {
                "name": name,
                "type": "line",
                "showSymbol": len(points) == 1,
                "connectNulls": False,
                "lineStyle": {"width": 2, "color": colours[at % MOST], "type": _STROKES[at % len(_STROKES)]},
                "itemStyle": {"color": colours[at % MOST]},
                "data": _cut(points, gaps.get(name, ())),
            }
            for at, (name, points) in enumerate(lines_of.items())
        ],
    }


def _cut(points: Points, gaps: Sequence[GapRow]) -> list[list[float | int | None]]:
    """Return ``[ms, percent]``, with a missing one between two points that a gap lies between."""
    begun = [0] * (len(points) + 1)  # of each point: how many gaps begin behind it, less those that end before it
    for gap in gaps:
        first = max(bisect_right(points, gap.ts_from, key=_when) - 1, 0)
        behind = min(bisect_left(points, gap.ts_to, key=_when), len(points) - 1)
        if first < behind:
            begun[first] += 1
            begun[behind] -= 1
    found: list[list[float | int | None]] = []
    for (when, value), inside in zip(points, accumulate(begun), strict=False):
        found.append([when // 1_000_000, round(value, 4)])
        if inside:
            found.append([when // 1_000_000 + 1, None])
    return found


def _when(point: tuple[Instant, float]) -> Instant:
    return point[0]
