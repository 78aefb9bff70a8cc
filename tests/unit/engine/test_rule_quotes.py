"""Rules over spreads: which quotes somebody stands behind, and histories of quotes that go back in time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.rules import Rule, RuleSet
from breadboard.model.tape import Tape
from tapes import SECOND, T0, cut, tape

DAY = 86_400 * SECOND
HISTORY = int(Flag.HISTORY)
WIDE = Rule(name="wide", kind="spread", threshold=500.0)
COOLED = Rule(name="cooled", kind="spread", threshold=500.0, cooldown="15m")
Rows = list[dict[str, Any]]


def quote(when: int, bid: int, ask: int, **more: int) -> dict[str, Any]:
    row = {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when, "size": 10**8, "ask_size": 10**8}
    return row | {"price": bid * 10**9, "ask_price": ask * 10**9} | more


def stage(*rules: Rule) -> Rules:
    instruments = Instruments()
    instruments.intern("VENUE", "S0")
    return Rules(instruments, lambda _: "", {0: "VENUE"}, RuleSet(rules))


def told(subject: Rules, rows: Rows | Tape) -> list[tuple[int, float]]:
    whole = rows if isinstance(rows, Tape) else tape(rows)
    found = subject.on_tape(whole, np.zeros(0, HOLE), np.zeros(0, BAR), {})
    return [] if found is None else [(int(a["offset"]), float(a["value"])) for a in found]


@pytest.mark.parametrize("flag", [Flag.LAST_KNOWN, Flag.INELIGIBLE, Flag.WITHDRAWN])
def test_a_quote_that_nobody_stands_behind_has_no_spread(flag: Flag) -> None:
    """A vendor's first frame may be of days ago; what it takes back or finds suspicious is no quote either."""
    old = quote(-3 * DAY, 90, 110, ts_recv=T0, flags=int(flag))
    narrow = quote(SECOND, 100_000, 100_001, flags=int(flag))
    assert told(stage(WIDE), [old]) == []
    assert told(stage(WIDE), [quote(0, 90, 110), narrow, quote(2 * SECOND, 90, 110)]) == [(0, 2000.0)], "nor re-arms"
    assert told(stage(WIDE), [old, quote(SECOND, 90, 110)]) == [(1, 2000.0)]


@pytest.mark.parametrize("sizes", [{"size": 0}, {"ask_size": 0}, {"size": 0, "ask_size": 0}])
def test_a_size_of_nothing_is_no_interest_and_a_size_that_was_not_said_is_one(sizes: dict[str, int]) -> None:
    assert told(stage(WIDE), [quote(0, 90, 110, **sizes)]) == []
    assert told(stage(WIDE), [quote(0, 90, 110, **dict.fromkeys(sizes, ABSENT))]) == [(0, 2000.0)]


def widened(days: range, source: int, recv: int, flags: int = HISTORY) -> Rows:
    """Return quotes that widen once an hour, four times a day."""
    rows: Rows = []
    for day in days:
        for hour in range(4):
            when = day * DAY + hour * 3600 * SECOND
            more = {"source": source, "flags": flags, "ts_recv": T0 + recv}
            rows += [quote(when, 100, 101, **more), quote(when + 1, 100, 110, **more)]
    return rows


OLDER, NEWER = widened(range(3), 1, 11 * DAY), widened(range(5, 8), 0, 10 * DAY)


@pytest.mark.parametrize("restarted_at", [None, 1, 23, 24, 25, 40])
def test_an_older_history_of_quotes_begins_anew_and_is_held_back_by_nothing_newer(restarted_at: int | None) -> None:
    whole = tape([*NEWER, *OLDER])
    subject = stage(COOLED)
    found: list[tuple[int, float]] = []
    for part in cut(whole, [] if restarted_at is None else [restarted_at]):
        found += told(subject, part)
        before, subject = subject, stage()
        subject.restore(before.snapshot())
    assert [offset for offset, _ in found] == list(range(1, 48, 2))
    assert {value for _, value in found} == {10 * 20_000 / 210}
    assert subject.counters()["held"] == 0
    assert [offset for offset, _ in told(stage(COOLED), [*OLDER, *NEWER])] == list(range(1, 48, 2))


