"""Alert rules as people write them: what is watched, what must happen, and how often that is told.

A rule's *version* is a hash of its text, so an edited rule is another version wherever it is edited, and the same
text has the same version in a file, in the database, live and in a back-test.
"""

import hashlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import msgspec

from breadboard.errors import UsageError
from breadboard.model import anomalies
from breadboard.model.bars import INTERVALS
from breadboard.model.decimals import parse_price

MOST_RULES: Final = 1_000
MOST_NAMES: Final = 10_000
"""Symbols of one rule or watchlist."""
NAME_CHARACTERS: Final = 64
_UNITS: Final = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
_LONGEST: Final = 30 * 86_400 * 10**9


class RuleKind(IntEnum):
    """What a rule looks at. Values are stored and hashed into digests: add at the end, never renumber."""

    RISE = 1
    """The price is ``threshold`` percent above its lowest within ``window``."""
    DROP = 2
    """The price is ``threshold`` percent below its highest within ``window``."""
    CROSS = 3
    """The price comes to ``threshold`` from below (``up``), from above (``down``), or ``either``."""
    SPREAD = 4
    """A quote's spread is ``threshold`` basis points of its mid or more."""
    VOLUME = 5
    """A bar of ``window`` has ``threshold`` times the volume of the 20 bars before it, on average, or more."""
    NO_DATA = 6
    """An instrument that was heard of says nothing for ``window``, while its market is open."""
    LAG = 7
    """Everything that came in ``window`` was ``threshold`` milliseconds late or more."""
    GAP = 8
    """Something may be missing."""
    HALT = 9
    """The venue halts the instrument."""
    ARBITRAGE = 10
    """An opportunity would earn ``threshold`` basis points net or more."""
    ANOMALY = 11
    """An anomaly, one of ``of`` where that is given, scores ``threshold`` or more."""
    EXPRESSION = 12
    """What ``expression`` says of a window is true, or comes to ``threshold``."""

    @property
    def label(self) -> str:
        """The word used in rules and SQL."""
        return self.name.lower()


