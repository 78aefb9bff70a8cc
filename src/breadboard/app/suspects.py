"""Frames that end the process: found over restarts, and quarantined after the third.

A bug in compiled code or a want of memory raises nothing. So the process says which frames it takes before it takes
them, in a page of memory that outlives it, and the next one looks there: it takes the same frames in smaller pieces,
the next but one takes them one by one. A frame that was being taken, in the end alone, at three deaths is condemned.
"""

import mmap
import struct
from pathlib import Path
from typing import Final

import msgspec

from breadboard.app.places import write_whole

DEATHS: Final = 3
REASON: Final = "the process died three times at this frame"
_ALONE_BELOW: Final = 256
"""So many suspects are taken one by one; more of them in so many pieces."""
_PAGE: Final = struct.Struct("<qq")
_NOTHING: Final = _PAGE.pack(0, 0)


class _Range(msgspec.Struct, frozen=True):
    begin: int
    end: int
    deaths: int


class _Kept(msgspec.Struct, frozen=True):
    """What is known from process to process."""

    suspect: _Range | None = None
    condemned: tuple[int, ...] = ()
    journal: int = 0
    """Whose offsets these are; 0 in a file from before it was noted."""


class Suspects:
    """What this data directory knows of frames that processes died at. One process at a time has it open.

    What was noted of another ``journal`` (its identity; 0 where none has begun) says nothing of this one's frames.
    """

    def __init__(self, path: Path, journal: int) -> None:
        self._path = path
        kept = _read(path)
        foreign = kept.journal not in {0, journal}
        self._kept = _Kept(journal=journal) if foreign else msgspec.structs.replace(kept, journal=journal)
        page = path.with_name(path.name + ".taking")
        if not page.exists() or page.stat().st_size != _PAGE.size:
            page.write_bytes(_NOTHING)
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE.size)
        begin, end = _PAGE.unpack(self._page[:])
        if foreign:
            self._keep(None)
        elif begin < end:
            self._accuse(begin, end)
        self.taken()

    @property
    def condemned(self) -> tuple[int, ...]:
        """Offsets of frames that are not to be taken any more."""
        return self._kept.condemned

    def limit(self, position: int, most: int) -> int:
        """Return how many frames may be taken at once from a position on."""
        suspect = self._kept.suspect
        if suspect is None:
            return most
        if position >= suspect.end:
            self._keep(None)
            return most
        if position < suspect.begin:
            return min(most, suspect.begin - position)
        return min(most, -(-(suspect.end - suspect.begin) // _ALONE_BELOW), suspect.end - position)

    def taking(self, begin: int, end: int) -> None:
        """Say which frames are about to be taken; survives the process, though not the machine."""
        self._page[:] = _PAGE.pack(begin, end)

    def taken(self) -> None:
        """Say that they were, and that we live."""
        self._page[:] = _NOTHING

    def _accuse(self, begin: int, end: int) -> None:
        """Learn that a process died while it took frames."""
        suspect = self._kept.suspect
        again = suspect is not None and suspect.begin <= begin and end <= suspect.end
        deaths = suspect.deaths + 1 if suspect is not None and again else 1
        if deaths >= DEATHS and end - begin == 1:
            self._keep(None, begin)
        else:
            self._keep(_Range(begin, end, deaths))

    def _keep(self, suspect: _Range | None, *condemned: int) -> None:
        self._kept = _Kept(suspect, (*self._kept.condemned, *condemned), self._kept.journal)
        write_whole(self._path, msgspec.json.encode(self._kept))


def condemned(path: Path, journal: int) -> tuple[int, ...]:
    """Return the offsets of frames of a journal (its identity) that are not taken any more; changes nothing."""
    kept = _read(path)
    return kept.condemned if kept.journal in {0, journal} else ()


def copy_condemned(source: Path, target: Path) -> None:
    """Condemn in one data directory what another does not take any more, so that both conclude the same."""
    kept = _read(source)
    if kept.condemned:
        write_whole(target, msgspec.json.encode(msgspec.structs.replace(kept, suspect=None)))


def _read(path: Path) -> _Kept:
    """Return what a file of suspects says; nothing where there is none, or a damaged one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return _Kept()
