"""Several instruments in percent since the first moment at which all of them had a price."""

from decimal import Decimal

from breadboard.client import Bar, GapRow, Instant
from breadboard.dashboard.comparing import DARK, lines, percents

SECOND = 10**9


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
    gap = GapRow(ts_recv=Instant(0), ts_from=Instant(SECOND + 1), ts_to=Instant(SECOND + 2))
    made = lines(points, {"a": [gap]}, DARK)
    a, b = made["series"]
    assert made["useUTC"] is True, "the axis says what the caption says, wherever the browser is"
    assert a["data"] == [[0, 0.0], [1000, 1.0], [1001, None], [2000, 2.0]]
    assert b["data"] == [[0, 0.0], [1000, 1.0], [2000, 2.0]]
    assert (a["lineStyle"]["color"], a["lineStyle"]["type"]) != (b["lineStyle"]["color"], b["lineStyle"]["type"])
