"""Every truncation and every flipped bit of a tail: never a wrong frame, never one lost that is whole."""

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from breadboard.errors import JournalError
from breadboard.journal import Writer, salvage, verify
from breadboard.journal.format import ALL_SOURCES
from breadboard.journal.scan import BEGIN, FIRST, LENGTH, NEXT
from breadboard.journal.segments import listing, load
from breadboard.model.kinds import GapReason, RecordKind
from journals import T0, epoch_frame, fill, frame_at, gap_of, rows

Row = tuple[int, int, bytes]


@dataclass
class Journal:
    """A journal whose second segment holds several records, and where each begins and ends."""

    directory: Path
    tail: Path
    data: bytes
    header: int
    records: list[tuple[int, int, int, int]]
    """First byte, byte after, first offset, offset after."""
    rows: list[Row]

    @property
    def base(self) -> int:
        return self.records[0][2]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    writer = Writer.open(tmp_path, compress=False)
    fill(writer, 20)
    writer.close()
    writer = Writer.open(tmp_path, compress=False)
    writer.append(RecordKind.EPOCH, 3, 1, [epoch_frame(3, 1)], [T0 + 20], 1)
    writer.append(RecordKind.DATA, 3, 1, [b"one"], [T0 + 21], 2)
    writer.append(RecordKind.DATA, 3, 1, [frame_at(number) for number in range(6)], [T0 + 22] * 6, 3)
    writer.append(RecordKind.CLOCK, 9, 0, [b""], [T0 + 23], 4)
    writer.append(RecordKind.DATA, 4, 2, [b"a", b"b"], [T0 + 24, T0 + 25], 5)
    writer.close()
    content = load(listing(tmp_path)[-1], 0)
    assert content.header is not None
    table = [
        (int(row[BEGIN]), int(row[BEGIN] + row[LENGTH]), int(row[FIRST]), int(row[NEXT])) for row in content.records
    ]
    tail = content.segment.path
    return Journal(tmp_path, tail, tail.read_bytes(), content.header.length, table, list(rows(tmp_path)))


def test_a_tail_cut_at_any_byte_keeps_every_whole_record(journal: Journal) -> None:
    (journal.directory / "HEAD").unlink()
    for size in range(len(journal.data)):
        journal.tail.write_bytes(journal.data[:size])
        whole = max([after for _, end, _, after in journal.records if end <= size], default=journal.base)
        assert list(rows(journal.directory)) == journal.rows[:whole], size


def test_a_tail_cut_behind_head_is_announced_as_a_gap(journal: Journal) -> None:
    end = len(journal.rows)
    for size in range(len(journal.data)):
        journal.tail.write_bytes(journal.data[:size])
        whole = max([after for _, stop, _, after in journal.records if stop <= size], default=journal.base)
        found = list(rows(journal.directory))
        assert found[:-1] == journal.rows[:whole], size
        offset, kind, payload = found[-1]
        assert (offset, kind) == (whole, RecordKind.GAP)
        assert gap_of(payload).detail == f"{end - whole} frames at offset {whole}"


def test_a_bit_flipped_at_any_byte_costs_its_record_and_nothing_else(journal: Journal) -> None:
    for at in range(len(journal.data)):
        damaged = bytearray(journal.data)
        damaged[at] ^= 1 << at % 8
        journal.tail.write_bytes(damaged)
        hit = [(first, after) for begin, stop, first, after in journal.records if begin <= at < stop]
        found = list(rows(journal.directory))
        if not hit:
            assert at < journal.header
            assert found == journal.rows, at
            continue
        ((first, after),) = hit
        gaps = [row for row in found if row[1] == RecordKind.GAP]
        assert [row for row in found if row[1] != RecordKind.GAP] == journal.rows[:first] + journal.rows[after:], at
        assert [row[0] for row in gaps] == [first], at
        gap = gap_of(gaps[0][2])
        assert (gap.source, gap.reason, gap.symbol) == (ALL_SOURCES, GapReason.DAMAGE, None)
        assert gap.ts_from == T0 + first - 1 if first < journal.records[3][2] else gap.ts_from >= T0 + 22
        assert gap.ts_to >= gap.ts_from


def test_the_neighbours_of_a_gap_give_its_times(journal: Journal) -> None:
    begin, stop, first, after = journal.records[2]
    damaged = bytearray(journal.data)
    damaged[begin + 100 : stop - 3] = bytes(stop - 3 - begin - 100)
    journal.tail.write_bytes(damaged)
    ((offset, _, payload),) = [row for row in rows(journal.directory) if row[1] == RecordKind.GAP]
    assert (offset, after - first) == (first, 6)
    assert (gap_of(payload).ts_from, gap_of(payload).ts_to) == (T0 + 21, T0 + 23)


@pytest.mark.parametrize("head", [True, False])
def test_a_writer_goes_on_behind_any_flipped_bit_without_touching_a_record(journal: Journal, head: bool) -> None:
    for at in range(0, len(journal.data), 5):
        target = journal.directory.with_name("again")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(journal.directory, target)
        damaged = bytearray(journal.data)
        damaged[at] ^= 1 << at % 8
        (target / journal.tail.name).write_bytes(damaged)
        if not head:
            (target / "HEAD").unlink()
        before = list(rows(target))
        writer = Writer.open(target, compress=False)
        end = writer.append(RecordKind.DATA, 3, 1, [b"after"], [T0 + 99], 1)
        writer.close()
        found = list(rows(target))
        assert [row for row in found if row[1] != RecordKind.GAP][:-1] == [
            row for row in before if row[1] != RecordKind.GAP
        ], at
        assert [row[0] for row in found if row[1] == RecordKind.GAP] == [
            row[0] for row in before if row[1] == RecordKind.GAP
        ], at
        assert found[-1] == (end - 1, RecordKind.DATA, b"after")
        if head:
            assert end == len(journal.rows) + 1


