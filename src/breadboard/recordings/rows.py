"""The rows of a file of history: plain text, one gzip, or a zip of files."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile, is_zipfile

from breadboard.errors import UsageError
from breadboard.recordings.lines import BOM, read_lines

LONGEST_ROW: Final = 4_096
_BESIDE: Final = "__MACOSX/"
"""Where a Mac packs what it knows of each file, under the file's own name."""


def names_in(path: Path) -> list[str]:
    """Return the names under which ``read_rows`` tells the rows of a file. Raises UsageError for a damaged zip."""
    if not path.is_file() or not is_zipfile(path):
        return [path.name]
    try:
        with ZipFile(path) as packed:
            return _names(packed)
    except (BadZipFile, OSError) as error:
        raise UsageError(f"{path} is a damaged or unreadable zip: {error}", hint=f"unzip -t {path}") from None


def read_rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield ``(name, row)``, none blank, no BOM: of a zip the name of each file in it, by name, else the path's own.

    Raises UsageError for what cannot be read, is damaged, or has an endless row.
    """
    if not path.is_file() or not is_zipfile(path):
        yield from ((path.name, line) for _, line in read_lines(path))
        return
    try:
        with ExitStack() as stack:
            packed = stack.enter_context(ZipFile(path))
            for name in _names(packed):
                file, before = stack.enter_context(packed.open(name)), BOM
                while line := file.readline(LONGEST_ROW + 1):
                    if len(line) > LONGEST_ROW:
                        raise UsageError(
                            f"{path}: {name} has a line of more than {LONGEST_ROW} bytes", hint=f"unzip -l {path}"
                        )
                    if row := line.removeprefix(before).strip(b"\r\n"):
                        yield name, row
                    before = b""
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{path} is a damaged or unreadable zip: {error}", hint=f"unzip -t {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=f"ls -ld {path}") from None


def _names(packed: ZipFile) -> list[str]:
    names = (each.filename for each in packed.infolist() if not each.is_dir())
    return sorted(name for name in names if not name.startswith(_BESIDE))
