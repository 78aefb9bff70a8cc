"""Anomalies, from the engine's rows to a table."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from breadboard.model.anomalies import TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.store.columns import arrow, integers, labels, stamps
from breadboard.store.rows import PROVENANCES, Labels, provenance

_KINDS: Final = ("", *(kind.label for kind in Anomaly))
_SEVERITIES: Final = ("", "low", "medium", "high")
_MEASURED: Final = ("value", "baseline", "threshold", "score")
_COUNTED: Final = ("from_offset", "to_offset", "samples", "suppressed", "flags")


def anomalies(rows: NDArray[np.void], labels_of: Labels, venues: Mapping[int, str]) -> pa.Table:
    """Return ``ANOMALY`` rows. ``venues`` are those of sources that are silent as a whole, by their numbers.

    What is wrong with a whole source has a venue and an empty symbol. Provenance is that of the evidence.
    """
    column = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    named = labels_of.columns(column["instrument"])
    venue = labels_of.venue_of[column["instrument"]]
    words = [*labels_of.venues, *venues.values()]
    for place, source in enumerate(venues, len(labels_of.venues)):
        venue = np.where((column["instrument"] < 0) & (column["source"] == source), np.int32(place), venue)
    return arrow(
        {
            "venue": labels(venue, words),
            "symbol": named["symbol"],
            "ts_event": stamps(column["ts_event"], nullable=True),
            "ts_recv": stamps(column["ts_recv"]),
            "sequence": integers(np.full(len(rows), ABSENT), nullable=True),
            "offset": integers(column["offset"]),
            "index": integers(column["index"]),
            "provenance": labels(provenance(_Flags(column["flags"])), PROVENANCES),
            "kind": labels(column["kind"], _KINDS),
            "severity": labels(column["severity"], _SEVERITIES),
            **{name: integers(column[name]) for name in _MEASURED},
            "time_of_day": labels(column["bucket"], TIMES_OF_DAY),
            **{name: integers(column[name]) for name in _COUNTED},
        }
    )


class _Flags:
    """Just enough of a tape for ``provenance``."""

    def __init__(self, flags: NDArray[np.uint16]) -> None:
        self.flags = flags
