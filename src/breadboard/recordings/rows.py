"""The rows of a file of history, or all of it: plain, one gzip, or a zip of files, whatever its name."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote
from typing import IO, Final, cast
from zipfile import BadZipFile, ZipFile, is_zipfile

from breadboard.errors import UsageError
from breadboard.recordings.lines import BOM, is_gzip, printable, read_lines, refuse_7z

LONGEST_ROW: Final = 4_096
_BESIDE: Final = "__MACOSX/"
"""Where a Mac packs what it knows of each file, under the file's own name."""


def names_in(path: Path) -> list[str]:
    """Return the names under which ``read_rows`` tells the rows of a file. Raises UsageError for a damaged zip."""
    if not is_zip(path):
        return [path.name]
    try:
        with ZipFile(path) as packed:
            return _names(packed)
    except (BadZipFile, OSError) as error:
        raise UsageError(
            f"{path} is a damaged or unreadable zip: {error}", hint=f"unzip -t {quote(str(path))}"
        ) from None


def read_rows(path: Path, longest: int = LONGEST_ROW) -> Iterator[tuple[str, bytes]]:
    """Yield ``(name, row)``, none blank, no BOM: of a zip the name of each file in it, by name, else the path's own.

    Raises UsageError for what cannot be read, is damaged, or has an endless row, in a zip one of more than ``longest``
    bytes.
    """
    if not is_zip(path):
        yield from ((path.name, line) for _, line in read_lines(path))
        return
    try:
        with ExitStack() as stack:
            packed = stack.enter_context(ZipFile(path))
            for name in _names(packed):
                file, before = stack.enter_context(packed.open(name)), BOM
                while line := file.readline(longest + 1):
                    if len(line) > longest:
                        raise UsageError(
                            f"{path}: {printable(name)} has a line of more than {longest} bytes",
                            hint=f"unzip -l {quote(str(path))}",
                        )
                    if row := line.removeprefix(before).strip(b"\r\n"):
                        yield name, row
                    before = b""
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(
            f"{path} is a damaged or unreadable zip: {error}", hint=f"unzip -t {quote(str(path))}"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=f"ls -ld {quote(str(path))}") from None


def read_files(path: Path, most: int) -> Iterator[tuple[str, bytes]]:
    """Yield ``(name, content)``, no BOM: of a zip ``PATH:NAME`` of each file in it, by name, else the path.

    ``most`` is how many bytes of one are taken, unpacked. Raises UsageError for what cannot be read, is damaged, or is
    longer.
    """
    try:
        refuse_7z(path)
        if _begins_as_zip(path):
            with ZipFile(path) as packed:
                for name in _names(packed):
                    with packed.open(name) as member:
                        yield _whole(f"{path}:{name}", member, most)
            return
        file = cast("IO[bytes]", gzip.open(path) if is_gzip(path) else path.open("rb"))  # noqa: SIM115 - closed below
        with file:
            yield _whole(str(path), file, most)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", hint=f"ls {quote(str(path.parent))}") from None
    except (BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{path} is damaged or cannot be unpacked: {error}", hint=f"file {quote(str(path))}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=f"ls -ld {quote(str(path))}") from None


def is_zip(path: Path) -> bool:
    """Tell whether a file is a zip, or what is left of one; what cannot be opened is none."""
    with suppress(OSError):
        return path.is_file() and (is_zipfile(path) or _begins_as_zip(path))
    return False


def _begins_as_zip(path: Path) -> bool:
    """Tell whether a file begins as a zip does: one that is cut lacks the end by which ``is_zipfile`` knows it."""
    with path.open("rb") as probe:
        return probe.read(4) == b"PK\x03\x04"


def _whole(name: str, file: IO[bytes], most: int) -> tuple[str, bytes]:
    raw = file.read(most + 1)
    if len(raw) > most:
        raise UsageError(f"{name} is longer than {most} bytes, unpacked", hint="import it in smaller files")
    return name, raw.removeprefix(BOM)


def _names(packed: ZipFile) -> list[str]:
    names = (each.filename for each in packed.infolist() if not each.is_dir())
    return sorted(name for name in names if not name.startswith(_BESIDE))
