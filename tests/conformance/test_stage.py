"""Every stage keeps the promises of ``ports.Stage``: same prefix, same state, whatever the batch sizes.

A suite proves itself by what it finds: three planted stages, each with one fault, have to fail it.
"""

import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import arbitrage_tapes
from breadboard.config import AnomalyConfig
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.continuity import Continuity
from breadboard.engine.depth_snapshots import DepthSnapshots
from breadboard.engine.features import Features
from breadboard.engine.groups import groups_of
from breadboard.engine.latest import Latest
from breadboard.engine.sessions import Sessions
from breadboard.engine.state import pack, unpack
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, StatusCode
from breadboard.model.tape import Tape
from breadboard.ports import Stage
from tapes import SECOND, T0, cut, tape, trade


class ConsolidatedBooks:
    """Books and what is consolidated from them: two stages that only work together, as one."""

    def __init__(self) -> None:
        instruments = Instruments()
        for which in range(4):
            instruments.intern("VENUE", f"S{which}")
        groups = groups_of({"A": ("S0.VENUE", "S1.VENUE"), "B": ("S3.VENUE",)})
        self.consolidated = Consolidated(groups, instruments, lambda _: 20.0)
        self.books = Books(lambda which: SequenceRule(which % 3), self.consolidated.watches)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        found = self.consolidated.on_tape(rows, self.books.tops)
        return found if len(found) else None

    def snapshot(self) -> bytes:
        return pack({"books": self.books.snapshot(), "consolidated": self.consolidated.snapshot()})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        self.books.restore(parts["books"])
        self.consolidated.restore(parts["consolidated"])


class BooksAndFeatures:
    """Features, with the books whose moments they look at."""

    def __init__(self) -> None:
        self.books = Books(lambda which: SequenceRule(which % 3), lambda _: True, deep=True)
        self.features = Features(list(BY_NAME), 2000, 5.0)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        self.features.expect(self.books.tops, self.books.depths)
        return self.features.on_tape(rows)

    def snapshot(self) -> bytes:
        return pack({"books": self.books.snapshot(), "features": self.features.snapshot()})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        self.books.restore(parts["books"])
        self.features.restore(parts["features"])


class BooksAndAnomalies:
    """Anomalies, with the books whose tops they look at, at limits that find something everywhere."""

    def __init__(self) -> None:
        limits = AnomalyConfig(warmup=16, cooldown_s=1.0, jump_tails=0.1, jump_bps=0.0, burst_ratio=1.0, burst_rows=1.0)
        self.books = Books(lambda which: SequenceRule(which % 3), lambda _: True)
        self.anomalies = Anomalies(list(ANOMALIES), limits, 2000, 5.0, lambda _: "", lambda _: 20.0)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        self.anomalies.expect(self.books.tops, None)
        return self.anomalies.on_tape(rows)

    def snapshot(self) -> bytes:
        return pack({"books": self.books.snapshot(), "anomalies": self.anomalies.snapshot()})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        self.books.restore(parts["books"])
        self.anomalies.restore(parts["anomalies"])


class BooksAndArbitrage(arbitrage_tapes.Desk):
    """Arbitrage and execution on paper, with the two stages whose legs and books they look at."""

    def __init__(self) -> None:
        super().__init__(arbitrage_tapes.config(triangles=[arbitrage_tapes.TRIANGLE], update_ms=50, paper={}))


class BooksShown:
    """Books, and what they show at boundaries of event time."""

    def __init__(self) -> None:
        self.depth = DepthSnapshots("1s", 3, 5.0)
        self.books = Books(lambda which: SequenceRule(which % 3), snapshots=self.depth)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        return self.depth.rows

    def snapshot(self) -> bytes:
        return pack({"books": self.books.snapshot(), "depth": self.depth.snapshot()})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        self.books.restore(parts["books"])
        self.depth.restore(parts["depth"])


STAGES: dict[str, Callable[[], Stage]] = {
    "books": lambda: Books(lambda which: SequenceRule(which % 3)),
    "bars": lambda: Bars(2000, 5.0),
    "revised bars": lambda: Bars(2000, 5.0, lambda which: which != 3, Sessions(lambda which: "XNYS" * (which == 1))),
    "continuity": lambda: Continuity(lambda which: which not in {2, 3}, lambda which: which == 3),
    "clock_skew": ClockSkew,
    "latest": Latest,
    "consolidated": ConsolidatedBooks,
    "features": BooksAndFeatures,
    "anomalies": BooksAndAnomalies,
    "arbitrage": BooksAndArbitrage,
    "depth": BooksShown,
}
TAPES: dict[str, Callable[[random.Random, int], Tape]] = {"arbitrage": arbitrage_tapes.anything}
"""Of stages to which nothing would happen on ``anything``."""


