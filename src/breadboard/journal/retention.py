"""How long segments are kept: by time, and never above what the slowest consumer has acknowledged."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from breadboard.clock import Clock
from breadboard.errors import JournalError
from breadboard.journal.files import SystemFiles, write_whole
from breadboard.journal.segments import Segment, listing, load, peek
from breadboard.journal.word import sync_word

_TRIES: Final = 8
_log = logging.getLogger(__name__)
_told: set[str] = set()
"""What has been said of what holds retention: once is enough, it runs every hour."""
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

    A segment's age is that of its successor's begin; a successor whose header cannot be read, or says that it begins
    in the future (our clock was ahead then), is passed over for the one after it. Goes from the oldest on and stops at
    the first that must stay, so that no hole arises; the last segment that holds a record stays, and what follows it.
    Returns what was removed. Raises JournalError where the disk refuses.
    """
    removed: list[Path] = []
    try:
        for _ in range(_TRIES):
            try:
                _retire(directory, clock.wall(), older_than_ns, removed)
                break
            except FileNotFoundError:
                continue  # a segment was sealed between listing and removing: look again
        if removed:
            SystemFiles().sync_directory(directory)
    except OSError as error:
        raise JournalError(f"old segments of {directory} cannot be removed: {error}", transient=True) from error
    return removed


def _retire(directory: Path, now: int, older_than_ns: int, removed: list[Path]) -> None:
    """Remove what may go and add it to ``removed``. Raises OSError; FileNotFoundError where the listing is out of date.

    A raw segment may go while it is being sealed: ``seal`` finds it gone and removes what it made.
    """
    segments = listing(directory)
    consumers = floors(directory)
    begins = -1
    """The index of the segment whose begin was asked last: what it says holds for all before it."""
    created: int | None = None
    for index, segment in enumerate(segments[:-1]):
        if begins <= index:
            begins, created = _begin(segments, index + 1, now)
        if created is None or created > now - older_than_ns:
            break
        if segment is segments[-2] and not _has_records(directory, segments):
            break
        holders = [name for name, floor in sorted(consumers.items()) if segments[index + 1].base > floor]
        if holders:
            place = consumers[holders[0]]
            _tell(
                f"the consumer {holders[0]} has acknowledged {place}: {segment.path} must stay",
                about=str(_path(directory, holders[0])),
            )
            break
        for form in segment.forms():
            form.path.unlink()
            removed.append(form.path)


def _has_records(directory: Path, segments: list[Segment]) -> bool:
    """Return whether the last segment holds anything: else the one before it says until when all was well."""
    return len(load(segments[-1], sync_word(directory, segments)).records) > 0


def _begin(segments: Sequence[Segment], index: int, now: int) -> tuple[int, int | None]:
    """Return the first segment from ``index`` on that says when it begins, and what it says; None where none does."""
    for place in range(index, len(segments)):
        path = segments[place].path
        try:
            header = peek(segments[place])
        except JournalError as error:
            _tell(f"retention goes by the segment after {path}: {error}")
            continue
        if header is None:
            _tell(f"retention goes by the segment after {path}: its header is damaged")
        elif header.created > now:
            _tell(f"retention goes by the segment after {path}: its begin lies in the future")
        else:
            return place, header.created
    return len(segments), None


def _tell(what: str, about: str = "") -> None:
    """Log it, once for what it is ``about``: a slow consumer is another number each time."""
    if (about or what) not in _told:
        _told.add(about or what)
        _log.warning("%s", what)


def _path(directory: Path, consumer: str) -> Path:
    if not _NAME.fullmatch(consumer) or consumer.endswith(".tmp"):
        raise JournalError(f"a consumer's name is letters, digits, dots and dashes, not {consumer!r}")
    return directory / "consumers" / consumer
