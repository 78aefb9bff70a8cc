"""Rules over windows that are over: days of a calendar, the last close as each rule's own windows tell it, lags."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.alerts import ALERT
from breadboard.model.bars import BAR, DAY_S
from breadboard.model.decimals import ABSENT
from breadboard.model.features import FEATURE, Feature
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState, EventKind, Flag
from breadboard.model.rules import Rule, RuleSet
from tapes import SECOND, T0, tape, trade

NEW_YORK = ZoneInfo("America/New_York")


def told(wanted: tuple[Rule, ...], bars: NDArray[np.void], features: NDArray[np.void] | None = None) -> Any:  # noqa: ANN401 - a structured array
    instruments = Instruments()
    instruments.intern("VENUE", "S0")
    subject = Rules(instruments, lambda _: "XNYS", {0: "VENUE"}, RuleSet(wanted))
    rows = tape([trade(n, n * SECOND) for n in range(60)])
    found = subject.on_tape(rows, np.zeros(0, HOLE), bars, {} if features is None else {"features": features})
    return np.zeros(0, ALERT) if found is None else found


def days(first: datetime, volumes: list[int]) -> NDArray[np.void]:
    """Return a bar a day of New York, each as long as that day is."""
    bars = np.zeros(len(volumes), BAR)
    for at, volume in enumerate(volumes):
        begin, end = (first + timedelta(days=at + more) for more in (0, 1))
        row: Any = bars[at]
        row["ts_open"], row["ts_close"] = (int(when.timestamp()) * SECOND for when in (begin, end))
        row["interval"], row["state"], row["completeness"] = DAY_S, BarState.FINAL, 1.0
        row["offset"], row["volume_whole"] = at, volume
    return bars


FIRST = datetime(2024, 10, 14, tzinfo=NEW_YORK)
LONG = datetime(2024, 11, 3, tzinfo=NEW_YORK)
"""A day of 25 hours."""


@pytest.mark.parametrize("session", ["", "regular", "extended"])
def test_a_day_is_in_hours_and_ends_when_its_bar_does(session: str) -> None:
    busy = Rule(name="busy", kind="volume", threshold=3.0, window="1d", session=session)
    high = Rule(name="high", kind="expression", expression="volume > 5.0", window="1d", session=session)
    bars = days(FIRST, [1] * 20 + [10, 1])
    found = told((busy, high), bars)
    assert bars["ts_close"][20] - bars["ts_open"][20] == 25 * 3600 * SECOND
    assert found["offset"].tolist() == [20, 20]
    assert set(found["ts_event"].tolist()) == {int((LONG + timedelta(days=1)).timestamp()) * SECOND}
    assert set(found["ts_window"].tolist()) == {int(LONG.timestamp()) * SECOND}


def test_each_day_is_a_session_of_its_own() -> None:
    rules = [Rule(name="x", kind="expression", expression="volume > 5.0", window="1d", once_per="session")]
    found = told((*rules,), days(FIRST, [10, 1, 10, 1, 10]))
    assert found["offset"].tolist() == [0, 2, 4]


def window(begin: int, length: int, offset: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a row
    ends = {"ts_close": T0 + (begin + length) * SECOND, "state": BarState.FINAL} if "close" in more else {}
    return {"interval": length, "ts_open": T0 + begin * SECOND, "offset": offset, **ends, **more}


def rows(dtype: Any, made: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - a numpy dtype, a structured array
    found = np.zeros(len(made), dtype)
    for at, fields in enumerate(made):
        for name, value in fields.items():
            found[name][at] = value
    return found


def test_the_last_close_is_what_a_rules_own_windows_say_whatever_other_rules_look_at() -> None:
    short = Rule(name="short", kind="expression", expression="last", threshold=15.0, window="1s")
    long = Rule(name="long", kind="expression", expression="last", threshold=14.0, window="5s")
    closes = [(6, 1, 20, 16), (0, 5, 21, 13), (14, 1, 30, 16), (5, 5, 31, 16), (10, 5, 32, 13)]
    bars = rows(BAR, [window(*each, close=price * 10**9) for *each, price in closes])
    features = rows(FEATURE, [window(9, 1, 25, feature=Feature.OFI, value=1.0)])
    for one, offset in ((short, 20), (long, 31)):
        assert told((one,), bars, features)["offset"].tolist() == [offset]
    assert told((short, long), bars, features)["offset"].tolist() == [20, 31]


TO_THE_HOUR = 2800
"""Seconds from T0 to 23:00 UTC."""


@pytest.mark.parametrize("once", ["hour", "day"])
def test_a_window_is_of_the_hour_and_the_day_in_which_it_begins(once: str) -> None:
    busy = Rule(name="busy", kind="volume", threshold=3.0, window="5s", once_per=once)
    high = Rule(name="high", kind="expression", expression="volume > 5.0", window="5s", once_per=once)
    to_the_end = TO_THE_HOUR if once == "hour" else TO_THE_HOUR + 3600
    begins = range(to_the_end - 5 * 25, to_the_end + 15, 5)
    volumes = {begins[21]: 9, begins[24]: 18, begins[26]: 27}  # twice before it strikes, once after
    bars = rows(
        BAR,
        [window(begin, 5, at, close=10**9, volume_whole=volumes.get(begin, 1)) for at, begin in enumerate(begins)],
    )
    for one in (busy, high):
        assert told((one,), bars)["offset"].tolist() == [21, 26], one


def watching(*wanted: Rule) -> Rules:
    instruments = Instruments()
    instruments.intern("VENUE", "S0")
    return Rules(instruments, lambda _: "", {0: "VENUE"}, RuleSet(wanted))


def late(trade_id: int, when: int, lag: int, **more: int) -> dict[str, Any]:
    return trade(trade_id, when - lag, ts_recv=T0 + when, **more)


def clock(when: int) -> dict[str, Any]:
    return {"kind": EventKind.CLOCK, "instrument": -1, "source": 0xFFFF, "ts_recv": T0 + when}


def found(subject: Rules, made: list[dict[str, Any]], first: int = 0) -> Any:  # noqa: ANN401 - a structured array
    alerts = subject.on_tape(tape(made, first=first), np.zeros(0, HOLE), np.zeros(0, BAR), {})
    return np.zeros(0, ALERT) if alerts is None else alerts


def test_a_late_window_is_told_when_it_is_over_whether_or_not_anything_comes_after_it() -> None:
    rule = Rule(name="slow", kind="lag", threshold=100.0, window="1s")
    slow = [late(1, 0, SECOND), late(2, SECOND // 2, SECOND // 2)]
    alerts = found(watching(rule), [*slow, clock(SECOND - 1), clock(SECOND), clock(2 * SECOND)])
    assert alerts["offset"].tolist() == [3]
    assert (alerts["value"][0], alerts["ts_window"][0], alerts["reference_offset"][0]) == (500.0, T0, 1)
    assert (alerts["ts_event"][0], alerts["ts_recv"][0]) == (ABSENT, T0 + SECOND)
    subject = watching(rule)
    assert not len(found(subject, [*slow, clock(SECOND - 1)]))
    restored = watching(rule)
    restored.restore(subject.snapshot())
    after = found(restored, [clock(SECOND), late(3, 2 * SECOND, 0), clock(3 * SECOND)], first=3)
    assert after.tobytes() == alerts.tobytes(), "a checkpoint between changes nothing, and it is told once"


def test_what_comes_for_a_window_of_lags_that_was_judged_counts_for_nothing() -> None:
    rule = Rule(name="slow", kind="lag", threshold=100.0, window="1s")
    quick = [late(1, 0, 0), clock(SECOND), late(2, SECOND - 1, SECOND), clock(2 * SECOND), late(3, 3 * SECOND, 0)]
    assert not len(found(watching(rule), quick))


def test_a_window_of_lags_in_which_our_clock_was_set_is_forgotten_and_silences_nothing_later() -> None:
    rule = Rule(name="slow", kind="lag", threshold=100.0, window="1s", cooldown="15m")
    back = -3600 * SECOND
    begin, later = 2 * 3600 * SECOND, 2 * 3600 * SECOND + back + 1800 * SECOND
    step = clock(begin + SECOND + back) | {"size": back}
    made = [late(1, begin, SECOND), step, late(2, later, SECOND), clock(later + SECOND)]
    alerts = found(watching(rule), made)
    assert alerts["ts_recv"].tolist() == [T0 + later + SECOND]


def test_a_late_window_is_of_the_source_that_was_late_and_not_of_a_history_brought_in_since() -> None:
    rule = Rule(name="slow", kind="lag", threshold=100.0, window="1s")
    history = trade(7, -(10**15), flags=int(Flag.HISTORY), source=5, ts_recv=T0 + SECOND // 2)
    alerts = found(watching(rule), [late(1, 0, SECOND, source=3), history, clock(SECOND)])
    assert [(row["source"], row["flags"]) for row in alerts] == [(3, 0)]


def test_lags_are_of_the_hour_in_which_their_window_begins() -> None:
    rule = Rule(name="slow", kind="lag", threshold=100.0, window="1s", once_per="hour")
    strikes = TO_THE_HOUR * SECOND
    lags = (
        (-3, SECOND),
        (-2, 0),
        (-1, SECOND),
        (0, 0),
        (1, SECOND),
        (2, 0),
    )  # slow twice before it strikes, once after
    made = [late(n, strikes + n * SECOND, lag) for n, lag in lags]
    alerts = found(watching(rule), made)
    assert alerts["ts_window"].tolist() == [T0 + strikes - 3 * SECOND, T0 + strikes + SECOND]


def test_a_history_that_is_brought_in_makes_nobody_heard_of_and_hides_no_silence() -> None:
    rule = Rule(name="quiet", kind="no_data", window="10s")
    history = trade(7, -(10**15), flags=int(Flag.HISTORY), source=5, ts_recv=T0 + 2 * SECOND)
    seconds = [clock(n * SECOND) for n in range(3, 14)]
    alerts = found(watching(rule), [trade(1, 0, source=3), clock(SECOND), history, *seconds])
    assert [(row["source"], row["value"], row["cause"], row["flags"]) for row in alerts] == [(3, 10.0, 2, 0)]
    assert not len(found(watching(rule), [clock(SECOND), history, *seconds]))
