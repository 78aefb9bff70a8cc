"""Segments in files that were made in advance: the same journal, and zeros that are nothing."""

import errno
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from breadboard.journal import Reader, Writer, preparing, verify
from breadboard.journal import reader as reader_module
from breadboard.journal.files import SystemFiles
from breadboard.journal.preparing import LEAST, PIECE_BYTES, PREPARED, SHARE
from breadboard.journal.segments import listing
from breadboard.model.kinds import RecordKind
from journals import T0, fill, frame_at, rows

BIG = b"x" * 2_000


class Disk(SystemFiles):
    """The disk, with a fault for calls of one name, and notes of what was opened and cut."""

    def __init__(self, fault: Callable[[str, int], None] = lambda _name, _descriptor: None) -> None:
        self.fault = fault
        self.opened: list[int] = []
        self.cut: list[int] = []

    def open(self, path: Path) -> int:
        self.fault("open", -1)
        self.opened.append(super().open(path))
        return self.opened[-1]

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self.fault("write", descriptor)
        return super().write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        self.cut.append(size)
        super().truncate(descriptor, size)


def _all(count: int) -> list[tuple[int, int, bytes]]:
    return [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(count)]


def _until(writer: Writer, found: Callable[[], bool]) -> None:
    """Append until something is so."""
    deadline = time.monotonic() + 60
    while not found():
        fill(writer, 20)
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _prepared(directory: Path, files: SystemFiles | None = None) -> Writer:
    """Return a writer that is in a prepared segment."""
    writer = Writer.open(directory, segment_bytes=LEAST, compress=False, files=files)
    _until(writer, lambda: len(listing(directory)) > 1)
    return writer


def test_a_journal_that_is_hardly_written_prepares_nothing(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=LEAST, compress=False)
    fill(writer, 20)
    assert listing(tmp_path)[0].path.stat().st_size < LEAST // SHARE
    assert not (tmp_path / PREPARED).exists()
    writer.close()


def test_a_flood_prepares_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "FLOOD_BYTES", 1)
    writer = Writer.open(tmp_path, segment_bytes=LEAST, compress=False)
    _until(writer, lambda: listing(tmp_path)[0].path.stat().st_size > 4 * LEAST // SHARE)
    assert not (tmp_path / PREPARED).exists()
    monkeypatch.undo()
    _until(writer, (tmp_path / PREPARED).exists)
    writer.close()


def test_the_segment_is_as_long_as_it_will_be_and_a_reader_sees_what_is_written_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = _prepared(tmp_path)
    segment = listing(tmp_path)[-1].path
    assert segment.stat().st_size >= LEAST
    reader = Reader.open(tmp_path, writer.durable)
    fill(writer, 1)
    assert reader.read(1) is not None  # who begins in the middle looks at the whole segment, once
    for number in range(3):
        end = fill(writer, 30)
        run = reader.read(100)
        assert run is not None
        assert run.frames() == [frame_at(offset) for offset in range(end - 30, end)], number
        assert len(run.buffer) <= 65_536, "few zeros are read along"
    monkeypatch.setattr(reader_module, "whole", None)  # nothing makes it look at all of the segment again
    writer.append(RecordKind.DATA, 3, 1, [BIG] * 200, [T0 + end] * 200, 0)
    writer.sync(end + 200)
    assert segment.stat().st_size < LEAST + 200_000, "not grown"
    big: list[bytes] = []
    while (run := reader.read(1_000)) is not None:
        big += run.frames()
    assert big == [BIG] * 200, "more than is read at first"
    writer.close()


def test_what_was_not_needed_is_cut_off_at_the_end(tmp_path: Path) -> None:
    files = Disk()
    writer = _prepared(tmp_path, files)
    last = listing(tmp_path)[-1]
    _until(writer, lambda: len(listing(tmp_path)) > 2)
    full = last.path.read_bytes()
    assert len(full) >= LEAST
    assert full.rstrip(b"\0") == full, "it was filled"
    writer.close()
    last = listing(tmp_path)[-1]
    assert last.path.read_bytes().rstrip(b"\0") == last.path.read_bytes()
    assert files.cut[-1] == last.path.stat().st_size
    assert len(files.opened) >= 2
    assert list(rows(tmp_path)) == _all(writer.durable)
    report = verify(tmp_path)
    assert (report.ok, report.torn_bytes) == (True, 0)
    assert not list(tmp_path.glob("*.tmp"))


def test_zeros_behind_the_last_record_are_no_torn_bytes_after_a_crash(tmp_path: Path) -> None:
    writer = _prepared(tmp_path / "live")
    crashed = tmp_path / "crashed"
    fill(writer, 10)
    shutil.copytree(tmp_path / "live", crashed)
    end = writer.durable
    writer.close()
    assert (verify(crashed).ok, verify(crashed).torn_bytes, verify(crashed).next) == (True, 0, end)
    segment = listing(crashed)[-1].path
    torn = segment.read_bytes().rstrip(b"\0")
    assert len(torn) < LEAST <= segment.stat().st_size
    segment.write_bytes(torn + b"half a rec" + bytes(LEAST))
    assert verify(crashed).torn_bytes == 10
    again = Writer.open(crashed, segment_bytes=LEAST, compress=False)
    assert again.durable == end
    fill(again, 5)
    again.close()
    assert list(rows(crashed)) == _all(end + 5)
    assert segment.read_bytes() == torn + b"half a rec" + bytes(LEAST), "the tail is never cut"


def test_an_empty_prepared_segment_is_replaced_after_a_crash_with_nothing_to_keep_aside(tmp_path: Path) -> None:
    Writer.open(tmp_path).close()
    path = listing(tmp_path)[0].path
    path.write_bytes(path.read_bytes() + bytes(LEAST))
    writer = Writer.open(tmp_path)
    fill(writer, 3)
    writer.close()
    assert not (tmp_path / "damaged").exists()
    assert list(rows(tmp_path)) == _all(3)


@pytest.mark.parametrize("name", ["write", "open"])
def test_a_disk_that_has_no_room_for_a_prepared_file_takes_frames_as_before(tmp_path: Path, name: str) -> None:
    refused = threading.Event()

    def fault(called: str, _: int) -> None:
        preparing = threading.current_thread().name == "journal-prepare"
        if called == name and (preparing or name == "open"):
            refused.set()
            raise OSError(errno.ENOSPC, "injected")

    writer = Writer.open(tmp_path, segment_bytes=LEAST, compress=False, files=Disk(fault), retry_s=0.01)
    _until(writer, lambda: refused.is_set() and writer.durable > 2_000)
    end = writer.durable
    assert not list(tmp_path.glob("*.tmp")), "it has its room back"
    writer.close()
    assert list(rows(tmp_path)) == _all(end)


def test_zeros_never_take_the_last_room_of_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    class Little:
        @property
        def free(self) -> int:
            asked.set()
            return 2 * LEAST - 1

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Little())
    writer = Writer.open(tmp_path, segment_bytes=LEAST, compress=False)
    _until(writer, lambda: asked.is_set() and writer.durable > 2_000)
    assert not list(tmp_path.glob("*.tmp"))
    assert len(listing(tmp_path)) == 1
    writer.close()


