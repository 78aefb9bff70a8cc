"""Events per second from wire text to the store, and where the nanoseconds go.

``breadboard bench pipeline --json`` (or ``--recording FILE`` for a real Binance spot capture in hftbacktest format).
One process, as in ``breadboard up``'s serving process: a thread appends raw frames to the journal a read at a time,
the pipeline follows it, a thread writes the store; fdatasync before anything is visible, and again in the store. The
case ends when the last row is durable in the store. Peers run on the same frames, one after the other: msgspec
decoding into typed structs and nothing else, and cryptofeed's own handler where ``BREADBOARD_PEERS_PYTHON`` names an
interpreter that has it (``make peers``). What may mislead: frames come from memory and not from a socket; clones of one
run are alike; numbers on shared machines vary by a factor of two.
"""

import gc
import json
import os
import platform
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from market import Read, Run, epoch, reads, recorded, simulated

from breadboard import journal
from breadboard.app import house as building
from breadboard.app import journals, warm
from breadboard.app.pipeline import STEP_FRAMES, Handover, Pipeline
from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.model.kinds import RecordKind

Case = dict[str, Any]

CLOCK = SystemClock()
REPEATS = 3


class Nowhere:
    """A sink that keeps nothing: for the case that ends at the engine."""

    def put(self, handover: Handover) -> None:
        """Forget it."""


def feed(root: Path, run: Run, wire: list[Read]) -> int:
    """Append everything to the journal and wait until it is durable; return the frames."""
    writer = journals.open_writer(Config(), Places(root), CLOCK)
    end = writer.append(RecordKind.EPOCH, 0, 1, [epoch(run)], [run.frames[0][2]], 0)
    for kind, frames, stamps in wire:
        end = writer.append(kind, 0, 1, frames, stamps, 0)
    writer.sync(end)
    writer.close()
    return end - 1


def through(run: Run, wire: list[Read], *, stored: bool) -> tuple[int, float, float, dict[str, Any]]:
    """Take the run from wire text to the engine or the store; return frames, seconds, CPU seconds, the summary."""
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as directory:
        places = Places(Path(directory)).made()
        with building.open_store(Config(), places) as store:
            house = building.build(Config(), places, store, CLOCK, live=False)
            pipeline = house.pipeline
            if not stored:
                pipeline = Pipeline(house.reader, house.engine, Nowhere(), CLOCK, lock=house.lock, checkpoint_s=1e9)
            fed: list[int] = []
            thread = threading.Thread(target=lambda: fed.append(feed(places.root, run, wire)))
            begin, cpu = time.perf_counter(), time.process_time()
            thread.start()
            while True:
                ended = bool(fed)
                if not pipeline.step() and ended:
                    break
            pipeline.hand_over()
            house.close()
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            thread.join()
            return fed[0], seconds, cpu, house.engine.summary()


def stages(run: Run, wire: list[Read]) -> dict[str, float]:
    """Return nanoseconds a frame for each stage, one after the other in one thread."""
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401 - whatever the stage takes
            begin = time.perf_counter()
            result = work(*arguments)
            spent[name] += time.perf_counter() - begin
            return result

        return call

    with tempfile.TemporaryDirectory(prefix="stages-bench-") as directory:
        places = Places(Path(directory)).made()
        count = timed("journal_append", feed)(places.root, run, wire)
        with building.open_store(Config(), places) as store:
            house = building.build(Config(), places, store, CLOCK, live=False)
            engine, reader = house.engine, journal.Reader.open(places.journal)
            for name in ("continuity", "books", "bars", "clock_skew", "latest"):
                stage = getattr(engine, name)
                stage.on_tape = timed(name, stage.on_tape)
            engine._router.route = timed("decode", engine._router.route)  # type: ignore[method-assign]  # noqa: SLF001 - timed from outside
            engine._digest.update = timed("digest", engine._digest.update)  # type: ignore[method-assign]  # noqa: SLF001 - the same
            read = timed("journal_read", reader.read)
            while (frames := read(STEP_FRAMES)) is not None:
                outputs = timed("engine", engine.process)(frames)
                bars = engine.bars.open_bars()
                timed("store", house.writer.write)(outputs, bars, engine.instruments, [], CLOCK.wall())
            timed("store", house.writer.flush)()
            house.close()
    return {name: round(seconds / count * 1e9, 1) for name, seconds in spent.items()}


