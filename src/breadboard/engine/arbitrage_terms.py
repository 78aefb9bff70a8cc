"""What arbitrage is looked for between, and on which terms: a configuration, as the arrays that the kernels read."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.config import ArbitrageConfig, RateConfig, TradedConfig
from breadboard.engine.arbitrage_contracts import contract_for, section_of
from breadboard.engine.groups import currencies, may_be
from breadboard.errors import UsageError
from breadboard.model.costs import TAKER, Contract
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.nbbo import Group
from breadboard.model.opportunities import MAX_LEGS, OpportunityKind, currency_code

FEE_UNIT: Final = 10**8
"""Fees and margins are in units of 1e-8: one basis point is 10,000."""
SIZE_UNIT: Final = 10**8
NO_RATE: Final = -1
TERMS: Final = np.dtype(
    [
        ("fee", np.int64),  # 1e-8 of the notional
        ("amount", np.int64),  # of one contract, 1e-9 of base currency; of quote currency where inverse
        ("step", np.int64),  # 1e-8 contracts (units)
        ("rate", np.int32),  # place in rates of what its quote currency is worth; NO_RATE: it needs none
        ("inverse", np.uint8),
    ]
)
"""On which terms a leg trades."""
RATE: Final = np.dtype(
    [
        ("leg", np.int32),  # whose best prices it is; -1 where it is fixed
        ("inverted", np.uint8),  # its price is of the other currency
        ("fixed", np.int64),  # 1e-9
        ("as_of", np.int64),  # when the fixed one was true, ns UTC
        ("max_age", np.int64),  # ns
    ]
)
"""What one unit of a quote currency is worth in another."""
ROUTE: Final = np.dtype(
    [
        ("kind", np.uint8),  # OpportunityKind
        ("back", np.uint8),  # of a triangle, which way round
        ("legs", np.int32, (MAX_LEGS,)),  # as they are taken; -1 where there is none
        ("currency", np.uint64),
        ("key", np.uint64),  # hash of its name
    ]
)
"""One way to buy and sell: in each direction one."""
_CROSS: Final = int(OpportunityKind.CROSS_VENUE)
_TRIANGULAR: Final = int(OpportunityKind.TRIANGULAR)
_EXAMPLE: Final = (
    '[engine.groups]\nBTC = ["BTCUSDT.BINANCE", "BTC/USD.KRAKEN_V2"]\n'
    '[engine.arbitrage]\ngroups = ["BTC"]   # breadboard replay … --config FILE'
)


@dataclass(frozen=True, slots=True)
class Terms:
    """All that the configuration says. Legs are counted over all groups, as ``Consolidated`` counts them."""

    legs: tuple[tuple[str, str], ...]
    """``(venue, symbol)`` of each."""
    terms: NDArray[np.void]
    rates: NDArray[np.void]
    routes: NDArray[np.void]
    names: tuple[str, ...]
    """Of the routes: ``BTCUSDT.BINANCE > BTCUSD_PERP.BINANCE_COINM``, in the order in which they are taken."""
    touching: NDArray[np.int32]
    """Routes by leg, also those that a leg only converts for; of leg ``n`` those in ``reach[n]:reach[n + 1]``."""
    reach: NDArray[np.int64]

    def key(self) -> bytes:
        """Return what tells these terms from others."""
        parts = (self.terms, self.rates, self.routes)
        return hashlib.blake2b(b"".join(part.tobytes() for part in parts), digest_size=16).digest()


def terms_of(config: ArbitrageConfig, groups: tuple[Group, ...]) -> Terms:
    """Return the routes of a configuration. Raises UsageError naming what is missing and what to write."""
    made = _Terms(config, groups)
    made.check_names()
    for name in config.groups or tuple(group.name for group in groups):
        made.cross(name)
    for triangle in config.triangles:
        made.triangle(triangle)
    if not made.routes:
        raise _wrong("no group of two instruments, and no triangle", _EXAMPLE)
    return made.finished()


def route_key(name: str) -> int:
    """Return a route's name as a number: part of the ids of its opportunities."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


