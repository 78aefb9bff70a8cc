"""The journal's promises: how fast frames become durable, how late, how fast they are read back, how small they are.

``python benchmarks/journal.py [--json]`` or ``breadboard bench journal``. Appends real recorded Binance frames
(BREADBOARD_DATA, or ``../shared/data`` beside the repository) into a temporary directory; ``TMPDIR`` chooses the disk.
"""

import gzip
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from breadboard.journal import Reader, Writer, info, warm
from breadboard.journal.segments import listing
from breadboard.model.kinds import RecordKind

DATA = Path(os.environ.get("BREADBOARD_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")
RECORDING = "binance/btcusdt_20240808.gz"
RATES = (13_000, 50_000, 500_000)
SECONDS = 4.0
TICK_S = 0.002
"""How often the open-loop producer appends what is due, as a socket would wake up."""
UNBOUNDED_FRAMES = 2_000_000

Case = dict[str, Any]


def frames_of_recording() -> list[bytes]:
    path = DATA / RECORDING
    if not path.exists():
        raise SystemExit(f"no recording at {path}\nhint: export BREADBOARD_DATA=/folder/that/holds/binance")
    with gzip.open(path) as lines:
        return [line.partition(b" ")[2].rstrip(b"\n") for line in lines]


def open_loop(directory: Path, frames: Sequence[bytes], rate: int) -> list[Case]:
    """Append at a rate that does not wait for the disk; report append-to-durable of every frame."""
    durable: list[tuple[int, int]] = []
    writer = Writer.open(
        directory, on_durable=lambda offset: durable.append((offset, time.perf_counter_ns())), compress=False
    )
    appended: list[tuple[int, int, int]] = []
    cpu, begin = time.process_time(), time.perf_counter()
    done = 0
    while (elapsed := time.perf_counter() - begin) < SECONDS:
        due = int(elapsed * rate)
        at = done % (len(frames) - rate // 20)
        batch = frames[at : at + min(due - done, rate // 20)]
        if batch:
            before = time.perf_counter_ns()
            after = writer.append(RecordKind.DATA, 1, 1, batch, [time.time_ns()] * len(batch), time.monotonic_ns())
            appended.append((after, len(batch), before))
            done += len(batch)
        time.sleep(TICK_S)
    writer.sync(done)
    cpu = time.process_time() - cpu
    writer.close()
    offsets, times = (np.array(column) for column in zip(*durable, strict=True))
    afters, counts, begins = (np.array(column) for column in zip(*appended, strict=True))
    late = np.repeat(times[np.searchsorted(offsets, afters)] - begins, counts) / 1e6
    name = f"durable_{rate}"
    return [
        {"case": name, "value": round(done / SECONDS), "unit": "msg/s"},
        {"case": f"{name}_p50", "value": round(float(np.percentile(late, 50)), 3), "unit": "ms"},
        {"case": f"{name}_p99", "value": round(float(np.percentile(late, 99)), 3), "unit": "ms"},
        {"case": f"{name}_max", "value": round(float(late.max()), 3), "unit": "ms"},
        {"case": f"{name}_cpu", "value": round(cpu / done * 1e9), "unit": "ns/msg"},
    ]


def unbounded(directory: Path, frames: Sequence[bytes], batch: int) -> list[Case]:
    """Append as fast as the journal takes it, until everything is durable."""
    writer = Writer.open(directory, compress=False)
    stamps = [time.time_ns()] * batch
    cpu, begin = time.process_time(), time.perf_counter()
    done = 0
    while done < UNBOUNDED_FRAMES:
        at = done % (len(frames) - batch)
        done = writer.append(RecordKind.DATA, 1, 1, frames[at : at + batch], stamps, 1)
    appended = time.perf_counter() - begin
    writer.sync(done)
    seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    writer.close()
    return [
        {"case": f"durable_unbounded_{batch}", "value": round(done / seconds), "unit": "msg/s"},
        {"case": f"append_{batch}", "value": round(appended / done * 1e9), "unit": "ns/msg"},
        {"case": f"durable_unbounded_{batch}_cpu", "value": round(cpu / done * 1e9), "unit": "ns/msg"},
    ]


def read_back(directory: Path) -> tuple[int, float]:
    reader = Reader.open(directory)
    begin = time.perf_counter()
    frames = 0
    while (run := reader.read(65_536)) is not None:
        frames += len(run)
    seconds = time.perf_counter() - begin
    reader.close()
    return frames, seconds


def sealing(directory: Path) -> list[Case]:
    """Read raw segments back, seal them, and read them again."""
    frames, seconds = read_back(directory)
    cases: list[Case] = [{"case": "read_raw", "value": round(frames / seconds), "unit": "msg/s"}]
    raw = info(directory).bytes
    begin = time.perf_counter()
    writer = Writer.open(directory)
    while any(not segment.sealed for segment in listing(directory)[:-1]):
        time.sleep(0.01)
    sealed_s = time.perf_counter() - begin
    writer.close()
    frames, seconds = read_back(directory)
    return [
        *cases,
        {"case": "read_sealed", "value": round(frames / seconds), "unit": "msg/s"},
        {"case": "seal", "value": round(raw / sealed_s / 1e6), "unit": "MB/s"},
        {"case": "bytes_raw", "value": round(raw / frames, 1), "unit": "bytes/msg"},
        {"case": "bytes_sealed", "value": round(info(directory).bytes / frames, 1), "unit": "bytes/msg"},
    ]


def run() -> dict[str, Any]:
    """Return ``{"name", "machine", "cases"}``."""
    frames = frames_of_recording()
    warm()
    size = sum(map(len, frames)) / len(frames)
    cases: list[Case] = [{"case": "frame", "value": round(size, 1), "unit": "bytes"}]
    with tempfile.TemporaryDirectory(prefix="journal-bench-") as root:
        for rate in RATES:
            cases += open_loop(Path(root) / str(rate), frames, rate)
        cases += unbounded(Path(root) / "unbounded", frames, 1_000)
        cases += sealing(Path(root) / "unbounded")
        cases += sealing_of_recording(Path(root) / "recording", frames)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    return {"name": "journal", "machine": machine, "cases": cases}


def sealing_of_recording(directory: Path, frames: Sequence[bytes]) -> list[Case]:
    """Bytes a message when every frame is new, in records of ten: the recording once, not repeated."""
    writer = Writer.open(directory, compress=False)
    for at in range(0, len(frames), 10):
        batch = frames[at : at + 10]
        writer.append(RecordKind.DATA, 1, 1, batch, [time.time_ns()] * len(batch), 1)
    writer.close()
    return [
        {**case, "case": f"recording_{case['case']}"} for case in sealing(directory) if case["case"].startswith("bytes")
    ]


if __name__ == "__main__":
    report = run()
    if "--json" in sys.argv:
        print(json.dumps(report))
    else:
        print(report["machine"])
        for case in report["cases"]:
            print(f"{case['case']:32}{case['value']:>14,} {case['unit']}")
