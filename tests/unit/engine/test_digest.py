"""The digest tells any two tapes apart that differ, and knows nothing of batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.digest import Digest
from breadboard.engine.digest_kernel import LANES, ROW_LANES, take_rows
from breadboard.model.bars import BAR
from breadboard.model.kinds import EventKind
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape

ROWS = 40
_64 = (1 << 64) - 1


def tape(seed: int = 1) -> Tape:
    """Return rows of every kind, the books with levels."""
    chance = np.random.default_rng(seed)

    def drawn(dtype: type[np.generic], count: int) -> NDArray[Any]:
        return np.frombuffer(chance.bytes(count * np.dtype(dtype).itemsize), dtype)

    columns: dict[str, Any] = {name: drawn(dtype, ROWS).copy() for name, (dtype, _) in EVENT_COLUMNS.items()}
    columns["kind"] = chance.choice([int(kind) for kind in EventKind], ROWS)
    columns["kind"][:2] = EventKind.BOOK_DELTA, EventKind.TRADE
    counts = np.where(columns["kind"] == EventKind.BOOK_DELTA, 3, 0)
    columns["level_end"] = np.cumsum(counts)
    columns["level_begin"] = columns["level_end"] - counts
    columns["offset"] = np.arange(ROWS)
    levels = {name: drawn(dtype, int(counts.sum())) for name, (dtype, _) in LEVEL_COLUMNS.items()}
    return Tape.of(ROWS, columns, levels)


def digest(*tapes: Tape) -> str:
    """Return the digest of tapes, one after the other."""
    found = Digest()
    for each in tapes:
        found.update(each, np.zeros(0, BAR), (), {})
    return found.result(np.zeros(0, BAR), ())


def with_bit(known: Tape, changes: Mapping[tuple[str, int], int]) -> Tape:
    """Return a tape with one bit of some values turned over."""
    columns = {name: getattr(known, name).copy() for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)}
    for (name, row), bit in changes.items():
        column = columns[name]
        column.view(f"u{column.itemsize}")[row] ^= np.array(1, f"u{column.itemsize}") << bit
    return Tape(**columns)


@pytest.mark.parametrize(
    "name", sorted((set(EVENT_COLUMNS) | set(LEVEL_COLUMNS)) - {"level_begin", "level_end", "kind"})
)
def test_one_bit_of_any_column_changes_it_also_the_highest_in_two_rows(name: str) -> None:
    known = tape()
    top = 8 * getattr(known, name).itemsize - 1
    for bit in (0, top // 2, top):
        assert digest(with_bit(known, {(name, 0): bit})) != digest(known)
        assert digest(with_bit(known, {(name, 0): bit, (name, 1): bit})) != digest(known)


def test_the_order_of_rows_counts_and_so_does_what_kind_they_are() -> None:
    known = tape()
    turned = np.arange(ROWS)
    turned[:2] = 1, 0
    assert digest(known.take(turned)) != digest(known)
    assert digest(with_bit(known, {("kind", 1): 0})) != digest(known)


@given(cut=st.integers(0, ROWS), restored=st.booleans())
def test_it_is_the_same_however_the_tape_is_cut_and_after_a_restart(cut: int, restored: bool) -> None:
    known = tape()
    first = Digest()
    first.update(known.take(slice(0, cut)), np.zeros(0, BAR), (), {})
    second = first
    if restored:
        second = Digest()
        second.restore(first.snapshot())
    second.update(known.take(slice(cut, None)), np.zeros(0, BAR), (), {})
    assert second.result(np.zeros(0, BAR), ()) == digest(known)
    assert second.snapshot() == second.snapshot()


def reference(known: Tape) -> list[int]:
    """Return the lanes in plain Python."""
    lanes = [0] * LANES

    def take(lane: int, word: int) -> None:
        mixed = ((lanes[lane] ^ (word & _64)) * 0x9E3779B97F4A7C15) & _64
        lanes[lane] = mixed ^ mixed >> 32

    for row in range(len(known)):
        if known.kind[row] in {EventKind.GAP, EventKind.CLOCK}:
            continue
        at = {name: int(getattr(known, name)[row]) for name in EVENT_COLUMNS}
        words = [
            at["kind"] | at["side"] << 8 | at["flags"] << 16 | at["code"] << 32 | at["index"] << 48,
            (at["instrument"] & 0xFFFFFFFF)
            | at["source"] << 32
            | (at["size_exp"] & 255) << 48
            | (at["ask_size_exp"] & 255) << 56,
            *(at[name] for name in ("offset", "ts_event", "ts_recv", "sequence", "sequence_first", "sequence_prev")),
            *(at[name] for name in ("trade_id", "order_id", "price", "size", "ask_price", "ask_size")),
            at["level_end"] - at["level_begin"],
        ]
        assert len(words) == ROW_LANES
        for lane, word in enumerate(words):
            take(lane, word)
        for level in range(at["level_begin"], at["level_end"]):
            take(ROW_LANES, int(known.level_price[level]))
            take(ROW_LANES + 1, int(known.level_size[level]))
            take(ROW_LANES + 2, int(known.level_side[level]) | (int(known.level_size_exp[level]) & 255) << 8)
    return lanes


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_the_kernel_computes_what_its_words_say(seed: int) -> None:
    known = tape(seed)
    lanes = np.zeros(LANES, np.uint64)
    taken = take_rows(lanes, *(getattr(known, name) for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)))
    assert lanes.tolist() == reference(known)
    assert taken == sum(kind not in {EventKind.GAP, EventKind.CLOCK} for kind in known.kind.tolist())
