"""A whole breadboard in processes of its own, for tests that start, watch, kill and compare it."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from breadboard.app.places import Places, alive
from breadboard.errors import BreadboardError
from breadboard.journal import Reader

PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def breadboard(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "breadboard", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=300)


def wait_for(what: str, happened: Any, patience_s: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = happened()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:.0f} s for {what}")


class House:
    """One `breadboard up` on a data directory, started again as often as it is killed."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self.places = Places(data_dir)
        self.port = free_port()
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.data_dir.parent / f"{self.data_dir.name}.up.log").open("ab")
        command = [sys.executable, "-m", "breadboard", "up", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self._process = subprocess.Popen([*command, *self._arguments], stdout=log, stderr=log)
        log.close()

    def processes(self) -> dict[str, int]:
        """Every process by name, the supervisor as ``up``; empty when nothing runs."""
        state = self.places.running()
        return {"up": state.pid, **state.children} if state else {}

    def kill(self, names: list[str]) -> None:
        """SIGKILL these processes; where the supervisor is among them, wait until the last child is gone."""
        pids = self.processes()
        for name in names:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[name], signal.SIGKILL)
        if "up" in names:
            self._reap()
            wait_for("the children of a killed supervisor to end", lambda: not any(map(alive, pids.values())))

    def down(self) -> None:
        """Stop cleanly."""
        breadboard("down", "--data-dir", str(self.data_dir))
        self._reap()

    def stop_anyhow(self) -> None:
        """Leave nothing running, whatever the state of the test."""
        for pid in self.processes().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def status(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(
            breadboard("status", "--data-dir", str(self.data_dir), "--json", check=False).stdout
        )
        return result

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE_S)


class Watcher:
    """Reads the journal as it grows, as any consumer would, and remembers what it saw: one hash a frame."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seen: list[bytes] = []
        self.problems: list[str] = []
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        reader: Reader | None = None
        while not self._stop.is_set():
            try:
                reader = reader or Reader.open(self._journal, len(self.seen))
                frames = reader.read(10_000)
            except BreadboardError as error:
                if self._journal.exists():
                    self.problems.append(error.sentence)
                reader = None
                frames = None
            if frames is None:
                time.sleep(0.002)
                continue
            self.seen.extend(hashes(frames))


def hashes(frames: Any) -> list[bytes]:
    """One hash a frame over all that a reader is told of it."""
    columns = [frames.offset, frames.kind, frames.source, frames.epoch, frames.ts_recv]
    return [
        hashlib.blake2b(repr(row).encode() + frame, digest_size=8).digest()
        for frame, row in zip(frames.frames(), zip(*(column.tolist() for column in columns), strict=True), strict=True)
    ]


def journal_hashes(journal: Path) -> list[bytes]:
    """The same of a whole journal at rest."""
    reader = Reader.open(journal)
    found: list[bytes] = []
    while (frames := reader.read(10_000)) is not None:
        found.extend(hashes(frames))
    return found
