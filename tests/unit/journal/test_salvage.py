"""What is rescued of a damaged journal, what is said of the rest, and how a disk with bad sectors is read."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from crc32c import crc32c

from breadboard.clock import ManualClock
from breadboard.errors import JournalError
from breadboard.journal import Reader, Writer, identity, info, salvage, verify
from breadboard.journal import check as check_module
from breadboard.journal import segments as segments_module
from breadboard.journal.format import RECORD_PREFIX, SegmentHeader, pack_segment_header
from breadboard.journal.head import Head
from breadboard.journal.scan import BEGIN, LENGTH, NEXT
from breadboard.journal.segments import Content, Segment, listing, load
from breadboard.model.gaps import Gap
from breadboard.model.kinds import RecordKind
from journals import T0, epoch_frame, fill, frame_at, gap_of, rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a journal of 600 frames in a dozen raw segments."""
    directory = tmp_path / "source"
    writer = Writer.open(directory, segment_bytes=4_000, compress=False)
    fill(writer, 600)
    writer.close()
    return directory


def _gaps(directory: Path) -> list[tuple[int, Gap]]:
    return [(offset, gap_of(frame)) for offset, kind, frame in rows(directory) if kind == RecordKind.GAP]


def _span(gap: Gap) -> tuple[int, int]:
    return gap.ts_from - T0, gap.ts_to - T0


def test_a_missing_segment_is_a_gap_between_its_neighbours(source: Path, tmp_path: Path) -> None:
    lost, after = listing(source)[2:4]
    lost.path.unlink()
    report = salvage(source, tmp_path / "copy")
    ((offset, gap),) = _gaps(tmp_path / "copy")
    assert offset == lost.base
    assert _span(gap) == (lost.base - 1, after.base)
    assert report.lost == after.base - lost.base


def test_a_segment_whose_header_is_damaged_does_not_forget_when_the_last_frame_was(
    source: Path, tmp_path: Path
) -> None:
    segment = listing(source)[4]
    data = bytearray(segment.path.read_bytes())
    data[:600] = b"\xa5" * 600
    segment.path.write_bytes(data)
    salvage(source, tmp_path / "copy")
    ((offset, gap),) = _gaps(tmp_path / "copy")
    (direct,) = _gaps(source)
    assert (offset, _span(gap)) == (direct[0], _span(direct[1]))
    assert _span(gap)[0] == segment.base - 1


def test_what_is_missing_at_the_end_may_reach_up_to_now(source: Path, tmp_path: Path) -> None:
    last = listing(source)[-2]  # the very last may be empty
    for segment in listing(source)[-2:]:
        segment.path.unlink()
    for name, now, end in (("after", T0 + 10**9, 10**9), ("before", T0 - 5, last.base)):
        report = salvage(source, tmp_path / name, clock=ManualClock(now))
        ((offset, gap),) = _gaps(tmp_path / name)
        assert (offset, _span(gap)) == (last.base, (last.base - 1, end))
        assert (report.next, report.lost) == (600, 600 - last.base)


def test_a_gap_between_frames_of_one_moment_is_not_empty(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path / "source", compress=False)
    for number in range(3):
        writer.append(RecordKind.DATA, 3, 1, [b"frame%d" % number], [T0], 5)
    writer.close()
    path = listing(tmp_path / "source")[0].path
    path.write_bytes(path.read_bytes().replace(b"frame1", b"fraud1"))
    salvage(tmp_path / "source", tmp_path / "copy")
    ((offset, gap),) = _gaps(tmp_path / "copy")
    assert (offset, _span(gap)) == (1, (0, 1))


def test_what_was_known_before_the_first_segment_that_is_kept_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    writer = Writer.open(source, segment_bytes=2_000, compress=False)
    writer.append(RecordKind.EPOCH, 3, 1, [epoch_frame(3, 1)], [T0], 1)
    writer.sync(1)
    fill(writer, 200)
    writer.close()
    for segment in listing(source)[:2]:
        segment.path.unlink()
    first = listing(source)[0].base
    salvage(source, tmp_path / "copy")
    reader = Reader.open(tmp_path / "copy", first)
    assert set(reader.epochs) == {3}
    reader.close()


