"""What all recordings have in common: lines of bytes, read as they come, and stamped items made of them."""

import gzip
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple, cast
from zipfile import is_zipfile

import msgspec

from breadboard.errors import UsageError
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import RecordKind

BOM: Final = b"\xef\xbb\xbf"
"""What some editors put before a text; no part of its first line."""
LONGEST_LINE: Final = 64 * 1024 * 1024
EARLIEST_NS: Final = 946_684_800_000_000_000
"""2000-01-01; a receive stamp outside 2000 to 2100 is not in nanoseconds."""
LATEST_NS: Final = 4_102_444_800_000_000_000


class Item(NamedTuple):
    """One thing that happened, as one line of a recording tells it."""

    stamp: int
    """Receive wall ns."""
    kind: RecordKind
    """DATA, DOCUMENT, QUARANTINE for a line without a stamp, EPOCH for a connection made."""
    payload: bytes
    """The frame, the document with its head line, the whole line, or the URL connected to."""


class Malformed(ValueError):
    """A line is not of the format; the text says what was expected."""


Parse = Callable[[bytes], "Item | None"]
"""Reads a line that is not blank; None for one that holds nothing received. Raises Malformed."""


_SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
"""What a 7z archive begins with: LOBSTER packs its orders so."""


def is_gzip(path: Path) -> bool:
    """Tell whether a file begins as a gzip does (RFC 1952, 2.3.1)."""
    with path.open("rb") as probe:
        return probe.read(2) == b"\x1f\x8b"


def printed(path: Path) -> str:
    """Return the command of a shell that prints what a file holds, whether it is packed or not: for hints."""
    name = shlex.quote(str(path))
    if is_zipfile(path):
        return f"unzip -p {name}"
    return f"gzip -dc {name}" if is_gzip(path) else f"cat {name}"


def printable(text: str) -> str:
    """Return what a file says, for sentences and hints: what a terminal would obey is told by its code."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number, line without its end)`` of a plain or gzipped file, blank lines and a BOM left out.

    Raises UsageError for what is no file (it is opened more than once) or cannot be opened, is a 7z archive, is cut
    inside its compression, or has an endless line.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file", hint=f"ls -ld {shlex.quote(str(path))}")
    number = 0
    try:
        packed = is_gzip(path)
        refuse_7z(path)
        file = cast("IO[bytes]", gzip.open(path) if packed else path.open("rb"))  # noqa: SIM115 - closed by the next line
        with file:
            for number, line in enumerate(_bounded(file, path), 1):
                if line:
                    yield number, line
    except FileNotFoundError:
        raise UsageError(f"there is no recording {path}", hint=f"ls {shlex.quote(str(path.parent))}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"{path} is damaged after line {number}: {error}",
            hint=f"gzip -dc {shlex.quote(str(path))} > readable   # what can be read of it, to be replayed",
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=f"ls -ld {shlex.quote(str(path))}") from None


def refuse_7z(path: Path) -> None:
    """Raise UsageError for a 7z archive, which nothing here unpacks."""
    with path.open("rb") as probe:
        if probe.read(len(_SEVEN_ZIP)) == _SEVEN_ZIP:
            raise UsageError(f"{path} is a 7z archive, which is not read here", hint=f"7z x {shlex.quote(str(path))}")


def _bounded(file: IO[bytes], path: Path) -> Iterator[bytes]:
    before = BOM
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UsageError(
                f"{path} has a line of more than {LONGEST_LINE} bytes, which no recording has",
                hint=f"head -c 1000 {shlex.quote(str(path))}",
            )
        yield line.removeprefix(before).strip(b"\r\n")
        before = b""


def read_items(path: Path, parse: Parse, other: str) -> Iterator[Item]:
    """Yield what the lines of a file say, in their order; ``other`` is the format that it may be of instead.

    Raises UsageError where the first line is not of the format: it is another kind of file. A later line that is not
    becomes a QUARANTINE item under the stamp before it, and the rest goes on.
    """
    stamp = 0
    for number, line in read_lines(path):
        try:
            item = parse(line)
        except Malformed as error:
            if stamp == 0:
                raise UsageError(
                    f"{path}, line {number}: expected {error}, found {line[:60]!r}",
                    hint=f"{printed(path)} | sed -n {number}p   # or --format {other}, where it is that",
                ) from None
            yield Item(stamp, RecordKind.QUARANTINE, line)
            continue
        if item is not None:
            stamp = item.stamp
            yield item


def plausible(stamp: int, expected: str) -> int:
    """Return a stamp that lies in 2000 to 2100. Raises Malformed."""
    if not EARLIEST_NS <= stamp < LATEST_NS:
        raise Malformed(f"{expected} between 2000 and 2100")
    return stamp


def document(tag: str, url: str, body: bytes) -> bytes:
    """Return the DOCUMENT record of an answer that was received with status 200."""
    return msgspec.json.encode(DocumentHead(tag, url, 200)) + b"\n" + body