def test_zeros_are_taken_back_when_frames_need_their_room(tmp_path: Path) -> None:
    room = 8 * PIECE_BYTES

    def fault(called: str, _: int) -> None:
        if called == "write" and sum(path.stat().st_size for path in tmp_path.iterdir()) >= room:
            raise OSError(errno.ENOSPC, "injected")

    def used() -> int:
        return sum(path.stat().st_size for path in tmp_path.glob("*.seg"))

    files = Disk(fault)
    writer = Writer.open(tmp_path, segment_bytes=2 * room, compress=False, files=files, retry_s=0.01)
    _until(writer, lambda: used() > room // 2)
    end = writer.durable
    assert not list(tmp_path.glob("*.tmp"))
    writer.close()
    assert list(rows(tmp_path)) == _all(end)


def test_what_a_crash_leaves_out_of_the_middle_of_a_commit_is_a_gap(tmp_path: Path) -> None:
    """Zeros that are overwritten may reach the disk in any order: a later record without the one before it."""
    writer = _prepared(tmp_path / "live")
    end = fill(writer, 7)
    crashed = tmp_path / "crashed"
    shutil.copytree(tmp_path / "live", crashed)
    for number in range(3):
        writer.append(RecordKind.DATA, 3, 1, [frame_at(end + number)], [T0 + end + number], 0)
    writer.sync(end + 3)
    segment = listing(tmp_path / "live")[-1].path
    after = bytearray(segment.read_bytes())
    writer.close()
    lost = after.index(b"%d:" % (end + 1))
    after[lost - 70 : lost + 2] = bytes(72)
    (crashed / segment.name).write_bytes(after)
    again = Writer.open(crashed, segment_bytes=LEAST, compress=False)
    fill(again, 2)
    again.close()
    found = list(rows(crashed, end))
    assert [row[:2] for row in found] == [(end, 1), (end + 1, RecordKind.GAP), (end + 2, 1), (end + 3, 1), (end + 4, 1)]
    assert verify(crashed).ok


def test_a_write_that_fails_in_a_prepared_segment_loses_nothing_and_nothing_is_cut(tmp_path: Path) -> None:
    broken = threading.Event()

    def fault(called: str, descriptor: int) -> None:
        if called == "write" and broken.is_set() and descriptor in files.opened:
            broken.clear()
            raise OSError(errno.EIO, "injected")

    files = Disk(fault)
    writer = _prepared(tmp_path, files)
    fill(writer, 10)
    failed = listing(tmp_path)[-1].path
    broken.set()
    end = fill(writer, 10)
    assert listing(tmp_path)[-1].path != failed
    assert failed.stat().st_size >= LEAST, "not cut"
    writer.close()
    assert list(rows(tmp_path)) == _all(end)
    assert verify(tmp_path).ok


def test_a_segment_whose_first_commit_has_a_hole_is_kept_aside_when_it_is_replaced(tmp_path: Path) -> None:
    live, crashed = tmp_path / "live", tmp_path / "crashed"
    writer = Writer.open(live, compress=False)
    shutil.copytree(live, crashed)
    for number in range(3):
        writer.append(RecordKind.DATA, 3, 1, [frame_at(number)], [T0 + number], 0)
    writer.sync(3)
    torn = bytearray(listing(live)[0].path.read_bytes())
    writer.close()
    middle = torn.index(b"1:")
    torn[middle - 70 : middle + 2] = bytes(72)
    listing(crashed)[0].path.write_bytes(torn)
    again = Writer.open(crashed, compress=False)
    again.close()
    (kept,) = (crashed / "damaged").iterdir()
    assert kept.read_bytes() == torn
    assert [row[:2] for row in rows(crashed)] == [(0, RecordKind.DATA), (1, RecordKind.GAP), (2, RecordKind.DATA)]
