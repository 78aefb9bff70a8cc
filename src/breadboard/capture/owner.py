"""One connection a key: where the newer connection throws out the older, two owners would do so for ever."""

import fcntl
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

KICKED_WAIT_S: Final = 35.0
"""How long a venue may still count a connection that was not closed in form: its own ping, and its patience."""


class Owner:
    """The right to connect to ``venue`` with ``key``: a lock on a file in ``directory``, seen by all processes there.

    The file's name is a hash, the key itself is nowhere. The kernel lets go of the lock when the process dies. Within
    a process, too, the second owner of a key is refused.
    """

    def __init__(self, directory: Path, venue: str, key: str) -> None:
        name = blake2b(f"{venue}\0{key}".encode(), digest_size=16, person=b"breadboard").hexdigest()
        self._path = directory / f"owner-{name}"
        self._handle: int | None = None

    def take(self) -> bool:
        """Take the right, or keep it; False while somebody else has it. Raises OSError where no file can be made."""
        if self._handle is not None:
            return True
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Let go of the right."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