def anything(random_: random.Random, count: int) -> Tape:
    """Return rows of every kind, with losses, repetitions, late and impossible times, and trades taken back."""
    rows: list[dict[str, Any]] = []
    gaps: list[tuple[int, Gap]] = []
    now, numbers, ids = 0, [10] * 4, [100] * 4
    for at in range(count):
        now += random_.choice((0, 1000, 50_000_000, SECOND, 30 * SECOND))
        which, source = random_.randrange(4), random_.randrange(2)
        common = {"instrument": which, "source": source, "ts_recv": T0 + now}
        ts_event = T0 + now - random_.choice((0, 40_000_000, 3 * SECOND, 200 * SECOND, -1270_000_000, -(2**61)))
        levels = [(random_.randint(1, 2), random_.randint(1, 40), random_.randint(0, 3)) for _ in range(5)]
        match random_.randrange(10):
            case 0 | 1 | 2:
                ids[which] += random_.choice((1, 1, 1, 3, 0, -2))
                row = trade(ids[which], 0, random_.randint(1, 9), flags=random_.choice((0, 0, 0, Flag.AGGREGATED)))
                row |= common | {"ts_event": ts_event}
            case 3 | 4:
                row = common | {"kind": EventKind.QUOTE, "price": 5, "size": at, "ts_event": ts_event}
            case 5 | 6 | 7:
                prev = numbers[which] + random_.choice((0, 0, 0, 0, 1, -3))
                numbers[which] = prev + 2
                row = common | {"kind": EventKind.BOOK_DELTA, "levels": levels, "ts_event": ts_event}
                row |= {"sequence_prev": prev, "sequence_first": prev + 1, "sequence": prev + 2}
            case 8:
                row = common | {"kind": EventKind.BOOK_SNAPSHOT, "levels": levels, "sequence": numbers[which]}
            case _:
                wide = {"source": source, "instrument": -1, "ts_recv": T0 + now}
                code = random_.choice((StatusCode.FEED_UP, StatusCode.FEED_DOWN, StatusCode.HEARTBEAT))
                if random_.random() < 0.5:
                    gaps.append((at, Gap(source, GapReason.DISCONNECT, T0 + now - SECOND // 2, T0 + now)))
                    row = wide | {"kind": EventKind.GAP, "code": GapReason.DISCONNECT}
                else:
                    row = wide | {"kind": random_.choice((EventKind.STATUS, EventKind.CLOCK)), "code": code}
        told = [each for each in rows if each["kind"] == EventKind.TRADE]
        if told and random_.random() < 0.1:
            row = random_.choice(told) | {"flags": int(Flag.WITHDRAWN), "ts_recv": T0 + now}
        rows.append(row)
    return tape(rows, [gap for gap in gaps if rows[gap[0]]["kind"] == EventKind.GAP])


def run(make: Callable[[], Stage], pieces: list[Tape], restart: bool = False) -> tuple[bytes, bytes, bytes]:
    """Return all a stage concluded, the flags it left and its state; ``restart`` goes through bytes at every cut."""
    stage = make()
    out: list[bytes] = []
    for piece in pieces:
        part: NDArray[np.void] | None = stage.on_tape(piece)
        out.append(b"" if part is None else part.tobytes())
        if restart:
            state, stage = stage.snapshot(), make()
            stage.restore(state)
            assert stage.snapshot() == state
    return b"".join(out), b"".join(piece.flags.tobytes() for piece in pieces), stage.snapshot()


def keeps_its_promises(
    make: Callable[[], Stage], seed: int, tapes: Callable[[random.Random, int], Tape] | None = None
) -> None:
    """Raise AssertionError where the stage breaks the contract on the tape of this seed."""
    random_ = random.Random(seed)
    rows = (tapes or anything)(random_, 150)
    whole = run(make, cut(rows, []))
    assert run(make, cut(rows, range(1, 150))) == whole, "one row at a time differs from all at once"
    cuts = sorted(random_.sample(range(1, 150), 5))
    assert run(make, cut(rows, cuts)) == whole, f"batches cut at {cuts} differ from all at once"
    assert run(make, cut(rows, cuts), restart=True) == whole, f"restarts at {cuts} differ from none"
    short = run(make, cut(rows.take(slice(0, 100)), [cuts[0]]) if cuts[0] < 100 else cut(rows.take(slice(0, 100)), []))
    assert whole[0].startswith(short[0]), "a prefix concluded what the whole did not"


@pytest.mark.parametrize("name", STAGES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_stage_keeps_its_promises(name: str, seed: int) -> None:
    keeps_its_promises(STAGES[name], seed, TAPES.get(name))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_no_rows_and_a_fresh_state(name: str) -> None:
    stage, other = STAGES[name](), STAGES[name]()
    assert stage.on_tape(Tape.empty()) is None
    other.restore(stage.snapshot())
    assert other.snapshot() == STAGES[name]().snapshot()


class Counts:
    """A right stage: how many rows there were."""

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.rows += len(rows)
        self.batches += 1
        return None

    def snapshot(self) -> bytes:
        return struct.pack("<q", self.rows)

    def restore(self, state: bytes) -> None:
        (self.rows,) = struct.unpack("<q", state)


class CountsBatches(Counts):
    """Wrong: its state depends on batch sizes."""

    def snapshot(self) -> bytes:
        return struct.pack("<q", self.batches)


class Forgets(Counts):
    """Wrong: a restart loses what was counted."""

    def restore(self, state: bytes) -> None:
        super().restore(bytes(len(state)))


class ConcludesAtTheEnd(Counts):
    """Wrong: says something at the end of each batch."""

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        super().on_tape(rows)
        return np.array([(self.rows,)], [("rows", np.int64)]) if len(rows) else None


def test_the_suite_passes_a_right_stage() -> None:
    keeps_its_promises(Counts, 1)


@pytest.mark.parametrize("planted", [CountsBatches, Forgets, ConcludesAtTheEnd])
def test_the_suite_sees_a_planted_fault(planted: Callable[[], Stage]) -> None:
    with pytest.raises(AssertionError):
        keeps_its_promises(planted, 1)
