"""How busy symbols really are, and which tier would suit them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from breadboard.capture.source import Source

LIQUID_PER_S: Final = 5.0
SEMI_PER_S: Final = 0.1
"""Messages a second over all channels: a symbol below one in ten seconds is illiquid."""
UNSAID: Final = "unsaid"
"""The tier of a symbol that no list has."""


class Measured(msgspec.Struct, frozen=True):
    """One symbol of one venue."""

    venue: str
    symbol: str
    tier: str
    msg_per_s: float
    suggested: str


class Tier(msgspec.Struct):
    """All symbols of a tier together."""

    symbols: int = 0
    measured: int = 0
    """Of them, those whose session measures a rate."""
    msg_per_s: float = 0.0


class Tiers(msgspec.Struct, frozen=True):
    """The whole of ``run/tiers.json``; ``written_ns`` is wall time."""

    written_ns: int
    symbols: list[Measured]


def suggested(msg_per_s: float) -> str:
    """Return the tier that a rate of messages a second belongs to."""
    return "liquid" if msg_per_s >= LIQUID_PER_S else "semi" if msg_per_s >= SEMI_PER_S else "illiquid"


def measure(sources: Iterable[Source]) -> list[Measured]:
    """Return every symbol whose rate is known, once a venue: a symbol on several connections has the sum."""
    rates: dict[tuple[str, str], float] = {}
    tiers: dict[tuple[str, str], str] = {}
    for source in sources:
        venue = source.capabilities.venue
        tiers |= {(venue, symbol.upper()): tier for symbol, tier in source.tiers.items()}
        for symbol, rate in (source.watched.rates() if source.watched is not None else {}).items():
            rates[venue, symbol] = rates.get((venue, symbol), 0.0) + rate
    return [
        Measured(venue, symbol, tiers.get((venue, symbol.upper()), UNSAID), round(rate, 4), suggested(rate))
        for (venue, symbol), rate in sorted(rates.items())
    ]


def by_tier(sources: Iterable[Source]) -> dict[str, Tier]:
    """Return how many symbols each tier has, and what they bring together."""
    sources = list(sources)
    found: dict[str, Tier] = {}
    asked = {
        (source.capabilities.venue, symbol.upper()): source.tiers.get(symbol, UNSAID)
        for source in sources
        for symbol in source.symbols
    }
    for name in asked.values():
        found.setdefault(name, Tier()).symbols += 1
    for each in measure(sources):
        tier = found.setdefault(each.tier, Tier())
        tier.measured += 1
        tier.msg_per_s = round(tier.msg_per_s + each.msg_per_s, 4)
    return found
