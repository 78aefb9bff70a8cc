"""Users' keys, for whoever may make them."""

from typing import Any

from breadboard.app.desk.wanted import Wanted
from breadboard.app.desk.words import is_name, key_entry, refuse_odd_name
from breadboard.errors import Unknown, UsageError
from breadboard.settings import keys
from breadboard.settings.credentials import MOST_DAYS, ApiKey, Scope


class KeyDesk:
    """Makes, lists and revokes keys. Raises UsageError."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    async def holding(self) -> list[ApiKey]:
        """Return the keys that are neither over nor revoked."""
        return [key for key in await self._all_of() if key.holds(self._wanted.now())]

    async def described(self) -> list[dict[str, Any]]:
        """Return what may be told of every key that there ever was, the oldest first."""
        return [key_entry(key, self._wanted.now()) for key in await self._all_of()]

    async def add(self, name: str, scope: str, days: int) -> dict[str, Any]:
        """Make a key for a user, and return it with its text in ``key``, which nobody will ever tell again."""
        refuse_odd_name(name, "user")
        if scope not in set(Scope):
            raise UsageError(f"there is no scope {scope!r}", hint=f"scopes: {', '.join(Scope)}")
        if not 0 < days <= MOST_DAYS:
            raise UsageError(f"a key holds for 1 to {MOST_DAYS:,} days, and not for {days:,}", hint="--days 90")
        async with self._wanted.writing() as work:
            new = await keys.add(work, name, Scope(scope), days, self._wanted.now())
        return {**key_entry(new.key, self._wanted.now()), "key": new.text}

    async def revoke(self, number: str) -> None:
        """Revoke a key."""
        revoked = False
        if self._wanted.there and is_name(number):
            async with self._wanted.writing() as work:
                revoked = await keys.revoke(work, number, self._wanted.now())
        if not revoked:
            raise Unknown(f"there is no key {number[:100]!r} to be revoked", hint="breadboard keys list")

    async def _all_of(self) -> list[ApiKey]:
        if not self._wanted.there:
            return []
        async with self._wanted.reading() as work:
            return await keys.all_of(work)
