"""What the store has of the ticks of several instruments: a file may name any number of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.app.held_ticks import HeldTicks, Ticks
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind
from breadboard.model.tape import Tape
from breadboard.ports import Store

MOST: Final = 4_096
"""Instruments that are remembered, of most of which the store may have nothing."""
MOST_TICKS: Final = 4_000_000
"""Of all of them together (48 bytes each); one instrument may have more in a day."""


class HeldInstruments:
    """Answers as ``HeldTicks`` does, for each row by its instrument; ``instruments`` has the ids of the tapes."""

    def __init__(self, store: Store, kind: EventKind, instruments: Instruments, before: int) -> None:
        self._store = store
        self._kind = kind
        self._instruments = instruments
        self._before = before
        self._held: dict[int, HeldTicks] = {}
        self._total = 0
        """Ticks that all of them hold."""

    def may_have(self, _first: int, _last: int) -> bool:
        """Return True: of which instruments rows are, nobody knows before they are read."""
        return True

    def judge(self, tape: Tape, ticks: Ticks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell of ticks which the store has, and which are of a time that was heard."""
        has, was_heard = np.zeros(len(tape), np.bool_), np.zeros(len(tape), np.bool_)
        for which in np.unique(tape.instrument).tolist():
            held = self._of(which)
            if held:
                its, before = np.flatnonzero(tape.instrument == which), held.held
                has[its], was_heard[its] = held.judge(tape.take(its), ticks[its])
                self._total += held.held - before
            self._forget()
        return has, was_heard

    def _of(self, which: int) -> HeldTicks:
        held = self._held.pop(which, None)
        if held is None:
            one = self._instruments[which]
            named = (one.venue, one.symbol)
            held = HeldTicks(self._store, self._kind, named, self._before, numbered=False)
        self._held[which] = held  # behind all others: the first is the one that was asked least lately
        return held

    def _forget(self) -> None:
        """Forget those that were asked least lately, where they are too many or hold too many ticks."""
        while len(self._held) > MOST or (self._total > MOST_TICKS and len(self._held) > 1):
            self._total -= self._held.pop(next(iter(self._held))).held
