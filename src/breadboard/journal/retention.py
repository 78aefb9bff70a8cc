"""How long segments are kept: by time, and never above what the slowest consumer has acknowledged."""

import os
import re
from itertools import pairwise
from pathlib import Path

from breadboard.clock import Clock
from breadboard.errors import JournalError
from breadboard.journal.files import SystemFiles, write_whole
from breadboard.journal.segments import listing, peek

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def acknowledge(directory: Path, consumer: str, offset: int) -> None:
    """Keep everything from ``offset`` on for this consumer; durable on return. Raises JournalError.

    A consumer that has acknowledged once holds the journal until it acknowledges more or ``forget`` is called.
    """
    folder = directory / "consumers"
    files = SystemFiles()
    try:
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            files.sync_directory(directory)
        os.close(write_whole(files, _path(directory, consumer), f"{offset}\n".encode()))
    except OSError as error:
        raise JournalError(f"the floor of consumer {consumer} cannot be written: {error}", transient=True) from error


def forget(directory: Path, consumer: str) -> None:
    """Keep nothing for this consumer any more."""
    _path(directory, consumer).unlink(missing_ok=True)


def floors(directory: Path) -> dict[str, int]:
    """Return each consumer's acknowledged offset; 0, which keeps everything, for one that cannot be read."""
    found: dict[str, int] = {}
    folder = directory / "consumers"
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix == ".tmp":
                continue
            try:
                text = path.read_text(encoding="ascii").strip()
                found[path.name] = int(text) if text.isdecimal() else 0
            except (OSError, UnicodeDecodeError):
                found[path.name] = 0
    return found


def retire(directory: Path, older_than_ns: int, clock: Clock) -> list[Path]:
    """Remove the oldest segments whose frames are all older than this and acknowledged by every consumer.

    A segment's age is that of its successor's begin. Goes from the oldest on and stops at the first that must stay, so
    that no hole arises; the segment being written, and one not yet compressed beside a compressed one, stay.
    Returns what was removed. Raises JournalError where the disk refuses.
    """
    segments = listing(directory)
    floor = min(floors(directory).values(), default=segments[-1].base if segments else 0)
    compressed = any(segment.sealed for segment in segments)
    removed: list[Path] = []
    try:
        for segment, successor in pairwise(segments):
            header = peek(successor)
            young = header is None or header.created > clock.wall() - older_than_ns
            if young or successor.base > floor or (compressed and not segment.sealed):
                break
            segment.path.unlink()
            removed.append(segment.path)
        if removed:
            SystemFiles().sync_directory(directory)
    except OSError as error:
        raise JournalError(f"old segments of {directory} cannot be removed: {error}", transient=True) from error
    return removed


def _path(directory: Path, consumer: str) -> Path:
    if not _NAME.fullmatch(consumer) or consumer.endswith(".tmp"):
        raise JournalError(f"a consumer's name is letters, digits, dots and dashes, not {consumer!r}")
    return directory / "consumers" / consumer
