"""The random word that a journal was born with: in every segment's header, before every record, and in HEAD."""

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from breadboard.errors import JournalError
from breadboard.journal.format import SEGMENT_HEADER
from breadboard.journal.head import said
from breadboard.journal.scan import openers, scan
from breadboard.journal.segments import Segment, peek, read_raw


def sync_word(directory: Path, segments: list[Segment]) -> int:
    """Return the journal's random word: from any intact header, HEAD, or the records; a new one for a new journal.

    Raises JournalError for a segment of a later format.
    """
    usual = segments[-3:] + segments[:1]
    word = _of_headers(reversed(usual)) or _of_head(directory)
    if word or not segments:
        return word or _new()
    return _of_headers(iter(segments[1:-3])) or _of_records(segments) or _new()


def _new() -> int:
    return secrets.randbits(32) | 1


def _of_headers(segments: Iterator[Segment]) -> int:
    """Return the word of the first header that can be read; 0 where none can."""
    for segment in segments:
        try:
            header = peek(segment)
        except FileNotFoundError:
            continue
        except JournalError as error:
            if isinstance(error.__cause__, OSError):  # the disk cannot read it: another segment may know
                continue
            raise
        if header is not None:
            return header.sync
    return 0


def _of_head(directory: Path) -> int:
    _, word = said(directory)
    return word if 0 < word < 1 << 32 else 0


def _of_records(segments: list[Segment]) -> int:
    """Return the word that opens records with valid checksums, in any segment; 0 where none does.

    A damaged header may still have it in its place. Else whatever opens the most bytes of records: a frame may hold
    the bytes of a record of somebody's own making, but one is seen only where the record around it is damaged.
    """
    for segment in segments:
        try:
            data, _ = read_raw(segment, patient=True)
        except FileNotFoundError:
            continue
        if len(data) < SEGMENT_HEADER.size:
            continue
        word = int(SEGMENT_HEADER.unpack(data.data[: SEGMENT_HEADER.size])[6])
        if word & 1 and len(scan(data, 0, word, (segment.base, 1 << 62), resync=True)[0]):
            return word
        sizes: Counter[int] = Counter()
        for found, length in openers(data, segment.base):
            sizes[found] += length
        if sizes:
            return sizes.most_common(1)[0][0]
    return 0