KINDS: Final = {kind.label: kind for kind in RuleKind}
_WANTED: Final = {
    RuleKind.RISE: ("threshold", "window"),
    RuleKind.DROP: ("threshold", "window"),
    RuleKind.CROSS: ("threshold",),
    RuleKind.SPREAD: ("threshold",),
    RuleKind.VOLUME: ("threshold", "window"),
    RuleKind.NO_DATA: ("window",),
    RuleKind.LAG: ("threshold",),
    RuleKind.GAP: (),
    RuleKind.HALT: (),
    RuleKind.ARBITRAGE: ("threshold",),
    RuleKind.ANOMALY: (),
    RuleKind.EXPRESSION: ("expression", "window"),
}
_TAKEN: Final = {
    RuleKind.RISE: ("rearm",),
    RuleKind.DROP: ("rearm",),
    RuleKind.CROSS: ("rearm", "direction"),
    RuleKind.SPREAD: ("rearm",),
    RuleKind.VOLUME: ("rearm",),
    RuleKind.LAG: ("rearm", "window"),
    RuleKind.ARBITRAGE: ("rearm",),
    RuleKind.ANOMALY: ("threshold", "of"),
    RuleKind.EXPRESSION: ("threshold", "rearm"),
}
_OF_ALL: Final = frozenset({"name", "kind", "symbols", "cooldown", "once_per", "session", "enabled"})
_EXAMPLES: Final = {
    "threshold": "threshold = 1.5",
    "window": 'window = "5m"',
    "expression": 'expression = "close > vwap * 1.01"',
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One rule. Units of ``threshold`` and ``rearm`` are the kind's: percent, price, basis points, times, ms, score."""

    name: str
    kind: str
    symbols: tuple[str, ...] = ("*",)
    """``BTCUSDT.BINANCE``; ``*.BINANCE`` for all of a venue; ``*`` for all; ``@majors`` for a watchlist."""
    threshold: float | str | None = None
    rearm: float | str | None = None
    """After an alert, the value must be back at this level before the next; left out: anywhere below the threshold."""
    window: str = ""
    direction: str = ""
    of: tuple[str, ...] = ()
    expression: str = ""
    cooldown: str = ""
    """At most one alert of an instrument in so long; crossings meanwhile are counted and not told."""
    once_per: str = ""
    """At most one alert of an instrument per ``session``, ``day`` (UTC) or ``hour``."""
    session: str = ""
    """Look only in the venue's ``regular`` or ``extended`` hours; left out: always."""
    enabled: bool = True

    @property
    def version(self) -> str:
        """12 hex digits of a hash of what the rule says; what it leaves out and what it says as by default are one."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        text = msgspec.json.encode({name: value for name, value in said.items() if value != _DEFAULTS.get(name)})
        return hashlib.blake2b(text, digest_size=6).hexdigest()

    @property
    def of_kind(self) -> RuleKind:
        """The kind; of a checked rule."""
        return KINDS[self.kind]

    def number(self, field: str) -> float | None:
        """Return ``threshold`` or ``rearm`` as a float; None where it is left out."""
        value = getattr(self, field)
        return None if value is None else float(value)

    def price(self, field: str) -> int | None:
        """Return ``threshold`` or ``rearm`` as an exact price in 1e-9; None where it is left out. Raises ValueError."""
        value = getattr(self, field)
        return None if value is None else parse_price(value if isinstance(value, str) else repr(float(value)))


class RuleSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All rules that hold from some record of the journal on, and the watchlists that they name."""

    rules: tuple[Rule, ...] = ()
    watchlists: dict[str, tuple[str, ...]] = {}

    def encoded(self) -> bytes:
        """Return the body of a RULES record: equal sets give equal bytes."""
        return msgspec.json.encode(self, order="sorted")


def duration(text: str) -> int:
    """Return the nanoseconds of ``500ms``, ``5s``, ``1m``, ``1h`` or ``1d``. Raises ValueError."""
    digits = text.rstrip("mshd")
    unit = _UNITS.get(text[len(digits) :])
    if unit is None or not (digits.isascii() and digits.isdecimal()) or len(digits) > 9:
        raise ValueError(f"{text!r} is no length of time")
    length = int(digits) * unit
    if not 0 < length <= _LONGEST:
        raise ValueError(f"{text!r} is not between 1ms and 30d")
    return length


def matches(patterns: tuple[str, ...], watchlists: Mapping[str, tuple[str, ...]], venue: str, symbol: str) -> bool:
    """Tell whether an instrument is among a rule's symbols. A watchlist names no other watchlist."""
    wanted = {"*", f"*.{venue}", f"{symbol}.{venue}"}
    return any(
        not wanted.isdisjoint(watchlists.get(one[1:], ())) if one.startswith("@") else one in wanted for one in patterns
    )


def read(tree: Mapping[str, Any], where: str) -> RuleSet:
    """Return the rules and watchlists of a TOML or JSON tree. Raises UsageError naming ``where``, rule and value."""
    if odd := set(tree) - {"rules", "watchlists"}:
        raise UsageError(f"{where}: {min(odd)!r} is no rule and no watchlist", hint="[[rules]] or [watchlists]")
    kept, hint = tree.get("watchlists", {}), 'a watchlist is a list of symbols: majors = ["BTCUSDT.BINANCE"]'
    lists = _converted(kept, dict[str, tuple[str, ...]], f"{where}: the watchlists are wrong", hint)
    found = []
    entries = tree.get("rules", [])
    if not isinstance(entries, list):
        raise UsageError(f"{where}: the rules are no list", hint='[[rules]]   # a table each, with name = "…"')
    for at, entry in enumerate(entries, 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        which = f"{where}: rule {name!r}" if isinstance(name, str) else f"{where}: rule number {at}"
        hint = f"a rule has: {', '.join(Rule.__struct_fields__)}"
        found.append(_converted(entry, Rule, f"{which} is wrong", hint))
    ruleset = RuleSet(tuple(found), lists)
    check(ruleset, where)
    return ruleset


def joined(one: RuleSet, other: RuleSet, where: str) -> RuleSet:
    """Return two sets as one. Raises UsageError where both have a rule, or unlike watchlists, of one name."""
    for name in one.watchlists.keys() & other.watchlists.keys():
        if one.watchlists[name] != other.watchlists[name]:
            raise UsageError(f"{where}: the watchlist {name!r} is there twice", hint="give one another name")
    both = RuleSet((*one.rules, *other.rules), {**one.watchlists, **other.watchlists})
    check(both, where)
    return both


def check(ruleset: RuleSet, where: str) -> None:
    """Refuse rules that cannot be followed, but for their expressions. Raises UsageError naming rule and value."""
    if len(ruleset.rules) > MOST_RULES:
        raise UsageError(f"{where}: {len(ruleset.rules):,} rules are too many", hint=f"at most {MOST_RULES:,}")
    for name, symbols in ruleset.watchlists.items():
        _check_symbols(symbols, f"{where}: watchlist {name!r}")
        if any(one.startswith("@") for one in symbols):
            raise UsageError(f"{where}: watchlist {name!r} names a watchlist", hint="write its symbols out")
    seen: set[str] = set()
    for rule in ruleset.rules:
        which = f"{where}: rule {rule.name!r}"
        if not (0 < len(rule.name) <= NAME_CHARACTERS and rule.name.isprintable()):
            raise UsageError(f"{which}: a name has 1 to {NAME_CHARACTERS} printable characters", hint='name = "btc up"')
        if rule.name in seen:
            raise UsageError(f"{which} is there a second time", hint="give one of them another name")
        seen.add(rule.name)
        _check_symbols(rule.symbols, which)
        for one in rule.symbols:
            if one.startswith("@") and one[1:] not in ruleset.watchlists:
                known = ", ".join(ruleset.watchlists) or "none"
                hint = f'there are: {known}   # or [watchlists] {one[1:]} = ["BTCUSDT.BINANCE"]'
                raise UsageError(f"{which}: there is no watchlist {one[1:]!r}", hint=hint)
        _check_rule(rule, which)


def _check_rule(rule: Rule, which: str) -> None:
    if rule.kind not in KINDS:
        raise UsageError(f"{which}: there is no kind {rule.kind!r}", hint=f"kinds: {', '.join(KINDS)}")
    kind = KINDS[rule.kind]
    given = {name for name in Rule.__struct_fields__ if getattr(rule, name) != _DEFAULTS.get(name)}
    for name in _WANTED[kind]:
        if name not in given:
            raise UsageError(f"{which}: a rule of kind {rule.kind} needs a {name}", hint=_EXAMPLES[name])
    if odd := given - _OF_ALL - set(_WANTED[kind]) - set(_TAKEN.get(kind, ())):
        raise UsageError(
            f"{which}: {min(odd)!r} means nothing to a rule of kind {rule.kind}",
            hint=f"it takes: {', '.join((*_WANTED[kind], *_TAKEN.get(kind, ()), *sorted(_OF_ALL)))}",
        )
    for name in ("window", "cooldown"):
        if text := getattr(rule, name):
            _told(lambda text=text: duration(text), f"{which}: {name}", f'{name} = "5m"   # ms, s, m, h or d')
    if kind in (RuleKind.VOLUME, RuleKind.EXPRESSION) and rule.window not in INTERVALS:
        raise UsageError(f"{which}: there are no bars of {rule.window!r}", hint=f"window: {', '.join(INTERVALS)}")
    _one_of(rule.direction, ("", "up", "down", "either"), f"{which}: direction")
    _one_of(rule.once_per, ("", "session", "day", "hour"), f"{which}: once_per")
    _one_of(rule.session, ("", "regular", "extended"), f"{which}: session")
    for one in rule.of:
        _one_of(one, tuple(anomalies.BY_NAME), f"{which}: of")
    _check_levels(rule, kind, which)


def _check_levels(rule: Rule, kind: RuleKind, which: str) -> None:
    """Refuse levels that are no numbers, and a re-arm level that is no way back."""
    levels: dict[str, float] = {}
    for name in ("threshold", "rearm"):
        if getattr(rule, name) is not None:
            get = rule.price if kind is RuleKind.CROSS else rule.number
            value = _told(lambda get=get, name=name: get(name), f"{which}: {name}", f"{name} = 1.5")
            if not abs(value) < float("inf"):
                raise UsageError(f"{which}: {name} is {value}, no number", hint=f"{name} = 1.5")
            levels[name] = value
    if "threshold" in levels and levels["threshold"] <= 0 and kind is not RuleKind.EXPRESSION:
        raise UsageError(f"{which}: threshold {rule.threshold} is not above 0", hint="threshold = 1.5")
    if "rearm" not in levels:
        return
    if "threshold" not in levels:
        raise UsageError(f"{which}: rearm without threshold", hint="threshold = 5.0   # of an expression with a number")
    if kind is RuleKind.CROSS and rule.direction in ("", "either"):
        raise UsageError(f"{which}: rearm of a price to cross needs a direction", hint='direction = "up"   # or "down"')
    back = levels["rearm"] - levels["threshold"]
    if (back > 0) != (rule.direction == "down") and back != 0:
        side = "below" if rule.direction == "down" else "above"
        raise UsageError(
            f"{which}: rearm {rule.rearm} lies {side} threshold {rule.threshold}: it would never be left",
            hint="rearm is where the value must come back to before the rule may fire again",
        )


def _check_symbols(symbols: tuple[str, ...], which: str) -> None:
    if not 0 < len(symbols) <= MOST_NAMES:
        raise UsageError(f"{which}: {len(symbols):,} symbols", hint=f"1 to {MOST_NAMES:,}; * is all of them")
    for one in symbols:
        plain = one.startswith("@") or one == "*" or (one.rpartition(".")[0] and one.rpartition(".")[2].isupper())
        if not (plain and len(one) <= 2 * NAME_CHARACTERS and one.isprintable()):
            hint = "BTCUSDT.BINANCE, *.BINANCE for all of a venue, * for all, @name for a watchlist"
            raise UsageError(f"{which}: {one!r} is no symbol", hint=hint)


def _one_of(value: str, known: tuple[str, ...], which: str) -> None:
    if value not in known:
        raise UsageError(f"{which} is {value!r}", hint=f"one of: {', '.join(one for one in known if one)}")


def _told(get: Any, which: str, hint: str) -> Any:  # noqa: ANN401 - whatever ``get`` returns
    try:
        return get()
    except ValueError as error:
        raise UsageError(f"{which}: {error}", hint=hint) from None


def _converted(value: Any, kind: Any, which: str, hint: str) -> Any:  # noqa: ANN401 - msgspec.convert's own types
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"{which}: {error}", hint=hint) from None


_DEFAULTS: Final = dict(zip(Rule.__struct_fields__[2:], Rule.__struct_defaults__, strict=True))
