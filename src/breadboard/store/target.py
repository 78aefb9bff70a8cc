"""Where a store's address points, and who has the directory of an embedded one."""

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from breadboard.errors import StoreError

_SERVERS = ("clickhouse", "clickhouses", "clickhouse+http", "clickhouse+https", "http", "https")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a dsn points."""

    dsn: str
    directory: Path | None
    """Of an embedded store; None for a server, and for one that lives in memory."""

    @classmethod
    def of(cls, dsn: str) -> "Target":
        """Read a dsn. Raises StoreError for one that is neither chdb nor clickhouse."""
        parts = urlsplit(dsn)
        if parts.scheme in _SERVERS:
            return cls(dsn, None)
        if parts.scheme != "chdb":
            raise StoreError(
                f"the store address {cls(dsn, None).label!r} is neither chdb nor clickhouse",
                hint="chdb:///path/to/store   # or clickhouse://user@host:8123/database",
            )
        path = (parts.netloc + parts.path).removeprefix("//")
        if not path.startswith(("/", ".")) and path:
            path = "./" + path
        if not path or path == "/":
            return cls("chdb://", None)
        directory = Path(path).absolute()
        return cls(f"chdb:///{directory}", directory)

    @property
    def embedded(self) -> bool:
        """Whether the engine is in this process."""
        return self.dsn.startswith("chdb:")

    @property
    def engine(self) -> str:
        """What an embedded engine calls the directory: every connection of the process has to say the same."""
        return ":memory:" if self.directory is None else os.path.realpath(self.directory)

    @property
    def label(self) -> str:
        """The dsn without its password."""
        return re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", self.dsn)


def lock(directory: Path) -> int:
    """Take a directory for this process, and return the handle that holds it; a file there says who has it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory / "owner.pid", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        hint = f"ls -ld {directory} {directory.parent}"
        raise StoreError(f"the store directory {directory} cannot be used: {error.strerror}", hint=hint) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreError(
            f"process {owner} holds the store {directory}",
            hint=f"ps -fp {owner}   # `breadboard down` stops it where it is a `breadboard up`",
            transient=True,
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def unlock(handle: int) -> None:
    """Let go of a directory; harmless where that was done before."""
    try:
        os.ftruncate(handle, 0)
        os.close(handle)
    except OSError:
        return
