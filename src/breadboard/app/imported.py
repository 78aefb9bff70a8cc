"""What a data directory has imported before: history that came in twice would count twice."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec

from breadboard import journal
from breadboard.app.places import Places
from breadboard.errors import UsageError
from breadboard.model.kinds import RecordKind
from breadboard.recordings import Batch

_NAME = "imports.json"
_BLOCK = 1 << 20
_FRAMES = 16
"""Documents that are compared at once: each may be megabytes."""


class What(msgspec.Struct, frozen=True):
    """What one import brings in."""

    files: dict[str, str] = {}
    """Names by fingerprint."""
    asked: tuple[str, int, int] | None = None
    """Format and symbol, and the time for which a source is asked: ns, the end not included."""

    def __str__(self) -> str:
        if self.asked is None:
            return ", ".join(self.files.values())
        return f"{self.asked[0]} of {_times(*self.asked[1:])}"


class UnderWay(msgspec.Struct, frozen=True):
    """An import that has begun: where in the journal, as which source."""

    what: What
    offset: int
    source: int
    left_out: dict[int, list[int]] = {}
    """Places of rows that are left out of its documents (``known_ticks``): the second half leaves out the same."""
    notes: list[dict[str, Any]] = []
    """What was to be said of them."""
    mark: str = ""
    """Of the documents that rows are left out of: the same places of others are other rows."""


class _Imported(msgspec.Struct):
    """The file: which journal it speaks of, and by fingerprint what was brought into it."""

    journal: int = 0
    files: dict[str, str] = {}
    asked: dict[str, list[tuple[int, int]]] = {}
    """By format and symbol, the times for which a source was asked: ns, the end not included."""
    begun: UnderWay | None = None
    """What was begun last, and not noted as done: its end is not in the journal, or nobody said so."""


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
                hint=f"breadboard import {quote(str(path))} … --data-dir another-data",
            )
        known[mark] = path.name


def refuse_overlap(places: Places, about: str, begin: int, end: int) -> None:
    """Refuse to ask for a time that was asked for before. Raises UsageError."""
    for first, last in _read(places).asked.get(about, []):
        if begin < last and first < end:
            raise UsageError(
                f"{about} of {_times(first, last)} is in {places.root} already: it would count twice",
                hint="leave that time out: --from … --to …   # or --data-dir another-data",
            )


def under_way(places: Places, what: What) -> UnderWay | None:
    """Return where the same import began that was ended before its end. Raises UsageError where another was.

    What counts once however often it comes (bars that a source is asked for) is nothing, and goes on beside it.
    """
    begun = _read(places).begun
    if what == What():
        return None
    if begun is not None and begun.what != what:
        raise UsageError(
            f"an import of {begun.what} was ended half way, and what came of it is in {places.root}",
            hint=f"import {begun.what} again: it goes on where it ended   # or --data-dir another-data",
        )
    return begun


def begin(places: Places, begun: UnderWay) -> None:
    """Note that records of an import follow, from its place of the journal on, which is open for them."""
    if begun.what == What():
        return
    _write(places, msgspec.structs.replace(_read(places), begun=begun))


def rest(places: Places, begun: UnderWay, records: Iterator[Batch]) -> Iterator[Batch]:
    """Yield of an import's records those that the journal has not yet: it has the first ones, as far as it came.

    Raises UsageError, and the journal stays as it is, where what it has is something else: an answer that has changed.
    """
    for kind, frame in _there(places, begun):
        record = next(records, None)
        if record is None or record.kind is not kind or not _says_the_same(record.frames[0], frame):
            raise UsageError(
                f"{begun.what} reads otherwise than when it was imported half way into {places.root}",
                hint="--data-dir another-data   # what came of it the first time stays where it is",
            )
    yield from records


def note(places: Places, what: What) -> None:
    """Note that the journal now holds all of it."""
    if what == What():
        return
    before = _read(places)
    before.files.update(what.files)
    if what.asked is not None:
        about, begin, end = what.asked
        before.asked.setdefault(about, []).append((begin, end))
    _write(places, msgspec.structs.replace(before, begun=None))


def _there(places: Places, begun: UnderWay) -> Iterator[tuple[RecordKind, bytes]]:
    """Yield the records of an import that are in the journal, one frame each."""
    reader = journal.Reader.open(places.journal, begun.offset)
    try:
        while (frames := reader.read(_FRAMES)) is not None:
            for at in range(len(frames)):
                if frames.source[at] == begun.source:
                    yield RecordKind(int(frames.kind[at])), frames.frame(at)
    finally:
        reader.close()


def _says_the_same(now: bytes, then: bytes) -> bool:
    """Tell whether two frames are the same, but for the name that a vendor gives each request in its answers.

    And but for what connections did not say yet when the first half was imported.
    """
    if now == then:
        return True
    (head, body), (head_then, body_then) = (frame.partition(b"\n")[::2] for frame in (now, then))
    try:
        if not body and not body_then:
            told, before = (msgspec.json.decode(each, type=dict[str, msgspec.Raw]) for each in (head, head_then))
            return before == {name: told.get(name) for name in before} and told.keys() - before.keys() <= {"asked"}
        told, before = (msgspec.json.decode(each, type=dict[str, msgspec.Raw]) for each in (body, body_then))
    except msgspec.MsgspecError:
        return False
    for each in (told, before):
        each.pop("request_id", None)
    return head == head_then and told == before


def _times(first: int, last: int) -> str:
    return " to ".join(f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}" for ns in (first, last))


def _write(places: Places, imported: _Imported) -> None:
    temporary = places.root / f".{_NAME}"
    found = msgspec.structs.replace(imported, journal=journal.identity(places.journal))
    temporary.write_bytes(msgspec.json.encode(found))
    temporary.replace(places.root / _NAME)


def _read(places: Places) -> _Imported:
    """Return what was noted of the journal that is there now; another journal holds nothing of it."""
    try:
        found = msgspec.json.decode((places.root / _NAME).read_bytes(), type=_Imported)
    except (OSError, msgspec.MsgspecError):
        return _Imported()
    return found if found.journal == journal.identity(places.journal) else _Imported()
