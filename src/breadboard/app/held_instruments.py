"""What the store has of the ticks of several instruments: a file may name any number of them."""

import numpy as np
from numpy.typing import NDArray

from breadboard.app.held_ticks import HeldTicks, Ticks
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind
from breadboard.model.tape import Tape
from breadboard.ports import Store


class HeldInstruments:
    """Answers as ``HeldTicks`` does, for each row by its instrument; ``instruments`` has the ids of the tapes."""

    def __init__(self, store: Store, kind: EventKind, instruments: Instruments, before: int) -> None:
        self._store = store
        self._kind = kind
        self._instruments = instruments
        self._before = before
        self._held: dict[int, HeldTicks] = {}

    def may_have(self, _first: int, _last: int) -> bool:
        """Return True: of which instruments rows are, nobody knows before they are read."""
        return True

    def judge(self, tape: Tape, ticks: Ticks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell of ticks which the store has, and which are of a time that was heard."""
        has, was_heard = np.zeros(len(tape), np.bool_), np.zeros(len(tape), np.bool_)
        for which in np.unique(tape.instrument).tolist():
            held = self._of(which)
            if held:
                its = np.flatnonzero(tape.instrument == which)
                has[its], was_heard[its] = held.judge(tape.take(its), ticks[its])
        return has, was_heard

    def _of(self, which: int) -> HeldTicks:
        if which not in self._held:
            one = self._instruments[which]
            named = (one.venue, one.symbol)
            self._held[which] = HeldTicks(self._store, self._kind, named, self._before, numbered=False)
        return self._held[which]
