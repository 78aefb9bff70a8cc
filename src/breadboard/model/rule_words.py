"""Rules and alerts in plain sentences, for lists, tables and messages."""

from math import isfinite
from typing import Any, Final

import numpy as np

from breadboard.model.alerts import AlertState, Silence
from breadboard.model.anomalies import Anomaly
from breadboard.model.decimals import ABSENT, price_text
from breadboard.model.kinds import Flag, GapReason
from breadboard.model.rules import Rule, RuleKind

_WAYS: Final = {"up": "rises to", "down": "falls to"}
_FLAGS: Final = {
    Flag.SYNTHETIC: "synthetic",
    Flag.REPLAYED: "replayed",
    Flag.HISTORY: "history",
    Flag.DELAYED: "delayed",
    Flag.CONFLATED: "conflated",
}
_UNITS: Final = {RuleKind.RISE: " %", RuleKind.DROP: " %", RuleKind.SPREAD: " bps", RuleKind.ARBITRAGE: " bps"}
_CAUSES: Final[dict[RuleKind, type[Silence | GapReason | Anomaly]]] = {
    RuleKind.NO_DATA: Silence,
    RuleKind.GAP: GapReason,
    RuleKind.ANOMALY: Anomaly,
}
_SILENT: Final = {
    Silence.QUIET: "while its source is heard",
    Silence.SOURCE: "and its source says nothing either",
    Silence.DOWN: "and its source is not connected",
}

_WHAT: Final = {
    RuleKind.RISE: "the price of {on} rises {level} % or more above its lowest within {window}",
    RuleKind.DROP: "the price of {on} falls {level} % or more below its highest within {window}",
    RuleKind.CROSS: "the price of {on} {way} {level}",
    RuleKind.SPREAD: "the quoted spread of {on} is {level} basis points of the mid or more",
    RuleKind.VOLUME: "the volume of {on} in {window} is {level} times the average of the 20 bars before, or more",
    RuleKind.NO_DATA: "nothing is heard of {on} for {window} while its market is open",
    RuleKind.LAG: "everything of {on} within {window} comes {level} ms late or more",
    RuleKind.GAP: "something of {on} may be missing",
    RuleKind.HALT: "{on} is halted",
    RuleKind.ARBITRAGE: "an opportunity with {on} would earn {level} basis points net or more",
    RuleKind.ANOMALY: "an anomaly of {on}{kinds} is found{score}",
    RuleKind.EXPRESSION: "{expression} {comes} of {on} over {window}",
}
_FOUND: Final = {
    RuleKind.RISE: "rose {value:.4g} % to {price} from {reference} within {window}",
    RuleKind.DROP: "fell {value:.4g} % to {price} from {reference} within {window}",
    RuleKind.CROSS: "{went} {level}: {price} after {reference}",
    RuleKind.SPREAD: "has a spread of {value:.4g} basis points of {reference}",
    RuleKind.VOLUME: "traded {value:.4g} times the usual {reference} in {window}",
    RuleKind.NO_DATA: "has said nothing for {value:.4g} s, {silent}",
    RuleKind.LAG: "comes {value:.4g} ms late",
    RuleKind.GAP: "may lack something: {cause}",
    RuleKind.HALT: "is halted",
    RuleKind.ARBITRAGE: "would earn {value:.4g} basis points net, {reference} gross",
    RuleKind.ANOMALY: "shows an anomaly ({cause}), score {value:.4g}",
    RuleKind.EXPRESSION: "met {expression}{number}",
}


def sentence(rule: Rule) -> str:
    """Return what a checked rule asks for."""
    on = _among(rule.symbols)
    parts = [f"Tell me when {_what(rule, on)}"]
    if rule.session:
        parts.append(f"in {rule.session} hours")
    if rule.once_per:
        parts.append(f"once per {rule.once_per} and instrument at most")
    if rule.cooldown:
        parts.append(f"not again within {rule.cooldown}")
    if rule.rearm is not None:
        level = _number(rule.rearm) + _UNITS.get(rule.of_kind, "")
        parts.append(f"and again only after the value was back at {level}")
    off = "" if rule.enabled else " (switched off)"
    return f"{', '.join(parts)}.{off}"


