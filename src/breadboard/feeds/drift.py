"""Schema drift: a venue says something in a form it never used. Told once a form, and nothing of it is lost.

A form is a name: of a JSON object's member, of a protobuf field, of an element behind the last one that is known. Where
it stands does not matter, so that what is told depends on nothing but the frames before it.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from breadboard.feeds.reading import Event
from breadboard.model.kinds import EventKind, Flag, StatusCode

MOST: Final = 1000
"""Forms remembered a venue; one that makes up names without end is told of no more."""
HEAD: Final = 1024
TAIL: Final = 256
"""Bytes of a long frame that are looked through: between them stand hundreds of levels or trades like the first."""
_NAME: Final = re.compile(rb'"([A-Za-z_$@#\x80-\xff][^"\\]{0,119}+)"\s*+:')
"""The name of a member; one that begins with a digit is not found, because texts that do are most of what there is.

What stands between two strings begins with a comma, a colon, a bracket or a space, and a quote inside of text is
escaped: so this finds nothing but names, wherever in a frame it begins.
"""


class Drift:
    """Remembers which unknown names were told of, so that each makes one STATUS row, live and in every replay.

    ``words`` are the names that JSON members are known to have; without any, frames are not looked through.
    """

    def __init__(self, words: frozenset[str] = frozenset()) -> None:
        self._told: set[str] = set()
        self._words = frozenset(word.encode() for word in words)
        self._known = set(self._words)
        """What needs no second look: the words, and the names that were told of."""

    def names(self, frame: bytes) -> tuple[str, ...]:
        """Return names of JSON members in a well-formed frame that are neither known nor told of. Most often none."""
        if not self._words:
            return ()
        if len(frame) > HEAD + TAIL:
            found = [*_NAME.findall(frame, 0, HEAD), *_NAME.findall(frame, len(frame) - TAIL)]
        else:
            found = _NAME.findall(frame)
        if self._known.issuperset(found):
            return ()
        return tuple(name.decode("utf-8", "replace") for name in found if name not in self._known)

    def tell(self, names: Iterable[str]) -> Event | None:
        """Return the event that tells of the names that are met for the first time, if any."""
        fresh = sorted({name[:120].encode("utf-8", "replace").decode() for name in names} - self._told)
        if not fresh or len(self._told) >= MOST:
            return None
        self._told.update(fresh)
        self._known.update(name.encode() for name in fresh)
        return Event(
            kind=EventKind.STATUS,
            symbol=None,
            flags=Flag.FEED_WIDE,
            code=StatusCode.SCHEMA,
            notes={"unknown": fresh},
        )

    def snapshot(self) -> bytes:
        """Return what was told of; empty where there is nothing."""
        return msgspec.json.encode(sorted(self._told)) if self._told else b""

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        self._told = set(msgspec.json.decode(state, type=list[str])) if state else set()
        self._known = {*self._words, *(name.encode() for name in self._told)}
