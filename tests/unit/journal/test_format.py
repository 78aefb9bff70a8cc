import struct
from pathlib import Path

import numpy as np
import pytest
from crc32c import crc32c
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breadboard.clock import ManualClock
from breadboard.errors import JournalError
from breadboard.journal import Writer, checksum
from breadboard.journal import format as forms
from breadboard.journal.format import SegmentHeader, pack_segment_header, parse_segment_header, runs
from breadboard.model.kinds import RecordKind

_BYTES = bytes(2**20)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_the_kernel_computes_the_same_crc_as_the_package(data: bytes, value: int, begin: int) -> None:
    array = np.frombuffer(data, np.uint8)
    begin = min(begin, len(data))
    assert int(checksum.crc32c(array, begin, len(data), np.uint32(value))) == crc32c(data[begin:], value)


@settings(deadline=None)
@given(st.binary(min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_a_machine_without_the_instruction_computes_the_same(data: bytes, value: int) -> None:
    state = np.uint64(~np.uint32(value) & np.uint32(0xFFFFFFFF))
    found = checksum.by_tables(state, np.uint64(int.from_bytes(data, "little")))
    assert int(~np.uint32(found) & np.uint32(0xFFFFFFFF)) == crc32c(data, value)


def test_the_bytes_on_disk_are_those_of_the_documentation(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=2_000)
    writer = Writer.open(tmp_path, base_offset=41, clock=clock, compress=False)
    writer.append(RecordKind.DATA, 513, 7, [b"abc", b"", b"de"], [1_000, 1_000, 1_005], 99)
    writer.close()
    data = (tmp_path / "00000000000000000041.seg").read_bytes()
    assert data[:8] == b"BBRDJRNL"
    version, length, base, created, before, sync, reserved = struct.unpack("<IIqqqII", data[8:48])
    assert (version, length, base, created, before, reserved) == (1, 64 + 2 + 4, 41, 2_000, 0, 0)
    assert data[48:64] == bytes(16)
    assert data[64:66] == b"{}"
    assert struct.unpack("<I", data[66:70]) == (crc32c(data[:66]),)
    record = data[70:]
    assert struct.unpack("<II", record[:8]) == (sync, crc32c(record[8:], sync))
    assert struct.unpack("<IIqqqqqIHBB", record[8:64]) == (64 + 24 + 5, 3, 41, 44, 1_000, 99, 2_000, 7, 513, 1, 0)
    assert struct.unpack("<IIIIII", record[64:88]) == (3, 0, 0, 0, 2, 5)
    assert record[88:] == b"abcde"
    assert struct.unpack("<qqq", (tmp_path / "HEAD").read_bytes()) == (44, 41, sync)


@settings(deadline=None)
@given(st.integers(0, 69), st.integers(0, 7))
def test_a_header_with_a_flipped_bit_is_no_header(at: int, bit: int) -> None:
    data = bytearray(pack_segment_header(SegmentHeader(5, 1, 2, 3, bytes(16), {})))
    assert len(data) == 70
    assert parse_segment_header(bytes(data)) is not None
    data[at] ^= 1 << bit
    assert parse_segment_header(bytes(data)) is None


def test_a_stamp_that_goes_back_or_far_ahead_begins_another_record() -> None:
    frames = [b"a"] * 6
    assert [run[:2] for run in runs(frames, [10, 11, 9, 9, 9 + 2**32, 9 + 2**32])] == [(0, 2), (2, 4), (4, 6)]
    assert [run[:2] for run in runs(frames, [10, 11, 12, 13, 14, 9 + 2**32])] == [(0, 6)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 200, 400_000, 2**20]), st.sampled_from([0, 0, 7, -1, 2**31, 2**32 - 1, 2**32])
        ),
        min_size=1,
        max_size=70,
    )
)
@example([(1, 0), (1, 2**32)])
@example([(1, 0), (1, 2**32 - 1)])
def test_a_few_frames_are_cut_as_many_are(few: list[tuple[int, int]]) -> None:
    frames, stamps = [_BYTES[:size] for size, _ in few], (10**18 + np.cumsum([step for _, step in few])).tolist()
    cut = list(runs(frames, stamps))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "_SHORT", 0)
        assert cut == list(runs(frames, stamps))


def test_a_frame_longer_than_any_record_is_refused_alone_and_among_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "FRAME_BYTES", 2**21)
    for frames in ([bytes(2**21 + 1)], [b"a", bytes(2**21 + 1)]):
        with pytest.raises(JournalError, match="2097153 bytes"):
            list(runs(frames, [1] * len(frames)))


def test_a_stamp_that_no_record_can_hold_is_refused() -> None:
    assert [run[:2] for run in runs([b"a"], [2**63 - 1])] == [(0, 1)]
    for stamps in ([2**63], [2**63 - 1, 2**63]):
        with pytest.raises(OverflowError):
            list(runs([b"a"] * len(stamps), stamps))


def test_a_record_is_closed_at_a_megabyte_unless_one_frame_is_longer() -> None:
    half, big = bytes(600_000), bytes(3_000_000)
    assert [run[:2] for run in runs([half, half, big, b"x"], [1] * 4)] == [(0, 1), (1, 2), (2, 3), (3, 4)]
