"""Which open bars are written again, beside the plain way of telling."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.model.bars import BAR, INTERVALS
from breadboard.store.open_bars import changed

Bar = tuple[int, int, int, int]
instruments = st.sampled_from([0, 1, 2, 1 << 20, (1 << 31) - 1])  # the last two are beyond what is told apart
bars = st.tuples(instruments, st.sampled_from(list(INTERVALS.values())), st.integers(-2, 10**9), st.integers(0, 2))


def made(rows: list[Bar], offset: int) -> NDArray[np.void]:
    """Bars of these instruments, intervals, seconds and closes, in order."""
    out = np.zeros(len(rows), BAR)
    for row, (instrument, interval, second, close) in zip(out, sorted(rows), strict=True):
        row["instrument"], row["interval"], row["ts_open"] = instrument, interval, second * 10**9
        row["close"], row["offset"] = close, offset
    return out


@given(st.lists(bars, unique_by=lambda bar: bar[:3]), st.data())
def test_what_has_changed_is_told_and_what_has_not_is_not_where_places_are_told_apart(
    before: list[Bar], data: st.DataObject
) -> None:
    kept = [bar for bar in before if data.draw(st.booleans())]
    others = [bar for bar in before if bar not in kept and data.draw(st.booleans())]
    moved = [(instrument, interval, second, close + 1) for instrument, interval, second, close in others]
    fresh = [bar for bar in data.draw(st.lists(bars, max_size=3)) if bar[:3] not in {one[:3] for one in before}]
    now = made([*kept, *moved, *{bar[:3]: bar for bar in fresh}.values()], 9)
    found = changed(now, made(before, 5))
    told = {bytes(row) for row in found}
    assert {bytes(row) for row in made([*moved, *{bar[:3]: bar for bar in fresh}.values()], 9)} <= told
    assert told <= {bytes(row) for row in now}
    seconds = [second for _, _, second, _ in [*before, *moved, *fresh]]
    near = not seconds or max(seconds) >> 26 == min(seconds) >> 26
    if near and all(instrument < 1 << 20 for instrument, *_ in [*before, *fresh]):
        assert len(found) == len(now) - len(kept)


def test_a_bar_that_is_less_complete_now_is_written_again() -> None:
    before = made([(0, 60, 0, 1), (1, 60, 0, 1)], 5)
    now = made([(0, 60, 0, 1), (1, 60, 0, 1)], 6)
    now["completeness"][1] = 0.5
    assert changed(now, before)["instrument"].tolist() == [1]
