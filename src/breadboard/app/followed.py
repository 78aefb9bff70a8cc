"""What of the rules that people want can be followed here: one that cannot keeps no other from being followed.

A database may be shared by houses of unlike configurations, and a configuration changes under rules that were written
before. What is left out is told to everybody who reads status: of a watchlist, which may be one user's alone, not what
it is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from breadboard.engine.rule_conditions import verify
from breadboard.errors import UsageError
from breadboard.model.rules import MOST_RULES, Rule, RuleSet


class Followed(msgspec.Struct, frozen=True):
    """Rules and watchlists that can be followed, and why others cannot."""

    ruleset: RuleSet
    left_out: tuple[str, ...] = ()
    """A sentence for each that somebody wants and is left out."""


def followed(own: RuleSet, stored: RuleSet, where: str, features: Sequence[str]) -> Followed:
    """Return what can be followed of the configuration's ``own`` rules, which were checked, and the database's.

    ``where`` is what the database is called. Of one name, what the configuration says holds.
    """
    return _followed(own.encoded(), stored.encoded(), where, tuple(features))


@lru_cache(
    maxsize=1
)  # whoever looks for news asks the same every few seconds, and a thousand expressions take their time
def _followed(own_rules: bytes, stored_rules: bytes, where: str, features: tuple[str, ...]) -> Followed:
    own, stored = (msgspec.json.decode(body, type=RuleSet) for body in (own_rules, stored_rules))
    left_out: list[str] = []
    lists = {**dict(_lists(own, stored, where, left_out)), **own.watchlists}
    names = {rule.name for rule in own.rules}
    rules = []
    for rule in stored.rules:
        if rule.name not in names:
            rules.append(rule)
        elif rule.enabled:
            left_out.append(f"the rule {rule.name!r} of {where} is left out: the configuration has one of this name")
    both = RuleSet((*own.rules, *rules), lists)
    try:
        verify(both, where, features)
    except UsageError:
        both = RuleSet((*own.rules, *_one_by_one(rules, lists, where, features, left_out)), lists)
    if (surplus := len(both.rules) - MOST_RULES) > 0:
        left_out.append(f"the last {surplus:,} rules of {where} are left out: there are more than {MOST_RULES:,}")
        both = RuleSet(both.rules[:MOST_RULES], lists)
    return Followed(both, tuple(dict.fromkeys(left_out)))


def alone(rules: Sequence[Rule], lists: Mapping[str, tuple[str, ...]]) -> RuleSet:
    """Return a set of these rules and of the watchlists that they name."""
    named = {symbol[1:] for rule in rules for symbol in rule.symbols if symbol.startswith("@")}
    return RuleSet(tuple(rules), {name: symbols for name, symbols in lists.items() if name in named})


def _lists(own: RuleSet, stored: RuleSet, where: str, left_out: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, symbols in stored.watchlists.items():
        if name in own.watchlists:
            if symbols != own.watchlists[name]:
                left_out.append(f"a watchlist of {where} is left out: the configuration has another of its name")
            continue
        try:
            verify(RuleSet((), {name: symbols}), where, ())
        except UsageError:
            left_out.append(f"a watchlist of {where} is left out: it cannot be followed here")
        else:
            yield name, symbols


def _one_by_one(
    rules: Sequence[Rule],
    lists: Mapping[str, tuple[str, ...]],
    where: str,
    features: Sequence[str],
    left_out: list[str],
) -> Iterator[Rule]:
    for rule in rules:
        try:
            verify(alone([rule], lists), where, features)
        except UsageError as error:
            if rule.enabled:  # one that is switched off is missed by nobody
                left_out.append(f"left out: {error.sentence}")
        else:
            yield rule
