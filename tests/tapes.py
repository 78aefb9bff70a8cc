"""Tapes made by hand: one row a mapping of columns, with its levels beside it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape

T0 = 1_700_000_000_000_000_000
"""A whole second and not a whole minute: 2023-11-14 22:13:20 UTC."""
SECOND = 1_000_000_000

Level = tuple[int, int, int]
"""Side, price, size."""


def tape(rows: Sequence[Mapping[str, Any]], gaps: Sequence[tuple[int, Gap]] = (), first: int = 0) -> Tape:
    """Return a tape of the rows at offsets ``first, first + 1, …`` unless a row says otherwise.

    ``levels`` of a row are its book levels; ``ts_recv`` is ``T0`` plus a microsecond a row unless given.
    """
    columns: dict[str, list[Any]] = {name: [] for name in EVENT_COLUMNS}
    levels: list[Level] = []
    for at, row in enumerate(rows, first):
        begin = len(levels)
        levels += row.get("levels", ())
        given = {"offset": at, "ts_recv": T0 + at * 1000, "instrument": 0, **row}
        given |= {"level_begin": begin, "level_end": len(levels)}
        for name, (_, default) in EVENT_COLUMNS.items():
            columns[name].append(given.get(name, default))
    names = ("level_side", "level_price", "level_size")
    held = {name: [level[at] for level in levels] for at, name in enumerate(names)}
    held["level_size_exp"] = [LEVEL_COLUMNS["level_size_exp"][1]] * len(levels)
    return Tape.of(len(rows), columns, held, gaps)


def copied(original: Tape) -> Tape:
    """Return the same tape with a flags column of its own, as the engine hands it to its stages."""
    return Tape(
        **{name: getattr(original, name).copy() for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)}, gaps=original.gaps
    )


def cut(original: Tape, at: Sequence[int]) -> list[Tape]:
    """Return the tape in pieces that begin at the given rows."""
    bounds = [0, *sorted(at), len(original)]
    return [copied(original.take(slice(a, b))) for a, b in pairwise(bounds)]


def trade(trade_id: int, when: int, price: int = 100, size: int = 1, **more: int) -> dict[str, Any]:
    """Return a trade: event time in ns after T0, price in whole units, size in whole units, received at once."""
    row = {"kind": EventKind.TRADE, "trade_id": trade_id, "ts_event": T0 + when, "ts_recv": T0 + when}
    return row | {"price": price * 10**9, "size": size * 10**8, "side": 1} | more


def delta(first: int, last: int, levels: Sequence[Level] = (), **more: int) -> dict[str, Any]:
    """Return a book delta of venue numbers ``first..last``."""
    return {"kind": EventKind.BOOK_DELTA, "sequence_first": first, "sequence": last, "levels": levels} | more


def snapshot(sequence: int, levels: Sequence[Level] = (), **more: int) -> dict[str, Any]:
    """Return a book snapshot of venue number ``sequence``."""
    return {"kind": EventKind.BOOK_SNAPSHOT, "sequence": sequence, "levels": levels} | more


def same(left: np.ndarray[Any, Any] | None, right: np.ndarray[Any, Any] | None) -> bool:
    """Return whether two stage outputs hold the same rows; None and no rows are the same."""
    return (b"" if left is None else left.tobytes()) == (b"" if right is None else right.tobytes())
