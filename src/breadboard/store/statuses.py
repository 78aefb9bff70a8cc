"""What feeds say of themselves and of their instruments, from the tape to a table."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.tape import Tape
from breadboard.store.columns import arrow, integers, labels, prices
from breadboard.store.rows import Labels, Picked, common


def statuses(
    tape: Tape, details: Mapping[tuple[int, int], Mapping[str, Any]], labels_of: Labels, venues: Mapping[int, str]
) -> pa.Table:
    """Return what the feeds said of themselves and their instruments; heartbeats are left out.

    ``low`` and ``high`` are price bands; ``detail`` is the venue's own words as JSON. A status of a whole feed has an
    empty symbol, and the venue of its source.
    """
    rows = Picked(tape, np.flatnonzero((tape.kind == EventKind.STATUS) & (tape.code != StatusCode.HEARTBEAT)))
    columns = common(rows, labels_of)
    named = zip(columns["venue"].to_pylist(), rows.source.tolist(), rows.instrument.tolist(), strict=True)
    words = [venues.get(source, "") if which < 0 else venue for venue, source, which in named]
    columns["venue"] = pa.array(words, pa.string()).dictionary_encode()
    where = zip(rows.offset.tolist(), rows.index.tolist(), strict=True)
    said = [msgspec.json.encode(details[place]).decode() if place in details else "" for place in where]
    codes, places = np.unique(rows.code, return_inverse=True)
    return arrow(
        columns
        | {
            "source": integers(rows.source),
            "status": labels(places.astype(np.int32), [StatusCode(code).name.lower() for code in codes.tolist()]),
            "low": prices(rows.price, nullable=True),
            "high": prices(rows.ask_price, nullable=True),
            "detail": pa.array(said, pa.string()),
            "flags": integers(rows.flags),
        }
    )
