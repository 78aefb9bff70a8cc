"""Intents, cutting, and what is written when things fail half way. On a store of dictionaries."""

import os
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import native_read
import outputs_made as made
from breadboard.engine.bars import Bars
from breadboard.errors import StoreError
from breadboard.model.bars import INTERVALS, NO_BARS
from breadboard.model.kinds import Flag, Provenance
from breadboard.model.outputs import Outputs
from breadboard.store import cut, records
from breadboard.store.intents import Intents
from breadboard.store.native import NOTHING, Block
from breadboard.store.rows import Quarantined
from breadboard.store.writer import StoreWriter
from breadboard.telemetry.lag import LagRow
from tapes import tape, trade


class MemoryStore:
    """Tables as lists, tokens as keys; refuses the ``fail_at``-th write."""

    def __init__(self) -> None:
        self.inserts: dict[str, tuple[str, pa.Table]] = {}
        self.fail_at = -1

    def write(self, table: str, rows: Block, token: str) -> None:
        self.fail_at -= 1
        if self.fail_at == 0:
            raise StoreError("the disk is full", transient=True)
        self.inserts.setdefault(token, (table, native_read.table(rows)))

    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        raise AssertionError(f"nothing is taken back here: {sql} {params}")

    def missing(self, table: str, rows: Block) -> Block:
        there = any(name == table and held.equals(native_read.table(rows)) for name, held in self.inserts.values())
        return NOTHING if there else rows

    def written(self) -> int:
        ends = [rows["end"][0].as_py() for table, rows in self.inserts.values() if table == "batches"]
        return max(ends, default=0)

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> pa.Table:
        del sql, params, within_s
        return pa.table({"venue": pa.array([], pa.string()), "symbol": [], "provenance": []})

    def offsets(self, table: str) -> list[int]:
        return sorted(
            offset for name, rows in self.inserts.values() if name == table for offset in rows["offset"].to_pylist()
        )


def write(writer: StoreWriter, first: int, end: int) -> None:
    writer.write(made.outputs(first, end), made.open_bars(end), made.instruments())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=3, max_size=12), st.integers(1, 40), st.integers(1, 77))
def test_a_crash_between_any_two_inserts_leaves_no_duplicate_and_no_hole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], fail_at: int, other_step: int
) -> None:
    folder = tmp_path_factory.mktemp("writer")
    store = MemoryStore()
    end = sum(steps)
    writer = StoreWriter(store, folder)
    store.fail_at = fail_at
    try:
        at = 0
        for step in steps:
            write(writer, at, at + step)
            writer.flush()
            at += step
    except StoreError:
        pass
    store.fail_at = -1
    again = StoreWriter(store, folder)  # the first is gone, as after a kill
    checkpoint = again.resume().written // 50 * 50
    for at in range(checkpoint, end, other_step):
        write(again, at, min(at + other_step, end))
    again.flush()
    assert again.written == store.written() == end
    for table, turn in (("trades", 0), ("quotes", 1), ("book_deltas", 2)):
        assert store.offsets(table) == list(range(turn, end, 3)), table
    assert store.offsets("gaps") == list(range(0, end, 500))


