"""A store belongs to the journal it was made from: offsets of one mean nothing in another."""

from pathlib import Path

from breadboard.app.places import Places
from breadboard.errors import StoreError
from breadboard.journal import Reader, identity

_NAME = "store.journal"
"""Which journal the store was made from; beside the store, so that neither a new journal nor checkpoint removes it.

An embedded one has it in its directory as well, so that one which is copied here brings its own.
"""


def check(places: Places, store: Path | None, written: int) -> None:
    """Refuse a store that holds everything before offset ``written`` of another journal than the one here.

    ``store`` is the directory of an embedded one, None for a server.
    Passing over what "is stored already" would leave out that much of the new journal, in silence. Raises StoreError
    where the journal has another identity than the one noted, JournalError where it ends before ``written``.
    """
    if not written:
        for path in _paths(places, store):
            path.unlink(missing_ok=True)
        return
    noted = {_noted(path) for path in _paths(places, store)} - {None}
    if noted and noted != {identity(places.journal)}:
        raise StoreError(
            f"the store of {places.root} holds {written:,} offsets of another journal than the one in {places.journal}",
            hint="breadboard up --data-dir NEW   # or put the journal back",
        )
    Reader.open(places.journal, written).close()


def note(places: Places, store: Path | None) -> None:
    """Note once which journal the store is made from, as soon as there is one. Raises OSError."""
    for path in _paths(places, store):
        if _noted(path) is None and (found := identity(places.journal)):
            fresh = path.with_name(path.name + ".tmp")
            fresh.write_text(f"{found}\n", encoding="ascii")
            fresh.replace(path)


def _noted(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def _paths(places: Places, store: Path | None) -> list[Path]:
    return [folder / _NAME for folder in (places.root, store) if folder is not None and folder.is_dir()]
