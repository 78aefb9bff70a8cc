"""Depth snapshots in partitions: each book is shown where it is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.depth_snapshots import DepthSnapshots, shown_in_order
from breadboard.engine.partitions import Partitions
from breadboard.engine.state import pack, unpack


class PartedDepth:
    """What ``DepthSnapshots`` is, over partitions. Rows and states are in the engine's ids."""

    def __init__(self, partitions: Partitions, make: Callable[[], DepthSnapshots]) -> None:
        self._partitions = partitions
        self.parts = [make() for _ in range(partitions.count)]
        """By partition, with ids of its own."""

    @property
    def rows(self) -> NDArray[np.void] | None:
        """The snapshots of the tape just taken, or None."""
        found = []
        for mine, part in zip(self._partitions.members, self.parts, strict=True):
            rows = part.rows
            if rows is not None:
                rows["instrument"] = mine[rows["instrument"]]
                found.append(rows)
        return shown_in_order(np.concatenate(found)) if found else None

    def snapshot(self) -> bytes:
        """Return the state that one ``DepthSnapshots`` over all instruments would have."""
        states = [unpack(part.snapshot()) for part in self.parts]
        known = [mine[state["known"]] for mine, state in zip(self._partitions.members, states, strict=True)]
        order = np.argsort(np.concatenate(known))
        rows = [_rows(state) for state in states if len(state["known"])]
        whole: dict[str, Any] = dict(states[0])
        whole["known"] = np.concatenate(known)[order].astype(np.int64)
        whole["last"] = np.concatenate(rows)[order].reshape(-1) if rows else states[0]["last"]
        return pack(whole)

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned, of this or of a ``DepthSnapshots``."""
        parts = unpack(state)
        rows = _rows(parts)
        for mine, part in zip(self._partitions.below(int(parts["known"].max(initial=-1)) + 1), self.parts, strict=True):
            ours = np.isin(parts["known"], mine)
            known = np.searchsorted(mine, parts["known"][ours])
            part.restore(pack({**parts, "known": known, "last": rows[ours].reshape(-1)}))


def _rows(state: dict[str, Any]) -> NDArray[np.uint8]:
    """Return what was shown last, a row an instrument."""
    count = len(state["known"])
    rows: NDArray[np.uint8] = state["last"].reshape(count, len(state["last"]) // max(count, 1))
    return rows
