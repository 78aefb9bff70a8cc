"""The alert rules of a data directory: those of its configuration and those of its database, as one set.

Capture puts the set into the journal, where it begins to hold; a command that changes it leaves word in ``rules.json``.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.config_file import read_rules
from breadboard.engine.rule_conditions import verify
from breadboard.errors import UsageError
from breadboard.model import rules
from breadboard.model.rule_words import sentence
from breadboard.model.rules import Rule, RuleSet


def wanted(config: Config, places: Places) -> RuleSet:
    """Return the rules that are wanted here, checked to the last expression. Raises UsageError."""
    ruleset = config.rules
    if config.settings.url or places.settings.exists():
        with closing(_book(config, places)) as book:
            ruleset = rules.joined(ruleset, book.ruleset(), f"the configuration and {places.settings}")
    verify(ruleset, f"the rules of {places.root}", config.engine.features)
    return ruleset


def publish(config: Config, places: Places) -> RuleSet:
    """Leave word for capture of the rules that are wanted; nothing where there never were any."""
    ruleset = wanted(config, places)
    if ruleset.rules or places.rules.exists():
        places.write_rules(ruleset.encoded())
    return ruleset


def listed(config: Config, places: Places) -> list[dict[str, Any]]:
    """Return every rule that is wanted, with its version, where it is from, and what it says."""
    numbers: dict[str, int] = {}
    if config.settings.url or places.settings.exists():
        with closing(_book(config, places)) as book:
            numbers = {one.rule.name: one.number for one in book.newest()}
    return [
        {
            "name": rule.name,
            "version": rule.version,
            "number": numbers.get(rule.name),
            "from": "database" if rule.name in numbers else "configuration",
            "enabled": rule.enabled,
            "says": sentence(rule),
        }
        for rule in wanted(config, places).rules
    ]


def add(config: Config, places: Places, new: Sequence[Rule], watchlists: dict[str, tuple[str, ...]]) -> None:
    """Add rules and watchlists to the database, all or none. Raises UsageError for a name that is taken."""
    with closing(_book(config, places)) as book:
        taken = {rule.name for rule in (*config.rules.rules, *book.ruleset().rules)}
        if again := [rule.name for rule in new if rule.name in taken]:
            raise UsageError(f"there is a rule {again[0]!r} already", hint=f"breadboard rules edit {again[0]!r} …")
        _check(config, book.ruleset(), new, watchlists)
        for name, symbols in watchlists.items():
            book.put_watchlist(name, symbols)
        book.put(new)
    publish(config, places)


def edit(config: Config, places: Places, name: str, changes: dict[str, Any]) -> Rule:
    """Change a rule of the database and return it: from the next record on, it is another version."""
    if any(rule.name == name for rule in config.rules.rules):
        raise UsageError(f"the rule {name!r} is of the configuration", hint="change it there, and start again")
    with closing(_book(config, places)) as book:
        known = {rule.name: rule for rule in book.ruleset().rules}
        if name not in known:
            raise UsageError(f"there is no rule {name!r} in the database", hint="breadboard rules list")
        tree = {**msgspec.to_builtins(known[name]), **changes}
        changed = rule_of({key: value for key, value in tree.items() if value is not None}, book.ruleset())
        _check(config, book.ruleset(), [changed], {})
        book.put([changed])
    publish(config, places)
    return changed


def remove(config: Config, places: Places, name: str) -> None:
    """Take a rule out of the database. Raises UsageError where it is not there."""
    with closing(_book(config, places)) as book:
        book.remove(name)
    publish(config, places)


def watch(config: Config, places: Places, name: str, symbols: Sequence[str]) -> None:
    """Write a watchlist; of no symbols: take it away. Raises UsageError where a rule would miss it."""
    with closing(_book(config, places)) as book:
        before = book.ruleset()
        lists = {**before.watchlists, name: tuple(symbols)} if symbols else dict(before.watchlists)
        if not symbols:
            lists.pop(name, None)
        rules.check(RuleSet(before.rules, lists), f"the rules of {places.root}")
        book.put_watchlist(name, symbols)
    publish(config, places)


def rule_of(tree: dict[str, Any], known: RuleSet) -> Rule:
    """Return the checked rule of words given on the command line. Raises UsageError."""
    return rules.read({"rules": [tree], "watchlists": dict(known.watchlists)}, "this").rules[0]


def check(path: Path, features: Iterable[str]) -> RuleSet:
    """Return the rules of a file, checked to the last expression. Raises UsageError."""
    ruleset = read_rules(path)
    verify(ruleset, str(path), tuple(features))
    return ruleset


def stored(config: Config, places: Places) -> RuleSet:
    """Return what the database holds; nothing where there is none."""
    if not (config.settings.url or places.settings.exists()):
        return RuleSet()
    with closing(_book(config, places)) as book:
        found: RuleSet = book.ruleset()
        return found


def _check(config: Config, before: RuleSet, new: Sequence[Rule], watchlists: dict[str, tuple[str, ...]]) -> None:
    """Refuse a change that would leave a set nobody can follow."""
    kept = [rule for rule in before.rules if rule.name not in {one.name for one in new}]
    after = RuleSet((*kept, *new), {**before.watchlists, **watchlists})
    verify(rules.joined(config.rules, after, "this"), "this", config.engine.features)


def _book(config: Config, places: Places) -> Any:  # noqa: ANN401 - a RuleBook, whose file loads SQLAlchemy
    from breadboard.settings.rules import RuleBook, sqlite

    return RuleBook(config.settings.url or sqlite(places.made().settings), SystemClock())
