"""A disk that fails at every call, takes half a write, fills up, or is slow."""

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from breadboard.errors import JournalError
from breadboard.journal import Reader, Writer, verify
from breadboard.journal.files import SystemFiles
from breadboard.model.kinds import GapReason, RecordKind
from journals import T0, fill, frame_at, gap_of, rows


class Faulty(SystemFiles):
    """Counts calls and lets ``fault`` raise, or shorten a write."""

    def __init__(self, fault: Callable[[int, str], int | None]) -> None:
        self.calls = 0
        self.fault = fault
        self.failed: list[int] = []
        self.synced_after_failure = 0

    def _call(self, name: str, descriptor: int = -1) -> int | None:
        self.calls += 1
        if name in {"write", "sync_data"} and descriptor in self.failed:
            self.synced_after_failure += 1
        try:
            return self.fault(self.calls, name)
        except OSError:
            self.failed.append(descriptor)
            raise

    def create(self, path: Path) -> int:
        self._call("create")
        descriptor = super().create(path)
        if descriptor in self.failed:
            self.failed.remove(descriptor)  # the number of a closed handle, given out again
        return descriptor

    def open(self, path: Path) -> int:
        self._call("open")
        descriptor = super().open(path)
        if descriptor in self.failed:
            self.failed.remove(descriptor)
        return descriptor

    def truncate(self, descriptor: int, size: int) -> None:
        self._call("truncate", descriptor)
        super().truncate(descriptor, size)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        limit = self._call("write", descriptor)
        return super().write(descriptor, data[:limit])

    def sync_data(self, descriptor: int) -> None:
        self._call("sync_data", descriptor)
        super().sync_data(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._call("replace")
        super().replace(source, target)

    def sync_directory(self, path: Path) -> None:
        self._call("sync_directory")
        super().sync_directory(path)


def _raise(number: int) -> int | None:
    raise OSError(number, "injected")


def _fill_often(writer: Writer) -> None:
    for _ in range(50):
        fill(writer, 1)


def _payloads(directory: Path) -> list[bytes]:
    return [frame for _, kind, frame in rows(directory) if kind == RecordKind.DATA]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_one_failure_at_any_call_loses_nothing_and_leaves_no_gap(tmp_path: Path, number: int) -> None:
    for failing in range(6, 40):
        directory = tmp_path / str(failing)
        files = Faulty(lambda call, _, failing=failing: _raise(number) if call == failing else None)  # type: ignore[misc]  # a lambda's default
        writer = Writer.open(directory, segment_bytes=700, compress=False, files=files)
        for _ in range(20):
            fill(writer, 5)
        writer.close()
        assert files.calls > 40
        assert files.synced_after_failure == 0
        assert list(rows(directory)) == [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(100)], failing
        assert verify(directory).ok, failing


def test_short_writes_are_continued(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=900, compress=False, files=Faulty(lambda call, _: 1 + call % 13))
    fill(writer, 60)
    writer.close()
    assert _payloads(tmp_path) == [frame_at(offset) for offset in range(60)]
    assert len(list(tmp_path.glob("*.seg"))) > 2


def test_a_disk_that_takes_nothing_is_a_failure_and_not_a_loop(tmp_path: Path) -> None:
    files = Faulty(lambda call, name: 0 if call > 10 and name == "write" else None)
    writer = Writer.open(tmp_path, files=files, retry_s=30)
    with pytest.raises(JournalError, match="the disk refuses the journal"):
        _fill_often(writer)
    with pytest.raises(JournalError):
        writer.close()


def test_a_full_disk_refuses_then_goes_on_by_itself_with_a_gap(tmp_path: Path) -> None:
    full = threading.Event()
    files = Faulty(lambda _, name: _raise(errno.ENOSPC) if full.is_set() and name in {"write", "create"} else None)
    writer = Writer.open(tmp_path, files=files, retry_s=0.02)
    fill(writer, 10)
    full.set()
    held = writer.append(RecordKind.DATA, 3, 1, [b"held"], [T0 + 10], 0)
    with pytest.raises(
        JournalError, match=r"the disk refuses the journal .* injected; durable up to offset 10"
    ) as told:
        writer.sync(held)
    assert told.value.transient
    assert told.value.hint.startswith("df -h ")
    for number in range(3):
        with pytest.raises(JournalError):
            writer.append(RecordKind.DATA, 3, 1, [b"refused"], [T0 + 20 + number], 0)
    assert writer.durable == 10
    reader = Reader.open(tmp_path, 10)
    assert reader.read(10) is None
    full.clear()
    deadline = time.monotonic() + 60
    while writer.durable < held + 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    after = writer.append(RecordKind.DATA, 3, 1, [b"again"], [T0 + 30], 0)
    writer.sync(after)
    writer.close()
    found = list(rows(tmp_path, 10))
    assert [row[:2] for row in found] == [(10, RecordKind.DATA), (11, RecordKind.GAP), (12, RecordKind.DATA)]
    assert (found[0][2], found[2][2]) == (b"held", b"again")
    gap = gap_of(found[1][2])
    assert (gap.reason, gap.ts_from, gap.ts_to) == (GapReason.STORAGE, T0 + 10, T0 + 22)
    assert verify(tmp_path).ok


def test_a_disk_that_came_back_before_anything_was_refused_leaves_no_gap(tmp_path: Path) -> None:
    files = Faulty(lambda call, _: _raise(errno.EIO) if 8 <= call <= 20 else None)
    writer = Writer.open(tmp_path, files=files, retry_s=0.01)
    while files.calls < 8:
        writer.append(RecordKind.DATA, 3, 1, [frame_at(writer._next)], [T0], 0)
        time.sleep(0.002)
    deadline = time.monotonic() + 60
    while writer.durable < writer._next and time.monotonic() < deadline:
        time.sleep(0.005)
    end = writer.durable
    writer.close()
    assert files.calls > 20
    assert list(rows(tmp_path)) == [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(end)]


def test_a_disk_that_stays_broken_never_acknowledges_and_close_says_so(tmp_path: Path) -> None:
    files = Faulty(lambda call, _: _raise(errno.EIO) if call > 12 else None)
    writer = Writer.open(tmp_path, files=files, retry_s=0.01)
    with pytest.raises(JournalError):
        _fill_often(writer)
    durable = writer.durable
    with pytest.raises(JournalError, match=f"durable up to offset {durable}"):
        writer.close()
    assert _payloads(tmp_path) == [frame_at(offset) for offset in range(durable)]
    again = Writer.open(tmp_path)
    fill(again, 5)
    again.close()
    assert _payloads(tmp_path)[:durable] == [frame_at(offset) for offset in range(durable)]


def test_records_of_a_failed_sync_are_written_again_and_not_believed(tmp_path: Path) -> None:
    """What fsync refused may still be read back from the page cache; a crash then must not make it truth."""
    broken = threading.Event()
    files = Faulty(
        lambda _, name: _raise(errno.EIO) if broken.is_set() and name in {"sync_data", "sync_directory"} else None
    )
    writer = Writer.open(tmp_path, files=files, retry_s=60)
    fill(writer, 4)
    broken.set()
    writer.append(RecordKind.DATA, 3, 1, [frame_at(4)], [T0], 0)
    with pytest.raises(JournalError):
        writer.sync(5)
    assert Reader.open(tmp_path, 4).read(10) is None
    with pytest.raises(JournalError):
        writer.close()
    old = (tmp_path / f"{0:020d}.seg").read_bytes()
    again = Writer.open(tmp_path, compress=False)
    assert again.durable == 5
    again.close()
    assert (tmp_path / f"{0:020d}.seg").read_bytes() == old
    assert (tmp_path / f"{4:020d}.seg").exists()
    assert _payloads(tmp_path) == [frame_at(offset) for offset in range(5)]


def test_an_append_waits_only_when_the_bound_is_reached(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(_: int, name: str) -> int | None:
        if name == "sync_data" and ready.is_set():
            gate.wait(60)
        return None

    ready = threading.Event()
    writer = Writer.open(tmp_path, files=Faulty(slow), pending_limit=10_000, compress=False)
    ready.set()
    taken = 0
    while writer.pending_bytes < 10_000:
        taken = writer.append(RecordKind.DATA, 3, 1, [frame_at(taken)], [T0], 0)
    blocked = threading.Thread(target=writer.append, args=(RecordKind.DATA, 3, 1, [frame_at(taken)], [T0], 0))
    blocked.start()
    blocked.join(0.1)
    assert blocked.is_alive()
    assert writer.durable == 0
    gate.set()
    blocked.join(60)
    writer.close()
    assert _payloads(tmp_path) == [frame_at(offset) for offset in range(taken + 1)]


def test_a_hook_that_raises_does_not_stop_the_journal(tmp_path: Path) -> None:
    told: list[int] = []

    def hook(offset: int) -> None:
        told.append(offset)
        raise RuntimeError("a bad hook")

    writer = Writer.open(tmp_path, on_durable=hook)
    fill(writer, 10)
    fill(writer, 10)
    writer.close()
    assert told == sorted(told)
    assert told[-1] == 20


def test_a_directory_that_cannot_be_written_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JournalError, match="cannot be opened"):
        Writer.open(tmp_path / "file")
    with pytest.raises(JournalError, match="cannot be written"):
        Writer.open(tmp_path / "full", files=Faulty(lambda _, __: _raise(errno.ENOSPC)))
    writer = Writer.open(tmp_path / "full")
    fill(writer, 3)
    writer.close()


def test_a_commit_thread_that_ends_is_told_to_everyone_who_appends(tmp_path: Path) -> None:
    def defect(call: int, _: str) -> int | None:
        if call > 8:
            raise ZeroDivisionError("a defect")
        return None

    writer = Writer.open(tmp_path, files=Faulty(defect))
    with pytest.raises(JournalError, match="the commit thread ended: ZeroDivisionError"):
        _fill_often(writer)
    with pytest.raises(JournalError):
        writer.append(RecordKind.DATA, 3, 1, [b"x"], [T0], 0)
    with pytest.raises(JournalError):
        writer.close()
    again = Writer.open(tmp_path)
    fill(again, 3)
    again.close()
