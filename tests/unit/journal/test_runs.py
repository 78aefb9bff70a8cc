"""Which records continue one another."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from breadboard.journal.scan import COUNT, FIRST, runs


@given(st.lists(st.tuples(st.integers(1, 2**40), st.sampled_from([0, 0, 1, 2**40])), max_size=20))
def test_frames_are_summed_and_runs_end_where_offsets_do_not_continue(records: list[tuple[int, int]]) -> None:
    table, after = np.zeros((len(records), 8), np.int64), 0
    for row, (count, missing) in enumerate(records):
        table[row, FIRST], table[row, COUNT] = after + missing, count
        after += missing + count
    total, holes = runs(table)
    assert total.tolist() == [0, *np.cumsum(table[:, COUNT]).tolist()]
    ends = [row for row in range(len(records)) if row + 1 == len(records) or records[row + 1][1]]
    assert holes.tolist() == ends
