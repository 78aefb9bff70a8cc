"""Where the slots of rules and instruments lie: an instrument's together, in the order of what moves them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_conditions import BAR, GROUP, HALT, LATE, QUIET, QUOTE, TRADE, Conditions
from breadboard.engine.rule_state import INSTRUMENT, LOOK_BACK, RING, SLOT, STEP
from breadboard.engine.state import grown
from breadboard.model.decimals import ABSENT
from breadboard.model.rules import RuleKind

_MOVING: Final = (TRADE, QUOTE, LATE, HALT, BAR)
_EDGES: Final = ("trade", "quote", "late", "halt", "bar", "end")
_WINDOWED: Final = (RuleKind.RISE, RuleKind.DROP)


class Slots:
    """Slots of all instruments so far. Grows with them; rebuilt when the rules change, and then keeps what it can."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self._owners = np.zeros(0, INSTRUMENT)
        self._slots = np.zeros(0, SLOT)
        self._rings = np.zeros((0, RING), STEP)
        self._volumes = np.zeros((0, LOOK_BACK))
        self._counts = [0, 0, 0, 0]
        """Instruments, slots, rings, volumes in use."""
        self.quiet = np.zeros(0, np.int64)
        """Places of the slots that time moves."""

    @property
    def owners(self) -> NDArray[np.void]:
        """``INSTRUMENT`` rows by dense id."""
        return self._owners[: self._counts[0]]

    @property
    def slots(self) -> NDArray[np.void]:
        """``SLOT`` rows."""
        return self._slots[: self._counts[1]]

    @property
    def rings(self) -> NDArray[np.void]:
        """By ``SLOT.ring`` of a price over a window: its steps."""
        return self._rings[: self._counts[2]]

    @property
    def volumes(self) -> NDArray[np.float64]:
        """By ``SLOT.ring`` of a volume: the volumes of the last bars."""
        return self._volumes[: self._counts[3]]

    def extend(self, venue: str, symbol: str, calendar: int) -> None:
        """Take the next instrument."""
        groups: list[list[int]] = [[] for _ in range(QUIET + 2)]
        for each in self.conditions.of(venue, symbol):
            groups[GROUP[self.conditions.watched[each].rule.of_kind]].append(each)
        which = self._counts[0]
        self._counts[0] += 1
        self._owners = grown(self._owners, self._counts[0])
        owner: Any = self._owners[which]
        owner["source"], owner["traded"], owner["calendar"] = -1, -1, calendar
        for name in ("newest", "price", "price_offset", "gap_at", "seen"):
            owner[name] = ABSENT
        owner["trade"] = self._counts[1]
        for edge, group in zip(_EDGES[1:], _MOVING, strict=True):
            for each in groups[group]:
                self._add(each, which)
            owner[edge] = self._counts[1]
        if groups[QUIET]:
            begin = self._counts[1]
            for each in groups[QUIET]:
                self._add(each, which)
            self.quiet = np.concatenate((self.quiet, np.arange(begin, self._counts[1])))

    def _add(self, condition: int, instrument: int) -> None:
        place = self._counts[1]
        self._counts[1] += 1
        self._slots = grown(self._slots, self._counts[1])
        slot: Any = self._slots[place]
        slot["condition"], slot["instrument"], slot["ring"] = condition, instrument, -1
        slot["armed"] = self.conditions.rows["armed"][condition]
        for name in ("until", "once", "fired_trade", "fired_offset", "a"):
            slot[name] = ABSENT
        kind = self.conditions.watched[condition].rule.of_kind
        if kind in _WINDOWED:
            slot["ring"] = self._counts[2]
            self._counts[2] += 1
            self._rings = grown(self._rings, self._counts[2])
        elif kind is RuleKind.VOLUME:
            slot["ring"] = self._counts[3]
            self._counts[3] += 1
            self._volumes = grown(self._volumes, self._counts[3])

    def inherit(self, before: "Slots") -> None:
        """Take over what is known of the same instruments, and of conditions whose rule is the same version."""
        for name in INSTRUMENT.names or ():
            if name not in _EDGES:
                self.owners[name] = before.owners[name]
        old = {(before.version(slot), int(slot["instrument"])): slot for slot in before.slots}
        for slot in self.slots:
            found = old.get((self.version(slot), int(slot["instrument"])))
            if found is None:
                continue
            for name in SLOT.names or ():
                if name not in {"condition", "instrument", "ring"}:
                    slot[name] = found[name]
            kind = self.conditions.watched[int(slot["condition"])].rule.of_kind
            if kind in _WINDOWED:
                self._rings[slot["ring"]] = before.rings[found["ring"]]
            elif kind is RuleKind.VOLUME:
                self._volumes[slot["ring"]] = before.volumes[found["ring"]]

    def version(self, slot: np.void) -> int:
        """Return the rule version of a slot: what makes it the same in another set of rules."""
        return int(self.conditions.rows["rule"][slot["condition"]])

    def packed(self) -> dict[str, Any]:
        """Return all state for ``pack``; where slots lie follows from rules and instruments."""
        return {
            "owners": np.frombuffer(self.owners.tobytes(), np.uint8),
            "slots": np.frombuffer(self.slots.tobytes(), np.uint8),
            "rings": np.frombuffer(self.rings.tobytes(), np.uint8),
            "volumes": self.volumes,
        }

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to what ``packed`` returned, of the same rules and instruments."""
        self.owners[:] = parts["owners"].view(INSTRUMENT)
        self.slots[:] = parts["slots"].view(SLOT)
        self.rings[:] = parts["rings"].view(STEP).reshape(-1, RING)
        self.volumes[:] = parts["volumes"]
