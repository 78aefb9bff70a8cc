"""Events per second from wire text to the store, and where the nanoseconds go.

``breadboard bench pipeline --json`` (``--seconds 60`` for a long run, ``--recording FILE`` for a real Binance spot
capture in hftbacktest format). The processes are those of ``breadboard up``: one appends what reads of a socket deliver
to the journal and makes it durable; the other follows the journal through decoder and engine (books, bars, all
features, all anomalies, ten rules on every instrument) and a thread of it writes the store, durable again. A case ends
when the last row is. Trades, best prices and depth come as a simulated market sends them, over and over with numbers
that go on, so that any length of run fits in memory.

What may mislead: frames come from memory and not from a socket; the symbols of clones move alike, which flatters
compression; numbers on shared machines vary by a factor of two.
"""

import json
import mmap
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import peers
from market import recorded, simulated
from sender import PROGRESS

from breadboard import feeds, journal
from breadboard.app import house as building
from breadboard.app import memory, warm
from breadboard.app.pipeline import STEP_FRAMES, Handover, Pipeline
from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import Config, EngineConfig
from breadboard.engine.core import Engine
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME

Case = dict[str, Any]

CLOCK = SystemClock()
REPEATS = 3
PASS_FRAMES = 1_500_000
"""About so many frames are made, and sent over and over."""
SYMBOLS = 20
"""Instruments of the simulated market; more are clones of it."""
BARE = EngineConfig()
FULL = EngineConfig(features=tuple(BY_NAME), anomalies=tuple(ANOMALIES))
"""Rules, ten of them, come in the journal."""


