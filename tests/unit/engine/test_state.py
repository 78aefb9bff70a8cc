"""State as bytes, and checkpoints of it."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine import checkpoint
from breadboard.engine.state import grown, pack, unpack
from breadboard.errors import BreadboardError

OURS = 7
"""The identity of a journal."""


def test_arrays_numbers_and_text_come_back_as_they_went() -> None:
    record = np.array([(1, 2.5), (3, 4.5)], [("a", np.int32), ("b", np.float64)])
    parts = {"grid": np.arange(6).reshape(2, 3), "record": record, "empty": np.zeros((0, 2, 3)), "n": 7, "t": "ö"}
    back = unpack(pack(parts))
    assert list(back) == list(parts)
    assert back["grid"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert back["record"].dtype == record.dtype
    assert back["record"].tolist() == record.tolist()
    assert back["empty"].shape == (0, 2, 3)
    assert (back["n"], back["t"]) == (7, "ö")
    back["grid"][0, 0] = 9
    assert pack(unpack(pack(parts))) == pack(parts)


def test_room_that_nothing_is_in_is_squeezed_out_and_comes_back() -> None:
    record = np.dtype([("price", np.int64), ("flags", np.uint8)])
    wide = np.zeros((5_000, 3), record)
    wide["price"][7, 1], wide["flags"][4_999] = -(2**63), 255
    turned = np.asfortranarray(np.arange(40_000).reshape(200, 200))
    data = pack({"wide": wide, "turned": turned, "strided": wide[::2]})
    assert len(data) < (wide.nbytes + turned.nbytes) / 2
    back = unpack(data)
    assert back["wide"].dtype == record
    for name, was in {"wide": wide, "turned": turned, "strided": wide[::2]}.items():
        assert back[name].shape == was.shape
        assert (back[name] == was).all()
    assert pack(back) == data
    back["wide"]["price"][0, 0] = 1  # fresh and writable


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_one_flipped_byte_is_noticed(at: int, flip: int) -> None:
    data = bytearray(pack({"a": np.arange(50), "b": "text"}))
    data[at % len(data)] ^= flip
    with pytest.raises(BreadboardError, match="fail their checksum"):
        unpack(bytes(data))


def test_a_checkpoint_comes_back_and_the_newest_wins(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "engine.state"
    assert checkpoint.load(path, OURS) is None
    checkpoint.save(path, 5, b"five", OURS)
    checkpoint.save(path, 9, b"nine", OURS)
    assert checkpoint.load(path, OURS) == (9, b"nine")


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "engine.state"
    checkpoint.save(path, 5, b"five", OURS)
    checkpoint.save(path, 9, b"nine" * 100, OURS)
    data = path.read_bytes()
    harm = {"flip": data[:60] + bytes([data[60] ^ 1]) + data[61:], "cut": data[:-1], "empty": b""}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(harm[damage])
    assert checkpoint.load(path, OURS) == (5, b"five")


def test_a_damaged_checkpoint_never_takes_the_place_of_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "engine.state"
    checkpoint.save(path, 5, b"five", OURS)
    checkpoint.save(path, 9, b"nine", OURS)
    path.write_bytes(b"rubbish")
    checkpoint.save(path, 12, b"twelve", OURS)
    path.write_bytes(b"rubbish")
    assert checkpoint.load(path, OURS) == (5, b"five")


def test_the_offset_is_under_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "engine.state"
    checkpoint.save(path, 5, b"five", OURS)
    data = bytearray(path.read_bytes())
    data[8] ^= 1
    path.write_bytes(bytes(data))
    assert checkpoint.load(path, OURS) is None


def test_a_checkpoint_of_another_journal_is_none_and_makes_room_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "engine.state"
    checkpoint.save(path, 5, b"five", OURS + 1)
    assert checkpoint.load(path, OURS) is None
    for offset in (3, 4):
        checkpoint.save(path, offset, b"ours", OURS)
    path.unlink()
    assert checkpoint.load(path, OURS) == (3, b"ours"), "the one before is ours, too"


def test_a_part_may_be_made_when_its_turn_comes() -> None:
    made: list[str] = []

    def part(name: str) -> NDArray[np.int64]:
        made.append(name)
        return np.arange(20_000)

    parts = {name: partial(part, name) for name in ("one", "other")}
    assert pack(parts) == pack({"one": np.arange(20_000), "other": np.arange(20_000)})
    assert made == ["one", "other"]


@pytest.mark.parametrize(("rows", "room"), [(10, 20), (11, 20), (21, 21), (0, 10), (1 << 21, 1 << 21)])
def test_room_is_doubled_at_least_and_holds_what_was(rows: int, room: int) -> None:
    array = np.zeros(10, [("first", np.int64), ("second", np.uint8)])
    array["first"], array["second"] = np.arange(10), np.arange(10)
    larger = grown(array, rows)
    assert larger is array if rows <= 10 else len(larger) == room
    assert larger[:10].tobytes() == array.tobytes()
    assert not larger[10:]["first"].any()


def test_large_room_grows_fourfold_and_what_is_to_be_filled_is_filled() -> None:
    large = np.arange(3 << 20)
    assert len(grown(large, len(large) + 1)) == 12 << 20
    filled = grown(np.arange(16), 17, -7)
    assert filled.tolist() == [*range(16), *[-7] * 16]
