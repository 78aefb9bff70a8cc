"""Where things lie in a data directory, and how processes leave word for each other there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from breadboard.config import Config
from breadboard.errors import NotRunning, UsageError


class Ended(msgspec.Struct, frozen=True):
    """How a child process ended that should have gone on."""

    ts_ns: int
    """When it was found to have ended (wall ns)."""
    in_row: int
    """How often it has done so since it last ran for long."""
    words: str
    """Its own last sentence; empty where it had none."""


class RunState(msgspec.Struct, frozen=True):
    """What a running ``breadboard up`` says about itself."""

    pid: int
    address: str
    started_ns: int
    children: dict[str, int]
    provenance: str
    ended: dict[str, Ended] = {}
    """By name, the newest end of each child that did not end because it was stopped."""


@dataclass(frozen=True, slots=True)
class Places:
    """The layout of one data directory."""

    root: Path

    @property
    def journal(self) -> Path:
        """Segments, HEAD, LOCK."""
        return self.root / "journal"

    @property
    def store(self) -> Path:
        """The embedded store; one process at a time opens it."""
        return self.root / "store"

    @property
    def checkpoint(self) -> Path:
        """Engine state and the offset it belongs to."""
        return self.root / "checkpoint"

    @property
    def engine_state(self) -> Path:
        """The newest checkpoint."""
        return self.checkpoint / "engine"

    @property
    def suspects(self) -> Path:
        """Frames that processes died at, and those that are taken no more."""
        return self.checkpoint / "suspects.json"

    @property
    def store_intents(self) -> Path:
        """What the store's writer has set out to write."""
        return self.checkpoint

    @property
    def run(self) -> Path:
        """Files of running processes: state, resolved configuration, status."""
        return self.root / "run"

    @property
    def sources(self) -> Path:
        """The source number of every connection ever made from here."""
        return self.root / "sources.json"

    @property
    def rules(self) -> Path:
        """The alert rules that are wanted from now on, for capture to put into the journal."""
        return self.root / "rules.json"

    @property
    def settings(self) -> Path:
        """The database of what people set, where no other one is configured."""
        return self.root / "settings.db"

    def write_house_key(self, key: str) -> None:
        """Leave commands of this user the key that they show the server which runs now."""
        write_whole(self.run / "house.key", key.encode())

    def house_key(self) -> str:
        """Return the key to show the server that runs here; empty where it wants none."""
        try:
            return (self.run / "house.key").read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def write_rules(self, body: bytes) -> None:
        """Leave rules for capture."""
        write_whole(self.rules, body)

    def source_numbers(self) -> dict[str, int]:
        """Return the source numbers given so far, by the connection's place in the configuration."""
        try:
            return msgspec.json.decode(self.sources.read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.sources} is damaged: {error}", hint=f"mv {self.sources} {self.sources}.old"
            ) from None

    def write_source_numbers(self, numbers: Mapping[str, int]) -> None:
        """Keep the source numbers."""
        write_whole(self.sources, msgspec.json.encode(numbers))

    def made(self) -> "Places":
        """Create the directories and return self."""
        for path in (self.root, self.journal, self.checkpoint, self.run):
            path.mkdir(parents=True, exist_ok=True)
        return self

    def write_config(self, config: Config) -> Path:
        """Leave the resolved configuration for child processes, readable by the owner only."""
        path = self.run / "config.json"
        write_whole(path, msgspec.json.encode(config))
        return path

    def restored(self, config: Config) -> "Places":
        """Make what processes need to start where it is gone, and return self. Raises OSError."""
        if not (self.run / "config.json").exists():
            self.made().write_config(config)
        return self

    def config(self) -> Config:
        """Return the configuration that last ran here, or the default one. Raises UsageError for a damaged one."""
        path = self.run / "config.json"
        try:
            found = read_config(path) if path.exists() else Config()
        except msgspec.DecodeError as error:
            raise UsageError(f"{path} is not a configuration: {error}", hint=f"rm {path}") from None
        return msgspec.structs.replace(found, data_dir=str(self.root))

    def write_state(self, state: RunState) -> None:
        """Say who runs here."""
        write_whole(self.run / "up.json", msgspec.json.encode(state))

    def clear_state(self) -> None:
        """Say that nobody runs here."""
        (self.run / "up.json").unlink(missing_ok=True)

    def running(self) -> RunState | None:
        """Return the state of a living ``breadboard up``, or None."""
        try:
            state = msgspec.json.decode((self.run / "up.json").read_bytes(), type=RunState)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return state if alive(state.pid) else None

    def require_running(self) -> RunState:
        """Return the state of a living ``breadboard up``; NotRunning without one."""
        state = self.running()
        if state is None:
            raise NotRunning(f"nothing runs on {self.root}", hint=f"breadboard up --data-dir {self.root}")
        return state

    def read_status(self, name: str) -> dict[str, Any] | None:
        """Return what a process last wrote about itself, or None."""
        try:
            status: dict[str, Any] = msgspec.json.decode((self.run / f"{name}.json").read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return status


def read_config(path: Path) -> Config:
    """Return the configuration that ``write_config`` left."""
    return msgspec.json.decode(path.read_bytes(), type=Config)


def alive(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True
    return state != "Z"


def write_whole(path: Path, body: bytes) -> None:
    """Put a file in the place of the one before, or leave that as it is. Raises OSError."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor, for its mode
            file.write(body)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
