"""The capture side of ``bench pipeline``, as a process of its own: venue text into a journal, read by read.

It prints one line when its text is made, begins when told on stdin, and stays at most ``AHEAD`` frames before the
engine, whose offset it finds in a file of eight bytes. One JSON object at the end says what it did. Making the text is
not part of what is measured, cutting a read into frames is: that is what a socket's reader has to do too.
"""

import json
import mmap
import os
import resource
import sys
import time
from pathlib import Path

from market import Run, epoch, recorded, simulated
from wire import Wire

from breadboard.app import journals, memory
from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.model.kinds import RecordKind
from breadboard.model.rules import Rule, RuleSet

AHEAD = 1_000_000
PROGRESS = "progress"
RULES = RuleSet(
    (
        Rule(name="rises", kind="rise", threshold=2.0, window="5m"),
        Rule(name="falls", kind="drop", threshold=2.0, window="5m"),
        Rule(name="rises fast", kind="rise", threshold=1.0, window="10s"),
        Rule(name="falls fast", kind="drop", threshold=1.0, window="10s"),
        Rule(name="crosses", kind="cross", threshold=20.0),
        Rule(name="wide", kind="spread", threshold=100.0),
        Rule(name="busy", kind="volume", threshold=50.0, window="1m"),
        Rule(name="late", kind="lag", threshold=1000.0),
        Rule(name="silent", kind="no_data", window="10m"),
        Rule(name="gapped", kind="gap"),
    )
)
"""Ten on every instrument."""


def main(root: Path, recording: str, frames: int, clones: int, passes: int, ruled: int) -> None:
    """Send and report."""
    run = recorded(Path(recording)) if recording else simulated(frames=frames)
    run = Run(run.source, run.frames[:frames])
    wire = Wire.of(run, clones)
    memory.set_aside()
    _say({"frames": len(wire), "bytes": len(wire.text), "source": run.source})
    sys.stdin.readline()
    descriptor = os.open(root / PROGRESS, os.O_RDONLY)
    progress = mmap.mmap(descriptor, 8, prot=mmap.PROT_READ)
    writer = journals.open_writer(Config(), Places(root), SystemClock())
    started, cpu = time.perf_counter(), time.process_time()
    begun = [run.frames[0][2]]
    end = writer.append(RecordKind.EPOCH, 0, 1, [epoch(run)], begun, 0)
    if ruled:
        end = writer.append(RecordKind.RULES, 0xFFFF, 0, [RULES.encoded()], begun, 0)
    for kind, bodies, stamps in wire.passes(passes):
        while end - int.from_bytes(progress, "little") > AHEAD:
            time.sleep(0.01)  # a hundredth of what it is ahead; looking more often would be counted as work
        end = writer.append(kind, 0, 1, bodies, stamps, 0)
    writer.sync(end)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    _say({"sent": end, "seconds": seconds, "cpu_s": cpu, "rss_mb": peak})
    sys.stdin.readline()
    writer.close()


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7]))
