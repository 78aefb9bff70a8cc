"""What of the rules that people want can be followed here: one that cannot keeps no other from being followed.

A database may be shared by houses of unlike configurations, and a configuration changes under rules that were written
before. What is left out is told to everybody who reads status: of a watchlist, which may be one user's alone, not what
it is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from breadboard.config import ArbitrageConfig, EngineConfig
from breadboard.engine.rule_conditions import verify, verify_for
from breadboard.errors import UsageError
from breadboard.model.rules import MOST_RULES, Rule, RuleSet


class Followed(msgspec.Struct, frozen=True):
    """Rules and watchlists that can be followed, and why others cannot."""

    ruleset: RuleSet
    left_out: tuple[str, ...] = ()
    """A sentence for each that somebody wants and is left out."""
    why: Mapping[str, str] = {}
    """The reason by the name of each rule that is left out, switched on or off; not of one with a namesake."""


def followed(own: RuleSet, stored: RuleSet, where: str, engine: EngineConfig) -> Followed:
    """Return what can be followed of the configuration's ``own`` rules, which were checked, and the database's.

    ``where`` is what the database is called. Of one name, what the configuration says holds.
    """
    looks = engine.arbitrage is not None
    return _followed(own.encoded(), stored.encoded(), where, engine.features, engine.anomalies, looks)


# Whoever looks for news asks the same every few seconds, and a thousand expressions take their time.
@lru_cache(maxsize=1)
def _followed(
    own_rules: bytes,
    stored_rules: bytes,
    where: str,
    features: tuple[str, ...],
    anomalies: tuple[str, ...],
    looks: bool,
) -> Followed:
    arbitrage = ArbitrageConfig() if looks else None
    engine = EngineConfig(features=features, anomalies=anomalies, arbitrage=arbitrage)
    own, stored = (msgspec.json.decode(body, type=RuleSet) for body in (own_rules, stored_rules))
    left_out: list[str] = []
    lists = {**dict(_lists(own, stored, where, left_out)), **own.watchlists}
    names = {rule.name for rule in own.rules}
    rules: list[Rule] = []
    why: dict[str, str] = {}
    for rule in stored.rules:
        if rule.name not in names:
            rules.append(rule)
        elif rule.enabled:
            left_out.append(f"the rule {rule.name!r} of {where} is left out: the configuration has one of this name")
    both = RuleSet((*own.rules, *rules), lists)
    try:
        verify_for(both, where, engine)
    except UsageError:
        why = _reasons(rules, lists, where, engine)
        both = RuleSet((*own.rules, *(rule for rule in rules if rule.name not in why)), lists)
        # one that is switched off is missed by nobody
        left_out += [f"left out: {why[rule.name]}" for rule in rules if rule.enabled and rule.name in why]
    if (surplus := len(both.rules) - MOST_RULES) > 0:
        left_out.append(f"the last {surplus:,} rules of {where} are left out: there are more than {MOST_RULES:,}")
        why |= dict.fromkeys((rule.name for rule in both.rules[MOST_RULES:]), left_out[-1])
        both = RuleSet(both.rules[:MOST_RULES], lists)
    return Followed(both, tuple(dict.fromkeys(left_out)), why)


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


def _reasons(
    rules: Sequence[Rule], lists: Mapping[str, tuple[str, ...]], where: str, engine: EngineConfig
) -> dict[str, str]:
    """Return why rules cannot be followed, by the names of those that cannot."""
    why = {}
    for rule in rules:
        try:
            verify_for(alone([rule], lists), where, engine)
        except UsageError as error:
            why[rule.name] = error.sentence
    return why
