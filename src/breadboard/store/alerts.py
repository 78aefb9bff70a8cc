"""Alerts, from the engine's rows to a table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from breadboard.model.alerts import AlertState, RuleVersion
from breadboard.model.instruments import Instruments
from breadboard.model.rule_words import cause, told
from breadboard.model.rules import Rule, RuleKind
from breadboard.store.columns import integers, labels, prices, stamps
from breadboard.store.rows import PROVENANCES, Flagged, Labels, provenance

_STATES: Final = ("", *(state.label for state in AlertState))
_KINDS: Final = ("", *(kind.label for kind in RuleKind))
_REQUIRED: Final = frozenset(
    (
        *("venue", "symbol", "ts_recv", "offset", "index", "provenance", "alert_id", "rule", "rule_version"),
        *("kind", "state", "gapped", "cause", "flags", "message"),
    )
)


class _Rows:
    """Just enough of a tape for ``provenance``."""

    def __init__(self, flags: NDArray[np.uint16]) -> None:
        self.flags = flags


def alerts(
    rows: NDArray[np.void],
    rules: Sequence[RuleVersion],
    labels_of: Labels,
    instruments: Instruments,
    venues: Mapping[int, str],
) -> pa.Table:
    """Return ``ALERT`` rows as rows of table ``alerts``; ``venues`` is by source. A loop over rows: alerts are few.

    An alert of a whole source has an empty symbol, and the venue of its source.
    """
    column = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    wide = column["instrument"] < 0
    flagged: Flagged = _Rows(column["flags"])
    columns: dict[str, pa.Array] = labels_of.columns(column["instrument"])
    if wide.any():
        named = zip(columns["venue"].to_pylist(), column["source"].tolist(), wide.tolist(), strict=True)
        words = [venues.get(source, "") if lone else venue for venue, source, lone in named]
        columns["venue"] = pa.array(words, pa.string()).dictionary_encode()
    columns |= {
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "sequence": integers(column["sequence"], nullable=True),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(provenance(flagged), PROVENANCES),
        "alert_id": pa.array([one.decode() for one in column["id"].tolist()], pa.string()),
        "rule": labels(column["rule"], [one.name for one in rules]),
        "rule_version": labels(column["rule"], [one.version for one in rules]),
        "kind": labels(column["kind"], _KINDS),
        "state": labels(column["state"], _STATES),
        **{name: _known(column[name]) for name in ("value", "threshold", "reference")},
        "reference_offset": integers(column["reference_offset"], nullable=True),
        "price": prices(column["price"], nullable=True),
        "ts_window": stamps(column["ts_window"], nullable=True),
        "gapped": integers(column["gapped"]),
        "cause": pa.array([cause(row, RuleKind(int(row["kind"]))) for row in rows], pa.string()).dictionary_encode(),
        "flags": integers(column["flags"]),
        "message": pa.array(_messages(rows, rules, instruments, venues), pa.string()),
    }
    schema = pa.schema([pa.field(name, its.type, nullable=name not in _REQUIRED) for name, its in columns.items()])
    return pa.Table.from_arrays(list(columns.values()), schema=schema)


def _known(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _messages(
    rows: NDArray[np.void], rules: Sequence[RuleVersion], instruments: Instruments, venues: Mapping[int, str]
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
