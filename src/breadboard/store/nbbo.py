"""Best bids and offers over several venues, from the engine's rows to a table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.nbbo import Group, NbboState, legs_in
from breadboard.store.columns import coded, integers, labels, prices, sizes, stamps, words
from breadboard.store.concluded_tables import LEG_MASKS
from breadboard.store.native import Block, Coded, Column
from breadboard.store.rows import PROVENANCES, provenance


def nbbo(rows: NDArray[np.void], groups: Sequence[Group]) -> Block:
    """Return ``NBBO`` rows as rows of table ``nbbo``. Provenance is the most artificial of the legs that stand."""
    column = {name: rows[name] for name in rows.dtype.names or ()}
    columns: dict[str, Column] = {
        "name": labels(column["group"], [group.name for group in groups]),
        "state": labels(column["state"], [state.label for state in NbboState]),
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(provenance(column["flags"]), PROVENANCES),
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
    return Block(columns | {"flags": integers(column["flags"])})


def _leg(group: NDArray[np.int32], leg: NDArray[np.int8], groups: Sequence[Group]) -> Coded:
    """Return the instrument id of one leg a row; empty where there is none."""
    mask = np.where(leg < 0, np.uint64(0), np.uint64(1) << np.maximum(leg, 0).astype(np.uint64))
    return _legs(group, mask, groups)


def _legs(group: NDArray[np.int32], mask: NDArray[np.uint64], groups: Sequence[Group]) -> Coded:
    """Return the instrument ids of several legs a row, one blank between two; a loop over what differs alone."""
    masks, which = np.unique(mask, return_inverse=True)
    seen, codes = np.unique(which * len(groups) + group, return_inverse=True)
    pairs = [divmod(one, len(groups)) for one in seen.tolist()]
    named = words(_named(groups[place], int(masks[which])) for which, place in pairs)
    return coded(named.codes[codes], named.keys)


def _named(group: Group, mask: int) -> str:
    return " ".join(f"{symbol}.{venue}" for venue, symbol in (group.legs[leg] for leg in legs_in(mask)))
