"""Seconds of `Engine.process` with one set of books and features, and with two in a thread each.

``breadboard bench partitions --json`` (or ``--recording FILE`` for a real Binance spot capture in hftbacktest format).
500 and 2,500 instruments, each a clone of the same run under another symbol, taking turns ten frames at a time; batches
of 65,536 frames, as in a replay. The numbers of partitions take turns too, and the fastest of three runs counts: on a
machine that others use the rest says more of them than of us. ``cpu`` is what all threads spent, ``least`` what the
busiest spent at each step, with all that is not shared: a machine of idle cores takes no less.
"""

import gc
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from market import Frame, Run, epoch, recorded, simulated

from breadboard import feeds
from breadboard.app import warm
from breadboard.app.pipeline import STEP_FRAMES
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.model.features import BY_NAME
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import RecordKind

Case = dict[str, Any]
T = TypeVar("T")

INSTRUMENTS = (500, 2_500)
FRAMES = 600_000
"""About so many frames in all, whatever the number of instruments."""
TURN = 10
REPEATS = 3
FEATURES: dict[str, tuple[str, ...]] = {"books": (), "books and features": tuple(BY_NAME)}


def run(recording: Path | None) -> dict[str, Any]:
    """Return ``{"name", "machine", "cases"}``; the digests of all runs of a case are equal, or it raises."""
    warm.run(lambda _: None)
    market = recorded(recording) if recording else simulated(1, 6_000)
    cases = [case for many in INSTRUMENTS for case in measured(market, many)]
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    return {"name": "partitions", "machine": f"{machine}, load {os.getloadavg()[0]:.1f}", "cases": cases}


def measured(market: Run, many: int) -> Iterator[Case]:
    """Yield the cases of one number of instruments."""
    batches = list(cloned(market, many))
    gc.freeze()
    events = sum(map(len, batches))
    for name, features in FEATURES.items():
        taken: dict[int, list[tuple[float, float, float]]] = {1: [], 2: []}
        digests = set()
        for _ in range(REPEATS):
            for partitions, times in taken.items():
                engine = Engine(feeds.by_venue, EngineConfig(features=features, partitions=partitions))
                engine.adopt([msgspec.json.decode(epoch(market), type=Epoch)])
                idle = spared(engine)
                wall, cpu = time.perf_counter(), time.process_time()
                for batch in batches:
                    engine.process(batch)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                times.append((wall, cpu, cpu - sum(idle)))
                digests.add(engine.digest())
        assert len(digests) == 1, digests
        for partitions, times in taken.items():
            wall, cpu, _ = min(times)
            yield {
                "case": f"{name}, {many} instruments, {partitions} partitions",
                "value": round(wall / events * 1e9),
                "unit": "ns/frame",
                "range": [round(each / events * 1e9) for each, _, _ in sorted(times)],
                "cpu": round(cpu / events * 1e9),
                "least": round(min(each for _, _, each in times) / events * 1e9),
            }


def spared(engine: Engine) -> list[float]:
    """Return what collects, of each step that partitions take side by side, the CPU seconds of all but the busiest."""
    found: list[float] = []
    partitions = engine._partitions  # noqa: SLF001 - timed from outside
    sound = partitions.side_by_side

    def timed(rows: int, tasks: Sequence[Callable[[], T]]) -> list[T]:
        spent = [0.0] * len(tasks)

        def one(at: int) -> T:
            begin = time.thread_time()
            result = tasks[at]()
            spent[at] = time.thread_time() - begin
            return result

        results = sound(rows, [partial(one, at) for at in range(len(tasks))])
        found.append(sum(spent) - max(spent))
        return results

    partitions.side_by_side = timed  # type: ignore[method-assign]  # a clock on it
    return found


def cloned(market: Run, many: int) -> Iterator[Frames]:
    """Yield batches of the clones' frames."""
    share = max(TURN, FRAMES // many)
    run = Run(market.source, market.frames[:share])
    streams = [run.clone(number) for number in range(many)]
    waiting: list[Frame] = []
    offset = 0
    for at in range(0, share, TURN):
        for stream in streams:
            waiting += islice(stream, TURN)
        ended = at + TURN >= share
        while len(waiting) >= STEP_FRAMES or (waiting and ended):
            batch, waiting = waiting[:STEP_FRAMES], waiting[STEP_FRAMES:]
            bodies, stamps = [body for _, body, _ in batch], [ts for _, _, ts in batch]
            frames = Frames.of(bodies, stamps, kind=RecordKind.DATA, offset=offset)
            frames.kind[:] = [kind for kind, _, _ in batch]
            yield frames
            offset += len(batch)
