"""Alerts, from the engine's rows to a table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.model.alerts import AlertState, RuleVersion
from breadboard.model.instruments import Instrument
from breadboard.model.rule_words import cause, told
from breadboard.model.rules import Rule, RuleKind
from breadboard.store.columns import integers, known, labels, prices, stamps, words
from breadboard.store.native import Block, Texts
from breadboard.store.rows import PROVENANCES, Labels, provenance

_STATES: Final = ("", *(state.label for state in AlertState))
_KINDS: Final = ("", *(kind.label for kind in RuleKind))


def alerts(
    rows: NDArray[np.void],
    rules: Sequence[RuleVersion],
    labels_of: Labels,
    instruments: Sequence[Instrument],
    venues: Mapping[int, str],
) -> Block:
    """Return ``ALERT`` rows as rows of table ``alerts``; ``venues`` is by source. A loop over rows: alerts are few.

    An alert of a whole source has an empty symbol, and the venue of its source.
    """
    column = {name: rows[name] for name in rows.dtype.names or ()}
    columns = labels_of.wide_columns(column["instrument"], column["source"], venues)
    columns |= {
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "sequence": integers(column["sequence"], nullable=True),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(provenance(column["flags"]), PROVENANCES),
        "alert_id": Texts(column["id"].tolist()),
        "rule": labels(column["rule"], [one.name for one in rules]),
        "rule_version": labels(column["rule"], [one.version for one in rules]),
        "kind": labels(column["kind"], _KINDS),
        "state": labels(column["state"], _STATES),
        **{name: known(column[name]) for name in ("value", "threshold", "reference")},
        "reference_offset": integers(column["reference_offset"], nullable=True),
        "price": prices(column["price"], nullable=True),
        "ts_window": stamps(column["ts_window"], nullable=True),
        "gapped": integers(column["gapped"]),
        "cause": words(cause(row, RuleKind(int(row["kind"]))) for row in rows),
        "flags": integers(column["flags"]),
        "message": Texts(_messages(rows, rules, instruments, venues)),
    }
    return Block(columns)


def _messages(
    rows: NDArray[np.void], rules: Sequence[RuleVersion], instruments: Sequence[Instrument], venues: Mapping[int, str]
) -> list[str]:
    known: dict[int, Rule] = {}
    said = []
    for row in rows:
        place: Any = int(row["rule"])
        rule = known.get(place) or known.setdefault(place, msgspec.json.decode(rules[place].text, type=Rule))
        which = int(row["instrument"])
        name = instruments[which].id if which >= 0 else venues.get(int(row["source"]), "") or "every source"
        said.append(told(row, rule, name))
    return said
