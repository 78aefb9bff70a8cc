"""A segment that is there in both forms: the one that goes further is read, and what only the other holds is kept."""

import shutil
import time
from pathlib import Path

import pytest

from breadboard.clock import ManualClock
from breadboard.journal import Writer, retire, salvage, verify
from breadboard.journal.sealed import seal
from breadboard.journal.segments import listing, load, segment_path
from breadboard.model.kinds import RecordKind
from journals import fill, frame_at, rows

DAY = 86_400_000_000_000


def _all(end: int) -> list[tuple[int, int, bytes]]:
    return [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(end)]


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Return a journal of 600 frames whose first segment is there sealed, and raw as it was after 50 frames."""
    source = tmp_path / "journal"
    writer = Writer.open(source, segment_bytes=8_000, compress=False)
    fill(writer, 50)
    early = segment_path(source, 0).read_bytes()
    fill(writer, 550)
    writer.close()
    seal(segment_path(source, 0), segment_path(source, 0, sealed=True))
    segment_path(source, 0).write_bytes(early)
    assert listing(source)[1].base > 50
    return source


def _sealed_all(directory: Path) -> None:
    deadline = time.monotonic() + 60
    while any(not segment.sealed for segment in listing(directory)[:-1]) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_short_raw_form_hides_nothing_of_the_sealed_one(both: Path, tmp_path: Path) -> None:
    assert list(rows(both)) == _all(600)
    assert list(rows(both, 60)) == _all(600)[60:]
    report = verify(both)
    assert (report.ok, report.frames) == (True, 600)
    copied = salvage(both, tmp_path / "copy")
    assert (copied.frames, copied.lost) == (600, 0)


def test_the_writer_keeps_the_form_that_has_everything(both: Path) -> None:
    sealed = segment_path(both, 0, sealed=True)
    before = sealed.read_bytes()
    writer = Writer.open(both)
    _sealed_all(both)
    writer.close()
    assert sealed.read_bytes() == before
    assert not segment_path(both, 0).exists()
    assert not (both / "damaged").exists()
    assert list(rows(both)) == _all(600)


def test_a_sealed_form_that_lacks_something_goes_aside_before_it_is_replaced(both: Path) -> None:
    raw, sealed = segment_path(both, 0), segment_path(both, 0, sealed=True)
    whole = load(listing(both)[0], 0).data.tobytes()
    sealed.unlink()
    short = both / "short"
    shutil.copy(raw, short)
    seal(short, sealed)
    raw.write_bytes(whole)
    lesser = sealed.read_bytes()
    writer = Writer.open(both)
    _sealed_all(both)
    writer.close()
    (kept,) = (both / "damaged").iterdir()
    assert (kept.name.rpartition(".")[0], kept.read_bytes()) == (sealed.name, lesser)
    assert list(rows(both)) == _all(600)


def test_forms_that_each_lack_something_are_both_kept(both: Path) -> None:
    raw, sealed = segment_path(both, 0), segment_path(both, 0, sealed=True)
    packed = bytearray(sealed.read_bytes())
    packed[len(packed) // 2] ^= 1  # its one block: only the raw one has anything now
    sealed.write_bytes(packed)
    assert list(rows(both))[:50] == _all(50)
    writer = Writer.open(both)
    _sealed_all(both)
    writer.close()
    (kept,) = (both / "damaged").iterdir()
    assert kept.read_bytes() == bytes(packed)
    assert list(rows(both))[:50] == _all(50)
    assert not raw.exists()


def test_nothing_is_sealed_over_a_sealed_segment(both: Path) -> None:
    sealed = segment_path(both, 0, sealed=True)
    before = sealed.read_bytes()
    with pytest.raises(FileExistsError, match="is there already"):
        seal(segment_path(both, 0), sealed)
    assert sealed.read_bytes() == before
    assert segment_path(both, 0).exists()


def test_retention_removes_both_forms(both: Path) -> None:
    clock = ManualClock(time.time_ns() + 30 * DAY)
    removed = retire(both, DAY, clock)
    assert {segment_path(both, 0), segment_path(both, 0, sealed=True)} <= set(removed)
    assert not segment_path(both, 0, sealed=True).exists()


def test_of_the_last_segment_the_better_form_is_what_a_writer_goes_on_from(both: Path) -> None:
    for segment in listing(both)[1:]:
        segment.path.unlink()
    (both / "HEAD").unlink()
    end = load(listing(both)[0], 0).next
    assert end > 50
    writer = Writer.open(both, compress=False)
    assert writer.durable == end
    fill(writer, 5)
    writer.close()
    assert list(rows(both)) == _all(end + 5)
