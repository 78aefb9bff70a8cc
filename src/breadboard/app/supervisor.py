"""Keeps a set of child processes running, and ends them in order."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from breadboard.app.places import Ended, alive

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
_HEALTHY_S = 300.0
"""Who ran for so long ends for another reason than the last time; to open a store and catch up takes a while of it."""
_ERROR = b"error: "
"""How the command line begins the sentence with which a process ends."""
_LAST_BYTES = 65_536
"""Of a log, where that sentence is looked for."""


@dataclass
class Child:
    """One process that should be running."""

    name: str
    arguments: Sequence[str]
    """What comes after ``python -m breadboard``."""
    stop_timeout_s: float = 10.0
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    wait_s: float = _FIRST_WAIT_S
    started: float = 0.0
    restart_at: float = field(default=0.0)
    log: BinaryIO | None = None
    """Its log, read from where its own words begin: the file itself, since its path may be gone by then."""
    ended: Ended | None = None
    """Its newest end."""


class Supervisor:
    """Starts children in order, restarts one that ends, stops them in order.

    A child has a process group of its own, so that Ctrl-C reaches only us and the order of stopping is ours. It holds
    the reading end of a pipe and ends itself when we die (``end_with_parent``): a killed supervisor leaves no orphans.
    """

    def __init__(self, children: Sequence[Child], logs: Path, on_change: Callable[[dict[str, int]], None]) -> None:
        self._children = list(children)
        self._logs = logs
        self._on_change = on_change
        self._lifeline_read, self._lifeline_write = os.pipe()

    def start(self) -> None:
        """Start every child."""
        for child in self._children:
            self._spawn(child)
        self._tell()

    def tend(self) -> list[Child]:
        """Restart children that ended, with growing waits; return those that were found dead just now."""
        found = []
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at and not self._respawned(child):
                    found.append(child)
            elif child.process.poll() is not None:
                found.append(child)
                child.process = None
        for child in found:
            healthy = now - child.started > _HEALTHY_S
            child.wait_s = _FIRST_WAIT_S if healthy else min(child.wait_s * 2, _LONGEST_WAIT_S)
            child.restart_at = now + child.wait_s
            child.restarts += 1
            in_row = 1 if healthy or child.ended is None else child.ended.in_row + 1
            child.ended = Ended(time.time_ns(), in_row, self._last_words(child))
        if found:
            self._tell()
        return found

    def stop(self) -> None:
        """End the children in the order they were given, each with time to finish what it has."""
        for child in self._children:
            if child.process is None:
                continue
            child.process.terminate()
            try:
                child.process.wait(child.stop_timeout_s)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        for child in self._children:
            if child.log is not None:
                child.log.close()
        os.close(self._lifeline_write)
        os.close(self._lifeline_read)

    def pids(self) -> dict[str, int]:
        """Return the process ids by name."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def ended(self) -> dict[str, Ended]:
        """Return by name how children ended last, of those that did."""
        return {child.name: child.ended for child in self._children if child.ended is not None}

    def _last_words(self, child: Child) -> str:
        """Return the sentence with which a child ended, as its log has it; empty for one that had no time for it."""
        if child.log is None:
            return ""
        try:
            size = os.fstat(child.log.fileno()).st_size
            child.log.seek(max(child.log.tell(), size - _LAST_BYTES))
            lines = child.log.read().splitlines()
        except OSError:
            return ""
        found = next((line for line in reversed(lines) if line.startswith(_ERROR)), _ERROR)
        return found.removeprefix(_ERROR).decode("utf-8", "replace")

    def _respawned(self, child: Child) -> bool:
        """Start a child again; False where the system refuses its log or its process: nobody else ends for that."""
        try:
            self._spawn(child)
        except OSError:
            return False
        self._tell()
        return True

    def _spawn(self, child: Child) -> None:
        environment = {**os.environ, "BREADBOARD_LIFELINE": str(self._lifeline_read)}
        path = self._logs / f"{child.name}.log"
        with path.open("ab") as log:
            if child.log is not None:
                child.log.close()
            child.log = path.open("rb")
            child.log.seek(0, os.SEEK_END)
            child.process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                [sys.executable, "-m", "breadboard", *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._lifeline_read,),
                env=environment,
                # Ctrl-C is ours alone. Still of our session: Linux shares processors evenly among sessions first.
                process_group=0,
            )
        child.started = time.monotonic()

    def _tell(self) -> None:
        self._on_change(self.pids())


def end_with_parent() -> None:
    """In a supervised child: send ourselves SIGTERM when the supervisor is gone."""
    lifeline = os.environ.pop("BREADBOARD_LIFELINE", None)
    if lifeline is None:
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            os.read(int(lifeline), 1)  # returns only when the last writing end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def stop_process(pid: int, timeout_s: float) -> bool:
    """Ask a process to end and wait; tell whether it did."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