def test_a_history_of_quotes_that_goes_on_goes_on_and_two_live_sources_are_one_market() -> None:
    near = [quote(0, 100, 101), quote(1, 100, 110), quote(2, 100, 101), quote(60 * SECOND, 100, 110)]
    sources = ((0, HISTORY, 0, HISTORY), (0, 0, 1, 0), (0, HISTORY, 1, HISTORY))
    for one, flags, other, others in sources:
        rows = [row | {"source": one, "flags": flags, "ts_recv": T0 + DAY} for row in near[:2]]
        rows += [row | {"source": other, "flags": others, "ts_recv": T0 + DAY} for row in near[2:]]
        subject = stage(COOLED)
        assert [offset for offset, _ in told(subject, rows)] == [1]
        assert subject.counters()["held"] == 1
    live = [row | {"flags": 0} for row in (*NEWER, *OLDER)]
    subject = stage(COOLED)
    assert [offset for offset, _ in told(subject, live)] == list(range(1, 24, 2))
    assert subject.counters()["held"] == 12


def test_once_a_day_of_a_day_before_is_another_day() -> None:
    once = Rule(name="once", kind="spread", threshold=500.0, once_per="day")
    later = quote(DAY, 100, 110, flags=HISTORY, ts_recv=T0 + 2 * DAY)
    older = [quote(each, 100, 110, flags=HISTORY, source=1, ts_recv=T0 + 2 * DAY) for each in (0, 1)]
    live = [quote(2 * DAY + n, 100, 101 + 9 * n, source=2) for n in range(2)]
    assert [offset for offset, _ in told(stage(once), [later, *older, *live])] == [0, 1, 4]


def plainly(rows: Rows, cooldown: int) -> list[int]:
    """Return the rows at which a person would say that a spread is too wide."""
    found, armed, until = [], True, ABSENT
    newest, last, aged = ABSENT, -1, False
    for at, row in enumerate(rows):
        when, history = row["ts_event"], bool(row["flags"] & HISTORY)
        if row["flags"] & Flag.LAST_KNOWN or row["size"] == 0:
            continue
        if when < newest and last != row["source"] and (history or aged):
            armed, until, newest = True, ABSENT, ABSENT
        newest, last, aged = max(newest, when), row["source"], history
        spread = (row["ask_price"] - row["price"]) * 20_000 / (row["ask_price"] + row["price"])
        if armed and spread >= 500 and when >= until:
            found.append(at)
            until = when + cooldown
        armed = spread < 500
    return found


@st.composite
def quotes(draw: st.DrawFn) -> Rows:
    rows: Rows = []
    for _ in range(draw(st.integers(2, 40))):
        when = draw(st.integers(0, 4)) * DAY + draw(st.integers(0, 3)) * 600 * SECOND
        flags = draw(st.sampled_from([HISTORY, HISTORY, HISTORY, 0, int(Flag.LAST_KNOWN)]))
        more = {"source": draw(st.integers(0, 2)), "flags": flags, "ts_recv": T0 + 5 * DAY}
        rows.append(quote(when, 100, draw(st.sampled_from([101, 110])), **more, size=draw(st.sampled_from([0, 1, 1]))))
    return rows


@settings(max_examples=80, deadline=None)
@given(quotes(), st.data())
def test_whatever_quotes_come_fire_what_a_plain_reading_of_them_does_also_after_a_restart(
    rows: Rows, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(rows) - 1))
    whole, subject, before = tape(rows), stage(WIDE, COOLED), stage(WIDE, COOLED)
    found = told(subject, whole)
    expected = sorted([*plainly(rows, 0), *plainly(rows, 900 * SECOND)])
    assert [offset for offset, _ in found] == expected
    first, second = cut(whole, [at])
    early, after = told(before, first), stage()
    after.restore(before.snapshot())
    assert early + told(after, second) == found
    assert after.snapshot() == subject.snapshot()
