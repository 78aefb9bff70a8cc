"""When cached machine code is still that of the source: the file of a kernel and all files of ours that it imports.

numba looks at the kernel's own file alone, but what a kernel calls and the constants it names are compiled into it:
after an edit of another file, or an update of a checkout, it would go on with the code of before, without a word.
"""

import re
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from numba.core.caching import InTreeCacheLocator, UserWideCacheLocator

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_IMPORT: Final = re.compile(rb"^ *from breadboard((?:\.\w+)*) import ([^#\n(]+|\([^)]*\))", re.MULTILINE)


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the files of ours that a file imports from."""
    found = set()
    for module, names in _IMPORT.findall(path.read_bytes()):
        base = _PACKAGE.joinpath(*module.decode().split(".")[1:])
        words = re.findall(r"\w+", names.decode())
        found |= {base.with_suffix(".py"), base / "__init__.py", *((base / word).with_suffix(".py") for word in words)}
    return frozenset(each for each in found if each.is_file())


def _reached(path: Path) -> Iterator[Path]:
    """Yield a file and every file of ours that it reaches by imports."""
    seen, left = {path}, [path]
    while left:
        at = left.pop()
        yield at
        fresh = _imports(at) - seen
        seen |= fresh
        left += fresh


@cache
def stamp(file: str) -> str:
    """Return a hash of what a kernel in ``file`` may be compiled from: names, times and sizes of those files."""
    found = blake2b(digest_size=16)
    for each in sorted(_reached(Path(file).resolve())):
        told = each.stat()
        found.update(f"{each} {told.st_mtime_ns} {told.st_size}\n".encode())
    return found.hexdigest()


class _Stamped:
    """A place for machine code of numba's, with our stamp beside numba's own."""

    _py_file: str

    def get_source_stamp(self) -> tuple[Any, ...]:
        """Return what must be equal for the code to be used (numba)."""
        numbas: tuple[Any, ...] = super().get_source_stamp()  # type: ignore[misc] # of the class beside this one
        return *numbas, stamp(self._py_file)


class BesideSource(_Stamped, InTreeCacheLocator):
    """``__pycache__`` beside the source, where it can be written."""


class OfUser(_Stamped, UserWideCacheLocator):
    """A directory of the user's, elsewhere."""


LOCATORS: Final = ",".join(
    ("UserProvidedCacheLocator", *(f"{each.__module__}.{each.__name__}" for each in (BesideSource, OfUser)))
)
"""For numba's setting: what NUMBA_CACHE_DIR says goes before."""
