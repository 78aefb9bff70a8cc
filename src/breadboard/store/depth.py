"""Depth snapshots, from the engine's rows to a table."""

import numpy as np
from numpy.typing import NDArray

from breadboard.model.bars import INTERVALS
from breadboard.model.kinds import BookState
from breadboard.store.columns import integers, labels, lists, prices, sizes, stamps
from breadboard.store.native import Block, Column
from breadboard.store.rows import PROVENANCES, Labels


def depth_snapshots(rows: NDArray[np.void], labels_of: Labels, origin: NDArray[np.uint8]) -> Block:
    """Return depth rows as rows of table ``depth_snapshots``; ``origin`` has a ``provenance`` code per row."""
    column = {name: rows[name] for name in rows.dtype.names or ()}
    lengths = list(INTERVALS.values())
    columns: dict[str, Column] = {
        **labels_of.columns(column["instrument"]),
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "sequence": integers(column["sequence"], nullable=True),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(origin, PROVENANCES),
        "interval": labels(np.searchsorted(lengths, column["interval"]), list(INTERVALS)),
        "state": labels(column["state"], [state.label for state in BookState]),
        "ts_book": stamps(column["ts_book"], nullable=True),
        "ts_recv_book": stamps(column["ts_recv_book"], nullable=True),
        "offset_book": integers(column["offset_book"], nullable=True),
        "is_crossed": integers(column["is_crossed"]),
    }
    for side in ("bid", "ask"):
        counts = column[f"{side}s"].astype(np.int32)
        used = np.arange(column[f"{side}_price"].shape[1]) < counts[:, None]
        told = [column[f"{side}_{name}"][used] for name in ("price", "size", "size_exp")]
        columns[f"{side}_prices"] = lists(counts, prices(told[0]))
        columns[f"{side}_sizes"] = lists(counts, sizes(told[1], told[2]))
    return Block(columns)
