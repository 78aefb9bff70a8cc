import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breadboard.clock import ManualClock
from breadboard.errors import JournalError
from breadboard.journal import Reader, Writer
from breadboard.model.frames import FRAME_COLUMNS
from breadboard.model.kinds import RecordKind
from journals import T0, epoch_frame, fill, frame_at, rows

APPENDS = st.lists(
    st.tuples(
        st.sampled_from([RecordKind.DATA, RecordKind.DOCUMENT, RecordKind.CLOCK, RecordKind.QUARANTINE]),
        st.integers(0, 0xFFFE),
        st.integers(0, 2**32 - 1),
        st.lists(st.tuples(st.binary(max_size=40), st.integers(-(2**33), 2**33)), min_size=1, max_size=12),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(APPENDS, st.integers(1, 9), st.integers(0, 40))
def test_what_was_appended_is_read_back_whatever_the_cuts(
    tmp_path_factory: pytest.TempPathFactory,
    appends: Sequence[tuple[RecordKind, int, int, list[tuple[bytes, int]]]],
    max_frames: int,
    start: int,
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    writer = Writer.open(directory, segment_bytes=400, compress=False, clock=ManualClock(T0))
    expected: list[tuple[int, int, int, int, bytes]] = []
    for kind, source, epoch, frames in appends:
        stamps = [T0 + delta for _, delta in frames]
        after = writer.append(kind, source, epoch, [frame for frame, _ in frames], stamps, 0)
        expected += [(kind, source, epoch, stamp, frame) for stamp, (frame, _) in zip(stamps, frames, strict=True)]
        assert after == len(expected)
    writer.close()
    start = min(start, len(expected))
    reader = Reader.open(directory, start)
    found: list[tuple[int, int, int, int, bytes]] = []
    while (run := reader.read(max_frames)) is not None:
        assert 1 <= len(run) <= max_frames
        assert run.offset.tolist() == list(range(start + len(found), start + len(found) + len(run)))
        assert set(run.ts_journal.tolist()) == {T0}
        columns = (run.kind.tolist(), run.source.tolist(), run.epoch.tolist(), run.ts_recv.tolist(), run.frames())
        found += zip(*columns, strict=True)
    assert found == expected[start:]
    assert reader.position == len(expected)
    reader.close()


def test_frames_have_the_columns_of_the_model(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    writer.append(RecordKind.DATA, 1, 1, [b"x", b"y"], [T0, T0 + 4], 1_000)
    writer.close()
    frames = Reader.open(tmp_path).read(10)
    assert frames is not None
    assert {name: getattr(frames, name).dtype.type for name in FRAME_COLUMNS} == FRAME_COLUMNS
    assert frames.ts_mono.tolist() == [1_000, 1_004]
    assert frames.buffer.dtype == np.uint8


def test_a_reader_sees_nothing_before_it_is_durable(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    reader = Reader.open(tmp_path)
    assert reader.read(10) is None
    seen = 0
    for _ in range(50):
        after = writer.append(RecordKind.DATA, 1, 1, [b"x"] * 3, [T0] * 3, 0)
        run = reader.read(1000)
        seen += 0 if run is None else len(run)
        assert seen <= writer.durable <= after
    writer.sync(150)
    assert writer.durable == 150
    assert writer.pending_bytes == 0
    while (run := reader.read(1000)) is not None:
        seen += len(run)
    assert seen == 150
    writer.close()


def test_frames_stay_valid_while_segments_are_sealed_and_more_is_read(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=3_000)
    fill(writer, 20)
    reader = Reader.open(tmp_path)
    held = reader.read(5)
    assert held is not None
    end = fill(writer, 600)
    deadline = time.monotonic() + 60
    while not (tmp_path / f"{0:020d}.seg.zst").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    got = held.frames()
    while (run := reader.read(11)) is not None:
        got += run.frames()
    assert held.frames() == [frame_at(offset) for offset in range(5)]
    assert got == [frame_at(offset) for offset in range(end)]
    assert len(list(tmp_path.glob("*.seg*"))) > 5
    writer.close()


def test_several_threads_may_append(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=5_000)

    def work(source: int) -> None:
        for number in range(200):
            writer.append(RecordKind.DATA, source, 1, [b"%d" % number], [T0], 0)

    threads = [threading.Thread(target=work, args=(source,)) for source in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    reader = Reader.open(tmp_path)
    by_source: dict[int, list[bytes]] = {}
    while (run := reader.read(77)) is not None:
        for source, frame in zip(run.source.tolist(), run.frames(), strict=True):
            by_source.setdefault(source, []).append(frame)
    assert by_source == {source: [b"%d" % number for number in range(200)] for source in range(4)}


def test_the_epochs_known_at_the_start_come_from_header_and_records(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=1_000, compress=False)
    writer.append(RecordKind.EPOCH, 1, 1, [epoch_frame(1, 1)], [T0], 0)
    fill(writer, 100, 1)
    middle = writer.append(RecordKind.EPOCH, 2, 4, [epoch_frame(2, 4, venue="KRAKEN")], [T0], 0)
    writer.sync(middle)
    writer.append(RecordKind.EPOCH, 1, 1, [epoch_frame(1, 1, opened=False)], [T0], 0)
    end = fill(writer, 100)
    assert {source: epoch.venue for source, epoch in writer.epochs.items()} == {1: "BINANCE", 2: "KRAKEN"}
    writer.close()
    assert Reader.open(tmp_path, 0).epochs == {}
    assert set(Reader.open(tmp_path, 1).epochs) == {1}
    assert set(Reader.open(tmp_path, middle - 1).epochs) == {1}
    assert {source: epoch.epoch for source, epoch in Reader.open(tmp_path, middle).epochs.items()} == {1: 1, 2: 4}
    assert set(Reader.open(tmp_path, end).epochs) == {1, 2}
    reopened = Writer.open(tmp_path)
    assert {source: epoch.epoch for source, epoch in reopened.epochs.items()} == {1: 1, 2: 4}
    reopened.close()


@pytest.mark.parametrize(
    ("kind", "source", "frames", "stamps"),
    [
        (RecordKind.DATA, 70_000, [b"x"], [T0]),
        (RecordKind.DATA, 1, [b"x"], [2**63]),
        (RecordKind.DATA, 1, [b"x", b"y"], [T0]),
        (RecordKind.EPOCH, 1, [b"{}"], [T0]),
    ],
)
def test_what_no_record_can_hold_is_refused_and_takes_no_offset(
    tmp_path: Path, kind: RecordKind, source: int, frames: list[bytes], stamps: list[int]
) -> None:
    writer = Writer.open(tmp_path)
    with pytest.raises(JournalError):
        writer.append(kind, source, 1, frames, stamps, 0)
    assert writer.append(RecordKind.DATA, 1, 1, [], [], 0) == 0
    assert fill(writer, 3) == 3
    writer.close()
    assert [frame for _, _, frame in rows(tmp_path)] == [frame_at(offset) for offset in range(3)]


def test_a_start_beyond_the_end_is_an_error_and_so_is_no_directory(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    fill(writer, 10)
    writer.close()
    assert Reader.open(tmp_path, 10).read(1) is None
    with pytest.raises(JournalError, match=r"offset 11 lies beyond the end of the journal .* which is 10"):
        Reader.open(tmp_path, 11)
    with pytest.raises(JournalError, match="there is no journal at"):
        Reader.open(tmp_path / "nowhere")


def test_a_reader_may_open_before_the_writer(tmp_path: Path) -> None:
    reader = Reader.open(tmp_path)
    assert reader.read(5) is None
    writer = Writer.open(tmp_path)
    fill(writer, 3)
    run = reader.read(5)
    assert run is not None
    assert run.frames() == [frame_at(offset) for offset in range(3)]
    writer.close()


def test_sync_gives_up_in_time_and_a_closed_writer_takes_nothing(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    with pytest.raises(JournalError, match=r"offset 5 is not durable, the journal is at 0: 0.01 s have passed"):
        writer.sync(5, 0.01)
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="closed"):
        writer.append(RecordKind.DATA, 1, 1, [b"x"], [T0], 0)
    with pytest.raises(JournalError, match="closed"):
        writer.sync(5)