class _Terms:
    """Terms, as they are gathered."""

    def __init__(self, config: ArbitrageConfig, groups: tuple[Group, ...]) -> None:
        self._config = config
        self._groups = {group.name: group for group in groups}
        self._legs = tuple(leg for group in groups for leg in group.legs)
        self._place = {f"{symbol}.{venue}": at for at, (venue, symbol) in enumerate(self._legs)}
        self._terms = np.zeros(len(self._legs), TERMS)
        self._terms["rate"] = NO_RATE
        self._rates: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.routes: list[tuple[Any, ...]] = []
        self._names: list[str] = []
        for one in config.instruments:
            self._leg(one, "[engine.arbitrage.instruments]")

    def cross(self, name: str) -> None:
        """Add the routes between the legs of a group: each pair, both ways."""
        if name not in self._groups:
            raise _wrong(f"[engine.arbitrage] names group {name!r}, and [engine.groups] has none", _EXAMPLE)
        ids = [f"{symbol}.{venue}" for venue, symbol in self._groups[name].legs]
        if len(ids) < 2:
            return
        currency = self._currencies(ids[0])[1]
        for one in ids:
            self._trade(one)
            quote = self._currencies(one)[1]
            if quote != currency:
                self._terms[self._place[one]]["rate"] = self._rate(quote, currency, name)
        for buy, sell in permutations(ids, 2):
            self._route(_CROSS, 0, (buy, sell), currency)

    def triangle(self, given: tuple[str, str, str]) -> None:
        """Add both ways round three instruments: A/B, B/C and A/C, given in any order."""
        pairs = {self._currencies(one): one for one in given}
        venues = {self._legs[self._leg(one, "triangles of [engine.arbitrage]")][0] for one in given}
        found = [
            (a_b, b_c, (a, c))
            for (a, b), a_b in pairs.items()
            for (other, c), b_c in pairs.items()
            if b == other and (a, c) in pairs
        ]
        if len(found) != 1 or len(venues) != 1:
            what = "of several venues" if len(venues) > 1 else "not A/B, B/C and A/C"
            hint = 'triangles = [["ETHBTC.BINANCE", "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]]'
            raise _wrong(f"the triangle {', '.join(given)} is {what}", hint)
        a_b, b_c, (a, c) = found[0]
        for one in given:
            contract = self._trade(one)
            if contract.inverse or Decimal(contract.amount) != 1:
                raise _wrong(f"{one} of a triangle trades in contracts, not in what they are on", _EXAMPLE)
        self._route(_TRIANGULAR, 0, (b_c, a_b, pairs[a, c]), c)
        self._route(_TRIANGULAR, 1, (pairs[a, c], a_b, b_c), c)

    def finished(self) -> Terms:
        """Return all of it."""
        routes = np.array(self.routes, ROUTE)
        rates = np.array(list(self._rates.values()), RATE)
        touching: list[list[int]] = [[] for _ in self._legs]
        for at, route in enumerate(routes):
            for leg in sorted(set(self._needed(route, rates))):
                touching[leg].append(at)
        return Terms(
            self._legs,
            self._terms,
            rates,
            routes,
            tuple(self._names),
            np.array([route for each in touching for route in each], np.int32),
            np.cumsum([0, *map(len, touching)]),
        )

    def _needed(self, route: np.void, rates: NDArray[np.void]) -> Iterator[int]:
        for leg in route["legs"].tolist():
            if leg < 0:
                continue
            yield leg
            rate = int(self._terms[leg]["rate"])
            if route["kind"] == _CROSS and rate != NO_RATE and rates[rate]["leg"] >= 0:
                yield int(rates[rate]["leg"])

    def _route(self, kind: int, back: int, ids: tuple[str, ...], currency: str) -> None:
        legs = [self._place[one] for one in ids] + [-1] * (MAX_LEGS - len(ids))
        name = " > ".join(ids)
        self.routes.append((kind, back, legs, currency_code(currency), route_key(name)))
        self._names.append(name)

    def _leg(self, one: str, where: str) -> int:
        if one not in self._place:
            raise _wrong(f"{one!r} of {where} is in no group", f'[engine.groups]\n"{one}" = ["{one}"]   # may be alone')
        return self._place[one]

    def check_names(self) -> None:
        """Raise UsageError for a fee or a latency of what nobody knows: most likely a misspelled one."""
        venues = {venue for venue, _ in self._legs} | TAKER.keys()
        latencies = {} if self._config.paper is None else self._config.paper.latency_ms
        for place, given, known in (
            ("fees", self._config.fees, venues | self._place.keys()),
            ("paper.latency_ms", latencies, venues),
        ):
            for name in given:
                if name not in known:
                    what = f"[engine.arbitrage.{place}] names {name!r}, which is no leg and no venue"
                    raise _wrong(what, f"choose from: {', '.join(sorted(known))}")

    def _currencies(self, one: str) -> tuple[str, str]:
        """Return base and quote currency of an instrument. Raises UsageError where nobody says what it is quoted in."""
        base, quote = self._said(one)
        if not quote or len(quote) > 8 or not quote.isascii():
            raise _wrong(f"nobody says which currency {one} is quoted in", f'{section_of(one)}\nquote = "USD"')
        return base, quote

    def _said(self, one: str) -> tuple[str, str]:
        """Return base and quote currency of an instrument: as configured, else as its symbol says; empty: unknown."""
        given = self._config.instruments.get(one)
        told = (given and given.quote) or ""
        base, quote = currencies(self._legs[self._leg(one, "[engine.arbitrage]")][1], told)
        return (given and given.base) or base, told or quote

    def _trade(self, one: str) -> Contract:
        """Take the fee and the contract of a leg."""
        leg = self._place[one]
        venue, symbol = self._legs[leg]
        contract = contract_for(venue, symbol, self._config.instruments.get(one, TradedConfig()))
        row = self._terms[leg]
        row["fee"] = self._fee(one, venue)
        row["amount"] = _exact(contract.amount, PRICE_UNIT, f"amount of {one}")
        row["step"] = _exact(contract.step, SIZE_UNIT, f"step of {one}")
        row["inverse"] = contract.inverse
        return contract

    def _fee(self, one: str, venue: str) -> int:
        bps: float | str | None = self._config.fees.get(one, self._config.fees.get(venue))
        if bps is None and venue in TAKER:
            bps = TAKER[venue].bps
        if bps is None:
            raise _wrong(f"nobody says what {venue} takes for {one}", f"[engine.arbitrage.fees]\n{venue} = 10   # bps")
        return int(Decimal(str(bps)) * 10_000)

    def _rate(self, quote: str, currency: str, group: str) -> int:
        """Return the place of the conversion from one currency to another."""
        given: Mapping[str, RateConfig] = self._config.rates
        straight, inverted = f"{quote}-{currency}", f"{currency}-{quote}"
        name = straight if straight in given else inverted
        if name not in given:
            what = f"group {group!r} is quoted in {quote} and {currency}, and nobody says what they are to each other"
            hint = 'rate = "…"   # and as_of; or the instrument that is traded so'
            raise _wrong(what, f'[engine.arbitrage.rates."{straight}"]\n{hint}')
        rate = given[name]
        if bool(rate.instrument) == bool(rate.rate) or bool(rate.rate) != (rate.as_of is not None):
            what = f"the rate {name} needs an instrument, or else rate and as_of"
            raise _wrong(what, 'instrument = "USDCUSDT.BINANCE"')
        leg = self._rated(name, rate.instrument) if rate.instrument else -1
        fixed = _exact(rate.rate, PRICE_UNIT, f"rate {name}") if rate.rate else 0
        as_of = ABSENT if rate.as_of is None else _utc(rate.as_of)
        max_age_s = self._config.max_age_ms / 1000 if rate.max_age_s is None else rate.max_age_s
        row = (leg, name != straight, fixed, as_of, round(max_age_s * 1e9))
        self._rates.setdefault((quote, currency), row)
        return list(self._rates).index((quote, currency))

    def _rated(self, name: str, one: str) -> int:
        """Return the leg that tells a rate. Raises UsageError where it is, for certain, of other currencies."""
        leg, given = self._leg(one, f"the rate {name}"), self._config.instruments.get(one)
        (base, _, quote), (of, worth) = name.partition("-"), self._said(one)
        certain = bool(given and (given.base or given.quote)) or not may_be(self._legs[leg][1], base, quote)
        if certain and worth and (of, worth) != (base, quote):
            what = f"the rate {name} is that of {one}, which is what one {of} is worth in {worth}"
            hint = f"[engine.arbitrage.rates.{of}-{worth}]   # it serves both ways; or, where it is the other:\n"
            raise _wrong(what, f'{hint}{section_of(one)}\nbase = "{base}"\nquote = "{quote}"')
        return leg


def _exact(text: str, unit: int, what: str) -> int:
    """Return a decimal number above 0 in the given unit. Raises UsageError for what is finer or none."""
    try:
        number = Decimal(text) * unit
    except ArithmeticError:
        number = Decimal(0)
    if not 0 < number < 1 << 62 or number != int(number):
        raise _wrong(f"the {what} is {text!r}: no number above 0 with {len(str(unit)) - 1} decimals", "100")
    return int(number)


def _utc(when: datetime) -> int:
    """Return ns UTC; a time without a zone is one."""
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000


def _wrong(sentence: str, hint: str) -> UsageError:
    return UsageError(sentence, hint=hint)
