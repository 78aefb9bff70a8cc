"""Following a journal: a lone message at once, a stream in steps that leave room, a backlog without a pause."""

import threading
import time
from types import SimpleNamespace

import pytest

from breadboard import feeds
from breadboard.app import pipeline as pipeline_module
from breadboard.app.pipeline import BEHIND_FRAMES, REST_S, Handover, Pipeline
from breadboard.clock import SystemClock
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Provenance, RecordKind

T0 = 1_700_000_000_000_000_000


class Runs:
    """A reader that has these many frames at each read, and then none."""

    def __init__(self, *counts: int) -> None:
        self._counts = list(counts)
        self.position = 0
        self.waits: list[float] = []

    def read(self, max_frames: int) -> Frames | None:
        """Return the next run."""
        del max_frames
        if not self._counts:
            return None
        count = self._counts.pop(0)
        frames = Frames.of([b"{}"] * count, [T0] * count, kind=RecordKind.CLOCK, offset=self.position)
        self.position += count
        return frames

    def wait(self, timeout_s: float) -> None:
        """Note that nobody spins."""
        self.waits.append(timeout_s)


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.handovers: list[Handover] = []

    def put(self, handover: Handover) -> None:
        """Keep it."""
        self.handovers.append(handover)


def followed(reader: Runs, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], Kept]:
    rests: list[float] = []
    clock = SimpleNamespace(sleep=rests.append, perf_counter=time.perf_counter)
    monkeypatch.setattr(pipeline_module, "time", clock)  # its own: other threads go on sleeping
    sink = Kept()
    one = Pipeline(reader, Engine(feeds.by_venue, EngineConfig()), sink, SystemClock(), lock=threading.Lock())
    one.follow(lambda: bool(reader.waits))
    return rests, sink


def test_a_step_is_followed_by_a_short_rest_and_one_with_a_backlog_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Runs(3, BEHIND_FRAMES, 5)
    rests, sink = followed(reader, monkeypatch)
    assert len(rests) == 2
    assert all(0 < rest <= REST_S for rest in rests)
    assert reader.waits  # and where there is nothing, the journal is waited for
    assert sink.handovers[-1].end == reader.position == BEHIND_FRAMES + 8
    assert sink.handovers[-1].state is not None
    assert {each.ts_recv for each in sink.handovers if each.taken} == {T0}


def test_the_time_at_which_frames_were_read_is_known_to_who_listens() -> None:
    seen: list[tuple[int, int]] = []
    before = time.time_ns()
    one = Pipeline(
        Runs(2),
        Engine(feeds.by_venue, EngineConfig()),
        Kept(),
        SystemClock(),
        lock=threading.Lock(),
        listener=lambda _, ts_engine: seen.append((one.ts_read, ts_engine)),
    )
    one.step()
    [(ts_read, ts_engine)] = seen
    assert before <= ts_read <= ts_engine <= time.time_ns()


def test_a_frame_of_which_rows_cannot_be_read_is_told_of_once_with_all_reasons() -> None:
    told = b'{"channel":"trade","type":"update","data":[{"symbol":"ETH/USD"},{"symbol":"BTC/USD","qty":0}]}'
    frames = Frames.of([b"no JSON", told], [T0, T0 + 10**9], kind=RecordKind.DATA)
    engine, sink = Engine(feeds.by_venue, EngineConfig()), Kept()
    engine.adopt(
        [Epoch(0, 1, feeds.by_name("kraken-v2").capabilities.venue, "wss://x", (), Provenance.LIVE, open=True)]
    )
    reads = iter([frames, None])
    reader = SimpleNamespace(read=lambda _: next(reads), position=2)
    one = Pipeline(reader, engine, sink, SystemClock(), lock=threading.Lock())
    one.step()
    one.hand_over()
    (handover,) = sink.handovers
    ((outputs, _),) = handover.taken
    assert [(offset, gap.symbol) for offset, _, gap in outputs.gaps] == [(0, None), (1, "ETH/USD"), (1, "BTC/USD")]
    first, second = handover.quarantined
    assert (first.offset, second.offset, second.raw) == (0, 1, told)
    assert (first.ts_recv, second.ts_recv) == (T0, T0 + 10**9), "when it came, not since when something may be missing"
    assert second.reason == "; ".join(gap.detail for offset, _, gap in outputs.gaps if offset == 1)