def test_each_frame_that_is_lost_is_counted(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path / "source", compress=False)
    for _ in range(40):
        fill(writer, 1)
    writer.append(RecordKind.GAP, 3, 1, [b'{"source":3,"reason":3,"ts_from":1,"ts_to":2}'], [T0 + 40], 1)
    writer.close()
    path = listing(tmp_path / "source")[0].path
    data = bytearray(path.read_bytes())
    for lost in (20, 30, 31):
        data[data.index(frame_at(lost))] ^= 1
    path.write_bytes(data)
    assert verify(tmp_path / "source").lost == 0
    assert salvage(tmp_path / "source", tmp_path / "copy").lost == 3
    assert salvage(tmp_path / "copy", tmp_path / "again").lost == 3


def test_a_directory_without_a_segment_has_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / f"{0:020d}.seg.tmp").write_bytes(b"")
    report = verify(tmp_path)
    assert (report.ok, report.segments, report.frames) == (True, 0, 0)
    Head.make(tmp_path / "HEAD", 70, 0, 1).close()
    (damage,) = verify(tmp_path).damage
    assert (damage.segment, damage.first, damage.next) == ("HEAD", 0, 70)


def _bad_sector(monkeypatch: pytest.MonkeyPatch, bad: Path, sector: int) -> None:
    """Let each read of this sector (of 4 KiB) of a file fail, as a disk does."""
    whole, part = Path.read_bytes, os.pread
    begin, end = 4096 * sector, 4096 * (sector + 1)

    def read_bytes(path: Path) -> bytes:
        if path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return whole(path)

    def pread(descriptor: int, size: int, at: int) -> bytes:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == bad and at < end and at + size > begin:
            raise OSError(errno.EIO, "Input/output error")
        return part(descriptor, size, at)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(os, "pread", pread)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_sector_that_cannot_be_read_costs_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    source = tmp_path / "source"
    writer = Writer.open(source, segment_bytes=20_000, compress=sealed)
    end = fill(writer, 1_000)
    deadline = time.monotonic() + 60
    while sealed and not all(segment.sealed for segment in listing(source)[:-1]):
        assert time.monotonic() < deadline, "not sealed within a minute"
        time.sleep(0.01)
    writer.close()
    bad, after = listing(source)[1:3]
    _bad_sector(monkeypatch, bad.path, 1)
    report = verify(source)
    assert {damage.segment for damage in report.damage if damage.what == "block"} == {bad.path.name}
    rescued = salvage(source, tmp_path / "copy")
    assert rescued.ok
    assert (rescued.first, rescued.next) == (0, end)
    assert rescued.frames + rescued.lost == end + len(_gaps(tmp_path / "copy"))
    lost = range(bad.base, after.base)
    assert 0 < rescued.lost <= len(lost)
    assert rescued.lost < len(lost) or sealed
    found = {offset for offset, kind, _ in rows(tmp_path / "copy") if kind == RecordKind.DATA}
    assert set(range(end)) - found <= set(lost)


def test_a_salvage_that_fails_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = listing(source)[3].path

    def load(segment: Segment, sync: int, limit: int, *, patient: bool) -> Content:
        if segment.path == bad:
            raise JournalError("the disk is gone")
        return segments_module.load(segment, sync, limit, patient=patient)

    monkeypatch.setattr(check_module, "load", load)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_text("mine")
    for target in (tmp_path / "new", kept):
        with pytest.raises(JournalError, match="the disk is gone"):
            salvage(source, target, segment_bytes=2_000)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in kept.iterdir()] == ["mine"]
    monkeypatch.undo()
    assert salvage(source, kept).frames == 600


def _flip(at: int) -> Callable[[bytearray], None]:
    def flip(data: bytearray) -> None:
        data[at] ^= 1

    return flip