def msgspec_only(run: Run) -> float:
    """Return nanoseconds a frame for msgspec decoding into typed structs, the best a parser alone does in Python."""

    class Data(msgspec.Struct, gc=False):
        s: str = ""
        p: str = ""
        q: str = ""
        b: msgspec.Raw = msgspec.Raw()
        a: msgspec.Raw = msgspec.Raw()
        u: int = 0
        t: int = 0
        T: int = 0
        m: bool = False

    class Message(msgspec.Struct, gc=False):
        stream: str
        data: Data

    decode = msgspec.json.Decoder(Message).decode
    frames = [body for kind, body, _ in run.frames if kind is RecordKind.DATA]
    begin = time.perf_counter()
    for frame in frames:
        decode(frame)
    return (time.perf_counter() - begin) / len(frames) * 1e9


def cryptofeed(run: Run) -> float | None:
    """Return nanoseconds a frame of cryptofeed's handler, None where it is not to be had."""
    python = os.environ.get("BREADBOARD_PEERS_PYTHON")
    if not python:
        return None
    documents: dict[str, Any] = {}
    frames = []
    for kind, body, _ in run.frames:
        if kind is RecordKind.DOCUMENT:
            head, _, document = body.partition(b"\n")
            documents[msgspec.json.decode(head)["tag"].removeprefix("depth:")] = msgspec.json.decode(document)
        else:  # its handler knows aggTrade and not trade: the same fields under other names
            frames.append(body.replace(b'"e":"trade"', b'"e":"aggTrade"').replace(b'"t":', b'"a":'))
    program = Path(__file__).with_name("peer_cryptofeed.py")
    text = b"\n".join([msgspec.json.encode(documents), *frames])
    done = subprocess.run([python, str(program)], input=text, capture_output=True, check=True)
    result: float = json.loads(done.stdout)["ns_per_message"]
    return result


def run(recording: Path | None, seconds: float) -> dict[str, Any]:
    """Return ``{"name", "machine", "cases", "peers"}``; ``peers`` are how many times ours is faster, end to end."""
    warm.run(lambda _: None)
    market = recorded(recording) if recording else simulated()
    clones = max(2, round(seconds * 300_000 / len(market.frames)))
    wire = list(reads(market, clones))  # made beforehand: the sender's work is not ours, nor are its objects
    gc.freeze()
    through(market, wire[: len(wire) // 4], stored=True)  # once for the page cache and the allocators
    cases = [
        measured("wire_to_engine", market, wire, stored=False),
        measured("wire_to_store", market, wire, stored=True),
        {"case": "stage_ns", "value": stages(market, wire[: len(wire) // 2]), "unit": "ns/event"},
    ]
    peers = {"msgspec_decode_only": msgspec_only(market), "cryptofeed_handler": cryptofeed(market)}
    cases += [{"case": name, "value": round(ns, 1), "unit": "ns/event"} for name, ns in peers.items() if ns]
    size = sum(len(body) for _, body, _ in market.frames) / len(market.frames)
    cases.append({"case": "frame", "value": round(size, 1), "unit": "bytes", "source": market.source})
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    ours = 1e9 / cases[1]["value"]
    ratios = {name: round(ns / ours, 2) for name, ns in peers.items() if ns}
    return {"name": "pipeline", "machine": machine, "cases": cases, "peers": ratios}


def measured(name: str, market: Run, wire: list[Read], *, stored: bool) -> Case:
    """Return the case of one way through, the median of three; nothing may have been lost or misread on it."""
    rates, costs = [], []
    for _ in range(REPEATS):
        count, seconds, cpu, summary = through(market, wire, stored=stored)
        assert summary["quarantined"] == summary["gaps"] == 0, summary
        rates.append(round(count / seconds))
        costs.append(round(cpu / count * 1e9))
    return {
        "case": name,
        "value": round(median(rates)),
        "unit": "events/s",
        "range": [min(rates), max(rates)],
        "cpu_ns_per_event": round(median(costs)),
        "events": count,
        "instruments": len(summary["books"]),
    }
