"""Recordings of several venues, taken together by their receive stamps."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from breadboard.model.kinds import RecordKind
from breadboard.recordings import Batch, interleaved
from breadboard.recordings.interleaving import MOST_FRAMES

DATA, GAP, EPOCH = RecordKind.DATA, RecordKind.GAP, RecordKind.EPOCH


def test_frames_come_by_their_stamps_and_records_stay_whole() -> None:
    one = [Batch(EPOCH, 0, 1, [b"open"], [10]), Batch(DATA, 0, 1, [b"a", b"b", b"c"], [10, 20, 40])]
    other = [Batch(EPOCH, 1, 1, [b"open"], [15]), Batch(DATA, 1, 1, [b"x", b"y"], [20, 30])]
    found = [(batch.source, batch.kind, batch.frames) for batch in interleaved([iter(one), iter(other)])]
    assert found == [
        (0, EPOCH, [b"open"]),
        (0, DATA, [b"a"]),
        (1, EPOCH, [b"open"]),
        (0, DATA, [b"b"]),
        (1, DATA, [b"x", b"y"]),
        (0, DATA, [b"c"]),
    ]


def test_a_clock_that_stepped_back_in_one_moves_nothing_of_the_other() -> None:
    one = Batch(DATA, 0, 1, [b"a", b"b", b"c"], [50, 10, 60])
    other = Batch(DATA, 1, 1, [b"x", b"y"], [20, 55])
    found = list(interleaved([iter([one]), iter([other])]))
    assert [(batch.frames, batch.ts_recv) for batch in found] == [
        ([b"x"], [20]),
        ([b"a", b"b"], [50, 10]),
        ([b"y"], [55]),
        ([b"c"], [60]),
    ]


def test_a_long_run_is_cut_and_each_record_of_ours_stands_alone() -> None:
    long = Batch(DATA, 0, 1, [b"a"] * 2_500, list(range(2_500)))
    gaps = [Batch(GAP, 1, 1, [b"g"], [5_000]), Batch(GAP, 1, 1, [b"h"], [5_000])]
    sizes = [len(batch.frames) for batch in interleaved([iter([long]), iter(gaps)])]
    assert sizes == [MOST_FRAMES, MOST_FRAMES, 500, 1, 1]


def sorted_batches(batches: list[list[int]]) -> list[list[int]]:
    """Return stamps that never go back, in batches of the same sizes."""
    ordered = iter(sorted(stamp for batch in batches for stamp in batch))
    return [[next(ordered) for _ in batch] for batch in batches]


@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=6), max_size=5).map(sorted_batches),
        min_size=1,
        max_size=3,
    )
)
def test_nothing_is_lost_and_each_keeps_its_order(stamps: list[list[list[int]]]) -> None:
    recordings = [
        [Batch(DATA, source, 1, [b"%d %d" % (source, stamp) for stamp in batch], batch) for batch in batches]
        for source, batches in enumerate(stamps)
    ]
    found = list(interleaved([iter(recording) for recording in recordings]))
    for source, recording in enumerate(recordings):
        ours = [frame for batch in found if batch.source == source for frame in batch.frames]
        assert ours == [frame for batch in recording for frame in batch.frames]
    told = [stamp for batch in found for stamp in batch.ts_recv]
    assert all(before <= after for before, after in pairwise(told))