def _without_header(data: bytearray) -> None:
    data[:70] = bytes(70)


@pytest.mark.parametrize("hurt", [_flip(16), _flip(66), _flip(41), _without_header])
def test_without_head_and_with_its_only_header_damaged_a_journal_is_still_itself(
    tmp_path: Path, hurt: Callable[[bytearray], None]
) -> None:
    source = tmp_path / "source"
    writer = Writer.open(source, compress=False)
    fill(writer, 300)
    writer.close()
    born = identity(source)
    (source / "HEAD").unlink()
    path = listing(source)[0].path
    data = bytearray(path.read_bytes())
    hurt(data)
    path.write_bytes(data)
    assert identity(source) == born
    assert [row[0] for row in rows(source)] == list(range(300))
    assert verify(source).frames == 300
    assert salvage(source, tmp_path / "copy").lost == 0
    writer = Writer.open(source, compress=False)
    assert writer.durable == 300
    fill(writer, 3)
    writer.close()
    assert identity(source) == born
    assert [(kind, frame) for _, kind, frame in rows(source)] == [
        (RecordKind.DATA, frame_at(offset)) for offset in range(303)
    ]


def test_a_word_that_somebody_else_made_up_is_not_taken_for_the_journals(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    writer = Writer.open(foreign, compress=False)
    writer.append(RecordKind.DATA, 1, 1, [b"trojan"], [T0], 0)
    writer.close()
    trojan = listing(foreign)[0].path.read_bytes()
    source = tmp_path / "source"
    writer = Writer.open(source, compress=False)
    writer.append(RecordKind.DATA, 1, 1, [trojan], [T0], 0)
    fill(writer, 50)
    writer.close()
    born = identity(source)
    (source / "HEAD").unlink()
    path = listing(source)[0].path
    data = bytearray(path.read_bytes())
    data[:80] = bytes(80)
    data[data.index(trojan) - 1] ^= 1  # the record around it is damaged, too
    path.write_bytes(data)
    assert identity(source) == born


def test_the_only_header_that_is_whole_may_lie_in_the_middle(source: Path) -> None:
    born = identity(source)
    (source / "HEAD").unlink()
    segments = listing(source)
    for segment in (*segments[:4], *segments[5:]):
        segment.path.write_bytes(b"")
    assert identity(source) == born
    assert info(source).segments == len(segments)


def test_what_a_crash_took_before_all_that_is_left_is_a_gap_that_is_not_empty(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, compress=False)
    fill(writer, 21)
    writer.close()
    (tmp_path / "HEAD").unlink()
    path = listing(tmp_path)[0].path
    data = bytearray(path.read_bytes())
    data[data.index(frame_at(1))] ^= 1
    path.write_bytes(data)
    Writer.open(tmp_path, compress=False).close()
    ((offset, gap),) = _gaps(tmp_path)
    assert (offset, gap.ts_from, gap.ts_to) == (0, 0, T0 + 7)


def test_a_segment_that_has_another_word_is_copied_so_that_it_can_be_read(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    writer = Writer.open(other, segment_bytes=4_000, compress=False)
    fill(writer, 600)
    writer.close()
    foreign = listing(source)[2]
    data = bytearray(load(foreign, 0).data.tobytes())
    records = load(foreign, 0).records
    word = identity(other)
    head = SegmentHeader(foreign.base, T0, T0, word, bytes(16), {})
    parts = [pack_segment_header(head)]
    for row in records[1:]:  # without the first: the hole is told of in the right word, too
        body = bytes(data[row[BEGIN] + 8 : row[BEGIN] + row[LENGTH]])
        parts += [RECORD_PREFIX.pack(word, crc32c(body, word)), body]
    foreign.path.write_bytes(b"".join(parts))
    report = salvage(source, tmp_path / "copy")
    assert report.ok
    assert report.lost == records[0, NEXT] - foreign.base
    assert list(rows(tmp_path / "copy")) == list(rows(source))
