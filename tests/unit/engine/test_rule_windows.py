"""Rules over windows that are over: days of a calendar, and the last close as each rule's own windows tell it."""

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
from breadboard.model.features import FEATURE, Feature
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState
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
