"""Anomalies, from the engine's rows to a table."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.anomalies import TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.store.columns import integers, labels, stamps
from breadboard.store.native import Block
from breadboard.store.rows import PROVENANCES, Labels, provenance

_KINDS: Final = ("", *(kind.label for kind in Anomaly))
_SEVERITIES: Final = ("", "low", "medium", "high")
_MEASURED: Final = ("value", "baseline", "threshold", "score")
_COUNTED: Final = ("from_offset", "to_offset", "samples", "suppressed", "flags")


def anomalies(rows: NDArray[np.void], labels_of: Labels, venues: Mapping[int, str]) -> Block:
    """Return ``ANOMALY`` rows. ``venues`` are those of sources that are silent as a whole, by their numbers.

    What is wrong with a whole source has a venue and an empty symbol. Provenance is that of the evidence.
    """
    column = {name: rows[name] for name in rows.dtype.names or ()}
    return Block(
        {
            **labels_of.wide_columns(column["instrument"], column["source"], venues),
            "ts_event": stamps(column["ts_event"], nullable=True),
            "ts_recv": stamps(column["ts_recv"]),
            "sequence": integers(np.full(len(rows), ABSENT), nullable=True),
            "offset": integers(column["offset"]),
            "index": integers(column["index"]),
            "provenance": labels(provenance(column["flags"]), PROVENANCES),
            "kind": labels(column["kind"], _KINDS),
            "severity": labels(column["severity"], _SEVERITIES),
            **{name: integers(column[name]) for name in _MEASURED},
            "time_of_day": labels(column["bucket"], TIMES_OF_DAY),
            **{name: integers(column[name]) for name in _COUNTED},
        }
    )
