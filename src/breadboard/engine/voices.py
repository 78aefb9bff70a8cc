"""Where a source begins to speak for another venue: stages run over a batch whose end knows another one."""

from collections.abc import Iterable
from typing import NamedTuple


class Voice(NamedTuple):
    """From ``offset`` on a source speaks for ``venue``; up to there it spoke for ``before``, empty for none."""

    offset: int
    source: int
    before: str
    venue: str


def first_venues(voices: Iterable[Voice]) -> dict[int, str]:
    """Return by source, of those that begin to speak for another venue, for which they spoke before."""
    found: dict[int, str] = {}
    for voice in voices:
        found.setdefault(voice.source, voice.before)
    return found
