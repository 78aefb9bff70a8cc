"""The few file operations the writer needs, behind a seam where tests make them fail; and reading a bad disk."""

import errno
import os
from pathlib import Path
from typing import Final, Protocol

_STRETCH: Final = 1 << 20
_SECTOR: Final = 4096
"""What is read at once, and where that cannot be read."""


class Files(Protocol):
    """What the writer asks of the disk. Every call may raise OSError; ``write`` may take less than it was given."""

    def create(self, path: Path) -> int:
        """Create an empty file for writing (an existing one is emptied) and return its descriptor."""
        ...

    def open(self, path: Path) -> int:
        """Open a file that is there for writing, from its first byte on, and return its descriptor."""
        ...

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of ``data`` behind what was written before and return how many bytes."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def sync_data(self, descriptor: int) -> None:
        """Put the file's contents on disk (fdatasync)."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Put the directory's names on disk."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename, replacing ``target``."""
        ...

    def close(self, descriptor: int) -> None:
        """Close the file."""
        ...


class SystemFiles:
    """The operating system's own."""

    def create(self, path: Path) -> int:
        """Open with O_APPEND, so that two handles never overwrite each other."""
        return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def open(self, path: Path) -> int:
        """Open without O_APPEND."""
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Return what ``os.write`` returns."""
        return os.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        """Call ``os.ftruncate``."""
        os.ftruncate(descriptor, size)

    def sync_data(self, descriptor: int) -> None:
        """Call ``os.fdatasync``."""
        os.fdatasync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Open the directory and fsync it."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Call ``os.replace``."""
        os.replace(source, target)  # noqa: PTH105 - one line per operating system call, all alike

    def close(self, descriptor: int) -> None:
        """Call ``os.close``."""
        os.close(descriptor)


def write_all(files: Files, descriptor: int, data: bytes | memoryview) -> None:
    """Write everything, continuing after short writes. Raises OSError; a write of no bytes is one."""
    view = memoryview(data)
    while view:
        written = files.write(descriptor, view)
        if written <= 0:
            raise OSError(f"the disk took {written} of {len(view)} bytes")
        view = view[written:]


def write_whole(files: Files, path: Path, data: bytes, prepared: Path | None = None) -> int:
    """Create ``path`` with these contents, durable and all at once, and return its descriptor, open for more.

    A file that is ``prepared`` becomes it, with the contents at its begin.
    """
    temporary = prepared or path.with_name(path.name + ".tmp")
    descriptor = files.create(temporary) if prepared is None else files.open(prepared)
    try:
        write_all(files, descriptor, data)
        files.sync_data(descriptor)
        files.replace(temporary, path)
        files.sync_directory(path.parent)
    except OSError:
        files.close(descriptor)
        raise
    return descriptor


def read_patiently(path: Path) -> tuple[bytes, int]:
    """Return a file's bytes, with zeros for what the disk cannot read (EIO), and how many blocks of 4 KiB that is.

    Raises OSError for anything else.
    """
    try:
        return path.read_bytes(), 0
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read_around(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _read_around(descriptor: int, size: int) -> tuple[bytes, int]:
    data = bytearray(size)
    bad = 0
    for begin in range(0, size, _STRETCH):
        end = min(size, begin + _STRETCH)
        if _fill(descriptor, data, begin, end):
            continue
        for at in range(begin, end, _SECTOR):
            bad += not _fill(descriptor, data, at, min(end, at + _SECTOR))
    return bytes(data), bad


def _fill(descriptor: int, data: bytearray, begin: int, end: int) -> bool:
    """Read ``data[begin:end]``; False where the disk cannot. What lies behind the file's end stays zeros."""
    try:
        while begin < end and (read := os.pread(descriptor, end - begin, begin)):
            data[begin : begin + len(read)] = read
            begin += len(read)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return False
    return True
