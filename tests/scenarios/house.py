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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from breadboard import feeds
from breadboard.app import client, sql
from breadboard.app.places import Places, alive
from breadboard.config import EngineConfig
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from breadboard.errors import BreadboardError, NotRunning
from breadboard.journal import Reader, identity
from breadboard.model.frames import Frames
from patient import PATIENCE_S

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def breadboard(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "breadboard", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=300)


def say(line: str) -> None:
    """Tell whoever runs the tests with ``-s``, or reads of a failure: seeds and what was measured."""
    sys.stdout.write(line + "\n")


def wait_for(what: str, happened: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = happened()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:.0f} s for {what}")


class House:
    """One `breadboard up` on a data directory, started again as often as it is killed."""

    running: ClassVar[set["House"]] = set()
    """All that were started and not seen to end."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self.places = Places(data_dir)
        self.port = free_port()
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def words(self) -> str:
        """What `up` has said so far, on both of its outputs."""
        path = self._log
        return path.read_text() if path.exists() else ""

    @property
    def _log(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.up.log"

    def start(self) -> None:
        log = self._log.open("ab")
        command = [sys.executable, "-m", "breadboard", "up", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self._process = subprocess.Popen([*command, *self._arguments], stdout=log, stderr=log)
        log.close()
        House.running.add(self)

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
            wait_for("the port of a child begun at that moment", self._port_is_free)

    def _port_is_free(self) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def down(self) -> None:
        """Stop cleanly."""
        breadboard("down", "--data-dir", str(self.data_dir))
        self._reap()

    def signal(self, number: signal.Signals) -> int:
        """Send `up` a signal, wait for its end and return its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end of `up` and return its exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    def position(self) -> dict[str, int]:
        """Where journal, engine and store are, as the serving process says; nothing while it does not answer."""
        try:
            told = client.get_json(self.address, "/api/v1/status", timeout_s=5.0)
        except NotRunning:
            return {}
        names = ("journal_durable", "engine_position", "store_written", "pid")
        return {name: told[name] for name in names} if told else {}

    def capture(self) -> dict[str, Any]:
        """What capture last said of itself; nothing before its first word."""
        return self.places.read_status("capture") or {}

    def books(self) -> list[dict[str, Any]]:
        """The book of every instrument, as the API serves it."""
        stocks = client.get_json(self.address, "/api/v1/stocks")["data"]
        return [client.get_json(self.address, f"/api/v1/book/{stock['id']}") for stock in stocks]

    def caught_up(self) -> None:
        """Wait until everything that is durable now was processed and stored."""
        target = wait_for("the serving process to answer", self.position)["journal_durable"]
        wait_for(
            f"engine and store to pass offset {target}",
            lambda: min(self.position().get(name, 0) for name in ("engine_position", "store_written")) >= target,
        )

    def stop_anyhow(self) -> None:
        """Leave nothing running, whatever the state of the test."""
        for pid in self.processes().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        House.running.discard(self)

    def testimony(self) -> str:
        """What all its processes said last, and where their threads stand: for whoever reads of a failure."""
        for pid in self.processes().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        time.sleep(1.0)
        said = {path.stem: path.read_text(errors="replace") for path in (self._log, *self.places.run.glob("*.log"))}
        return "\n".join(f"--- {name}\n{words[-8000:]}" for name, words in said.items())

    def status(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(
            breadboard("status", "--data-dir", str(self.data_dir), "--json", check=False).stdout
        )
        return result

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE_S)
        House.running.discard(self)


@contextlib.contextmanager
def ticking(data_dir: Path, *arguments: str) -> Iterator[House]:
    """A house with something to show; whatever happens, it does not outlive the block."""
    found = House(data_dir, *arguments)
    found.start()
    try:
        wait_for("the first tick", lambda: "first tick after" in found.words, 120.0)
        yield found
    except BaseException:
        say(found.testimony())
        raise
    finally:
        found.stop_anyhow()


class Simulator:
    """One `breadboard sim` in a process of its own; ``venue`` is how the configuration names it."""

    def __init__(self, log: Path, venue: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "breadboard", "sim", venue, *arguments]
        with log.open("ab") as words:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, log.read_text()
        self.said: dict[str, Any] = json.loads(line)
        self.venue = venue

    def feed(self, symbols: Iterable[str]) -> str:
        """This venue as TOML, for ``House(data_dir, "--config", FILE)``."""
        names = json.dumps(list(symbols))
        lines = [f'venue = "{self.venue}"', f"symbols = {names}"]
        lines += [f'{key} = "{self.said[key]}"' for key in ("url", "rest_url")]
        return "\n".join(["[[feeds]]", *lines, ""])

    def truth(self) -> dict[str, Any]:
        """What was really sent: ``GET /_sim/truth``."""
        told: dict[str, Any] = client.get_json(self.said["rest_url"], "/_sim/truth")
        return told

    def sent(self) -> int:
        """Frames sent so far, over all connections; 0 where it does not answer (any more)."""
        try:
            return sum(connection["frames"] for connection in self.truth()["connections"])
        except NotRunning:
            return 0

    def stop(self) -> None:
        """End it, if it has not ended by itself."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


def ask(data_dir: Path, query: str) -> list[dict[str, Any]]:
    """The rows of a query, as `breadboard sql` gets them."""
    rows: list[dict[str, Any]] = json.loads(b"".join(sql.ask(data_dir, query, "json")))["data"]
    return rows


def stored(data_dir: Path, table: str) -> dict[str, Any]:
    """Count and hash of a table's rows, without the time at which they were stored."""
    columns = "* except ts_store" if table != "bars" else "*"
    (row,) = ask(data_dir, f"select count() n, groupBitXor(cityHash64({columns})) hash from {table}")
    return row


def engine_at_rest(data_dir: Path) -> Engine:
    """The engine as the last checkpoint left it."""
    places = Places(data_dir)
    found = checkpoint.load(places.engine_state, identity(places.journal))
    assert found is not None
    engine = Engine(feeds.by_venue, EngineConfig())
    engine.restore(found[1])
    return engine


def replayed(source: Path, target: Path, *options: str, form: str = "breadboard") -> dict[str, Any]:
    """What `breadboard replay` finds in a data directory, or in a recording of another form."""
    words = ("replay", str(source), "--format", form, "--data-dir", str(target), "--json", *options)
    found: dict[str, Any] = json.loads(breadboard(*words).stdout)
    return found


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


def hashes(frames: Frames) -> list[bytes]:
    """One hash a frame over all that a reader is told of it."""
    names = ("offset", "kind", "source", "epoch", "ts_recv")
    rows = zip(*(getattr(frames, name).tolist() for name in names), strict=True)
    return [
        hashlib.blake2b(repr(row).encode() + frame, digest_size=8).digest()
        for frame, row in zip(frames.frames(), rows, strict=True)
    ]


def journal_hashes(journal: Path) -> list[bytes]:
    """The same of a whole journal at rest."""
    reader = Reader.open(journal)
    found: list[bytes] = []
    while (frames := reader.read(10_000)) is not None:
        found.extend(hashes(frames))
    return found
