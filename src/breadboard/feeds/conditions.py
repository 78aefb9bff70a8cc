"""Which prints count for what in a bar: one table a vendor, of rules over the conditions that it sends with a print.

Vendors differ in how they name conditions (letters, bits, numbers) and agree in what these do: a print may not
count for open and close, for high and low, for volume. Where a vendor publishes its table it is loaded at run time and
comes from the journal (Massive); the others' are here, as data.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from breadboard.model.kinds import Flag, Uncounted

Condition = Hashable
"""As its vendor names it: ``"O"``, bit 9, id 37."""
_REMEMBERED: Final = 4096
"""Combinations; a tape has a few dozen."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a print does not count for that has all of these conditions, and none of those in ``unless``."""

    conditions: frozenset[Condition]
    uncounted: Uncounted
    unless: frozenset[Condition] = frozenset()

    def holds(self, conditions: frozenset[Condition]) -> bool:
        """Tell whether it speaks of a print with these conditions."""
        return self.conditions <= conditions and self.unless.isdisjoint(conditions)


class ConditionTable:
    """The rules of one vendor. A print counts for what no rule denies it; a condition without a rule denies nothing."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.uncounted = lru_cache(_REMEMBERED)(self._uncounted)
        """What a print with a frozen set of conditions does not count for."""

    def _uncounted(self, conditions: frozenset[Condition]) -> Uncounted:
        denied = Uncounted(0)
        for rule in self.rules:
            if rule.holds(conditions):
                denied |= rule.uncounted
        return denied


def flags_of(uncounted: Uncounted) -> Flag:
    """Return the flags that say the same to who does not look closer."""
    if uncounted.within_day == Uncounted.ALL:
        return Flag.INELIGIBLE
    return Flag.VOLUME_ONLY if uncounted.within_day == Uncounted.PRICES else Flag(0)


def _each(uncounted: Uncounted, *conditions: Condition, unless: Iterable[Condition] = ()) -> list[Rule]:
    """Return a rule for each of the conditions by itself."""
    return [Rule(frozenset((one,)), uncounted, frozenset(unless)) for one in conditions]


IQFEED: Final = ConditionTable([*_each(Uncounted.DAY_PRICES, "E"), *_each(Uncounted.ALL | Uncounted.DAY_PRICES, "O")])
"""By basis: the vendor decides itself. Its own bars are those of C (last qualified) and E (extended hours); its days
have the prices of C and the volume of all, as three recorded days show."""

LEAN_EXTENDED: Final = (10, 13)
"""Form T, extended hours."""
LEAN_AUCTIONS: Final = (6, 7)
"""Opening print, closing print: an exchange's auction, told seconds or minutes after the session began or ended."""
_NO_PRICE: Final = Uncounted.PRICES | Uncounted.JOINS
"""Counts for volume alone, and where nothing in its time moves a price, that of the bar before, as the vendor's."""
LEAN: Final = ConditionTable(
    [
        # Opening print, closing print: the vendor's days have their prices, its bars within the day have not.
        *_each(_NO_PRICE, *LEAN_AUCTIONS),
        # Derivatively priced.
        *_each(_NO_PRICE.everywhere, 9),
        # Official close, official open: an exchange says once more what its auction printed.
        *_each(Uncounted.ALL.everywhere, 24, 26),
        # Seller, intermarket sweep.
        *_each(_NO_PRICE.everywhere, 3, 5, unless=LEAN_EXTENDED),
        # Average price and exempt from the rule against trading through, together.
        Rule(frozenset((20, 29)), _NO_PRICE.everywhere, frozenset(LEAN_EXTENDED)),
        *_each(Uncounted.DAY_PRICES, *LEAN_EXTENDED),
    ]
)
"""By bit of the consolidated tapes' conditions as the files have them, taken from the vendor's own bars."""
