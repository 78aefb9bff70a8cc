"""Rules over prices that look in the hours of a calendar only."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.alerts import AlertState
from breadboard.model.bars import BAR
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import Flag
from breadboard.model.rules import Rule, RuleSet
from tapes import SECOND, T0, cut, tape, trade

WITHDRAWN = int(Flag.WITHDRAWN)
Rows = list[dict[str, Any]]


def at(hour: int, minute: int, day: int = 24) -> int:
    """Return a time of New York in a week of November 2026 (the 23rd is a Monday), ns after T0."""
    return int(datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("America/New_York")).timestamp()) * SECOND - T0


def stage(*rules: Rule) -> Rules:
    instruments = Instruments()
    instruments.intern("VENUE", "S0")
    return Rules(instruments, lambda _: "XNYS", {0: "VENUE"}, RuleSet(rules))


def moving(kind: str, window: str, session: str = "regular", **more: Any) -> Rule:  # noqa: ANN401 - a rule's fields
    return Rule(name=kind, kind=kind, threshold=4.0, window=window, session=session, **more)


def told(subject: Rules, rows: Rows, first: int = 0) -> list[tuple[int, float, float]]:
    found = subject.on_tape(tape(rows, first=first), np.zeros(0, HOLE), np.zeros(0, BAR), {})
    kept = [] if found is None else [row for row in found if row["state"] == AlertState.FIRED]
    return [(int(row["offset"]), float(row["value"]), float(row["reference"])) for row in kept]


@pytest.mark.parametrize(("kind", "price"), [("rise", 105), ("drop", 95)])
def test_a_price_from_outside_of_the_hours_is_in_no_window(kind: str, price: int) -> None:
    """A gap at the opening is no move within the regular hours; within the extended ones it is."""
    rows = [trade(1, at(9, 20), 100), trade(2, at(9, 31), price), trade(3, at(9, 32), price)]
    assert told(stage(moving(kind, "15m")), rows) == []
    for session in ("extended", ""):
        assert told(stage(moving(kind, "15m", session)), rows) == [(1, 5.0, 100.0)]
    after = [trade(1, at(15, 59), 100), trade(2, at(16, 1), price), trade(3, at(16, 2), price)]
    assert told(stage(moving(kind, "15m")), after) == []
    within = [trade(1, at(9, 20), 1000), trade(2, at(9, 31), 100), trade(3, at(9, 32), price)]
    assert told(stage(moving(kind, "15m")), within) == [(2, 5.0, 100.0)]


def test_a_window_longer_than_the_night_reaches_back_into_the_session_before() -> None:
    """It is 24 hours of prices of regular hours: what was paid before the bell is no part of it, the close is."""
    rows = [trade(1, at(15, 59, 23), 100), trade(2, at(9, 20), 10), trade(3, at(9, 31), 105)]
    assert told(stage(moving("rise", "1d")), rows) == [(2, 5.0, 100.0)]
    assert told(stage(moving("rise", "4h")), rows) == []
    assert told(stage(moving("rise", "1d")), [rows[0], *rows[1:2], trade(3, at(16, 30), 105)]) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_price_that_is_taken_back_brings_none_from_outside_of_the_hours_into_a_window(restarted: bool) -> None:
    rise = moving("rise", "15m")
    before, misprint = trade(1, at(9, 20), 100), trade(2, at(9, 30), 90)
    rows = [before, misprint, misprint | {"flags": WITHDRAWN}, trade(3, at(9, 31), 105)]
    subject = stage(rise)
    found: list[tuple[int, float, float]] = []
    for part in cut(tape(rows), [2] if restarted else []):
        out = subject.on_tape(part, np.zeros(0, HOLE), np.zeros(0, BAR), {})
        assert out is None, "the last price that stands is of before the bell"
        last, subject = subject, stage()
        subject.restore(last.snapshot())
    found += told(subject, [trade(4, at(9, 32), 106), trade(5, at(9, 33), 110)], first=4)
    assert found == [(5, 500 / 105, 105.0)]


def test_a_price_of_before_the_bell_that_is_taken_back_takes_none_of_the_hours_with_it() -> None:
    """Both are in one step of a window of a day, at one price."""
    rise, early = moving("rise", "1d"), trade(1, at(9, 29), 100)
    assert (T0 + at(9, 29)) // (1440 * SECOND) == (T0 + at(9, 31)) // (1440 * SECOND)
    rows = [early, trade(2, at(9, 31), 100), trade(3, at(9, 32), 102), early | {"flags": WITHDRAWN}]
    assert told(stage(rise), [*rows, trade(4, at(11, 0), 105)]) == [(4, 5.0, 100.0)]