def _what(rule: Rule, on: str) -> str:
    level = "" if rule.threshold is None else _number(rule.threshold)
    kinds = " or ".join(one.replace("_", " ") for one in rule.of)
    return _WHAT[rule.of_kind].format(
        on=on,
        level=level,
        window=rule.window or "1s",
        way=_WAYS.get(rule.direction, "crosses"),
        kinds=f" ({kinds})" if kinds else "",
        score=f" with a score of {level} or more" if level else "",
        expression=rule.expression,
        comes=f"comes to {level}" if level else "is true",
    )


def told(row: np.void, rule: Rule, instrument: str) -> str:
    """Return what one ``ALERT`` row says, with what it is to be taken with: gaps, and where the data comes from."""
    if row["state"] == AlertState.RETRACTED:
        what = f"{instrument}: the trade at {price_text(int(row['price']))} was taken back; the alert no longer holds"
    else:
        what = f"{instrument} {_found(row, rule)}"
    remarks = [word for flag, word in _FLAGS.items() if int(row["flags"]) & flag]
    if row["gapped"] and rule.of_kind is not RuleKind.GAP:
        remarks.append("something may be missing")
    return f"{rule.name}: {what}" + (f" ({', '.join(remarks)})" if remarks else "")


def _found(row: np.void, rule: Rule) -> str:
    code, value = int(row["cause"]), float(row["value"])
    kind = rule.of_kind
    return _FOUND[kind].format(
        value=value,
        price=price_text(int(row["price"])) if row["price"] != ABSENT else "",
        reference=f"{float(row['reference']):.10g}" if isfinite(row["reference"]) else "",
        level="" if rule.threshold is None else _number(rule.threshold),
        went=_went(row, rule),
        window=rule.window,
        silent=_SILENT.get(Silence(code), "") if kind is RuleKind.NO_DATA else "",
        cause=cause(row, kind).replace("_", " "),
        expression=rule.expression,
        number="" if rule.threshold is None else f": {value:.6g}",
    )


def _went(row: np.void, rule: Rule) -> str:
    """Tell which way a price was crossed, or that it is beyond where the price before it was no other.

    That is so where the one before is of no hours of the rule's, or was told of, and the rule is ready again.
    """
    level = rule.price("threshold") if rule.of_kind is RuleKind.CROSS else None
    if level is None:
        return ""
    price, reference, threshold = float(row["value"]), float(row["reference"]), float(rule.threshold or 0)
    if rule.direction in ("up", "down"):
        rose = rule.direction == "up"
    else:
        rose = bool(row["price"] > level) if row["price"] != level else price > reference
    if rose:
        return "is past" if reference > threshold else "rose to"
    return "is past" if reference < threshold else "fell to"


def cause(row: np.void, kind: RuleKind) -> str:
    """Return the word for ``ALERT.cause``; empty where the kind has none."""
    vocabulary = _CAUSES.get(kind)
    code = int(row["cause"])
    return vocabulary(code).label if vocabulary is not None and code else ""


def _among(symbols: tuple[str, ...]) -> str:
    words = {"*": "any instrument"}
    named = [
        words.get(one)
        or (f"any of {one[1:]}" if one.startswith("@") else "")
        or (f"anything at {one[2:]}" if one.startswith("*.") else one)
        for one in symbols
    ]
    more = f" or {len(named) - 3} more" if len(named) > 3 else ""
    return " or ".join(named[:3]) + more


def _number(value: Any) -> str:  # noqa: ANN401 - a rule's number, as text or float
    return value if isinstance(value, str) else f"{value:.12g}"
