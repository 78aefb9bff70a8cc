"""What a data directory has imported before: history that came in twice would count twice."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from breadboard import journal
from breadboard.app.places import Places
from breadboard.errors import UsageError

_NAME = "imports.json"
_BLOCK = 1 << 20


class _Imported(msgspec.Struct):
    """The file: which journal it speaks of, and by fingerprint what was brought into it."""

    journal: int = 0
    files: dict[str, str] = {}
    asked: dict[str, list[tuple[int, int]]] = {}
    """By format and symbol, the times for which a source was asked: ns, the end not included."""


def fingerprint(path: Path, *about: object) -> str:
    """Return a hash of a file's bytes and of what it was said to be about."""
    total = hashlib.blake2b(repr(about).encode(), digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def refuse_again(places: Places, marks: Sequence[tuple[Path, str]]) -> None:
    """Refuse files that the journal holds already, and the same file named twice. Raises UsageError."""
    known = dict(_read(places).files)
    for path, mark in marks:
        if mark in known:
            raise UsageError(
                f"{path} is in {places.root} already, as {known[mark]}: its trades would count twice",
                hint=f"breadboard import {path} … --data-dir another-data",
            )
        known[mark] = path.name


def refuse_overlap(places: Places, about: str, begin: int, end: int) -> None:
    """Refuse to ask for a time that was asked for before. Raises UsageError."""
    for first, last in _read(places).asked.get(about, []):
        if begin < last and first < end:
            times = " to ".join(
                f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}" for ns in (first, last)
            )
            raise UsageError(
                f"{about} of {times} is in {places.root} already: it would count twice",
                hint="leave that time out: --from … --to …   # or --data-dir another-data",
            )


def note(places: Places, marks: Sequence[tuple[Path, str]], asked: tuple[str, int, int] | None = None) -> None:
    """Note what the journal now holds: files, or ``(format and symbol, begin, end)`` of what a source was asked for."""
    before = _read(places)
    before.files.update({mark: path.name for path, mark in marks})
    if asked is not None:
        about, begin, end = asked
        before.asked.setdefault(about, []).append((begin, end))
    temporary = places.root / f".{_NAME}"
    temporary.write_bytes(msgspec.json.encode(_Imported(journal.identity(places.journal), before.files, before.asked)))
    temporary.replace(places.root / _NAME)


def _read(places: Places) -> _Imported:
    """Return what was noted of the journal that is there now; another journal holds nothing of it."""
    try:
        found = msgspec.json.decode((places.root / _NAME).read_bytes(), type=_Imported)
    except (OSError, msgspec.MsgspecError):
        return _Imported()
    return found if found.journal == journal.identity(places.journal) else _Imported()
