"""Best bids and offers over several venues, from the engine's rows to a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.nbbo import Group, NbboState, legs_in
from breadboard.store.columns import arrow, integers, labels, prices, sizes, stamps
from breadboard.store.rows import PROVENANCES, provenance
from breadboard.store.schema import LEG_MASKS


def nbbo(rows: NDArray[np.void], groups: Sequence[Group]) -> pa.Table:
    """Return ``NBBO`` rows as rows of table ``nbbo``. Provenance is the most artificial of the legs that stand."""
    column = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    columns: dict[str, pa.Array] = {
        "name": labels(column["group"], [group.name for group in groups]),
        "state": labels(column["state"], [state.label for state in NbboState]),
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(provenance(_Flags(column["flags"])), PROVENANCES),
    }
    for side in ("bid", "ask"):
        size, exponent = column[f"{side}_size"], column[f"{side}_size_exp"]
        columns[f"{side}_price"] = prices(column[side], nullable=True)
        columns[f"{side}_size"] = sizes(size, exponent, nullable=True)
    for side in ("bid", "ask"):
        columns[f"{side}_of"] = _leg(column["group"], column[f"{side}_leg"], groups)
    for side in ("bid", "ask"):
        age = np.where(column[f"{side}_leg"] < 0, ABSENT, column[f"{side}_age"])
        columns[f"{side}_age_ns"] = integers(age, nullable=True)
    columns |= {name: _legs(column["group"], column[name], groups) for name in LEG_MASKS}
    return arrow(columns | {"flags": integers(column["flags"])})


class _Flags:
    """Just enough of a tape for ``provenance``."""

    def __init__(self, flags: NDArray[np.uint16]) -> None:
        self.flags = flags


def _leg(group: NDArray[np.int32], leg: NDArray[np.int8], groups: Sequence[Group]) -> pa.DictionaryArray:
    """Return the instrument id of one leg a row; empty where there is none."""
    mask = np.where(leg < 0, np.uint64(0), np.uint64(1) << np.maximum(leg, 0).astype(np.uint64))
    return _legs(group, mask, groups)


def _legs(group: NDArray[np.int32], mask: NDArray[np.uint64], groups: Sequence[Group]) -> pa.DictionaryArray:
    """Return the instrument ids of several legs a row, one blank between two; a loop over what differs alone."""
    pairs = np.zeros(len(group), [("group", np.int32), ("mask", np.uint64)])
    pairs["group"], pairs["mask"] = group, mask
    seen, codes = np.unique(pairs, return_inverse=True)
    names: list[Any] = [_named(groups[one["group"]], int(one["mask"])) for one in seen]
    words, places = np.unique(np.array(names, object), return_inverse=True)
    return labels(places[codes].astype(np.int32), words.tolist())


def _named(group: Group, mask: int) -> str:
    return " ".join(f"{symbol}.{venue}" for venue, symbol in (group.legs[leg] for leg in legs_in(mask)))
