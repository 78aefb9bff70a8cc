"""Tickets for a WebSocket: a browser cannot send a header with one, and a key does not belong into an address.

A ticket is for one connection, within half a minute of whoever asked for it with a key.
"""

import secrets
from typing import Final

from breadboard.clock import Clock
from breadboard.settings.people import Person

LIFE_NS: Final = 30 * 10**9
MOST: Final = 10_000
"""Tickets that may wait to be used; the oldest goes for one more."""


class Tickets:
    """Those that were given out and not used yet, in memory: a restart ends them all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, tuple[Person, int]] = {}

    def issue(self, person: Person) -> tuple[str, int]:
        """Return a ticket and the wall ns at which it ends."""
        now = self._clock.mono()
        self._waiting = {text: kept for text, kept in self._waiting.items() if now < kept[1]}
        while len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
        ticket = secrets.token_urlsafe(32)
        self._waiting[ticket] = person, now + LIFE_NS
        return ticket, self._clock.wall() + LIFE_NS

    def take(self, ticket: str) -> Person | None:
        """Return whose ticket this is, once; None for any that is used, over, or none."""
        person, end = self._waiting.pop(ticket, (None, 0))
        return person if self._clock.mono() < end else None
