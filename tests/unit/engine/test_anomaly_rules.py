"""Each kind of anomaly in the smallest market that has one, and all that keeps it from being told."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from breadboard.config import AnomalyConfig
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.anomaly_baseline import BINS, MOST, bin_of, edge, learn, quantile
from breadboard.engine.anomaly_state import RATE, STATISTICS, USUAL
from breadboard.engine.books import Books
from breadboard.engine.found import found as found_rows
from breadboard.model.anomalies import ANOMALY, BY_NAME, TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, StatusCode
from tapes import SECOND, T0, tape, trade

Row = dict[str, Any]
MS = 1_000_000
CENT = 10**7
HALTED, RESUMED = StatusCode.HALTED, StatusCode.RESUMED


def quote(when: int, bid: float, ask: float, **more: int) -> Row:
    """Return a quote: time in ns after T0, prices in units."""
    row = {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when, "size": 1, "ask_size": 1}
    return row | {"price": round(bid * 10**9), "ask_price": round(ask * 10**9)} | more


def status(when: int, code: int, **more: int) -> Row:
    return {"kind": EventKind.STATUS, "code": code, "ts_recv": T0 + when, "ts_event": ABSENT} | more


def gap(when: int, **more: int) -> Row:
    return {"kind": EventKind.GAP, "code": GapReason.RESTART, "instrument": -1, "ts_recv": T0 + when} | more


def clock(when: int) -> Row:
    return {"kind": EventKind.CLOCK, "instrument": -1, "ts_recv": T0 + when}


def calm(seconds: int, begin: int = 0, **more: int) -> list[Row]:
    """Return a market in which two trades and a quote a second stay within a cent of 100."""
    rows = []
    for second in range(begin, begin + seconds):
        at = second * SECOND
        wide = 100.01 + 0.01 * (second % 2)
        rows += [quote(at + MS, 99.99, wide, **more), trade(3 * second, at + 400 * MS, 100, **more)]
        rows.append(trade(3 * second + 1, at + 700 * MS, **{"price": 100, **more}) | {"price": 10_000 * CENT + CENT})
    return rows


def find(
    rows: Sequence[Mapping[str, Any]],
    kinds: Sequence[str] = tuple(BY_NAME),
    calendar: str = "",
    silence_s: float | None = None,
    holes: NDArray[np.void] | None = None,
    **limits: float,
) -> NDArray[np.void]:
    """Return what is found in rows, all at once."""
    made, books = tape(rows), Books(lambda _: SequenceRule.NONE, lambda _: True)
    books.on_tape(made)
    config = AnomalyConfig(**limits)  # type: ignore[arg-type] # whole numbers where they have to be
    stage = Anomalies(kinds, config, 2000, 5.0, lambda _: calendar, lambda _: silence_s)
    stage.expect(books.tops, holes)
    found = stage.on_tape(made)
    return np.zeros(0, ANOMALY) if found is None else found


def labels(found: NDArray[np.void]) -> list[str]:
    return [Anomaly(kind).label for kind in found["kind"].tolist()]


AT = 100
"""The second at which something happens, after a calm that is longer than the warm-up."""
MISPRINT = [trade(900, AT * SECOND + 100 * MS, 103)]
LATER = [*calm(6, AT + 1)]


def test_a_misprint_is_a_jump_and_outside_the_book_and_no_return() -> None:
    found = find([*calm(AT), *MISPRINT, *LATER])
    assert labels(found) == ["price_jump", "trade_outside"]
    jump, outside = found
    assert jump["value"] == pytest.approx(0.03, rel=0.01)
    assert jump["threshold"] == 0.001, "the least it may be: such a market moves by a cent"
    assert (jump["from_offset"], jump["to_offset"], jump["offset"]) == (3 * AT - 8 + 1, 3 * AT, 3 * AT)
    assert jump["samples"] >= 60
    assert jump["severity"] == 3
    assert (outside["value"], outside["baseline"]) == (103.0, pytest.approx(100.02))
    assert outside["to_offset"] == 3 * AT
    assert outside["from_offset"] == 3 * AT - 3, "the quote in force"
    assert outside["offset"] > 3 * AT, "told when no quote had explained it in time"
    assert outside["ts_event"] == T0 + AT * SECOND + 100 * MS


def test_a_quote_that_comes_after_its_trade_explains_it() -> None:
    soon = [quote(AT * SECOND + 300 * MS, 102.99, 103.01), *calm(6, AT + 1)]
    late = [quote(AT * SECOND + 700 * MS, 102.99, 103.01), *calm(6, AT + 1)]
    assert "trade_outside" not in labels(find([*calm(AT), *MISPRINT, *soon]))
    assert "trade_outside" in labels(find([*calm(AT), *MISPRINT, *late]))


def test_a_quote_of_shortly_before_explains_a_trade_that_comes_late() -> None:
    moved = [quote(AT * SECOND, 102.99, 103.01), quote(AT * SECOND + 50 * MS, 99.99, 100.01)]
    assert labels(find([*calm(AT), *moved, *MISPRINT, *LATER])) == []
    long_ago = [quote((AT - 2) * SECOND, 102.99, 103.01), quote((AT - 2) * SECOND + MS, 99.99, 100.01)]
    rows = [*calm(AT - 2), *long_ago, *calm(2, AT - 2), *MISPRINT, *LATER]
    assert labels(find(rows)) == ["price_jump", "trade_outside"]


def test_nothing_is_told_before_the_warmup_has_passed() -> None:
    rows = [*calm(40), trade(900, 40 * SECOND + 100 * MS, 103), *calm(6, 41)]
    assert labels(find(rows, ["price_jump"])) == []
    assert labels(find(rows, ["price_jump"], warmup=30)) == ["price_jump"]


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([gap(AT * SECOND)], id="gap"),
        pytest.param([gap(AT * SECOND, instrument=0)], id="gap-of-one"),
        pytest.param([status(AT * SECOND, StatusCode.FEED_DOWN, instrument=-1)], id="feed-down"),
        pytest.param([status(AT * SECOND, StatusCode.STALE)], id="stale"),
        pytest.param([status(AT * SECOND, HALTED), status(AT * SECOND, RESUMED)], id="halt"),
        pytest.param([status(AT * SECOND, HALTED)], id="halted"),
    ],
)
def test_nothing_is_concluded_across_what_may_have_hidden_something(between: list[Row]) -> None:
    moved = [row | {"price": row["price"] + 3 * 10**9} for row in calm(6, AT + 1)]
    moved = [row | {"ask_price": row.get("ask_price", 0) + 3 * 10**9} for row in moved]
    misprint = [trade(990, (AT + 1) * SECOND, 106)]  # before five prints have come again
    assert labels(find([*calm(AT), *misprint, *moved])) == ["price_jump", "trade_outside", "return_outlier"]
    assert labels(find([*calm(AT), *between, *misprint, *moved])) == []


def test_a_hole_in_the_trades_begins_anew() -> None:
    rows = [*calm(AT), *MISPRINT, *LATER]
    hole = found_rows([(3 * AT, 0, 0, 0, GapReason.TRADE_ID, 0, T0, T0, 1, 1)])
    assert labels(find(rows, ["price_jump"], holes=hole)) == []


@pytest.mark.parametrize(
    "flag", [Flag.DUPLICATE, Flag.LAST_KNOWN, Flag.WITHDRAWN, Flag.LATE_PRINT, Flag.INELIGIBLE, Flag.VOLUME_ONLY]
)
def test_prints_that_move_no_price_are_no_anomaly_of_it(flag: Flag) -> None:
    odd = [MISPRINT[0] | {"flags": int(flag)}]
    assert labels(find([*calm(AT), *odd, *LATER])) == []


def test_an_old_print_that_comes_late_says_nothing_of_the_price() -> None:
    assert labels(find([*calm(AT), MISPRINT[0] | {"ts_event": T0 + 60 * SECOND}, *LATER])) == []


def test_a_conflated_market_is_held_against_no_book() -> None:
    odd = [MISPRINT[0] | {"flags": int(Flag.CONFLATED)}]
    assert labels(find([*calm(AT), *odd, *LATER])) == ["price_jump"]


def test_a_level_that_moves_is_a_return() -> None:
    moved = [trade(900 + at, (AT + at // 3) * SECOND + (100 + at % 3) * MS, 102) for at in range(12)]
    found = find([*calm(AT), *moved, *calm(1, AT + 10)], ["return_outlier"])
    assert found["value"][0] == pytest.approx(0.02, rel=0.02)
    assert found["suppressed"].sum() == 0
    assert found["ts_event"][0] == T0 + (AT + 1) * SECOND


def test_a_return_over_a_pause_is_held_against_the_time_that_passed() -> None:
    later = [trade(900 + at, (AT + 24) * SECOND + (100 + at) * MS, 102) for at in range(6)]
    found = find([*calm(AT), *later, clock((AT + 40) * SECOND)], ["return_outlier"])
    assert found["value"][0] == pytest.approx(0.02 / 25**0.5, rel=0.02)


def test_volume_spread_and_messages_beyond_what_is_usual() -> None:
    much = [trade(900, AT * SECOND + 100 * MS, 100, 500)]
    found = find([*calm(AT), *much, *LATER])
    assert labels(found) == ["volume_outlier"]
    assert found["value"][0] == 50_000.0
    assert (found["from_offset"][0], found["to_offset"][0]) == (3 * AT, 3 * AT)
    wide = [
        row | {"price": 98 * 10**9, "ask_price": 102 * 10**9} for row in calm(3, AT) if row["kind"] == EventKind.QUOTE
    ]
    found = find([*calm(AT), *wide, *calm(6, AT + 3)])
    assert labels(found) == ["spread_outlier"]
    assert found["value"][0] == pytest.approx(0.04)
    many = [quote(AT * SECOND + at, 99.99, 100.01) for at in range(200)]
    found = find([*calm(AT), *many, *calm(6, AT + 1)])
    assert labels(found) == ["burst"]
    assert (found["value"][0], found["threshold"][0]) == (200.0, 50.0)


def test_a_spread_that_was_narrow_for_a_moment_of_the_window_is_no_outlier() -> None:
    wide = []
    for row in calm(3, AT):
        if row["kind"] == EventKind.QUOTE:
            wide += [row | {"price": 98 * 10**9, "ask_price": 102 * 10**9}, row | {"ts_event": row["ts_event"] + MS}]
    assert labels(find([*calm(AT), *wide, *calm(6, AT + 3)])) == []


def test_a_quote_that_stands_still_while_prints_pass_through_it() -> None:
    through = [trade(900 + at, AT * SECOND + at * 400 * MS, 101) for at in range(12)]
    found = find([*calm(AT), *through], ["stuck_quote"])
    assert (labels(found), found["severity"].tolist()) == (["stuck_quote"] * 2, [1, 2]), "told again when it got worse"
    assert found["from_offset"][0] == 3 * AT - 3
    assert found["value"][0] >= 2.0
    moving = [
        each
        for at, row in enumerate(through)
        for each in (row, quote(row["ts_event"] - T0 + MS, 99.99, 100.01 + 0.01 * (at % 2)))
    ]
    assert labels(find([*calm(AT), *moving], ["stuck_quote"])) == []
    inside = [row | {"price": 100 * 10**9} for row in through]
    assert labels(find([*calm(AT), *inside], ["stuck_quote"])) == []


def test_a_quote_is_stuck_where_the_venues_own_book_moves_away_from_it() -> None:
    def book(at: int) -> Row:
        levels = [(1, (101 + at) * 10**9, 1), (2, (102 + at) * 10**9, 1)]
        when = T0 + AT * SECOND + at * 400 * MS
        return {"kind": EventKind.BOOK_SNAPSHOT, "levels": levels, "ts_event": when, "ts_recv": when}

    assert labels(find([*calm(AT), *(book(at) for at in range(8))], ["stuck_quote"])) == ["stuck_quote"]


def test_a_fault_that_goes_on_is_told_once_and_the_rest_is_counted() -> None:
    faults = [trade(900 + at, (AT + 5 * at) * SECOND + 500 * MS, 103) for at in range(12)]
    rows = sorted([*calm(AT + 200), *faults], key=lambda row: row["ts_event"])
    again = trade(990, (AT + 180) * SECOND + 500 * MS, 103)
    rows = sorted([*rows, again], key=lambda row: row["ts_event"])
    found = find(rows, ["price_jump"])
    assert found["suppressed"].tolist() == [0, 11]
    stage = Anomalies(["price_jump"], AnomalyConfig(), 2000, 5.0)
    stage.on_tape(tape(rows))
    assert stage.counters()["suppressed"] == 11


def test_a_fault_that_gets_worse_is_told_again() -> None:
    faults = [
        trade(900 + at, (AT + 5 * at) * SECOND + 500 * MS) | {"price": 10**9 * 100 + 10**6 * off}
        for at, off in enumerate((150, 160, 250, 260, 150, 900, 5_000, 900))
    ]
    rows = sorted([*calm(AT + 60), *faults], key=lambda row: row["ts_event"])
    found = find(rows, ["price_jump"])
    assert found["severity"].tolist() == [1, 2, 3]
    assert found["suppressed"].tolist() == [0, 1, 2]


def test_only_what_is_chosen_is_told() -> None:
    rows = [*calm(AT), *MISPRINT, *LATER]
    assert labels(find(rows, ["trade_outside"])) == ["trade_outside"]


def test_a_source_that_is_silent_longer_than_its_rule_is_told_once_a_silence() -> None:
    rows = [*calm(10), *(clock((10 + at) * SECOND) for at in range(40)), *calm(10, 60)]
    found = find(rows, silence_s=20.0)
    assert labels(found) == ["stale_venue"]
    row = found[0]
    assert (row["instrument"], row["ts_event"]) == (-1, ABSENT)
    assert row["offset"] == 30 + 20, "the first CLOCK more than twenty seconds after the last trade"
    assert row["from_offset"] == 29
    assert 20.0 < row["value"] < 21.0
    assert row["threshold"] == 20.0
    assert labels(find(rows)) == [], "a venue without a rule may be silent"
    without = [*calm(10), *calm(10, 60)]
    assert find(without, silence_s=20.0)["offset"].tolist() == [30], "told by its own next row where no CLOCK tells"


def test_a_feed_that_is_known_to_be_down_is_not_stale_too() -> None:
    down = status(10 * SECOND, StatusCode.FEED_DOWN, instrument=-1)
    rows = [*calm(10), down, *(clock((10 + at) * SECOND) for at in range(40)), *calm(10, 60)]
    assert labels(find(rows, silence_s=20.0)) == []


def test_a_step_of_our_clock_is_no_silence() -> None:
    step = clock(40 * SECOND) | {"size": 30 * SECOND}
    assert labels(find([*calm(10), step, clock(41 * SECOND)], silence_s=20.0)) == []


def test_history_has_no_silence() -> None:
    old = [row | {"flags": int(Flag.HISTORY)} for row in [*calm(10), *calm(10, 60)]]
    assert labels(find(old, silence_s=20.0)) == []


def at_new_york(when: str) -> int:
    """Return ns after T0 of a moment in UTC."""
    return int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()) * SECOND - T0


@pytest.mark.parametrize(
    ("when", "off", "outside_s"),
    [
        pytest.param("2013-10-07T07:59:00", True, 60.0, id="before-four"),
        pytest.param("2013-10-07T08:00:00", False, 0.0, id="four"),
        pytest.param("2013-10-07T23:59:59", False, 0.0, id="before-twenty"),
        pytest.param("2013-10-08T00:30:00", True, 1800.0, id="after-twenty"),
        pytest.param("2013-11-29T22:30:00", True, 1800.0, id="after-an-early-close"),
        pytest.param("2013-12-25T16:00:00", True, 61_200.0, id="holiday"),
        pytest.param("2014-01-06T08:30:00", True, 1800.0, id="winter"),
    ],
)
def test_a_print_in_closed_hours(when: str, off: bool, outside_s: float) -> None:
    row = trade(1, at_new_york(when)) | {"flags": int(Flag.HISTORY), "ts_recv": T0}
    found = find([row], calendar="XNYS")
    assert labels(found) == ["off_hours"] * off
    if off:
        assert found["value"][0] == pytest.approx(outside_s)
        assert TIMES_OF_DAY[found["bucket"][0]] == "closed"
        assert found["flags"][0] == Flag.HISTORY
    assert labels(find([row])) == [], "a venue that is always open has no hours"


def test_an_auction_is_not_judged_by_what_is_usual_before_it() -> None:
    begin, old = at_new_york("2013-10-07T12:00:00"), int(Flag.HISTORY)
    early = [row | {"ts_event": row["ts_event"] + begin, "ts_recv": T0, "flags": old} for row in calm(AT)]
    for when, told in (("2013-10-07T13:30:20", False), ("2013-10-07T13:20:00", True)):
        cross = trade(900, at_new_york(when), 100, 500) | {"ts_recv": T0, "flags": old}
        after = trade(901, at_new_york(when) + 30 * SECOND) | {"ts_recv": T0, "flags": old}
        assert ("volume_outlier" in labels(find([*early, cross, after], calendar="XNYS"))) is told


def test_another_history_of_the_same_instrument_begins_anew() -> None:
    old = int(Flag.HISTORY)
    first = [row | {"flags": old, "ts_recv": T0} for row in calm(AT)]
    trades = [row | {"flags": old, "ts_recv": T0, "source": 1} for row in calm(AT) if row["kind"] == EventKind.TRADE]
    moved = [row | {"price": row["price"] + 10 * 10**9} for row in trades]
    assert labels(find([*first, *moved])) == [], "the quotes of the first are not those of the second's trades"


def test_what_is_usual_is_halved_when_it_is_much() -> None:
    counts, usual = np.zeros(BINS, np.uint16), np.zeros(STATISTICS, USUAL)
    for _ in range(MOST - 1):
        learn(RATE, 8.0, counts, usual[RATE])
    assert (int(usual[RATE]["total"]), int(counts.sum())) == (MOST - 1, MOST - 1)
    learn(RATE, 8.0, counts, usual[RATE])
    assert (int(usual[RATE]["total"]), int(counts.sum())) == (MOST // 2, MOST // 2)


@pytest.mark.parametrize("statistic", range(STATISTICS))
def test_a_quantile_is_right_to_a_fourth_root_of_two(statistic: int) -> None:
    """Against the quantile of the very values, by polars."""
    import polars as pl

    rng = np.random.default_rng(statistic)
    for shape in (rng.lognormal(0, 1, 500), abs(rng.normal(0, 1, 500)), rng.pareto(1.5, 500) + 0.1):
        values = shape / shape.max() * edge(statistic, 60)
        counts, usual = np.zeros(BINS, np.uint16), np.zeros(STATISTICS, USUAL)
        for value in values:
            learn(statistic, value, counts, usual[statistic])
        for share in (0.5, 0.95):
            exact = pl.Series(values).quantile(share, "higher")
            assert exact is not None
            ours = quantile(statistic, share, counts, len(values))
            if exact > edge(statistic, 1):
                assert 2**-0.26 < ours / exact < 2**0.26, share
            else:
                assert ours <= edge(statistic, 1)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 5e-324, 1e308])
def test_every_value_has_a_bin(value: float) -> None:
    for statistic in range(STATISTICS):
        assert 0 <= bin_of(statistic, value) < BINS


def test_the_print_that_ends_a_halt_is_held_against_no_quote() -> None:
    halt = [status(AT * SECOND, HALTED), status(AT * SECOND, RESUMED), quote(AT * SECOND + MS, 99.99, 100.01)]
    assert labels(find([*calm(AT), *halt, *MISPRINT, *LATER])) == []
    assert "trade_outside" in labels(find([*calm(AT), *halt[2:], *MISPRINT, *LATER]))
