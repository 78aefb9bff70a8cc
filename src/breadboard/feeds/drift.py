"""Schema drift: a venue says something in a form it never used. Told once a form, and nothing of it is lost."""

from collections.abc import Iterable
from typing import Final

import msgspec

from breadboard.feeds.reading import Event
from breadboard.model.kinds import EventKind, Flag, StatusCode

MOST: Final = 1000
"""Forms remembered a venue; one that makes up names without end is told of no more."""


class Drift:
    """Remembers which unknown names were told of, so that each makes one STATUS row, live and in every replay."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, names: Iterable[str], where: str) -> Event | None:
        """Return the event that tells of names met for the first time in messages of the kind ``where``, if any."""
        fresh = sorted({f"{where}.{name}"[:120] for name in names} - self._told)
        if not fresh or len(self._told) >= MOST:
            return None
        self._told.update(fresh)
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
