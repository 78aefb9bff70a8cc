"""A house as a user starts it, `breadboard up`, and what its processes take."""

import json
import os
import platform
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BREADBOARD = [sys.executable, "-m", "breadboard"]
SETTLE_S = 60.0
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def up(data: Path, config: Path) -> Iterator[str]:
    """Run `breadboard up` for the length of a ``with`` block; gives its address."""
    port = ["--port", str(free_port())]
    command = [*BREADBOARD, "up", "--data-dir", str(data), "--config", str(config), *port, "--json"]
    with (data.parent / "up.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"]
    finally:
        subprocess.run([*BREADBOARD, "down", "--data-dir", str(data)], check=False, capture_output=True)
        process.wait(120)
        process.stdout.close()


def pids(data: Path) -> dict[str, int]:
    """Return the processes of a running house that are measured."""
    command = [*BREADBOARD, "status", "--data-dir", str(data), "--json"]
    found = json.loads(subprocess.run(command, check=False, capture_output=True, text=True).stdout)
    return {name: pid for name, pid in found["processes"].items() if name in ("capture", "serve")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Watch:
    """Looks four times a second at what some processes take of a core, and what everybody else does."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._names = [*pids, "others"]
        self._pids = [*pids.values()]
        self._looks = [self._look()]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look a last time."""
        self._over.set()
        self._thread.join()
        self._looks.append(self._look())

    def percent(self) -> dict[str, int]:
        """Return the percentage of a core that each process took, and the others together."""
        spent = self._looks[-1][1:] - self._looks[0][1:]
        took = (self._looks[-1][0] - self._looks[0][0]) / 1e9
        return dict(zip(self._names, (100 * spent / took).round().astype(int).tolist(), strict=True))

    def alone(self, moments: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
        """Tell at which moments (wall ns) the others had less than ``share`` of a core, then and just before."""
        looks = np.stack(self._looks)
        others = np.diff(looks[:, -1]) / (np.diff(looks[:, 0]) / 1e9) < share
        others[1:] &= others[:-1]
        place = np.searchsorted(looks[:, 0], moments) - 1
        alone: NDArray[np.bool_] = (place >= 0) & (place < len(others)) & others[place.clip(0, len(others) - 1)]
        return alone

    def _go_on(self) -> None:
        while not self._over.wait(0.25):
            self._looks.append(self._look())

    def _look(self) -> NDArray[np.float64]:
        ours = [cpu_s(pid) for pid in self._pids]
        fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
        everybody = (sum(fields[:3]) + sum(fields[5:8])) / TICK
        return np.array([time.time_ns(), *ours, everybody - sum(ours) - cpu_s(os.getpid())])


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read() or b"{}")
    return found


def until(what: str, happened: Callable[[], bool], every_s: float = 0.5) -> None:
    """Wait until something has happened. Raises TimeoutError after a minute."""
    end = time.monotonic() + SETTLE_S
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {SETTLE_S:.0f} s for {what}")
        time.sleep(every_s)


def machine() -> str:
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
