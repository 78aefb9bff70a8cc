"""A journal at rest and serving processes that take it in, killed or not: the pieces of the tests that kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from breadboard import feeds
from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import ApiConfig, Config, EngineConfig
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from breadboard.journal import Writer, identity
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import RecordKind
from scenarios.house import free_port

TABLES = (
    *("trades", "quotes", "book_deltas", "bars", "activity_bars", "features", "nbbo", "gaps", "instruments"),
    *("anomalies", "depth_snapshots", "opportunities", "paper_fills"),
)
PATIENCE_S = 60.0
EVERYTHING = EngineConfig(
    features=tuple(BY_NAME),
    bars=("tick:100", "dollar:100000", "renko:5"),
    anomalies=tuple(ANOMALIES),
    depth="1s",
    checkpoint_s=0.3,
)


class Feeder:
    """Writes recorded frames of several sources into a journal, as capture would, a part at a time."""

    def __init__(self, directory: Path, epochs: list[Epoch], frames: Frames, parts: int) -> None:
        self._writer = Writer.open(directory, segment_bytes=4 << 20, compress=True, clock=SystemClock())
        for one in epochs:
            body = [msgspec.json.encode(one)]
            self._writer.append(RecordKind.EPOCH, one.source, one.epoch, body, [int(frames.ts_recv[0])], 0)
        self._frames = frames
        self._parts = np.array_split(np.arange(len(frames)), parts)
        self.end = 0

    def feed(self, part: int, seconds: float) -> None:
        """Append one part, spread over so many seconds, and wait for the disk."""
        rows = self._parts[part]
        change = np.diff(self._frames.source[rows]) | np.diff(self._frames.kind[rows])
        runs = np.split(rows, np.flatnonzero(change) + 1)
        begun = time.monotonic()
        for at, run in enumerate(runs):
            some = self._frames.take(slice(int(run[0]), int(run[-1]) + 1))
            kind, source = RecordKind(int(some.kind[0])), int(some.source[0])
            self.end = self._writer.append(
                kind, source, 1, [some.frame(row) for row in range(len(some))], some.ts_recv.tolist(), 0
            )
            ahead = begun + seconds * at / len(runs) - time.monotonic()
            if ahead > 0.01:
                time.sleep(ahead)
        self._writer.sync(self.end, 60)

    def close(self) -> None:
        """Release the journal."""
        self._writer.close()


class Serving:
    """`breadboard serve` on a data directory whose journal nobody writes."""

    def __init__(self, data_dir: Path, engine: EngineConfig, program: str = "") -> None:
        config = Config(data_dir=str(data_dir), engine=engine, api=ApiConfig(port=free_port()))
        self.places = Places(data_dir).made()
        resolved = self.places.write_config(config)
        self._log = data_dir.parent / f"{data_dir.name}.log"
        start = ["-c", program] if program else ["-m", "breadboard"]
        self._command = [sys.executable, *start, "serve", "--resolved", str(resolved)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it takes frames or has ended."""
        before = self.words.count("serving at")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        self._wait("the server to answer", lambda: self.words.count("serving at") > before)

    def kill(self) -> bool:
        """SIGKILL it; tell whether it was still running."""
        assert self.process is not None
        running = self.process.poll() is None
        self.process.kill()
        self.process.wait(PATIENCE_S)
        return running

    def finish(self, end: int) -> None:
        """Wait until it has passed an offset and stored what it concluded, and stop it."""
        self._wait(f"a checkpoint at {end}", lambda: self.checkpointed() >= end)
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.words

    def checkpointed(self) -> int:
        """Return the offset of the newest checkpoint; 0 before the first."""
        found = checkpoint.load(self.places.engine_state, identity(self.places.journal))
        return 0 if found is None else found[0]

    @property
    def words(self) -> str:
        """What it wrote so far, over all starts."""
        return self._log.read_text() if self._log.exists() else ""

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended with {self.process.returncode}\n{self.words[-4000:]}"
            assert time.monotonic() < deadline, f"waited for {what}\n{self.words[-4000:]}"
            time.sleep(0.02)


def at_rest(places: Places, config: EngineConfig) -> Engine:
    """Return the engine as the last checkpoint left it."""
    found = checkpoint.load(places.engine_state, identity(places.journal))
    assert found is not None
    engine = Engine(feeds.by_venue, config)
    engine.restore(found[1])
    return engine


def soak(default: int) -> int:
    """Return how many kills are wanted."""
    return int(os.environ.get("BREADBOARD_SOAK_KILLS", str(default)))
