"""People's settings as the routes use them: what can be asked of them, and the door to whoever keeps them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from breadboard.settings.credentials import ApiKey
from breadboard.settings.people import Person
from breadboard.settings.sessions import Session

Entry = dict[str, Any]
"""What is told of one thing, JSON-ready."""
Seen = frozenset[str] | None
"""Editions of a thing of which the one that stands must be one (``*``: any), else it is left alone: Outdated is
raised. They are ``changed`` in ns of a watchlist, and ``number`` of a rule. Empty: there is to be none. None: whatever
it is."""


class Rules(Protocol):
    """Rules, for a person. Raises UsageError: Unknown also for what is not this person's to see."""

    async def all_of(self, person: Person) -> list[Entry]:
        """Return every rule that this person sees, by name."""
        ...

    async def one(self, person: Person, name: str) -> Entry:
        """Return one rule with its ``history``."""
        ...

    async def put(self, person: Person, name: str, tree: Mapping[str, Any], seen: Seen = None) -> Entry:
        """Write one rule, and return it."""
        ...

    async def remove(self, person: Person, name: str, seen: Seen = None) -> None:
        """Take one rule away."""
        ...

    async def test(self, person: Person, tree: Mapping[str, Any], begin: str | None, end: str | None) -> Entry:
        """Return when and how often a rule would have fired over the journal."""
        ...


class Watchlists(Protocol):
    """Watchlists, for a person. Raises UsageError: Unknown also for what is not this person's to see."""

    async def all_of(self, person: Person) -> list[Entry]:
        """Return every watchlist that this person sees, by name."""
        ...

    async def one(self, person: Person, name: str) -> Entry:
        """Return one watchlist."""
        ...

    async def put(self, person: Person, name: str, symbols: Sequence[str], seen: Seen = None) -> Entry:
        """Write one watchlist, and return it."""
        ...

    async def remove(self, person: Person, name: str, seen: Seen = None) -> None:
        """Take one watchlist away."""
        ...


class KeyChain(Protocol):
    """Users' keys. Raises UsageError."""

    async def holding(self) -> list[ApiKey]:
        """Return the keys that are neither over nor revoked."""
        ...

    async def described(self) -> list[Entry]:
        """Return what may be told of every key that there ever was."""
        ...

    async def add(self, name: str, scope: str, days: int) -> Entry:
        """Make a key, and return it with its text, which is told this once."""
        ...

    async def revoke(self, number: str) -> None:
        """Revoke a key."""
        ...


class Sessions(Protocol):
    """Sessions of people who signed in with a browser."""

    async def holding(self) -> list[Session]:
        """Return the sessions that are not over."""
        ...

    async def begin(self, number: str) -> tuple[str, Session]:
        """Return what a browser shall show from now on, told this once, and what is kept of it.

        ``number`` is the id of a key. Raises Unknown where that does not hold.
        """
        ...

    async def end(self, number: str) -> None:
        """End the session of this hash, if there is one."""
        ...


class Desk(Protocol):
    """All of it."""

    @property
    def rules(self) -> Rules:
        """Alert rules."""
        ...

    @property
    def watchlists(self) -> Watchlists:
        """Watchlists."""
        ...

    @property
    def keys(self) -> KeyChain:
        """API keys."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Sessions of browsers."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Door:
    """Opens the desk when it is first asked for: what keeps it takes a second to load, and most runs never ask."""

    def __init__(self, opener: Callable[[], Desk]) -> None:
        self._opener = opener
        self._desk: Desk | None = None
        self._once = asyncio.Lock()

    async def desk(self) -> Desk:
        """Return the desk; opened in a thread, so that nobody waits meanwhile who has not asked for it."""
        async with self._once:
            if self._desk is None:
                self._desk = await asyncio.to_thread(self._opener)
            return self._desk

    async def close(self) -> None:
        """Close the desk, if it ever was opened."""
        if self._desk is not None:
            await self._desk.close()
