"""HEAD, the one word that readers and the writer share; and LOCK, which keeps a second writer out."""

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

import numpy as np

from breadboard.errors import JournalError, JournalLocked
from breadboard.journal import wake
from breadboard.journal.place import leads_to

HEAD_BYTES: Final = 24
OFFSET_MAX: Final = 1 << 62
BELIEVABLE: Final = 1 << 40
"""A HEAD further ahead of the segments than this many offsets is itself damaged."""


class Head:
    """The mapped file HEAD: three int64, each stored whole.

    ``durable``: the offset before which everything is on disk. ``active``: the base offset of the segment being
    written, stored before a ``durable`` that lies in it. ``sync``: the journal's random word, a second copy.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self._file = os.open(path, os.O_RDWR if write else os.O_RDONLY)
        try:
            access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
            self._map = mmap.mmap(self._file, HEAD_BYTES, access=access)
        except (OSError, ValueError):
            os.close(self._file)
            raise
        self._words = np.frombuffer(self._map, np.int64)

    @staticmethod
    def find(path: Path) -> "Head | None":
        """Open HEAD for reading; None where there is none, or it is cut short."""
        try:
            return Head(path, write=False)
        except (OSError, ValueError):
            return None

    @staticmethod
    def make(path: Path, durable: int, active: int, sync: int) -> "Head":
        """Open HEAD for writing with these values, in place where it exists, so that readers keep their view."""
        if not path.exists() or path.stat().st_size != HEAD_BYTES:
            temporary = path.with_name("HEAD.tmp")
            temporary.write_bytes(np.array([durable, active, sync], np.int64).tobytes())
            temporary.replace(path)
        head = Head(path, write=True)
        head._words[2] = sync
        head.publish(durable, active)
        return head

    @property
    def durable(self) -> int:
        """The durable next offset; 0 for a word that cannot be one."""
        value = int(self._words[0])
        return value if 0 <= value <= OFFSET_MAX else 0

    @property
    def active(self) -> int:
        """The base offset of the segment being written."""
        return int(self._words[1])

    @property
    def sync(self) -> int:
        """The journal's random word."""
        return int(self._words[2])

    @property
    def orphaned(self) -> bool:
        """Whether the file has been removed or replaced, so that nobody will move it again."""
        return os.fstat(self._file).st_nlink == 0

    def is_at(self, path: Path) -> bool:
        """Return whether it is what others find under this path."""
        return leads_to(path, self._file)

    def publish(self, durable: int, active: int) -> None:
        """Make everything before ``durable`` visible, and wake the readers that wait for it."""
        self._words[1] = active
        self._words[0] = durable
        wake.wake(self._words)

    def wait(self, position: int, timeout_s: float) -> None:
        """Return when something at or after ``position`` may be durable, at the latest after ``timeout_s``."""
        word = int(self._words[0])
        if self.durable <= position:
            wake.wait(self._words, word, timeout_s)

    def close(self) -> None:
        """Write the page back and unmap it."""
        if self._words.flags.writeable:
            self._map.flush()
        del self._words
        self._map.close()
        os.close(self._file)


def said(directory: Path) -> tuple[int, int]:
    """Return what HEAD says, once: the durable next offset and the journal's word; zeros where there is none."""
    head = Head.find(directory / "HEAD")
    if head is None:
        return 0, 0
    durable, word = head.durable, head.sync
    head.close()
    return durable, word


class Lock:
    """An exclusive flock on LOCK for as long as this object is open; the kernel drops it with the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise JournalLocked(
                f"process {pid} already writes the journal {path.parent}", hint="breadboard down"
            ) from None
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"the journal {path.parent} cannot be locked: {error}") from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let another process write."""
        os.close(self._file)
