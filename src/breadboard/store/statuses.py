"""What feeds say of themselves and of their instruments, from the tape to a table."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.tape import Tape
from breadboard.store.columns import integers, labels, prices
from breadboard.store.native import NOTHING, Block, Texts
from breadboard.store.rows import Labels, Picked, unlabelled

_NO_NEWS: Final = (StatusCode.HEARTBEAT, StatusCode.NO_TRADE)
"""Many, and said for the engine's sake."""


def statuses(
    tape: Tape, details: Mapping[tuple[int, int], Mapping[str, Any]], labels_of: Labels, venues: Mapping[int, str]
) -> Block:
    """Return what the feeds said of themselves and their instruments; heartbeats and numbers of no trade are left out.

    ``low`` and ``high`` are price bands; ``detail`` is the venue's own words as JSON. A status of a whole feed has an
    empty symbol, and the venue of its source.
    """
    found = np.flatnonzero((tape.kind == EventKind.STATUS) & ~np.isin(tape.code, _NO_NEWS))
    if not len(found):
        return NOTHING
    rows = Picked(tape, found)
    where = zip(rows.offset.tolist(), rows.index.tolist(), strict=True)
    said = [msgspec.json.encode(details[place]).decode() if place in details else "" for place in where]
    codes, places = np.unique(rows.code, return_inverse=True)
    return Block(
        labels_of.wide_columns(rows.instrument, rows.source, venues)
        | unlabelled(rows)
        | {
            "source": integers(rows.source),
            "status": labels(places, [StatusCode(code).name.lower() for code in codes.tolist()]),
            "low": prices(rows.price, nullable=True),
            "high": prices(rows.ask_price, nullable=True),
            "detail": Texts(said),
            "flags": integers(rows.flags),
        }
    )
