"""The alert rules of a data directory, for processes at their start: where there is no database, none is loaded.

What people change, they change at the desk.
"""

from collections.abc import Iterable
from pathlib import Path

from breadboard.app.places import Places
from breadboard.config import Config
from breadboard.config_file import read_rules
from breadboard.engine.rule_conditions import refuse_stars, verify
from breadboard.model.rules import RuleSet


def wanted(config: Config, places: Places) -> RuleSet:
    """Return the rules that are wanted here, checked to the last expression. Raises UsageError."""
    if not _stored(config, places):
        verify(config.rules, f"the rules of {places.root}", config.engine.features)
        refuse_stars(config.rules, f"the rules of {places.root}")
        return config.rules
    from breadboard.app import desk

    return desk.at(config, places, lambda here: here.wanted.ruleset())


def publish(config: Config, places: Places) -> RuleSet:
    """Leave word for capture of the rules that are wanted; nothing where there never were any."""
    if not _stored(config, places):
        ruleset = wanted(config, places)
        if ruleset.rules or places.rules.exists():
            places.write_rules(ruleset.encoded())
        return ruleset
    from breadboard.app import desk

    return desk.at(config, places, lambda here: here.wanted.publish())


def check(path: Path, features: Iterable[str]) -> RuleSet:
    """Return the rules of a file, checked to the last expression. Raises UsageError."""
    ruleset = read_rules(path)
    verify(ruleset, str(path), tuple(features))
    refuse_stars(ruleset, str(path))
    return ruleset


def _stored(config: Config, places: Places) -> bool:
    return bool(config.settings.url) or places.settings.exists()
