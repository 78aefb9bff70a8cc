"""Rules, watchlists and keys as JSON-ready entries, and the names that they may have."""

from typing import Any

import msgspec

from breadboard.clock import moment
from breadboard.errors import UsageError
from breadboard.model.rule_words import sentence
from breadboard.model.rules import NAME_CHARACTERS, Rule
from breadboard.settings.credentials import ApiKey
from breadboard.settings.rules import Edition

CONFIGURATION, DATABASE = "configuration", "database"


def rule_entry(rule: Rule, edition: Edition | None) -> dict[str, Any]:
    """Return a rule; of no edition: one of the configuration."""
    return {
        "name": rule.name,
        "number": None if edition is None else edition.number,
        "version": rule.version,
        "from": CONFIGURATION if edition is None else DATABASE,
        "enabled": rule.enabled,
        "sentence": sentence(rule),
        "rule": msgspec.to_builtins(rule),
        "changed": None if edition is None else moment(edition.changed_ns),
    }


def watchlist_entry(name: str, symbols: tuple[str, ...], changed_ns: int | None = None) -> dict[str, Any]:
    """Return a watchlist; never changed: one of the configuration."""
    where = CONFIGURATION if changed_ns is None else DATABASE
    changed = None if changed_ns is None else moment(changed_ns)
    return {"name": name, "symbols": list(symbols), "from": where, "changed": changed}


def key_entry(key: ApiKey, now_ns: int) -> dict[str, Any]:
    """Return what may be told of a key, which is all but its hash."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope.value,
        "created": moment(key.created_ns),
        "expires": moment(key.expires_ns),
        "revoked": None if key.revoked_ns is None else moment(key.revoked_ns),
        "holds": key.holds(now_ns),
    }


def is_name(name: str) -> bool:
    """Tell whether something may be called so."""
    return 0 < len(name) <= NAME_CHARACTERS and name.isprintable()


def refuse_odd_name(name: str, what: str) -> None:
    """Refuse a name that nothing may have. Raises UsageError."""
    if not is_name(name):
        raise UsageError(
            f"the {what} {name[:NAME_CHARACTERS]!r} has no name: one has 1 to {NAME_CHARACTERS} printable characters",
            hint="for example: majors",
        )
