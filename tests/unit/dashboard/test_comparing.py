"""Several instruments in percent since the first moment at which all of them had a price."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, SupportsIndex

from breadboard.client import Bar, GapRow, Instant
from breadboard.dashboard.analysis import holes
from breadboard.dashboard.comparing import DARK, lines, percents

SECOND = 10**9


class Looked(list[Any]):
    """Counts how often somebody looks at one of its things."""

    looks = 0

    def __getitem__(self, at: SupportsIndex | slice) -> Any:  # noqa: ANN401 - what it holds
        self.looks += 1
        return super().__getitem__(at)

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            self.looks += 1
            yield one


def gap(begin: int, end: int) -> GapRow:
    return GapRow(ts_recv=Instant(0), ts_from=Instant(begin), ts_to=Instant(end))


def bars(*closes: tuple[int, str]) -> list[Bar]:
    return [
        Bar(
            ts_open=Instant(at * SECOND),
            ts_close=Instant((at + 1) * SECOND),
            open=Decimal(close),
            high=Decimal(close),
            low=Decimal(close),
            close=Decimal(close),
            volume=Decimal(1),
        )
        for at, close in closes
    ]


def test_all_are_counted_from_the_first_moment_at_which_all_had_a_price() -> None:
    ours, theirs = bars((0, "100"), (2, "110"), (4, "121")), bars((3, "20"), (4, "10"))
    since, found = percents({"a": ours, "b": theirs, "none": []})
    assert since == 3 * SECOND
    told = {name: [(at // SECOND, round(value, 6)) for at, value in points] for name, points in found.items()}
    assert told == {"a": [(4, 10.0)], "b": [(3, 0.0), (4, -50.0)], "none": []}


def test_nothing_and_what_costs_nothing_has_no_line() -> None:
    assert percents({"a": []}) == (None, {"a": []})
    assert percents({"a": bars((0, "0"), (1, "1"))}) == (0, {"a": []})


def test_no_line_is_drawn_across_a_gap_and_no_two_look_alike() -> None:
    points = {name: [(Instant(at * SECOND), float(at)) for at in range(3)] for name in ("a", "b")}
    made = lines(points, {"a": [gap(SECOND + 1, SECOND + 2)]}, DARK)
    a, b = made["series"]
    assert made["useUTC"] is True, "the axis says what the caption says, wherever the browser is"
    assert a["data"] == [[0, 0.0], [1000, 1.0], [1001, None], [2000, 2.0]]
    assert b["data"] == [[0, 0.0], [1000, 1.0], [2000, 2.0]]
    assert (a["lineStyle"]["color"], a["lineStyle"]["type"]) != (b["lineStyle"]["color"], b["lineStyle"]["type"])


def test_gaps_are_found_among_many_bars_as_if_each_were_looked_at_and_few_are() -> None:
    chance = random.Random(7)
    begins = sorted(chance.sample(range(4_000), 1_000))
    drawn = Looked(bars(*((at, "1") for at in begins)))
    points = Looked((bar.ts_open, 1.0) for bar in drawn)
    gaps = []
    for _ in range(300):  # also before all bars, behind them, and from the edge of one to that of another
        begin = chance.randrange(-5, 4_010) * SECOND + chance.choice((0, 0, 1))
        gaps.append(gap(begin, begin + chance.choice((0, 1, SECOND, 40 * SECOND))))
    touched = {
        (found[0], found[-1]): None
        for one in gaps
        if (found := [at for at, bar in enumerate(drawn) if bar.ts_open <= one.ts_to and one.ts_from < bar.ts_close])
    }
    cut = {
        at
        for at in range(len(points) - 1)
        if any(one.ts_from < points[at + 1][0] and one.ts_to > points[at][0] for one in gaps)
    }
    drawn.looks = points.looks = 0
    assert holes(drawn, gaps) == list(touched)
    (line,) = lines({"a": points}, {"a": gaps}, DARK)["series"]
    nothing = [at for at, (_, value) in enumerate(line["data"]) if value is None]
    assert {at - number - 1 for number, at in enumerate(nothing)} == cut
    assert len(nothing) == len(cut)
    assert drawn.looks < 300 * 2 * 11
    assert points.looks < 300 * 2 * 11 + 2 * len(points)
