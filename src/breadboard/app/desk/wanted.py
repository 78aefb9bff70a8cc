"""The rules and watchlists that shall hold: those of the configuration and those of the database, as one set.

What a change brings is checked in the transaction that writes it; what is there already, and cannot be followed, keeps
nobody from changing something else. Capture is left word of the new set, which begins to hold where capture puts it
into the journal.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.app.followed import Followed, alone, followed
from breadboard.app.places import Places
from breadboard.config import Config
from breadboard.engine.rule_conditions import refuse_stars, verify_for
from breadboard.errors import BreadboardError, Forbidden, Outdated, Taken, Unknown, UsageError
from breadboard.model.rules import MOST_RULES, Rule, RuleSet
from breadboard.settings import rules, watchlists
from breadboard.settings.database import Database
from breadboard.settings.people import Person

log = logging.getLogger(__name__)

MOST_OF_ONE: Final = 200
"""Rules, and watchlists, of one user."""


class Wanted:
    """The set, and the transactions that change it."""

    def __init__(self, config: Config, places: Places, database: Database) -> None:
        self.config = config
        self.places = places
        self._database = database

    @property
    def there(self) -> bool:
        """Whether there may be something in the database."""
        return self._database.there

    def now(self) -> int:
        """Return the wall time."""
        return self._database.clock.wall()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that only reads."""
        async with self._database.reading() as work:
            yield work

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give the one transaction that may write now; the directory is made where there is none."""
        self.places.made()
        async with self._database.writing() as work:
            yield work

    @asynccontextmanager
    async def changing(self, person: Person) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that changes rules or watchlists, check what comes of it, and leave it for capture.

        Raises UsageError, with everything as it was, for what nobody can follow.
        """
        async with self.writing() as work:
            before = await stored(work)
            yield work
            if person.user is not None:
                await _refuse_too_many(work, person.user)
            await self._refuse_odd(before, await stored(work))
        try:
            await self.publish()
        except (BreadboardError, OSError) as error:  # it is written; whoever looks again tells capture of it
            log.warning("the rules are kept, and capture could not be told of them yet: %s", error)

    async def followed(self) -> Followed:
        """Return what can be followed of the set, and why the rest cannot. Raises BreadboardError."""
        if not self.there:
            return await self.followed_of(RuleSet())
        async with self.reading() as work:
            return await self.followed_of(await stored(work))

    async def ruleset(self) -> RuleSet:
        """Return the set with what cannot be followed here, which is for whoever means it to find out."""
        own = self.config.rules
        if not self.there:
            return own
        async with self.reading() as work:
            found = await stored(work)
        names = {rule.name for rule in own.rules}
        rules = (*own.rules, *(rule for rule in found.rules if rule.name not in names))
        return RuleSet(rules, {**found.watchlists, **own.watchlists})

    async def publish(self) -> Followed:
        """Leave word for capture of what can be followed, where that is news; nothing where there never were any."""
        found = await self.followed()
        if not self._is_news(found.ruleset):
            return found
        if not self.there:
            return self._leave(found)
        async with self.writing() as work:  # one at a time, so that the last word is the newest
            return self._leave(await self.followed_of(await stored(work)))

    async def verify(self, ruleset: RuleSet, where: str) -> None:
        """Refuse rules that cannot be followed. Raises UsageError."""
        await asyncio.to_thread(verify_for, ruleset, where, self.config.engine)

    async def _refuse_odd(self, before: RuleSet, after: RuleSet) -> None:
        """Refuse what a change brings where it cannot be followed. Switching a rule off is always allowed."""
        written = _written(before, after)
        refuse_stars(written, "this")
        lists = {**after.watchlists, **self.config.rules.watchlists}
        off = {_enabled(rule) for rule in before.rules}
        rules = [rule for rule in written.rules if rule.enabled or _enabled(rule) not in off]
        brought = alone(rules, lists)
        await self.verify(RuleSet(brought.rules, {**brought.watchlists, **written.watchlists}), "this")
        count = len(self.config.rules.rules) + len(after.rules)
        if count > MOST_RULES and len(after.rules) > len(before.rules):
            raise UsageError(f"this: {count:,} rules are too many", hint=f"at most {MOST_RULES:,}")

    def _is_news(self, ruleset: RuleSet) -> bool:
        try:
            return self.places.rules.read_bytes() != ruleset.encoded()
        except FileNotFoundError:
            return bool(ruleset.rules)

    def _leave(self, found: Followed) -> Followed:
        if self._is_news(found.ruleset):
            self.places.write_rules(found.ruleset.encoded())
        return found

    async def followed_of(self, found: RuleSet) -> Followed:
        """Return the same of what the database was found to hold."""
        own, engine = self.config.rules, self.config.engine
        return await asyncio.to_thread(followed, own, found, self._database.called, engine)


def _enabled(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, enabled=True)


def _written(before: RuleSet, after: RuleSet) -> RuleSet:
    """Return what is in a set and was not in the one before."""
    lists = {name: symbols for name, symbols in after.watchlists.items() if before.watchlists.get(name) != symbols}
    return RuleSet(tuple(rule for rule in after.rules if rule not in before.rules), lists)


async def stored(work: AsyncConnection) -> RuleSet:
    """Return the set of the database alone."""
    lists = {one.name: one.symbols for one in await watchlists.all_of(work)}
    return RuleSet(tuple(one.rule for one in await rules.standing(work)), lists)


def refuse_change(person: Person, what: str, owner: int | None) -> None:
    """Refuse to change what is not this person's. Raises Unknown where they do not see it, else Forbidden."""
    if not person.sees(owner):
        raise unknown(what)
    refuse_name(person, what, owner)


def refuse_name(person: Person, what: str, owner: int | None) -> None:
    """Refuse a name that somebody else's thing has: each is there once for everybody. Raises Forbidden."""
    if not person.changes(owner):
        raise Forbidden(f"the {what} is not yours to change", hint="give yours another name")


def refuse_unseen(what: str, seen: frozenset[str] | None, edition: int | None, place: str) -> None:
    """Refuse to change what is no longer as it was seen; None: it may be as it likes. Raises Outdated.

    ``edition`` is the one that stands; None: there is none. Empty ``seen``: nor is there to be one. To be asked in the
    transaction that changes it.
    """
    if seen is None or (edition is not None and not seen.isdisjoint({"*", str(edition)})):
        return
    if not seen:
        if edition is None:
            return
        raise Outdated(f"the {what} is there already", hint=f"GET {place} has it, and the ETag to change it by")
    if edition is None:
        raise Outdated(f"the {what} is no longer there", hint=f"PUT {place} without If-Match makes it anew")
    raise Outdated(f"the {what} has changed since it was read", hint=f"GET {place} has it, and the ETag, as it is now")


def configured(what: str) -> Taken:
    """Return the error of changing what the configuration says."""
    return Taken(f"the {what} is of the configuration", hint="change it there, and start again")


def unknown(what: str) -> Unknown:
    """Return the error of a thing that is not there, or not there for whoever asks."""
    return Unknown(f"there is no {what} in the database", hint="breadboard rules list")


async def _refuse_too_many(work: AsyncConnection, user: int) -> None:
    for what, found in (("rules", await rules.standing(work)), ("watchlists", await watchlists.all_of(work))):
        if sum(one.owner == user for one in found) > MOST_OF_ONE:
            raise UsageError(f"a user has at most {MOST_OF_ONE} {what}", hint="remove some that you no longer need")
