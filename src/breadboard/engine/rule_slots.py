"""Where the slots of rules and instruments lie: an instrument's together, in the order of what moves them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_conditions import BAR, GROUP, HALT, LATE, QUIET, QUOTE, TRADE, Conditions
from breadboard.engine.rule_state import (
    FIRED_BY,
    INSTRUMENT,
    LOOK_BACK,
    MOST_FIRED,
    NOBODY,
    RING,
    SLOT,
    STEP,
)
from breadboard.engine.state import grown
from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.rules import RuleKind

_MOVING: Final = (TRADE, QUOTE, LATE, HALT, BAR)
_EDGES: Final = ("trade", "quote", "late", "halt", "bar", "end")
_PLACES: Final = ("calendar", "zone")
"""Where in tables that are made anew with each start."""
_ASKED: Final = (*_PLACES, *_EDGES)
"""What of an instrument follows from the rules that hold, and not from what came."""
_WINDOWED: Final = (RuleKind.RISE, RuleKind.DROP)
_TRADED: Final = (*_WINDOWED, RuleKind.CROSS)


class _Plan:
    """What every instrument gets that the same conditions watch: its slots as they begin, and where their groups end.

    Places in the rings of a kind are counted from 0, those of groups from the instrument's first slot.
    """

    def __init__(self, conditions: Conditions, chosen: tuple[int, ...]) -> None:
        groups: list[list[int]] = [[] for _ in range(QUIET + 2)]
        for each in chosen:
            groups[GROUP[conditions.watched[each].rule.of_kind]].append(each)
        held = [each for group in (*_MOVING, QUIET) for each in groups[group]]
        kinds = conditions.rows["kind"][held]
        self.windowed, self.volumes = np.isin(kinds, _WINDOWED), kinds == RuleKind.VOLUME
        self.traded = np.isin(kinds, _TRADED)
        self.counts = np.array(
            [1, len(held), self.windowed.sum(), self.volumes.sum(), len(groups[QUIET]), self.traded.sum()]
        )
        """Instruments, slots, rings, volumes, quiet slots, slots of trades."""
        self.slots: Any = np.zeros(len(held), SLOT)
        self.slots["condition"], self.slots["armed"], self.slots["ring"] = held, conditions.rows["armed"][held], -1
        for name in ("until", "once", "a"):
            self.slots[name] = ABSENT
        self.slots["fired"] = -1
        self.slots["fired"][self.traded] = np.arange(self.traded.sum())
        for kind in (self.windowed, self.volumes):
            self.slots["ring"][kind] = np.arange(kind.sum())
        self.owner: Any = np.zeros(1, INSTRUMENT)
        self.owner["source"] = -1
        for name in ("trades_by", "quotes_by", "book_by", "traded", "halted_by"):
            self.owner[name] = NOBODY
        for name in ("newest", "price", "price_offset", "gap_at", "seen"):
            self.owner[name] = ABSENT
        ends = np.cumsum([0, *(len(groups[group]) for group in _MOVING)])
        for edge, end in zip(_EDGES, ends.tolist(), strict=True):
            self.owner[edge] = end


class Slots:
    """Slots of all instruments so far. Grows with them; rebuilt when the rules change, and then keeps what it can."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._owners = np.zeros(0, INSTRUMENT)
        self._slots = np.zeros(0, SLOT)
        self._rings = np.zeros((0, RING), STEP)
        self._volumes = np.zeros((0, LOOK_BACK))
        self._quiet = np.zeros(0, np.int64)
        self._fired = np.zeros((0, MOST_FIRED), FIRED_BY)
        self._counts = np.zeros(6, np.int64)
        """Instruments, slots, rings, volumes, quiet slots, slots of trades in use."""

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

    @property
    def quiet(self) -> NDArray[np.int64]:
        """Places of the slots that time moves."""
        return self._quiet[: self._counts[4]]

    @property
    def fired(self) -> NDArray[np.void]:
        """By ``SLOT.fired`` of what trades move: the trades that fired."""
        return self._fired[: self._counts[5]]

    def extend(self, venue: str, symbol: str, calendar: int, zone: int) -> None:
        """Take the next instrument."""
        chosen = tuple(self.conditions.of(venue, symbol))
        plan = self._plans.get(chosen)
        if plan is None:
            plan = self._plans[chosen] = _Plan(self.conditions, chosen)
        which, first, ring, volume, quiet, fired = self._counts.tolist()
        self._counts += plan.counts
        owners, slots, rings, volumes, quiets, traded = self._counts.tolist()
        self._owners, self._slots = grown(self._owners, owners), grown(self._slots, slots)
        self._rings, self._volumes = grown(self._rings, rings), grown(self._volumes, volumes)
        self._quiet, self._fired = grown(self._quiet, quiets), grown(self._fired, traded)
        owner: Any = self._owners[which:owners]
        owner[:] = plan.owner
        owner["calendar"], owner["zone"] = calendar, zone
        for edge in _EDGES:
            owner[edge] += first
        its: Any = self._slots[first:slots]
        its[:] = plan.slots
        its["instrument"] = which
        its["ring"][plan.windowed] += ring
        its["ring"][plan.volumes] += volume
        its["fired"][plan.traded] += fired
        self._quiet[quiet:quiets] = np.arange(slots - (quiets - quiet), slots)

    def inherit(self, before: "Slots") -> None:
        """Take over what is known of the same instruments, and of conditions whose rule is the same version."""
        for name in INSTRUMENT.names or ():
            if name not in _ASKED:
                self.owners[name] = before.owners[name]
        old, new = before.identities(), self.identities()
        order = np.argsort(old)
        nearest = order[np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)] if len(old) else new[:0]
        kept = np.flatnonzero(old[nearest] == new) if len(old) else nearest
        slots, found = self.slots, before.slots[nearest[kept]]
        for name in SLOT.names or ():
            if name not in {"condition", "instrument", "ring", "fired"}:
                slots[name][kept] = found[name]
        kinds, ring = self.conditions.rows["kind"][slots["condition"][kept]], slots["ring"][kept]
        windowed, volumes = np.isin(kinds, _WINDOWED), kinds == RuleKind.VOLUME
        self.rings[ring[windowed]] = before.rings[found["ring"][windowed]]
        self.volumes[ring[volumes]] = before.volumes[found["ring"][volumes]]
        traded = np.isin(kinds, _TRADED)
        self.fired[slots["fired"][kept][traded]] = before.fired[found["fired"][traded]]

    def identities(self) -> NDArray[np.int64]:
        """Return what makes each slot the same in another set of rules: the version of its rule, and its instrument."""
        version = self.conditions.rows["rule"][self.slots["condition"]].astype(np.int64)
        found: NDArray[np.int64] = version << 32 | self.slots["instrument"]
        return found

    def packed(self) -> dict[str, Any]:
        """Return all state for ``pack``; where slots lie follows from rules and instruments, and calendars do."""
        owners: Any = whole.copied(self.owners)
        owners["calendar"], owners["zone"] = -1, 0  # looked up anew, and not remembered
        return {
            "owners": owners.reshape(-1).view(np.uint8),
            "slots": self.slots.reshape(-1).view(np.uint8),
            "rings": self.rings.reshape(-1).view(np.uint8),
            "volumes": self.volumes,
            "fired": self.fired.reshape(-1).view(np.uint8),
        }

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to what ``packed`` returned, of the same rules and instruments."""
        places = {name: self.owners[name].copy() for name in _PLACES}
        self.owners[:] = parts["owners"].view(INSTRUMENT)
        for name, place in places.items():
            self.owners[name] = place
        self.slots[:] = parts["slots"].view(SLOT)
        self.rings[:] = parts["rings"].view(STEP).reshape(-1, RING)
        self.volumes[:] = parts["volumes"]
        self.fired[:] = parts["fired"].view(FIRED_BY).reshape(-1, MOST_FIRED)
