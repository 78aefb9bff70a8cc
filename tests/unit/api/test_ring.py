"""The trade ring, against a reading of it that is one array index after another."""

import mmap
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.api import ring as ring_module
from breadboard.api.ring import Read, TradeRing
from breadboard.model.kinds import EventKind
from breadboard.model.tape import Tape
from tapes import tape

CAPACITY = 8


def reference(
    rows: NDArray[np.void], end: int, since: int, wanted: NDArray[np.bool_] | None, cap: int | None, *, oldest: bool
) -> Read:
    first = min(max(since, end - CAPACITY, 0), end)
    lost = max(0, first - max(since, 0))
    places = np.arange(first, end) % CAPACITY
    if wanted is not None:
        chosen = [id_ < len(wanted) and bool(wanted[id_]) for id_ in rows["instrument"][places].tolist()]
        places = places[np.array(chosen, np.bool_)]
    if cap is not None and oldest and len(places) > cap:
        return Read(rows[places[:cap]], first, int(rows["seq"][places[cap - 1]]) + 1, 0, lost)
    kept = places if cap is None else places[-cap:]
    return Read(rows[kept], first, end, len(places) - len(kept), lost)


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=4),
    st.integers(-2, 50),
    st.none() | st.lists(st.booleans(), max_size=4),
    st.none() | st.integers(1, 10),
    st.booleans(),
)
def test_it_gives_what_is_asked_for(
    batches: list[list[int]], since: int, wanted: list[bool] | None, cap: int | None, oldest: bool
) -> None:
    ring, price = TradeRing(CAPACITY), 0
    for batch in batches:
        price += len(batch)
        prices = list(range(price - len(batch), price))
        kinds = [int(EventKind.TRADE)] * len(batch)
        tape = Tape.of(len(batch), {"kind": kinds, "instrument": batch, "price": prices})
        ring.append(tape, np.arange(len(batch)), 1)
    mask = None if wanted is None else np.array(wanted, np.bool_)
    read = ring.read(since, mask, cap, oldest=oldest)
    expected = reference(ring._rows, ring.end, since, mask, cap, oldest=oldest)
    for name in ("first", "end", "skipped", "lost"):
        assert getattr(read, name) == getattr(expected, name)
    assert read.trades.tobytes() == expected.trades.tobytes()
    assert not np.shares_memory(read.trades, ring._rows)


def test_the_whole_ring_is_there_from_the_beginning_in_pages_that_are_small_and_given_when_written_to() -> None:
    before = _resident()
    kept = [TradeRing() for _ in range(8)]
    assert sum(ring._rows.nbytes for ring in kept) > 600_000_000
    assert _resident() - before < 100_000_000
    for ring in kept:  # memory of numpy's own would come in pages of 2 MB
        base: Any = ring._rows
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_look_for_the_newest_goes_back_so_far_and_counts_the_rest_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "_BACK", 10)
    ring = TradeRing(64)
    rows = [{"kind": EventKind.TRADE, "instrument": number % 5, "trade_id": number} for number in range(50)]
    ring.append(tape(rows), np.arange(50), 0)
    read = ring.read(20, np.array([True]), 1)
    assert (read.trades["trade_id"].tolist(), read.first, read.lost, read.skipped) == ([45], 40, 20, 1)
    assert ring.read(20, oldest=True).first == 20


@pytest.mark.parametrize("stretch", [1, 3, 7, 100])
def test_the_oldest_are_looked_for_a_stretch_at_a_time_and_none_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    ring = TradeRing(64)
    rows = [{"kind": EventKind.TRADE, "instrument": number % 5, "trade_id": number} for number in range(50)]
    ring.append(tape(rows), np.arange(50), 0)
    mask = np.array([False, False, True, False, False])
    monkeypatch.setattr(ring_module, "_STRETCH", stretch)
    found, place, looks = [], 3, 0
    while place < ring.end:
        read = ring.read(place, mask, 4, oldest=True)
        assert place < read.end <= place + stretch
        assert (read.skipped, read.lost) == (0, 0)
        found += read.trades["trade_id"].tolist()
        place, looks = read.end, looks + 1
    assert found == list(range(7, 50, 5))
    assert looks >= 47 / max(stretch, 20)
