"""A writer killed at random moments while a reader follows it."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from breadboard.journal import Reader, Writer, verify
from breadboard.journal.preparing import LEAST
from breadboard.model.kinds import RecordKind
from journals import T0, frame_at, rows

KILLS = int(os.environ.get("BREADBOARD_JOURNAL_KILLS", "10"))


def _write_for_ever(directory: Path, seed: int, segment_bytes: int) -> None:
    """Append runs of frames that tell their offset, across many small segments, until killed."""
    choice = random.Random(seed)
    writer = Writer.open(directory, segment_bytes=segment_bytes)
    offset = writer.durable
    while True:
        count = choice.choice([1, 1, 1, 2, 30, 200])
        frames = [frame_at(offset + row) for row in range(count)]
        offset = writer.append(RecordKind.DATA, 3, 1, frames, [T0 + offset + row for row in range(count)], 7)
        if choice.random() < 0.2:
            time.sleep(choice.random() * 0.002)


def _start(directory: Path, seed: int, segment_bytes: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _write_for_ever(directory, seed, segment_bytes)
        finally:
            os._exit(1)
    return pid


@pytest.mark.parametrize("segment_bytes", [40_000, LEAST], ids=["appended", "prepared"])
def test_a_killed_writer_loses_nothing_that_was_ever_visible(tmp_path: Path, segment_bytes: int) -> None:
    seed = int(os.environ.get("BREADBOARD_SEED", "7"))
    print("seed", seed)  # noqa: T201 - shown when the test fails
    choice = random.Random(seed)
    reader = Reader.open(tmp_path)
    for number in range(KILLS):
        before = reader.position
        pid = _start(tmp_path, seed + number, segment_bytes)
        try:
            deadline = time.monotonic() + 60
            stop = None
            while stop is None or time.monotonic() < stop:
                assert time.monotonic() < deadline, "the writer never began"
                first = reader.position
                run = reader.read(choice.choice([1, 50, 5_000]))
                if run is None:
                    continue
                stop = stop or time.monotonic() + 0.005 + choice.random() * 0.15
                assert set(run.kind.tolist()) == {RecordKind.DATA}
                assert run.frames() == [frame_at(first + row) for row in range(len(run))]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        assert reader.position > before
    visible = reader.position
    writer = Writer.open(tmp_path)
    assert writer.durable >= visible
    writer.close()
    found = list(rows(tmp_path))
    assert len(found) == writer.durable
    assert found == [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(len(found))]
    report = verify(tmp_path)
    assert report.ok, report.damage
    assert not list(tmp_path.glob("*.tmp"))
