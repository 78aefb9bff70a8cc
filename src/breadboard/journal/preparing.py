"""Files of zeros that are on disk before they are needed: a segment that is written into one grows no file.

A write that makes a file longer changes what the file system knows of it, and an fdatasync then waits for the file
system's own journal as well: on ext4 half as long again, and another thread of the kernel's to wake for it.
"""

import errno
import logging
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from breadboard.journal.files import Files, write_all

PREPARED: Final = "next.tmp"
"""The file's name; like everything unfinished it is removed when a journal is opened."""
LEAST: Final = 1 << 20
"""Shorter segments are not worth it."""
SHARE: Final = 64
"""So small a part of a segment has to be filled before the next is prepared: a quiet journal needs none."""
FLOOD_BYTES: Final = 32 << 20
"""A segment that is filled faster than this a second is no reason to prepare one: commits are long then, and few, and
it would be full before."""
PIECE_BYTES: Final = 256 << 10
PAUSE_S: Final = 0.01
"""After each piece there is a pause: the disk has other things to do. 64 MiB take three seconds and more."""
_ZEROS: Final = bytes(PIECE_BYTES)

_log = logging.getLogger(__name__)


class Preparer:
    """Prepares one file at a time, in a thread that ends with it."""

    def __init__(self, directory: Path, files: Files, size: int) -> None:
        self._path = directory / PREPARED
        self._files = files
        self._size = size
        self._begin = size // SHARE if size >= LEAST else size + 1
        self._since = time.monotonic()
        self._thread: threading.Thread | None = None
        self._done = False
        self._closing = threading.Event()

    def ready(self, filled: int) -> bool:
        """Return whether a file is ready; begins one where the segment being written is filled with enough bytes."""
        if self._thread is None and filled >= self._begin and not self._closing.is_set() and not self._flooded(filled):
            self._thread = threading.Thread(target=self._run, name="journal-prepare", daemon=True)
            self._thread.start()
        return self._done

    def take(self) -> Path | None:
        """Return the file that is ready, which is the next segment from now on; None where none is."""
        self._since = time.monotonic()
        if not self._done:
            return None
        self._thread, self._done = None, False
        return self._path

    def stop(self) -> None:
        """Leave no file behind and prepare no more: the writer ends, or the disk refuses and needs all its room."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._done = False
        self._remove()

    def _flooded(self, filled: int) -> bool:
        return filled > FLOOD_BYTES * (time.monotonic() - self._since)

    def _run(self) -> None:
        try:
            self._fill()
        except OSError as error:
            self._closing.set()  # what the disk refused once is not worth another try
            self._remove()
            _log.info("no more segments are prepared at %s: %s", self._path, error)

    def _remove(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _fill(self) -> None:
        if shutil.disk_usage(self._path.parent).free < 2 * self._size:  # zeros must not fill a disk that others use
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        descriptor = self._files.create(self._path)
        try:
            written = 0
            while written < self._size and not self._closing.wait(PAUSE_S):
                write_all(self._files, descriptor, _ZEROS)
                self._files.sync_data(descriptor)
                written += PIECE_BYTES
            self._done = written >= self._size
        finally:
            self._files.close(descriptor)
