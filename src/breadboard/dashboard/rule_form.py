"""From what a form holds to a rule, with the keys of a ``[[rules]]`` table, and from its trial to sentences."""

from collections.abc import Mapping
from typing import Any, Final

from breadboard.client import Instant, Trial
from breadboard.dashboard.reading import Recorded

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


def lasting(minutes: int) -> str:
    """Return how long so many minutes are."""
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 2 * 1440 else f"{minutes / 1440:.1f} days"


def a_day(fires: int, minutes: int) -> str:
    """Return how often a day that is, of so many minutes."""
    rate = fires * 1440 / minutes
    return f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.2g}"


def looked_at(days: int, trial: Trial, heard: Recorded | None) -> str:
    """Return from when to when a rule would have fired, and what of the days that were asked for is recorded."""
    times = "fire" if trial.fires == 1 else "fires"
    what = f"{trial.fires:,} {times}"
    if trial.fires and trial.first is not None and trial.last is not None:
        what += f" from {_second(trial.first)} to {_second(trial.last)}"
    if trial.retracted:
        what += f", {trial.retracted:,} of them taken back"
    asked = "the last day" if days == 1 else f"the last {days} days"
    if heard is None:
        return f"{what}; how much of {asked} is recorded could not be asked"
    if not heard.minutes:
        return f"{what}; no minute of {asked} is recorded"
    between = f"between {_second(heard.first)} and {_second(heard.last)}"
    return f"{what}; of {asked} {lasting(heard.minutes)} are recorded, {between} (UTC)"


def _second(when: Instant) -> str:
    return str(when)[:19].replace("T", " ")
