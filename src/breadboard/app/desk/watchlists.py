"""Watchlists, for a person."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.app.desk.wanted import Wanted, configured, refuse_change, refuse_name, refuse_unseen, stored, unknown
from breadboard.app.desk.words import refuse_odd_name, watchlist_entry
from breadboard.errors import Taken
from breadboard.model import rules as model
from breadboard.model.rules import RuleSet
from breadboard.settings import watchlists
from breadboard.settings.people import Person
from breadboard.settings.watchlists import Watchlist


class WatchlistDesk:
    """Sees and changes watchlists. Raises UsageError: Unknown also for what is not this person's to see."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    async def all_of(self, person: Person) -> list[dict[str, Any]]:
        """Return every watchlist that this person sees, by name."""
        ours = self._ours
        found = [watchlist_entry(name, symbols) for name, symbols in ours.items()]
        if self._wanted.there:
            async with self._wanted.reading() as work:
                theirs = [one for one in await watchlists.all_of(work) if one.name not in ours]
            found += [
                watchlist_entry(one.name, one.symbols, one.changed_ns) for one in theirs if person.sees(one.owner)
            ]
        return sorted(found, key=lambda one: str(one["name"]))

    async def one(self, person: Person, name: str) -> dict[str, Any]:
        """Return one watchlist."""
        found = next((one for one in await self.all_of(person) if one["name"] == name), None)
        if found is None:
            raise unknown(_called(name))
        return found

    async def put(
        self, person: Person, name: str, symbols: Sequence[str], seen: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """Write a watchlist, and return it. Raises Outdated where none of ``seen`` is ``changed`` of it in ns."""
        refuse_odd_name(name, "watchlist")
        model.check(RuleSet((), {name: tuple(symbols)}), "this")  # before it is written: it may be no text at all
        async with self._wanted.changing(person) as work:
            before = await self._found(work, name)
            if before is not None:
                refuse_name(person, _called(name), before.owner)
            _refuse_unseen(name, seen, before)
            now = self._wanted.now()  # never that of the one before, by which this one is told from it
            now = now if before is None else max(now, before.changed_ns + 1)
            await watchlists.put(work, name, symbols, now, person.user)
            return watchlist_entry(name, tuple(symbols), now)  # as it was written: there may be another by now

    async def remove(self, person: Person, name: str, seen: frozenset[str] | None = None) -> None:
        """Take a watchlist away. Raises Taken where a rule would miss it, Outdated as ``put`` does."""
        async with self._wanted.changing(person) as work:
            before = await watchlists.one_of(work, name)  # also one that the configuration has a namesake of
            if before is None:
                raise configured(_called(name)) if name in self._ours else unknown(_called(name))
            refuse_change(person, _called(name), before.owner)
            _refuse_unseen(name, seen, before)
            await watchlists.remove(work, name)
            standing = (await stored(work)).rules
            if name not in self._ours and any(f"@{name}" in rule.symbols for rule in standing):
                raise Taken(f"a rule watches {name!r}", hint="breadboard rules list")

    @property
    def _ours(self) -> dict[str, tuple[str, ...]]:
        """The configuration's."""
        return self._wanted.config.rules.watchlists

    async def _found(self, work: AsyncConnection, name: str) -> Watchlist | None:
        """Return the watchlist to be changed; None where there is none. Raises Taken for one of the configuration."""
        if name in self._ours:
            raise configured(_called(name))
        return await watchlists.one_of(work, name)


def _refuse_unseen(name: str, seen: frozenset[str] | None, before: Watchlist | None) -> None:
    edition = None if before is None else before.changed_ns
    refuse_unseen(_called(name), seen, edition, f"/api/v1/watchlists/{quote(name, safe='')}")


def _called(name: str) -> str:
    return f"watchlist {name[:100]!r}"
