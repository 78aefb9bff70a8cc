"""Whether a path still leads to what was opened under it: files go on taking bytes when nobody can find them."""

import os
from pathlib import Path


def leads_to(path: Path, descriptor: int) -> bool:
    """Return whether the path is of the file or directory that is open here; True where that cannot be asked."""
    try:
        opened = os.fstat(descriptor)
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return os.path.samestat(opened, found)


class Place:
    """A directory that is held on to, so that no other one can have its number."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def astray(self) -> Path | None:
        """Return its path, where that is another directory's by now, or nobody's."""
        return None if leads_to(self._directory, self._descriptor) else self._directory

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
