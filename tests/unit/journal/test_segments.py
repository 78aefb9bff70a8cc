"""Files and their life: the lock, HEAD, rotation, sealing, retention."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard

from breadboard.clock import ManualClock
from breadboard.errors import JournalDamaged, JournalError, JournalLocked
from breadboard.journal import Reader, Writer, acknowledge, floors, forget, info, retire, verify
from breadboard.journal import retention as retention_module
from breadboard.journal import sealed as sealed_module
from breadboard.journal import sealer as sealer_module
from breadboard.journal import segments as segments_module
from breadboard.journal.format import SegmentHeader
from breadboard.journal.sealed import BLOCK_BYTES, decompress, seal
from breadboard.journal.sealer import BUSY_BYTES, Sealer
from breadboard.journal.segments import Segment, listing, load
from breadboard.model.kinds import RecordKind
from journals import T0, fill, frame_at, gap_of, rows
from patient import PATIENCE_S

DAY = 86_400_000_000_000


def _wait_until_sealed(directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(not segment.sealed for segment in listing(directory)[:-1]):
        assert time.monotonic() < deadline, "it is sealed at some time"
        time.sleep(0.01)


def _only_the_last_record_stays(directory: Path) -> bool:
    segments = listing(directory)
    return len(segments) == 1 or (len(segments) == 2 and not len(load(segments[1], 0).records))


def _all(end: int) -> list[tuple[int, int, bytes]]:
    return [(offset, RecordKind.DATA, frame_at(offset)) for offset in range(end)]


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    with pytest.raises(JournalLocked, match=f"process {os.getpid()} already writes the journal"):
        Writer.open(tmp_path)
    code = (
        "import sys, pathlib\nfrom breadboard.errors import JournalLocked\nfrom breadboard.journal import Writer\n"
        "try:\n    Writer.open(pathlib.Path(sys.argv[1]))\nexcept JournalLocked as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert f"process {os.getpid()} already writes" in told.stdout
    fill(writer, 5)
    writer.close()
    Writer.open(tmp_path).close()
    assert list(rows(tmp_path)) == _all(5)


def test_many_restarts_leave_one_journal_and_no_empty_segments(tmp_path: Path) -> None:
    for _ in range(5):
        Writer.open(tmp_path).close()
    assert len(listing(tmp_path)) == 1
    for _ in range(5):
        writer = Writer.open(tmp_path)
        fill(writer, 3)
        writer.close()
    assert list(rows(tmp_path)) == _all(15)
    assert verify(tmp_path).ok


def test_an_empty_journal_begins_where_it_is_told(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, base_offset=1_000)
    assert writer.durable == 1_000
    assert fill(writer, 3) == 1_003
    writer.close()
    writer = Writer.open(tmp_path, base_offset=5)
    assert writer.durable == 1_003
    writer.close()
    assert [row[0] for row in rows(tmp_path, 1_000)] == [1_000, 1_001, 1_002]


@pytest.mark.parametrize("head", ["missing", "stale", "zero", "short", "garbage"])
def test_head_is_rebuilt_from_the_segments(tmp_path: Path, head: str) -> None:
    writer = Writer.open(tmp_path, segment_bytes=2_000, compress=False)
    fill(writer, 100)
    writer.close()
    path = tmp_path / "HEAD"
    words = np.frombuffer(path.read_bytes(), np.int64).copy()
    match head:
        case "missing":
            path.unlink()
        case "stale":
            words[0] -= 3
            path.write_bytes(words.tobytes())
        case "zero":
            path.write_bytes(bytes(24))
        case "short":
            path.write_bytes(b"123")
        case _:
            words[0] = 1 << 61
            path.write_bytes(words.tobytes())
    reader = Reader.open(tmp_path, 100)
    if head == "garbage":
        with pytest.raises(JournalDamaged, match=f"says {1 << 61}, its segments end at 100"):
            reader.read(50)
    else:
        assert reader.read(50) is None
    writer = Writer.open(tmp_path, compress=False)
    assert writer.durable == 100
    fill(writer, 10)
    writer.close()
    run = reader.read(50)
    assert run is not None
    assert run.frames() == [frame_at(offset) for offset in range(100, 110)]
    assert list(rows(tmp_path)) == _all(110)
    assert verify(tmp_path).ok


def test_a_reader_follows_a_head_that_was_made_anew(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    fill(writer, 5)
    reader = Reader.open(tmp_path, 5)
    assert reader.read(10) is None
    writer.close()
    (tmp_path / "HEAD").unlink()
    writer = Writer.open(tmp_path)
    fill(writer, 3)
    run = reader.read(10)
    assert run is not None
    assert run.offset.tolist() == [5, 6, 7]
    writer.close()


def test_offsets_that_were_visible_are_never_given_again(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, compress=False)
    fill(writer, 10, 5)
    writer.close()
    path = listing(tmp_path)[0].path
    path.write_bytes(path.read_bytes()[:-1])
    writer = Writer.open(tmp_path, compress=False)
    assert writer.durable == 10
    fill(writer, 2)
    writer.close()
    found = list(rows(tmp_path))
    assert [row[:2] for row in found[4:]] == [(4, 1), (5, RecordKind.GAP), (10, 1), (11, 1)]
    assert gap_of(found[5][2]).detail == "5 frames at offset 5"
    report = verify(tmp_path)
    assert (report.ok, report.lost) == (True, 5)
    assert report.torn_bytes > 0


def test_torn_bytes_of_a_replaced_segment_are_kept_aside(tmp_path: Path) -> None:
    Writer.open(tmp_path).close()
    path = listing(tmp_path)[0].path
    path.write_bytes(path.read_bytes() + b"half a rec")
    torn = path.read_bytes()
    writer = Writer.open(tmp_path)
    fill(writer, 2)
    writer.close()
    (kept,) = (tmp_path / "damaged").iterdir()
    assert kept.read_bytes() == torn
    assert list(rows(tmp_path)) == _all(2)


def test_segments_rotate_by_size_and_are_sealed(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=10_000)
    reader = Reader.open(tmp_path)
    end = fill(writer, 2_000)
    _wait_until_sealed(tmp_path)
    writer.close()
    segments = listing(tmp_path)
    assert [segment.sealed for segment in segments] == [True] * (len(segments) - 1) + [False]
    assert len(segments) > 10
    assert not list(tmp_path.glob("*.tmp"))
    got: list[bytes] = []
    while (run := reader.read(33)) is not None:
        got += run.frames()
    assert got == [frame_at(offset) for offset in range(end)]
    assert verify(tmp_path).ok
    at_a_glance = info(tmp_path)
    assert (at_a_glance.durable, at_a_glance.segments, at_a_glance.sealed) == (end, len(segments), len(segments) - 1)
    assert at_a_glance.bytes == sum(segment.path.stat().st_size for segment in segments)


@pytest.mark.parametrize(("most", "waits"), [(256, True), (1, False)])
def test_while_a_flood_lasts_segments_wait_unless_too_many_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, waits: bool
) -> None:
    flood = threading.Event()
    flood.set()
    monkeypatch.setattr(Sealer, "_is_flooded", lambda _: flood.is_set())
    monkeypatch.setattr(sealer_module, "MOST_WAITING", most)
    writer = Writer.open(tmp_path, segment_bytes=4096)
    for _ in range(20):
        writer.sync(writer.append(RecordKind.DATA, 0, 1, [bytes(3000)] * 4, [1] * 4, 0))
    if waits:
        time.sleep(3 * sealer_module.LOOK_S)
        assert not any(segment.sealed for segment in listing(tmp_path))
    else:
        deadline = time.monotonic() + 60
        while not any(segment.sealed for segment in listing(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert any(segment.sealed for segment in listing(tmp_path))
    flood.clear()
    _wait_until_sealed(tmp_path)
    writer.close()
    assert all(segment.sealed for segment in listing(tmp_path)[:-1]), "the flood is over"


@pytest.mark.parametrize("share", [1, 2])
def test_a_flood_is_so_many_bytes_finished_within_a_second(tmp_path: Path, share: int) -> None:
    sealer = Sealer([])
    path = tmp_path / "0.seg"
    path.touch()
    os.truncate(path, BUSY_BYTES // share)  # a hole: nothing is written
    sealer.add(Segment(0, path, sealed=False))
    assert sealer._is_flooded() is (share == 1)
    sealer.close()


def test_what_a_crash_left_unsealed_is_sealed_at_the_next_opening(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=3_000, compress=False)
    end = fill(writer, 300)
    writer.close()
    (tmp_path / f"{0:020d}.seg.zst.tmp").write_bytes(b"unfinished")
    assert not any(segment.sealed for segment in listing(tmp_path))
    writer = Writer.open(tmp_path)
    _wait_until_sealed(tmp_path)
    writer.close()
    assert all(segment.sealed for segment in listing(tmp_path)[:-1])
    assert list(rows(tmp_path)) == _all(end)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_sealed_segment_is_plain_zstandard_and_survives_damage_block_by_block(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    content = np.random.default_rng(5).integers(0, 9, 3 * BLOCK_BYTES + 17, np.uint8).tobytes()
    raw.write_bytes(content)
    target = tmp_path / "sealed"
    seal(raw, target)
    assert not raw.exists()
    packed = target.read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
        assert stream.read(len(content)) == content
    assert decompress(packed) == (content, 0)
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 1
    assert decompress(bytes(damaged)) == (
        content[:BLOCK_BYTES] + bytes(BLOCK_BYTES) + content[2 * BLOCK_BYTES :],
        1,
    )
    assert decompress(packed[:-5]) == (content, 1)
    assert decompress(packed[: len(packed) // 2]) == (content[:BLOCK_BYTES], 2)
    assert decompress(b"") == (b"", 1)


@pytest.mark.parametrize("bit", range(8))
def test_a_bit_that_changes_what_a_block_says_of_its_size_costs_that_block(tmp_path: Path, bit: int) -> None:
    """Byte 4 of a block says how many bytes its own size takes, and what they mean."""
    raw = tmp_path / "raw"
    content = np.random.default_rng(5).integers(0, 9, 2 * BLOCK_BYTES, np.uint8).tobytes()
    raw.write_bytes(content)
    seal(raw, tmp_path / "sealed")
    packed = bytearray((tmp_path / "sealed").read_bytes())
    packed[4] ^= 1 << bit
    found, damaged = decompress(bytes(packed))
    assert found[BLOCK_BYTES:] == content[BLOCK_BYTES:]
    assert len(found) == len(content)
    assert (damaged, found[:BLOCK_BYTES]) in [(1, bytes(BLOCK_BYTES)), (0, content[:BLOCK_BYTES])]
    assert damaged or bit in {2, 4}, "without a checksum; and a bit that says nothing"


def test_a_block_that_asks_for_all_memory_is_a_damaged_block(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    content = b'{"p":"100.25","q":"3"}' * 100_000
    raw.write_bytes(content)
    seal(raw, tmp_path / "sealed")
    packed = bytearray((tmp_path / "sealed").read_bytes())
    packed[4] ^= 0x40  # the size has eight bytes now: with those of the block's own data exabytes
    packed[6:14] = (1 << 45).to_bytes(8, "little")
    assert decompress(bytes(packed)) == (bytes(BLOCK_BYTES) + content[BLOCK_BYTES:], 1)


def test_the_raw_segment_stays_when_the_sealed_one_reads_back_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(b"truth" * 1000)
    write = sealed_module._write

    def corrupting(source: Path, target: Path) -> list[tuple[int, int]]:
        sizes = write(source, target)
        data = bytearray(target.read_bytes())
        data[len(data) // 3] ^= 8
        target.write_bytes(data)
        return sizes

    monkeypatch.setattr(sealed_module, "_write", corrupting)
    with pytest.raises(JournalError, match="did not read back as written; raw is kept"):
        seal(raw, tmp_path / "sealed")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_full_disk_leaves_segments_raw_and_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path, target: Path) -> list[tuple[int, int]]:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(sealed_module, "_write", full)
    writer = Writer.open(tmp_path, segment_bytes=2_000)
    end = fill(writer, 200)
    writer.close()
    assert not any(segment.sealed for segment in listing(tmp_path))
    assert not list(tmp_path.glob("*.tmp"))
    assert list(rows(tmp_path)) == _all(end)


def test_retention_keeps_what_is_young_what_is_needed_and_the_tail(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    writer = Writer.open(tmp_path, segment_bytes=2_000, clock=clock)
    for _ in range(10):
        fill(writer, 30)
        clock.advance(DAY)
    _wait_until_sealed(tmp_path)
    bases = [segment.base for segment in listing(tmp_path)]
    assert len(bases) > 8
    assert retire(tmp_path, 30 * DAY, clock) == []
    acknowledge(tmp_path, "engine", 300)
    acknowledge(tmp_path, "store", bases[2] + 1)
    assert floors(tmp_path) == {"engine": 300, "store": bases[2] + 1}
    assert len(retire(tmp_path, 0, clock)) == 2
    assert listing(tmp_path)[0].base == bases[2]
    forget(tmp_path, "store")
    retire(tmp_path, 3 * DAY, clock)
    assert bases[2] < listing(tmp_path)[0].base < bases[-1]
    retire(tmp_path, 0, clock)
    assert _only_the_last_record_stays(tmp_path)
    writer.close()
    assert verify(tmp_path).ok


def _ten_days(directory: Path, ahead: int = -1) -> tuple[ManualClock, Writer]:
    """Record a segment or more on each of ten days; on one of them our clock is a year ahead."""
    clock = ManualClock(T0)
    writer = Writer.open(directory, segment_bytes=2_000, clock=clock)
    for day in range(10):
        clock.step(365 * DAY if day == ahead else 0)
        fill(writer, 30)
        clock.step(-365 * DAY if day == ahead else 0)
        clock.advance(DAY)
    return clock, writer


def test_a_segment_that_could_not_be_sealed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = sealed_module._write, [0]

    def once(raw: Path, target: Path) -> list[tuple[int, int]]:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(errno.ENOSPC, "no space left")
        if calls[0] == 3:
            raise MemoryError
        return write(raw, target)

    monkeypatch.setattr(sealed_module, "_write", once)
    monkeypatch.setattr(sealer_module, "RETRY_S", 0.05)
    _, writer = _ten_days(tmp_path)
    _wait_until_sealed(tmp_path)
    writer.close()
    assert all(segment.sealed for segment in listing(tmp_path)[:-1])
    assert list(rows(tmp_path)) == _all(300)


def test_a_segment_that_cannot_be_sealed_does_not_hold_retention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = sealed_module._write, [0]

    def once(raw: Path, target: Path) -> list[tuple[int, int]]:
        calls[0] += 1
        if calls[0] == 3:
            raise OSError(errno.ENOSPC, "no space left")
        return write(raw, target)

    monkeypatch.setattr(sealed_module, "_write", once)
    clock, writer = _ten_days(tmp_path)
    while sum(not segment.sealed for segment in listing(tmp_path)) > 2:
        time.sleep(0.01)
    clock.advance(100 * DAY)
    retire(tmp_path, 8 * DAY, clock)
    writer.close()
    assert _only_the_last_record_stays(tmp_path)


def test_what_was_retired_while_it_was_sealed_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, sealed = tmp_path / "raw", tmp_path / "sealed"
    raw.write_bytes(b"truth" * 1000)
    sync = sealed_module._sync_directory

    def retired(path: Path) -> None:
        sync(path)
        raw.unlink()

    monkeypatch.setattr(sealed_module, "_sync_directory", retired)
    with pytest.raises(FileNotFoundError):
        seal(raw, sealed)
    assert list(tmp_path.iterdir()) == []


def test_retention_looks_again_where_a_segment_was_sealed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(T0)
    writer = Writer.open(tmp_path, segment_bytes=2_000, clock=clock, compress=False)
    fill(writer, 300)
    writer.close()
    first = listing(tmp_path)[0]
    calls = [0]

    def stale(directory: Path) -> list[Segment]:
        found = listing(directory)
        calls[0] += 1
        if calls[0] == 1:
            seal(first.path, tmp_path / f"{first.path.name}.zst")
        return found

    monkeypatch.setattr(retention_module, "listing", stale)
    clock.advance(100 * DAY)
    removed = retire(tmp_path, DAY, clock)
    assert removed[0].name == f"{first.path.name}.zst"
    assert _only_the_last_record_stays(tmp_path)


@pytest.mark.parametrize("kind", ["damaged", "unreadable", "ahead"])
def test_one_header_that_says_no_time_does_not_hold_retention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    clock, writer = _ten_days(tmp_path, ahead=3 if kind == "ahead" else -1)
    _wait_until_sealed(tmp_path)
    writer.close()
    odd = listing(tmp_path)[3]
    if kind == "damaged":
        data = bytearray(odd.path.read_bytes())
        data[12] ^= 1
        odd.path.write_bytes(data)
    elif kind == "unreadable":

        def peek(segment: Segment) -> SegmentHeader | None:
            if segment.base == odd.base:
                raise JournalError(f"the journal segment {odd.path} cannot be read: Input/output error")
            return segments_module.peek(segment)

        monkeypatch.setattr(retention_module, "peek", peek)
    clock.advance(40 * DAY)
    for _ in range(2):
        retire(tmp_path, 200 * DAY, clock)
    assert len(listing(tmp_path)) > 8, "nothing is so old"
    clock.advance(200 * DAY)
    for _ in range(2):
        retire(tmp_path, 200 * DAY, clock)
    assert _only_the_last_record_stays(tmp_path)
    told = [record.getMessage() for record in caplog.records if record.name.endswith("retention")]
    assert len(told) == len(set(told)) >= 1


def test_the_last_record_stays_however_old_it_is(tmp_path: Path) -> None:
    clock, writer = _ten_days(tmp_path)
    writer.close()
    Writer.open(tmp_path, clock=clock).close()
    empty = listing(tmp_path)[-1]
    assert not len(load(empty, 0).records)
    clock.advance(1000 * DAY)
    assert retire(tmp_path, DAY, clock)
    kept = listing(tmp_path)
    assert [segment.base for segment in kept[1:]] == [empty.base]
    assert [row[0] for row in rows(tmp_path, kept[0].base)] == list(range(kept[0].base, 300))


def test_segments_that_all_begin_in_the_future_stay(tmp_path: Path) -> None:
    clock, writer = _ten_days(tmp_path)
    writer.close()
    clock.step(-20 * 365 * DAY)
    assert retire(tmp_path, DAY, clock) == []


def test_it_is_told_once_who_holds_what_is_old_enough(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock, writer = _ten_days(tmp_path)
    writer.close()
    acknowledge(tmp_path, "store", 0)
    for _ in range(3):
        assert retire(tmp_path, DAY, clock) == []
    (told,) = [record.getMessage() for record in caplog.records if record.name.endswith("retention")]
    assert "the consumer store has acknowledged 0" in told


def test_a_floor_that_cannot_be_read_keeps_everything(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    writer = Writer.open(tmp_path, segment_bytes=2_000, clock=clock, compress=False)
    fill(writer, 200)
    writer.close()
    acknowledge(tmp_path, "store", 150)
    (tmp_path / "consumers" / "store").write_bytes(b"\xff\x00")
    clock.advance(100 * DAY)
    assert retire(tmp_path, DAY, clock) == []
    acknowledge(tmp_path, "store", 150)
    assert retire(tmp_path, DAY, clock) != []
    with pytest.raises(JournalError, match="a consumer's name is letters"):
        acknowledge(tmp_path, "../../etc/passwd", 0)


def test_a_reader_that_was_overtaken_by_retention_is_told(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    writer = Writer.open(tmp_path, segment_bytes=2_000, clock=clock)
    end = fill(writer, 300)
    _wait_until_sealed(tmp_path)
    while listing(tmp_path)[-1].base == end:  # or the only segment left has no frame that says when it begins
        end = fill(writer, 1)
    follower = Reader.open(tmp_path)
    run = follower.read(3)
    assert run is not None
    clock.advance(100 * DAY)
    retire(tmp_path, DAY, clock)
    oldest = listing(tmp_path)[0].base
    assert oldest > 100
    found = list(rows(tmp_path, 7))
    assert [row[0] for row in found] == [7, *range(oldest, end)]
    gap = gap_of(found[0][2])
    assert (gap.detail, gap.ts_from, gap.ts_to) == ("retired", 0, T0 + oldest)
    offsets: list[int] = []
    while (run := follower.read(1000)) is not None:
        offsets += run.offset.tolist()
    assert offsets[0] == 3
    assert offsets[-1] == end - 1
    assert oldest in offsets
    writer.close()


def test_a_journal_may_be_copied_and_read_elsewhere(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path / "here", segment_bytes=5_000)
    end = fill(writer, 300)
    _wait_until_sealed(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there", ignore=shutil.ignore_patterns("HEAD", "LOCK"))
    assert list(rows(tmp_path / "there")) == _all(end)
    writer.close()


def test_a_segment_of_a_later_format_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.journal.format.VERSION", 2)
    Writer.open(tmp_path).close()
    monkeypatch.undo()
    with pytest.raises(JournalError, match="has format version 2, this program reads 1"):
        Reader.open(tmp_path)
