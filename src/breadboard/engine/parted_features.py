"""Features in partitions: each instrument's where its book is."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.features import Features
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.partitions import Partitions
from breadboard.engine.shared_state import Kinds, Share, dealt, joined
from breadboard.model import whole
from breadboard.model.tape import Tape

_KINDS: Final[Kinds] = {
    "watermarks": Share.SAME,
    "owners": Share.EACH,
    "slots": Share.EACH,
    "meter": Share.SUM,
}


class PartedFeatures:
    """Stage: what ``Features`` is, over partitions. Rows and states are in the engine's ids."""

    def __init__(self, partitions: Partitions, make: Callable[[], Features]) -> None:
        self._partitions = partitions
        self._parts = [make() for _ in range(partitions.count)]
        self._known = 0

    def look(self, books: PartedBooks) -> None:
        """Learn what became of the books on the next tape."""
        for mine, features, its in zip(self._partitions.members, self._parts, books.parts, strict=True):
            features.look(its)
            if len(its.tops):
                self._known = max(self._known, int(mine[its.tops["instrument"].max()]) + 1)

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return the features of windows that are over, or None."""
        self._known = max(self._known, tape.contents.instruments)
        for mine, features in zip(self._partitions.below(self._known), self._parts, strict=True):
            features.grow(len(mine))
        shares = self._partitions.shares(tape)
        tasks = [partial(features.on_tape, share) for features, share in zip(self._parts, shares, strict=True)]
        found: list[NDArray[np.void]] = []
        for which, rows in enumerate(self._partitions.side_by_side(len(tape), tasks)):
            if rows is not None:
                rows["instrument"] = self._partitions.members[which][rows["instrument"]]
                found.append(rows)
        return whole.joined(found) if found else None

    def counters(self) -> dict[str, int]:
        """Return what ``Features.counters`` does, over all."""
        counted = [features.counters() for features in self._parts]
        return {name: sum(each[name] for each in counted) for name in counted[0]}

    def open_windows(self) -> int:
        """Return how many windows are open."""
        return sum(features.open_windows() for features in self._parts)

    def snapshot(self) -> bytes:
        """Return the state that one ``Features`` over all instruments would have."""
        members = self._partitions.below(self._known)
        return joined([features.snapshot() for features in self._parts], _KINDS, members)

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned, of this or of a ``Features``."""
        self._known = Features.known(state)
        states = dealt(state, _KINDS, self._partitions.below(self._known))
        for features, its in zip(self._parts, states, strict=True):
            features.restore(its)
