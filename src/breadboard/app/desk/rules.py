"""Rules, for a person."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.app.desk.trials import Trials
from breadboard.app.desk.wanted import Wanted, configured, refuse_change, refuse_name, refuse_unseen, stored, unknown
from breadboard.app.desk.words import is_name, refuse_odd_name, rule_entry
from breadboard.errors import Taken, UsageError
from breadboard.model import rules as model
from breadboard.model.rules import Rule
from breadboard.settings import rules, watchlists
from breadboard.settings.people import Person
from breadboard.settings.rules import Edition

_NAMESAKE: Final = "the configuration has one of this name"


class RuleDesk:
    """Sees and changes rules. Raises UsageError: Unknown also for what is not this person's to see."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._trials = Trials(wanted)

    async def all_of(self, person: Person) -> list[dict[str, Any]]:
        """Return every rule that this person sees, by name, with its version and what it says.

        Of one name there may be two, the configuration's first, which holds; ``left_out`` of the other says why, as it
        does of one that this engine cannot follow.
        """
        ours = self._configured
        found = [rule_entry(rule, None) | {"left_out": None} for rule in ours.values()]
        if self._wanted.there:
            async with self._wanted.reading() as work:
                theirs = [one for one in await rules.standing(work) if person.sees(one.owner)]
                why = await self._left_out(work)
            found += [rule_entry(one.rule, one) | {"left_out": why.get(one.rule.name)} for one in theirs]
        return sorted(found, key=lambda one: str(one["name"]))

    async def one(self, person: Person, name: str) -> dict[str, Any]:
        """Return one rule, and in ``history`` all that it was, the oldest first."""
        if name in self._configured:
            return {**rule_entry(self._configured[name], None), "left_out": None, "history": []}
        editions: list[Edition] = []
        why: Mapping[str, str] = {}
        if self._wanted.there and is_name(name):
            async with self._wanted.reading() as work:
                editions = [one for one in await rules.history(work, name) if person.sees(one.owner)]
                why = await self._left_out(work)
        if not editions or editions[-1].removed:
            raise unknown(_called(name))
        return _told(editions, why.get(name))

    async def add(self, person: Person, new: Sequence[Rule], lists: Mapping[str, tuple[str, ...]]) -> None:
        """Add rules and watchlists, all or none. Raises Taken for a name that a rule or an unlike list has already."""
        for name in lists:
            refuse_odd_name(name, "watchlist")
        async with self._wanted.changing(person) as work:
            taken = {one.rule.name for one in await rules.standing(work)} | set(self._configured)
            if again := [rule.name for rule in new if rule.name in taken]:
                raise Taken(f"there is a rule {again[0]!r} already", hint=f"breadboard rules edit {again[0]!r} …")
            for name, symbols in (await self._new(work, lists)).items():
                await watchlists.put(work, name, symbols, self._wanted.now(), person.user)
            await rules.put(work, new, self._wanted.now(), person.user)

    async def create(self, person: Person, tree: Mapping[str, Any]) -> Rule:
        """Add the one rule of a tree, and return it. Raises Taken for a name that a rule has already."""
        lists = await self._lists(person)
        rule = _read(tree, lists)
        await self.add(person, [rule], {})
        return rule

    async def put(
        self, person: Person, name: str, tree: Mapping[str, Any], seen: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """Write the rule of this name, new or changed, and return it.

        Raises Outdated where none of ``seen`` is ``number`` of the one that stands.
        """
        async with self._wanted.changing(person) as work:
            before = await self._found(work, name)
            if before is not None:
                refuse_name(person, _called(name), before.owner)
            _refuse_unseen(name, seen, before)
            rule = await self._read(work, person, {"name": name, **tree})
            if rule.name != name:
                raise UsageError(f"the rule is called {rule.name!r}, and its place {name!r}", hint="leave its name out")
            await rules.put(work, [rule], self._wanted.now(), person.user)
            editions = [one for one in await rules.history(work, name) if person.sees(one.owner)]
            return _told(editions, None)  # as it was written: there may be another by now

    async def edit(self, person: Person, name: str, changes: Mapping[str, Any]) -> Rule:
        """Change some fields of a rule, None takes one away, and return it: it is another version from then on."""
        async with self._wanted.changing(person) as work:
            before = await self._found(work, name)
            if before is None:
                raise unknown(_called(name))
            refuse_change(person, _called(name), before.owner)
            tree = {**msgspec.to_builtins(before.rule), **changes}
            rule = await self._read(work, person, {key: value for key, value in tree.items() if value is not None})
            await rules.put(work, [rule], self._wanted.now())
        return rule

    async def remove(self, person: Person, name: str, seen: frozenset[str] | None = None) -> None:
        """Take a rule away; its history stays. Raises Outdated as ``put`` does."""
        async with self._wanted.changing(person) as work:
            before = await _standing(work, name)  # also one that the configuration has a namesake of
            if before is None:
                raise configured(_called(name)) if name in self._configured else unknown(_called(name))
            refuse_change(person, _called(name), before.owner)
            _refuse_unseen(name, seen, before)
            await rules.remove(work, name, self._wanted.now())

    async def test(self, person: Person, tree: Mapping[str, Any], begin: str | None, end: str | None) -> dict[str, Any]:
        """Return how often a rule, written down anywhere or not, would have fired over the journal."""
        lists = await self._lists(person)
        return await self._trials.run(_read({"name": "this", **tree}, lists), lists, begin, end)

    async def _lists(self, person: Person) -> dict[str, tuple[str, ...]]:
        """Return the watchlists that a rule of this person may name."""
        ours = self._wanted.config.rules.watchlists
        if not self._wanted.there:
            return dict(ours)
        async with self._wanted.reading() as work:
            return {**await _seen_lists(work, person), **ours}

    @property
    def _configured(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self._wanted.config.rules.rules}

    async def _left_out(self, work: AsyncConnection) -> dict[str, str]:
        """Return why rules of the database do not hold here, by name."""
        found = await self._wanted.followed_of(await stored(work))
        return {**found.why, **dict.fromkeys(self._configured, _NAMESAKE)}

    async def _found(self, work: AsyncConnection, name: str) -> Edition | None:
        """Return the rule to be changed; None where there is none. Raises Taken for one of the configuration."""
        if name in self._configured:
            raise configured(_called(name))
        return await _standing(work, name)

    async def _new(self, work: AsyncConnection, lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Return those watchlists that are not there already. Raises Taken for one that others know otherwise."""
        known = {one.name: one.symbols for one in await watchlists.all_of(work)} | self._wanted.config.rules.watchlists
        for name, symbols in lists.items():
            if name in known and known[name] != tuple(symbols):
                raise Taken(
                    f"there is a watchlist {name!r} already, and it has other symbols",
                    hint=f"breadboard rules watch {name!r} SYM,SYM   # or give yours another name",
                )
        return {name: symbols for name, symbols in lists.items() if name not in known}

    async def _read(self, work: AsyncConnection, person: Person, tree: Mapping[str, Any]) -> Rule:
        """Return the checked rule of a tree, which may name the watchlists that this person sees."""
        return _read(tree, {**await _seen_lists(work, person), **self._wanted.config.rules.watchlists})


async def _standing(work: AsyncConnection, name: str) -> Edition | None:
    return next((one for one in await rules.standing(work) if one.rule.name == name), None)


async def _seen_lists(work: AsyncConnection, person: Person) -> dict[str, tuple[str, ...]]:
    return {one.name: one.symbols for one in await watchlists.all_of(work) if person.sees(one.owner)}


def _read(tree: Mapping[str, Any], lists: Mapping[str, tuple[str, ...]]) -> Rule:
    """Return the checked rule of a tree. Raises UsageError."""
    try:
        msgspec.json.encode(tree)
    except UnicodeEncodeError:  # half of a pair of surrogates: JSON can say it, and it is no character
        raise UsageError("this: the rule has something in it that is no text", hint="write it as UTF-8") from None
    return model.read({"rules": [dict(tree)], "watchlists": dict(lists)}, "this").rules[0]


def _refuse_unseen(name: str, seen: frozenset[str] | None, before: Edition | None) -> None:
    edition = None if before is None else before.number
    refuse_unseen(_called(name), seen, edition, f"/api/v1/rules/{quote(name, safe='')}")


def _told(editions: Sequence[Edition], left_out: str | None) -> dict[str, Any]:
    history = [rule_entry(one.rule, one) | {"removed": one.removed} for one in editions]
    return {**rule_entry(editions[-1].rule, editions[-1]), "left_out": left_out, "history": history}


def _called(name: str) -> str:
    return f"rule {name[:100]!r}"
