"""From what a form holds to a rule, with the keys of a ``[[rules]]`` table."""

from collections.abc import Mapping
from typing import Any, Final

KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "rise": ("Price rises, %", ("threshold", "window")),
    "drop": ("Price drops, %", ("threshold", "window")),
    "cross": ("Price crosses", ("threshold", "direction")),
    "spread": ("Spread, basis points", ("threshold",)),
    "volume": ("Volume, times the usual", ("threshold", "window")),
    "no_data": ("No data", ("window",)),
    "lag": ("Lag, ms", ("threshold",)),
    "gap": ("Something may be missing", ()),
    "halt": ("Trading is halted", ()),
    "arbitrage": ("Arbitrage, basis points net", ("threshold",)),
    "anomaly": ("Anomaly", ()),
    "expression": ("Expression", ("expression", "window")),
}
"""Of each kind, what it is called and which fields it needs."""


def rule_of(name: str, kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule: the fields of its kind, and of the others those that say anything."""
    needed = KINDS[kind][1]
    optional = ("symbols", "cooldown", "once_per", "session")
    fields = {field: said[field] for field in (*needed, *optional) if said.get(field) not in (None, "", [], "always")}
    return {"name": name, "kind": kind, **fields}