def test_a_refused_flush_loses_nothing_and_goes_on_with_the_same_boundaries(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    write(writer, 0, 30)
    store.fail_at = 3
    with pytest.raises(StoreError, match="disk is full"):
        writer.flush()
    write(writer, 30, 60)
    assert writer.flush() == 60
    assert store.offsets("trades") == list(range(0, 60, 3))
    assert [token for token in store.inserts if token.startswith("batches")] == ["batches:0:30", "batches:30:60"]


def test_a_flush_of_an_old_intent_that_is_refused_is_written_when_the_same_outputs_come_again(tmp_path: Path) -> None:
    intents = Intents(tmp_path)
    intents.append(0, 30)
    intents.append(30, 40)
    intents.close()
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    odd = [Quarantined(offset, 0, "BINANCE", made.START, "odd", b"x") for offset in (5, 35, 55)]
    for fail_at in (3, 2, 9):
        store.fail_at = fail_at
        with pytest.raises(StoreError, match="disk is full"):
            writer.write(made.outputs(0, 60), made.open_bars(60), made.instruments(), quarantined=odd)
    writer.write(made.outputs(0, 60), made.open_bars(60), made.instruments(), quarantined=odd)
    assert writer.flush() == 60
    assert store.offsets("trades") == list(range(0, 60, 3))
    assert store.offsets("quarantine") == [5, 35, 55]
    batches = [token for token in store.inserts if token.startswith("batches")]
    assert batches == ["batches:0:30", "batches:30:40", "batches:40:60"]


def test_outputs_that_leave_a_hole_are_refused(tmp_path: Path) -> None:
    writer = StoreWriter(MemoryStore(), tmp_path)
    write(writer, 0, 30)
    with pytest.raises(StoreError, match="begin at offset 40, 10 after 30"):
        write(writer, 40, 50)


@pytest.mark.parametrize("written", [0, 30])
def test_a_store_that_lost_what_came_before_an_intent_is_filled_in_pieces_and_keeps_the_intent(
    tmp_path: Path, written: int
) -> None:
    intents = Intents(tmp_path)
    intents.append(600, 650)
    intents.close()
    store = MemoryStore()
    if written:
        store.write("batches", records.batch(0, written, 0, (0, 0), {}), f"batches:0:{written}")
    writer = StoreWriter(store, tmp_path, flush_rows=100)
    most = 0
    for at in range(written, 700, 10):
        write(writer, at, at + 10)
        most = max(most, writer.buffered)
    writer.flush()
    assert most <= 110
    assert store.offsets("trades") == [at for at in range(0, 700, 3) if at >= written]
    batches = [token for token in store.inserts if token.startswith("batches")]
    assert "batches:600:650" in batches
    assert batches[-1] == "batches:650:700"


def test_outputs_already_written_are_passed_over(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    write(writer, 0, 30)
    writer.flush()
    write(writer, 0, 20)
    write(writer, 10, 45)
    writer.flush()
    assert store.offsets("trades") == list(range(0, 45, 3))


@pytest.mark.parametrize("provenance", list(Provenance))
def test_a_store_that_holds_rows_of_any_provenance_is_opened_again(tmp_path: Path, provenance: Provenance) -> None:
    class Held(MemoryStore):
        def query(
            self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None
        ) -> pa.Table:
            if "FROM latest FINAL" not in sql:
                return super().query(sql, params, within_s=within_s)
            return pa.table({"venue": ["IQFEED"], "symbol": ["NEPT"], "provenance": [str(provenance)]})

    writer = StoreWriter(Held(), tmp_path)
    assert writer.resume().written == 0


def test_an_open_bar_never_replaces_a_final_one_concluded_later(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    write(writer, 0, 150)
    writer.flush()
    write(writer, 150, 250)
    writer.flush()
    versions: dict[int, tuple[int, str]] = {}
    for table, rows in store.inserts.values():
        for row in rows.to_pylist() if table == "bar_versions" else ():
            opened = row["ts_open"].value
            versions[opened] = max(versions.get(opened, (0, "")), (row["version"], row["state"]))
    assert [state for _, (_, state) in sorted(versions.items())] == ["final", "final", "provisional"]


def test_a_quarantined_frame_is_written_once_with_its_first_bytes(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    bad = Quarantined(7, 0, "BINANCE", made.START, "not JSON", b"\xff" * 5000)
    writer.write(made.outputs(0, 10), made.open_bars(10), made.instruments(), quarantined=[bad])
    writer.flush()
    write(writer, 10, 20)
    writer.flush()
    found = [rows.to_pylist() for table, rows in store.inserts.values() if table == "quarantine"]
    assert [row["raw"] for row in found[0]] == [b"\xff" * 4096]
    assert len(found) == 1


def test_a_window_of_lags_is_written_without_outputs_and_outside_the_ledger(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    write(writer, 0, 30)
    writer.flush()
    window = [
        LagRow("BINANCE", "binance-0", hop, "synthetic", 50, 1, 1.0, 1.0, 1.0, 1.0, 1.0) for hop in ("store", "deliver")
    ]
    writer.measured(window)
    store.fail_at = 1
    with pytest.raises(StoreError, match="disk is full"):
        writer.flush()
    assert writer.flush() == writer.flush() == 30
    (rows,) = [rows.to_pylist() for table, rows in store.inserts.values() if table == "lag"]
    assert [(row["hop"], row["provenance"], row["offset"]) for row in rows] == [
        ("store", "synthetic", 30),
        ("deliver", "synthetic", 30),
    ]
    (ledger,) = [rows.to_pylist() for table, rows in store.inserts.values() if table == "batches"]
    assert "lag" not in ledger[0]["tables"]


def test_intents_survive_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    intents = Intents(tmp_path)
    for first in range(0, 30, 10):
        intents.append(first, first + 10)
    intents.forget(10)
    intents.close()
    with (tmp_path / "intents").open("ab") as file:
        file.write(b"30 4")
    assert Intents(tmp_path).all == [(10, 20), (20, 30)]


@pytest.mark.parametrize("taken", [0, 5])
def test_an_intent_that_a_full_disk_takes_in_part_is_none_and_hides_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    intents, real = Intents(tmp_path), os.write
    intents.append(0, 5)
    intents.append(5, 10)
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:taken]))
    for change in (partial(intents.forget, 5), partial(intents.append, 10, 20), partial(intents.append, 10, 20)):
        with pytest.raises(StoreError, match="No space left") as refused:
            change()
        assert refused.value.transient
    monkeypatch.setattr(os, "write", real)
    intents.append(10, 20)
    intents.append(20, 30)
    intents.close()
    assert Intents(tmp_path).all == [(5, 10), (10, 20), (20, 30)]


def test_an_intent_is_on_disk_before_the_first_insert(tmp_path: Path) -> None:
    class Watching(MemoryStore):
        def write(self, table: str, rows: Block, token: str) -> None:
            assert (tmp_path / "intents").read_text().startswith("0 30 ")
            super().write(table, rows, token)

    writer = StoreWriter(Watching(), tmp_path)
    write(writer, 0, 30)
    writer.flush()
    writer.forget(30)
    assert os.path.getsize(tmp_path / "intents") == 0  # noqa: PTH202 - one call says it


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_cutting_and_joining_gives_the_same_outputs(first: int, middle: int) -> None:
    whole = made.outputs(0, 120)
    low, high = sorted((first, middle))
    parts = [cut.before(whole, low), cut.before(cut.after(whole, low), high), cut.after(whole, high)]
    joined = cut.join(parts)
    assert (joined.first, joined.end, joined.gaps) == (whole.first, whole.end, whole.gaps)
    np.testing.assert_array_equal(joined.tape.offset, whole.tape.offset)
    np.testing.assert_array_equal(joined.bars, whole.bars)
    np.testing.assert_array_equal(joined.ts_bars, whole.ts_bars)
    np.testing.assert_array_equal(joined.ts_journal, whole.ts_journal)


def test_each_version_of_a_bar_says_when_the_record_it_is_of_was_received(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    for first, end in ((0, 130), (130, 250)):
        writer.write(made.outputs(first, end), made.open_bars(end), made.instruments(), ts_recv=made.START + end)
        writer.flush()
    writer.close()
    found = [
        (row["state"], row["offset"], row["ts_recv"].value - made.START)
        for table, rows in store.inserts.values()
        for row in (rows.to_pylist() if table == "bar_versions" else ())
    ]
    assert found == [
        *(("final", 100, 100 * 1_000_003), ("provisional", 129, 130)),
        *(("final", 200, 200 * 1_000_003), ("provisional", 249, 250), ("provisional", 249, 250)),
    ]


def test_an_open_bar_is_written_again_when_it_has_changed_and_not_before(tmp_path: Path) -> None:
    store = MemoryStore()
    writer = StoreWriter(store, tmp_path)
    bars = np.repeat(made.open_bars(10), 3)
    bars["instrument"], bars["interval"] = [0, 0, 1], [60, 3600, 60]
    for end, moves in ((10, [0, 0, 0]), (20, [0, 1, 0]), (30, [0, 0, 0]), (40, [1, 0, 1])):
        bars = bars.copy()
        bars["close"] += moves
        bars["offset"] = end - 1
        writer.write(made.outputs(end - 10, end), bars, made.instruments())
        if end == 20:
            store.fail_at = 4
            with pytest.raises(StoreError):  # in the middle of a flush, which is not one then
                writer.flush()
        writer.flush()
    found = {
        token: [(row["symbol"], row["interval"], row["offset"]) for row in rows.to_pylist()]
        for token, (table, rows) in store.inserts.items()
        if table == "bar_versions"
    }
    assert found == {
        "bar_versions:0:10": [("BTCUSDT", "1m", 9), ("BTCUSDT", "1h", 9), ("ETHUSDT", "1m", 9)],
        "bar_versions:10:20": [("BTCUSDT", "1h", 19)],
        "bar_versions:20:30": [("BTCUSDT", "1m", 29), ("BTCUSDT", "1h", 29), ("ETHUSDT", "1m", 29)],
        "bar_versions:30:40": [("BTCUSDT", "1m", 39), ("ETHUSDT", "1m", 39)],
    }


@pytest.mark.parametrize("again", [2, 1], ids=["by the next record", "by the same document"])
def test_a_bar_that_is_open_again_as_it_was_after_its_trade_was_taken_back_is_there(tmp_path: Path, again: int) -> None:
    store, stage = MemoryStore(), Bars(2000, 5.0, lambda _: True)
    writer = StoreWriter(store, tmp_path)
    gone = {"flags": int(Flag.WITHDRAWN)}
    refilled = [trade(1, 0, 10) | gone, trade(2, 0, 10) | {"offset": again}]
    for first, end, rows in ((0, 1, [trade(1, 0, 10)]), (1, again + 1, refilled)):
        taken = tape(rows, first=first)
        bars = stage.on_tape(taken)
        bars = NO_BARS if bars is None else bars
        ts_bars = np.zeros(len(bars), np.int64)
        outputs = Outputs(first, end, taken, bars, (), taken.ts_recv[: end - first], ts_bars=ts_bars)
        writer.write(outputs, stage.open_bars(), made.instruments())
        store.command = lambda *_, **__: None  # type: ignore[method-assign]  # a store that does nothing
        writer.flush()
    newest: dict[str, tuple[int, str]] = {}
    for table, held in store.inserts.values():
        for row in held.to_pylist() if table == "bar_versions" else ():
            told = row["version"], row["state"]
            newest[row["interval"]] = max(told, newest.get(row["interval"], told), key=itemgetter(0))
    assert {state for _, state in newest.values()} == {"provisional"}
    assert len(newest) == len(INTERVALS)


def test_a_store_that_was_closed_in_order_has_each_open_bar_as_of_the_end(tmp_path: Path) -> None:
    def written(*ends: int) -> dict[str, tuple[int, str]]:
        store, folder = MemoryStore(), tmp_path / f"{len(ends)}"
        folder.mkdir()
        writer = StoreWriter(store, folder)
        for begin, end in pairwise((0, *ends)):
            bars = made.open_bars(1)  # never changes
            bars["offset"] = end - 1
            writer.write(made.outputs(begin, end), bars, made.instruments())
            writer.flush()
        writer.close()
        rows = [row for table, rows in store.inserts.values() if table == "bar_versions" for row in rows.to_pylist()]
        return {row["interval"]: max((each["version"], each["state"]) for each in rows) for row in rows}

    assert written(10, 20, 40) == written(40) == {"1s": (39 * 4 + 3, "provisional")}
