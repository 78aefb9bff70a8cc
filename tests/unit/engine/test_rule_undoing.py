"""Rules and prints that are taken back: which trade it is, and that one which counted for nothing leaves nothing."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.alerts import AlertState
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import Flag
from breadboard.model.rules import Rule, RuleSet
from tapes import SECOND, T0, cut, tape, trade

WITHDRAWN = int(Flag.WITHDRAWN)
RECORD = int(Flag.WITHDRAWN | Flag.LATE_PRINT)
DAY = 86_400 * SECOND
FIRED, RETRACTED = int(AlertState.FIRED), int(AlertState.RETRACTED)
RISE = Rule(name="rise", kind="rise", threshold=1.0, window="1m")
DROP = Rule(name="drop", kind="drop", threshold=1.0, window="1m")
CROSS = Rule(name="cross", kind="cross", threshold=110, direction="up")
Row = dict[str, Any]


def stage(*rules: Rule) -> Rules:
    instruments = Instruments()
    instruments.intern("VENUE", "S0")
    return Rules(instruments, lambda _: "XNYS", {0: "VENUE"}, RuleSet(rules))


def told(rules: tuple[Rule, ...], rows: list[Row], restarted_at: tuple[int, ...] = ()) -> list[tuple[int, float, int]]:
    """Return trade id, value in percent or price and state of the alerts, with restarts from a checkpoint."""
    found: list[tuple[int, float, int]] = []
    subject = stage(*rules)
    for part in cut(tape(rows), restarted_at):
        out = subject.on_tape(part, np.zeros(0, HOLE), np.zeros(0, BAR), {})
        if out is not None:
            ids = [int(part.trade_id[np.flatnonzero(part.offset == row["offset"])[0]]) for row in out]
            found += [
                (one, round(float(row["value"]), 6), int(row["state"])) for one, row in zip(ids, out, strict=True)
            ]
        before, subject = subject, stage()
        subject.restore(before.snapshot())
    return found


def gone(row: Row, flags: int = WITHDRAWN, **more: int) -> Row:
    return row | {"flags": flags} | more


@pytest.mark.parametrize("flag", [Flag.INELIGIBLE, Flag.VOLUME_ONLY, Flag(0)], ids=["ineligible", "volume", "late"])
@pytest.mark.parametrize(("rule", "last"), [(RISE, 1012), (DROP, 988)], ids=["rise", "drop"])
def test_a_print_that_counted_for_nothing_leaves_nothing_as_it_is_taken_back(flag: Flag, rule: Rule, last: int) -> None:
    """The row that takes it back does not say that it counted for nothing; a late one is older than the one before."""
    when = 1_700_000_000 if flag else 1_200_000_000
    first, print_ = trade(1, 1_500_000_000, 1000), trade(2, when, 1000, 7, flags=int(flag))
    path = [trade(3, 2 * SECOND, 1001 if rule is RISE else 999), trade(4, 3 * SECOND, last)]
    expected = [(4, 1.2, FIRED)]
    assert told((rule,), [first, *path]) == expected
    assert told((rule,), [first, print_, *path]) == expected
    assert told((rule,), [first, print_, path[0], gone(print_), path[1]]) == expected
    for at in range(1, 5):
        assert told((rule,), [first, print_, gone(print_), *path], (at,)) == expected


@pytest.mark.parametrize("size", [7, 1])
def test_a_print_without_an_id_is_known_by_its_size_and_time(size: int) -> None:
    first, print_ = trade(ABSENT, SECOND, 1000), trade(ABSENT, 2 * SECOND, 1000, size, flags=int(Flag.INELIGIBLE))
    if size == 7:
        print_["ts_event"] = first["ts_event"]
    rows = [first, print_, trade(3, 3 * SECOND, 1001), gone(print_), trade(4, 4 * SECOND, 1012)]
    assert told((RISE,), rows) == [(4, 1.2, FIRED)]
    assert told((RISE,), [*rows[:3], gone(first), rows[4]]) == [(4, round(1100 / 1001, 6), FIRED)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_several_misprints_that_are_taken_back_leave_the_window_without_them(order: tuple[int, int]) -> None:
    """Neither comes back as what was before the other, whichever of them is taken back first."""
    prints = [trade(n + 2, (n + 2) * SECOND, 500) for n in range(2)]
    rows = [trade(1, SECOND, 1000), *prints]
    rows += [gone(prints[n], ts_recv=T0 + 9 * SECOND) for n in order]
    rows += [trade(8, 10 * SECOND, 1000), trade(9, 11 * SECOND, 1012)]
    for at in range(1, len(rows)):
        assert told((RISE,), rows, (at,)) == [(9, 1.2, FIRED)]


@pytest.mark.parametrize("days", [-5, -1, 1, 5])
@pytest.mark.parametrize("flags", [WITHDRAWN, RECORD])
def test_a_print_of_another_day_that_is_taken_back_is_none_of_today(days: int, flags: int) -> None:
    """Ids begin anew each day: one like it in number, price and size is another trade."""
    low, high = trade(1, SECOND, 100), trade(2, 2 * SECOND, 110)
    rows = [low, high]
    rows += [gone(row, flags, ts_event=row["ts_event"] + days * DAY) for row in (low, high)]
    rows += [trade(3, 3 * SECOND, 100), trade(4, 4 * SECOND, 111)]
    rules = (Rule(name="rise", kind="rise", threshold=10.0, window="1m"), CROSS)
    expected = [(2, 10.0, FIRED), (2, 110.0, FIRED), (4, 11.0, FIRED), (4, 111.0, FIRED)]
    assert told(rules, rows) == told(rules, [*rows[:2], *rows[4:]]) == expected


def new_york(day: int, hour: int, minute: int = 0) -> int:
    """Return a time of New York in November 2026, ns after T0."""
    return int(datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("America/New_York")).timestamp()) * SECOND - T0


@pytest.mark.parametrize(
    ("day", "hour", "its"), [(24, 19, True), (24, 23, True), (25, 0, False), (24, 9, False)], ids=str
)
def test_a_record_takes_back_a_trade_of_its_day_where_the_exchange_is(day: int, hour: int, its: bool) -> None:
    """It has a time of its own, after the trade: 19:00 in New York is the next day of UTC."""
    rise = Rule(name="rise", kind="rise", threshold=5.0, window="1d")
    noon = new_york(24, 12)
    rows = [trade(1, noon, 100), trade(2, noon + SECOND, 50), trade(3, noon + 2 * SECOND, 110)]
    rows.append(gone(rows[1], RECORD, ts_event=T0 + new_york(day, hour), ts_recv=T0 + new_york(25, 1)))
    rows.append(gone(rows[2], RECORD, ts_event=T0 + new_york(day, hour), ts_recv=T0 + new_york(25, 1)))
    rows += [trade(4, new_york(25, 1, 1), 100), trade(5, new_york(25, 1, 2), 110)]
    expected = [(3, 120.0, FIRED)]
    if its:
        expected += [(3, float("nan"), RETRACTED), (5, 10.0, FIRED)]
    assert str(told((rise,), rows)) == str(expected)
    assert str(told((rise,), rows, (2, 4))) == str(expected)


def test_a_trade_of_a_time_beyond_belief_is_taken_back_by_that_time() -> None:
    """It counted as if it were of a minute after its receipt, and whatever came until then was older than it."""
    mistaken = trade(2, 2 * SECOND, 900, ts_event=T0 + 400 * DAY)
    rows = [trade(1, SECOND, 1000), mistaken, gone(mistaken), trade(3, 3 * SECOND, 1012)]
    assert told((RISE,), rows) == [(3, 1.2, FIRED)]
