"""The intent file: which runs of offsets a writer set out to write, known again after a crash."""

import errno
import os
import zlib
from pathlib import Path
from typing import Final

from breadboard.errors import PASSING, StoreError

_NAME: Final = "intents"


class Intents:
    """An fsynced list of ``(first, end)``. One line each, ``first end crc32``; a torn last line is dropped.

    Not thread-safe: it belongs to its writer.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME
        self._handle = -1
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self.all = _read(self._path)
            self._rewrite()
        except OSError as error:
            raise _refused(self._path, error) from None

    def append(self, first: int, end: int) -> None:
        """Put one intent on disk. It is there when this returns; StoreError (transient) where the disk refuses it."""
        try:
            if self._handle < 0:
                self._rewrite()
            _put(self._handle, _line(first, end))
            os.fdatasync(self._handle)
        except OSError as error:
            self.close()  # what a refused write left there would hide every line behind it
            raise _refused(self._path, error) from None
        self.all.append((first, end))

    def forget(self, offset: int) -> None:
        """Drop intents that end at or before ``offset``."""
        kept = [intent for intent in self.all if intent[1] > offset]
        if len(kept) < len(self.all):
            self.all = kept
            try:
                self._rewrite()
            except OSError as error:
                raise _refused(self._path, error) from None

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _rewrite(self) -> None:
        """Put a fresh file in the place of the one before, or leave that as it is. Raises OSError."""
        fresh = self._path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _put(handle, b"".join(_line(*intent) for intent in self.all))
            os.fsync(handle)
            fresh.rename(self._path)
        except OSError:
            os.close(handle)
            fresh.unlink(missing_ok=True)
            raise
        self.close()
        self._handle = handle
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _put(handle: int, data: bytes) -> None:
    """Write all of it: a disk that has room for a part takes that without an error. Raises OSError."""
    if os.write(handle, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(first: int, end: int) -> bytes:
    body = f"{first} {end}".encode()
    return b"%s %08x\n" % (body, zlib.crc32(body))


def _read(path: Path) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        body, _, check = line.rpartition(b" ")
        if check != b"%08x" % zlib.crc32(body):
            break  # the end, or a line torn by a crash: its insert had not begun
        first, end = body.split()
        found.append((int(first), int(end)))
    return found


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be written: {error.strerror}",
        hint="df -h   # is the disk full?",
        transient=error.errno in PASSING,
    )