def test_starting_inside_lost_offsets_says_so_too(journal: Journal) -> None:
    begin, _, first, after = journal.records[2]
    damaged = bytearray(journal.data)
    damaged[begin] ^= 1
    journal.tail.write_bytes(damaged)
    for start in range(first, after):
        found = list(rows(journal.directory, start))
        assert found[0][:2] == (start, RecordKind.GAP)
        assert found[1:] == journal.rows[after:]


def test_a_missing_segment_is_a_gap(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=600, compress=False)
    end = fill(writer, 100)
    writer.close()
    lost = listing(tmp_path)[3]
    after = listing(tmp_path)[4].base
    lost.path.unlink()
    found = list(rows(tmp_path))
    offset, kind, payload = found[lost.base]
    assert (offset, kind) == (lost.base, RecordKind.GAP)
    assert (gap_of(payload).ts_from, gap_of(payload).ts_to) == (T0 + lost.base - 1, T0 + after)
    assert [row[0] for row in found] == [*range(lost.base + 1), *range(after, end)]


def test_verify_names_what_is_damaged(journal: Journal) -> None:
    clean = verify(journal.directory)
    assert clean.ok
    assert (clean.records, clean.frames, clean.first, clean.next) == (3 + 5, len(journal.rows), 0, len(journal.rows))
    begin, _, first, after = journal.records[1]
    damaged = bytearray(journal.data)
    damaged[begin + 70] ^= 4
    journal.tail.write_bytes(damaged)
    (damage,) = verify(journal.directory).damage
    assert (damage.segment, damage.at, damage.what) == (journal.tail.name, begin, "records")
    assert (damage.first, damage.next) == (first, after)


def test_verify_sees_a_segment_that_was_exchanged_or_rewritten(tmp_path: Path) -> None:
    for name in ("a", "b"):
        writer = Writer.open(tmp_path / name, segment_bytes=600, compress=False)
        fill(writer, 60)
        writer.close()
    path = listing(tmp_path / "a")[1].path
    other = load(listing(tmp_path / "b")[1], 0)
    path.write_bytes(other.data.tobytes())
    report = verify(tmp_path / "a")
    assert [damage.what for damage in report.damage] == ["chain", "chain"]


def test_salvage_copies_all_that_is_valid_at_its_offsets(journal: Journal, tmp_path: Path) -> None:
    begin, _, first, after = journal.records[2]
    damaged = bytearray(journal.data)
    damaged[begin + 9] ^= 0x10
    journal.tail.write_bytes(damaged)
    target = tmp_path / "salvaged"
    report = salvage(journal.directory, target, segment_bytes=500)
    assert report.ok
    assert report.lost == after - first
    before, copied = list(rows(journal.directory)), list(rows(target))
    assert [row[:2] for row in copied] == [row[:2] for row in before]
    assert [row for row in copied if row[1] != RecordKind.GAP] == [row for row in before if row[1] != RecordKind.GAP]
    assert [row[0] for row in rows(target, first + 1)] == [first + 1, *range(after, len(journal.rows))]
    with pytest.raises(JournalError, match="already holds a journal"):
        salvage(journal.directory, target)
    writer = Writer.open(target)
    assert writer.durable == len(journal.rows)
    assert set(writer.epochs) == {3}
    writer.close()


def test_a_frame_that_holds_a_record_is_never_taken_for_one(tmp_path: Path) -> None:
    source = tmp_path / "source"
    writer = Writer.open(source, compress=False)
    writer.append(RecordKind.DATA, 1, 1, [b"trojan"], [T0], 0)
    writer.close()
    content = load(listing(source)[0], 0)
    trojan = content.data[int(content.records[0, BEGIN]) :].tobytes()
    target = tmp_path / "target"
    writer = Writer.open(target, compress=False)
    writer.append(RecordKind.DATA, 1, 1, [trojan], [T0], 0)
    after = writer.append(RecordKind.DATA, 1, 1, [b"good"], [T0], 0)
    writer.close()
    path = listing(target)[0].path
    data = bytearray(path.read_bytes())
    data[data.index(trojan) - 1] ^= 1
    path.write_bytes(data)
    assert [row[:2] for row in rows(target)] == [(0, RecordKind.GAP), (1, RecordKind.DATA)]
    assert after == 2


def test_random_damage_of_many_segments_never_gives_a_wrong_frame(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=4_000)
    end = fill(writer, 600)
    writer.close()
    seed = 20240808
    print("seed", seed)  # noqa: T201 - shown when the test fails
    random = np.random.default_rng(seed)
    paths = [segment.path for segment in listing(tmp_path)]
    clean = {path: path.read_bytes() for path in paths}
    for _ in range(60):
        for path in paths:
            path.write_bytes(clean[path])
        for path in random.choice(np.array(paths, object), 2, replace=False):
            data = bytearray(clean[path])
            at, size = int(random.integers(0, len(data))), int(random.choice([1, 30, 4096]))
            data[at : at + size] = random.bytes(len(data[at : at + size]))
            path.write_bytes(data)
        found = list(rows(tmp_path))
        assert all(frame == frame_at(offset) for offset, kind, frame in found if kind == RecordKind.DATA)
        assert found[0][0] == 0
        for (offset, kind, _), (after, _, _) in pairwise([*found, (end, 0, b"")]):
            assert after == offset + 1 or (kind == RecordKind.GAP and after > offset)
