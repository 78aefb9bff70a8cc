"""Clock skew: when our clock is not to be believed, and by how much."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.engine import clock_skew
from breadboard.engine.clock_skew import ClockSkew
from breadboard.model.kinds import EventKind, Flag
from tapes import T0, cut, tape

MS = 1_000_000


def lags(milliseconds: list[float], stage: ClockSkew | None = None, **more: int) -> ClockSkew:
    stage = stage or ClockSkew()
    rows = [{"kind": EventKind.QUOTE, "ts_event": T0, "ts_recv": T0 + int(lag * MS)} | more for lag in milliseconds]
    stage.on_tape(tape(rows))
    return stage


def test_a_slow_clock_is_suspect_and_its_median_lag_is_told() -> None:
    stage = lags([-1270.0] * 60 + [-1200.0] * 40)
    assert stage.worst()[0]
    assert stage.worst()[1] == pytest.approx(-1270, rel=0.001)


def test_positive_lag_is_no_suspicion_and_no_skew() -> None:
    assert lags([35.0] * 1000).worst() == (False, 0.0)


@pytest.mark.parametrize(("early", "suspect"), [(1, False), (2, True)])
def test_more_than_one_in_a_hundred_early_events_makes_the_clock_suspect(early: int, suspect: bool) -> None:
    assert lags([-6.0] * early + [3.0] * (100 - early)).suspect(0) is suspect
    assert lags([-4.9] * early + [3.0] * (100 - early)).suspect(0) is False


def test_nineteen_lags_are_no_evidence() -> None:
    assert not lags([-1000.0] * 19).suspect(0)
    assert lags([-1000.0] * 20).suspect(0)


def test_the_worst_source_speaks_for_all() -> None:
    stage = lags([-100.0] * 30, source=1)
    stage = lags([-900.0] * 30, stage, source=2)
    stage = lags([50.0] * 3000, stage, source=3)
    assert stage.worst() == (True, stage.median_ms(2))


def test_trades_from_before_we_listened_do_not_count() -> None:
    assert lags([5000.0] * 30, flags=Flag.LAST_KNOWN).lags(0) == 0


def test_times_beyond_belief_do_no_harm() -> None:
    extremes = [2**63 - 1, -(2**63) + 1, 0, T0 - 2**63 + 1]
    stage = ClockSkew()
    stage.on_tape(tape([{"kind": EventKind.TRADE, "ts_event": when, "ts_recv": T0} for when in extremes]))
    assert stage.lags(0) == 4


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=99))
def test_the_median_is_right_to_a_thousandth(values: list[int]) -> None:
    stage = ClockSkew()
    stage.on_tape(tape([{"kind": EventKind.TRADE, "ts_event": T0, "ts_recv": T0 + lag} for lag in values]))
    exact = sorted(values)[(len(values) - 1) // 2] / MS
    assert stage.median_ms(0) == pytest.approx(exact, rel=0.001, abs=0.0011)
    assert stage.lags(0) == len(np.array(values))


@given(
    st.lists(
        st.tuples(st.sampled_from(EventKind), st.integers(0, 3), st.sampled_from([-9, 0, 7]), st.booleans()),
        max_size=30,
    ),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_no_batch_decides_whose_lags_are_counted(rows: list[tuple[EventKind, int, int, bool]], at: list[int]) -> None:
    made = tape(
        [
            {"kind": kind, "source": source, "ts_event": T0, "ts_recv": T0 + lag * MS, "flags": Flag.LAST_KNOWN * known}
            for kind, source, lag, known in rows
        ]
    )
    opening = {EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA}
    counted: dict[int, int] = {}
    for kind, source, _, known in rows:
        opens = kind in opening and len(counted) < 2
        if not known and (source in counted or opens) and kind in opening | {EventKind.ORDER}:
            counted[source] = counted.get(source, 0) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_skew, "MOST_SOURCES", 2)
        whole, parts = ClockSkew(), ClockSkew()
        whole.on_tape(made)
        for piece in cut(made, [min(one, len(rows)) for one in at]):
            parts.on_tape(piece)
    assert parts.snapshot() == whole.snapshot()
    assert {source: whole.lags(source) for source in range(4) if whole.lags(source)} == counted
