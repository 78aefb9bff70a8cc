"""Rules made ready for the loop: each a condition, found by what it watches."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.config import EngineConfig
from breadboard.engine.rule_expressions import Expression
from breadboard.engine.rule_state import (
    CONDITION,
    IN_EXTENDED,
    IN_REGULAR,
    NEVER,
    ONCE_DAY,
    ONCE_HOUR,
    ONCE_SESSION,
    STEPS,
)
from breadboard.errors import UsageError
from breadboard.model.alerts import RuleVersion
from breadboard.model.bars import INTERVALS
from breadboard.model.features import WINDOWS
from breadboard.model.rules import Rule, RuleKind, RuleSet, check, duration

TRADE, QUOTE, LATE, HALT, BAR, QUIET, LOOSE = range(7)
"""What moves a condition: trades, quotes, whatever has a lag, halts and gaps, bars, time; LOOSE: found rows."""
GROUP: Final = {
    RuleKind.RISE: TRADE,
    RuleKind.DROP: TRADE,
    RuleKind.CROSS: TRADE,
    RuleKind.SPREAD: QUOTE,
    RuleKind.LAG: LATE,
    RuleKind.HALT: HALT,
    RuleKind.GAP: HALT,
    RuleKind.VOLUME: BAR,
    RuleKind.NO_DATA: QUIET,
    RuleKind.ARBITRAGE: LOOSE,
    RuleKind.ANOMALY: LOOSE,
    RuleKind.EXPRESSION: LOOSE,
}
_EVENTS: Final = (RuleKind.GAP, RuleKind.ANOMALY)
_ONCE: Final = {"session": ONCE_SESSION, "day": ONCE_DAY, "hour": ONCE_HOUR}
_SESSIONS: Final = {"regular": IN_REGULAR, "extended": IN_EXTENDED}
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Watched:
    """One condition besides its row: the rule it is of, and the expression it evaluates, if it does."""

    rule: Rule
    expression: Expression | None = None


class Conditions:
    """The conditions of a set of rules, and which of them an instrument has."""

    def __init__(self, ruleset: RuleSet, registry: list[RuleVersion]) -> None:
        """Compile what can be followed; ``registry`` gets the versions that it has not met."""
        self.watched: list[Watched] = []
        self.refused: list[str] = []
        """Sentences about rules that cannot be followed here, though whoever wrote the record could."""
        self._by_pattern: dict[str, list[int]] = {}
        places = {(one.name, one.version): at for at, one in enumerate(registry)}
        rows: list[NDArray[np.void]] = []
        for rule in ruleset.rules:
            if not rule.enabled:
                continue
            try:
                expression = Expression(rule.expression, f"rule {rule.name!r}") if rule.expression else None
            except UsageError as error:
                self.refused.append(error.sentence)
                continue
            version = rule.version
            if (rule.name, version) not in places:
                places[rule.name, version] = len(registry)
                registry.append(RuleVersion(rule.name, version, msgspec.json.encode(rule)))
            for pattern in _patterns(rule, ruleset.watchlists):
                self._by_pattern.setdefault(pattern, []).append(len(rows))
            rows.append(_row(rule, places[rule.name, version]))
            self.watched.append(Watched(rule, expression))
        self.rows = np.concatenate(rows) if rows else np.zeros(0, CONDITION)

    def of(self, venue: str, symbol: str) -> list[int]:
        """Return the conditions of an instrument, in the order of the rules."""
        patterns = ("*", f"*.{venue}", f"{symbol}.{venue}")
        return sorted({each for pattern in patterns for each in self._by_pattern.get(pattern, ())})

    def of_venue(self, venue: str) -> list[int]:
        """Return the conditions that watch all of a venue: those that hear of a whole source of it."""
        return sorted({each for pattern in ("*", f"*.{venue}") for each in self._by_pattern.get(pattern, ())})


_MANY: Final = re.compile(r"\*(\.[^*]+)?")


def verify(ruleset: RuleSet, where: str, features: Sequence[str]) -> None:
    """Refuse rules that cannot be followed, also by what they say in expressions. Raises UsageError.

    ``features`` are those that the engine tells: a rule that asks for another one would never have a value.
    """
    check(ruleset, where)
    for rule in ruleset.rules:
        if not rule.expression:
            continue
        which = f"{where}: rule {rule.name!r}"
        found = Expression(rule.expression, which)
        if found.number != (rule.threshold is not None):
            missing = "is a number and has no threshold" if found.number else "is true or false and takes no threshold"
            raise UsageError(
                f"{which}: its expression {missing}", hint='expression = "close > 100.0", or threshold = 5.0'
            )
        if unknown := sorted(found.features - set(features)):
            raise UsageError(
                f"{which}: the feature {unknown[0]!r} is not told",
                hint=f'[engine] features = ["{unknown[0]}"]   # or --features {unknown[0]}',
            )
        if found.features and rule.window not in WINDOWS:
            raise UsageError(f"{which}: there are no features of {rule.window!r}", hint=f"window: {', '.join(WINDOWS)}")


def verify_for(ruleset: RuleSet, where: str, engine: EngineConfig) -> None:
    """Refuse rules that an engine of this configuration cannot follow, or that would never fire. Raises UsageError."""
    verify(ruleset, where, engine.features)
    needs_no_more(ruleset, where, engine)


def refuse_stars(ruleset: RuleSet, where: str) -> None:
    """Refuse a star in a part of a name: such a rule would watch nothing, in silence. Raises UsageError.

    Only what somebody is writing is held to it: one that was written before stops nobody.
    """
    lists = ((f"watchlist {name!r}", symbols) for name, symbols in ruleset.watchlists.items())
    for which, symbols in (*lists, *((f"rule {rule.name!r}", rule.symbols) for rule in ruleset.rules)):
        for one in symbols:
            if "*" in one and not _MANY.fullmatch(one):
                hint = "*.BINANCE for all of a venue, * for all, @name for a watchlist of some"
                raise UsageError(f"{where}: {which}: no instrument is called {one!r}", hint=hint)


def needs_no_more(ruleset: RuleSet, where: str, config: EngineConfig) -> None:
    """Refuse rules over what no stage finds that is switched on: they would never fire. Raises UsageError."""
    for rule in ruleset.rules:
        if not rule.enabled:
            continue
        if rule.of_kind == RuleKind.ANOMALY and not config.anomalies:
            lacks, hint = "anomalies", 'anomalies = ["all"]'
        elif rule.of_kind == RuleKind.ANOMALY and rule.of and not set(rule.of) & set(config.anomalies):
            more = ", ".join(f'"{kind}"' for kind in (*config.anomalies, rule.of[0]))
            lacks, hint = f"{rule.of[0]!r}", f'anomalies = [{more}]   # or "all"'
        elif rule.of_kind == RuleKind.ARBITRAGE and config.arbitrage is None:
            lacks, hint = "arbitrage", "[engine.arbitrage] as in docs/engine.md"
        else:
            continue
        raise UsageError(
            f"{where}: rule {rule.name!r} is over {lacks}, which nobody looks for", hint=f"[engine] {hint}"
        )


def _row(rule: Rule, place: int) -> NDArray[np.void]:
    """Return the ``CONDITION`` row of a checked rule."""
    kind = rule.of_kind
    row: Any = np.zeros(1, CONDITION)
    row["rule"], row["kind"], row["sign"], row["armed"] = place, kind, 1, 1
    row["event"] = kind in _EVENTS
    row["once"], row["session"] = _ONCE.get(rule.once_per, 0), _SESSIONS.get(rule.session, 0)
    row["cooldown"] = duration(rule.cooldown) if rule.cooldown else 0
    row["window"] = duration(rule.window) if rule.window else _SECOND
    if kind in (RuleKind.VOLUME, RuleKind.EXPRESSION):
        row["window"] = INTERVALS[rule.window] * _SECOND
    row["step"] = np.maximum(row["window"] // STEPS, 1)
    threshold, rearm = rule.number("threshold"), rule.number("rearm")
    lowest = float("-inf") if kind is RuleKind.ANOMALY else 1.0
    row["threshold"] = lowest if threshold is None else threshold
    row["rearm"] = np.inf if rearm is None else rearm
    if kind is RuleKind.NO_DATA:
        row["threshold"] = row["window"] / _SECOND
    if kind is RuleKind.DROP:
        row["sign"] = -1
    if kind is RuleKind.CROSS:  # who begins beyond a price has not crossed it
        sign = {"up": 1, "down": -1}.get(rule.direction, 0)
        limit, back = rule.price("threshold"), rule.price("rearm")
        row["sign"], row["armed"] = sign, 0
        row["limit"] = (limit or 0) * (sign or 1)
        row["back"] = NEVER if back is None else sign * back
    found: NDArray[np.void] = row
    return found


def _patterns(rule: Rule, watchlists: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return a rule's symbols, watchlists opened."""
    return {
        symbol for one in rule.symbols for symbol in (watchlists.get(one[1:], ()) if one.startswith("@") else (one,))
    }
