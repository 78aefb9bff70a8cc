"""A segment of which both forms are there, raw and sealed: nothing that only one of them holds is destroyed.

A crash between the two last steps of sealing leaves both, and so does a copy of a journal (rsync without ``--delete``)
that was made while it was written and brought up to date later: then the raw one is old and short.
"""

import os
from pathlib import Path

from breadboard.clock import SystemClock
from breadboard.journal.files import SystemFiles
from breadboard.journal.sealed import seal
from breadboard.journal.segments import Segment, listing, load, segment_path
from breadboard.journal.word import sync_word


def compress(segment: Segment) -> None:
    """Seal a raw segment, after a look at what is at the sealed one's place. Raises OSError or JournalError.

    FileNotFoundError where the raw one was retired.
    """
    sealed = segment_path(segment.path.parent, segment.base, sealed=True)
    if not sealed.exists() or settle(Segment(segment.base, segment.path, sealed=False, twin=sealed)):
        seal(segment.path, sealed)


def settle(segment: Segment) -> bool:
    """Leave one form of a segment that has two, and return whether it is the raw one. Raises OSError or JournalError.

    A form whose every record the other has, too, is removed if it is the raw one; else what goes less far goes to
    ``damaged/``.
    """
    directory = segment.path.parent
    raw, sealed = (load(form, sync_word(directory, listing(directory))) for form in segment.forms())
    if sealed.covers(raw):
        segment.path.unlink()
        return False
    keeps_raw = raw.reach >= sealed.reach
    lesser = sealed.segment.path if keeps_raw else segment.path
    keep_aside(lesser)
    lesser.unlink()
    SystemFiles().sync_directory(directory)
    return keeps_raw


def keep_aside(path: Path, now: int | None = None) -> None:
    """Give a segment that will be replaced a second name in ``damaged/``: what it holds is never destroyed."""
    aside = path.parent / "damaged"
    aside.mkdir(exist_ok=True)
    os.link(path, aside / f"{path.name}.{SystemClock().wall() if now is None else now}")