class Nowhere:
    """A sink that keeps nothing: for the cases that end at the engine."""

    def put(self, handover: Handover) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: ``recording`` or the simulated market, under as many symbols as asked, ``passes`` times."""

    recording: str
    instruments: int
    frames: int
    """About so many are made, and sent ``passes`` times."""
    passes: int
    ruled: bool = False

    def program(self, root: Path) -> list[str]:
        """Return the command that sends it."""
        clones = self.instruments if self.recording else max(1, self.instruments // SYMBOLS)
        words = [self.recording, self.frames // clones, clones, self.passes, int(self.ruled)]
        return [sys.executable, str(Path(__file__).with_name("sender.py")), str(root), *map(str, words)]


@contextmanager
def sending(load: Load, root: Path) -> Iterator[tuple[Callable[[], None], mmap.mmap, Callable[[], dict[str, Any]]]]:
    """Start the sender; yield how to let it go, where to tell it our offset, and how to learn that it is done."""
    progress = root / PROGRESS
    progress.write_bytes(bytes(8))
    with (
        progress.open("r+b") as file,
        mmap.mmap(file.fileno(), 8) as told,
        subprocess.Popen(load.program(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        inbox, outbox = child.stdin, child.stdout
        outbox.readline()  # its text is made
        os.set_blocking(outbox.fileno(), False)

        def tell() -> None:
            inbox.write("go\n")
            inbox.flush()

        def report() -> dict[str, Any]:
            line = outbox.readline()
            done: dict[str, Any] = json.loads(line) if line else {}
            if not done and child.poll() is not None:
                raise RuntimeError(f"the sender ended with {child.returncode}")
            return done

        try:
            yield tell, told, report
            tell()
            child.wait()
        finally:
            child.kill()


def through(load: Load, engine: EngineConfig, *, stored: bool) -> Case:
    """Take a load from wire text to the engine or the store; return rates, costs, memory and the summary."""
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as directory:
        places, config = Places(Path(directory)).made(), Config(engine=engine)
        with building.open_store(config, places) as store, sending(load, places.root) as (tell, told, report):
            house = building.build(config, places, store, CLOCK, live=False)
            pipeline = house.pipeline
            if not stored:
                pipeline = Pipeline(house.reader, house.engine, Nowhere(), CLOCK, lock=house.lock, checkpoint_s=1e9)
            memory.set_aside()
            Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins here
            begin, cpu = time.perf_counter(), time.process_time()
            tell()
            done: dict[str, Any] = {}
            while not done or house.reader.position < done["sent"]:
                if not pipeline.step():
                    time.sleep(0.0002)
                told[:] = house.reader.position.to_bytes(8, "little")
                done = done or report()
            pipeline.hand_over()
            house.sink.close()
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            peak, summary = _peak_mb(), house.engine.summary()  # what a summary takes is no part of the way
            house.close()
    assert summary["quarantined"] == summary["gaps"] == 0, (summary["quarantined"], summary["gaps"])
    events = done["sent"]
    return {
        "rate": events / seconds,
        "ns": (cpu + done["cpu_s"]) / events * 1e9,
        "sender_ns": done["cpu_s"] / events * 1e9,
        "events": events,
        "seconds": round(seconds, 1),
        "rss_mb": peak,
        "instruments": len(summary["books"]),
    }


def measured(name: str, load: Load, *, full: bool, stored: bool, repeats: int) -> Case:
    """Return the case of one way through, the median of some; nothing may have been lost or misread on it.

    Each is a process of its own, so that the memory of one is no part of another's.
    """
    words = [load.recording, load.instruments, load.frames, load.passes, full, stored]
    command = [sys.executable, __file__, json.dumps(words)]
    found = [json.loads(subprocess.check_output(command)) for _ in range(repeats)]
    return {
        "case": name,
        "value": round(median(one["rate"] for one in found)),
        "unit": "events/s",
        "range": [round(min(one["rate"] for one in found)), round(max(one["rate"] for one in found))],
        "cpu_ns_per_event": round(median(one["ns"] for one in found)),
        "sender_cpu_ns_per_event": round(median(one["sender_ns"] for one in found)),
        "rss_mb": max(one["rss_mb"] for one in found),
        **{name: found[0][name] for name in ("events", "seconds", "instruments")},
    }


def replayed(load: Load, engine: EngineConfig) -> list[Case]:
    """Return events a second of the engine alone, in one thread: from frames read before, and from tape made before."""
    with tempfile.TemporaryDirectory(prefix="replay-bench-") as directory:
        places = Places(Path(directory)).made()
        _record(load, places.root)
        frames = _frames(places)
        count = sum(map(len, frames))
        raw, decoded = Engine(feeds.by_venue, engine), Engine(feeds.by_venue, engine)
        routed = [decoded._router.route(each) for each in frames]  # noqa: SLF001 - the seam between decoder and stages
        waiting = iter(routed)
        decoded._router.route = lambda frames: (frames, next(waiting))[1]  # type: ignore[method-assign]  # noqa: SLF001 - the same
        cases = []
        for name, one in (("replay_raw", raw), ("replay_tape", decoded)):
            begin = time.thread_time()
            for each in frames:
                one.process(each)
            cases.append({"case": name, "value": round(count / (time.thread_time() - begin)), "unit": "events/s"})
        assert raw.digest() == decoded.digest()
        return cases


def stages(load: Load, engine: EngineConfig) -> dict[str, float]:
    """Return nanoseconds an event for each stage, one after the other in one thread."""
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401 - whatever the stage takes
            begin = time.perf_counter()
            result = work(*arguments)
            spent[name] += time.perf_counter() - begin
            return result

        return call

    with tempfile.TemporaryDirectory(prefix="stages-bench-") as directory:
        places, config = Places(Path(directory)).made(), Config(engine=engine)
        sent = _record(load, places.root)
        with building.open_store(config, places) as store:
            house = building.build(config, places, store, CLOCK, live=False)
            core, reader = house.engine, journal.Reader.open(places.journal)
            stages_of: dict[str, Any] = dict(core._stages())  # noqa: SLF001 - timed from outside
            stages_of |= {"orders": core.orders, "consolidated": core.consolidated, "rules": core.rules}
            for name, stage in stages_of.items():
                stage.on_tape = timed(name, stage.on_tape)
            core._router.route = timed("decode", core._router.route)  # type: ignore[method-assign]  # noqa: SLF001 - the same
            core._digest.update = timed("digest", core._digest.update)  # type: ignore[method-assign]  # noqa: SLF001 - the same
            read = timed("journal_read", reader.read)
            while (frames := read(STEP_FRAMES)) is not None:
                outputs = timed("engine", core.process)(frames)
                bars = core.bars.open_bars()
                timed("store", house.writer.write)(outputs, bars, core.instruments, [], CLOCK.wall())
            timed("store", house.writer.flush)()
            house.close()
    found = {name: round(seconds / sent["sent"] * 1e9, 1) for name, seconds in spent.items()}
    return {"sender": round(sent["cpu_s"] / sent["sent"] * 1e9, 1), **found}


def run(recording: Path | None, seconds: float) -> dict[str, Any]:
    """Return ``{"name", "machine", "cases", "peers"}``; a peer: how many times the processor time of ours it takes."""
    warm.run(lambda _: None)
    source = str(recording.resolve()) if recording else ""
    once = Load(source, 500, min(PASS_FRAMES, round(seconds * 500_000)), 1)
    long = replace(once, passes=max(2, round(seconds * 1_000_000 / PASS_FRAMES)))
    repeats, sizes = (REPEATS, (500, 2_500, 10_000)) if seconds >= 1 else (1, ())  # a look at whether it works
    cases = [
        measured("wire_to_engine", long, full=False, stored=False, repeats=repeats),
        measured("wire_to_store", long, full=True, stored=True, repeats=repeats),
        *(
            measured(f"{way}_{count}", replace(long, instruments=count), full=True, stored=stored, repeats=1)
            for count in sizes
            for way, stored in (("wire_to_engine", False), ("wire_to_store", True))
            if (count, stored) != (500, True)
        ),
        *replayed(once, BARE),
        {"case": "stage_ns", "value": stages(replace(once, ruled=True), FULL), "unit": "ns/event"},
    ]
    market = recorded(recording) if recording else simulated()
    known = {
        name: getattr(peers, name)(market) for name in ("msgspec_decode_only", "cryptofeed_handler", "nautilus_engine")
    }
    others = {name: ns for name, ns in known.items() if ns}
    cases += [{"case": name, "value": round(ns, 1), "unit": "ns/event"} for name, ns in others.items()]
    size = sum(len(body) for _, body, _ in market.frames) / len(market.frames)
    cases.append({"case": "frame", "value": round(size, 1), "unit": "bytes", "source": market.source})
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    stored = next(case for case in cases if case["case"] == "wire_to_store")
    ours = stored["cpu_ns_per_event"]  # as theirs: processor time, of all our processes and threads
    return {
        "name": "pipeline",
        "machine": machine,
        "cases": cases,
        "peers": {name: round(ns / ours, 2) for name, ns in others.items()},
    }


def _record(load: Load, root: Path) -> dict[str, Any]:
    """Have the sender write one pass to a journal, alone; return what it did."""
    with sending(load, root) as (tell, told, report):
        told[:] = (1 << 62).to_bytes(8, "little")
        tell()
        while not (done := report()):
            time.sleep(0.01)
    return done


def _frames(places: Places) -> list[Any]:
    """Return all frames of a journal, in steps."""
    reader, found = journal.Reader.open(places.journal), []
    while (frames := reader.read(STEP_FRAMES)) is not None:
        found.append(frames)
    return found


def _peak_mb() -> int:
    """Return the most memory this process had since its peak was reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def _alone(recording: str, instruments: int, frames: int, passes: int, full: bool, stored: bool) -> Case:
    warm.run(lambda _: None)
    return through(Load(recording, instruments, frames, passes, ruled=full), FULL if full else BARE, stored=stored)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_alone(*json.loads(sys.argv[1]))))
