"""Arbitrage between the three Binance recordings in the plainest way: json, Decimal and sorted lists, frame by frame.

Knows nothing of the engine: it reads the venue's own messages, keeps its own books by the venue's own rules, and looks
at every route with fractions where the engine has rounded integers. Slow, and on purpose.
"""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from itertools import permutations
from typing import Any, NamedTuple, Protocol

from breadboard.model.frames import Frames

MONEY, UNITS = Decimal("1e-9"), Decimal("1e-8")
INVERSE = 2
"""The source whose sizes are contracts of 100 USD."""
CONTRACT = Decimal(100)


class Level(NamedTuple):
    price: Decimal
    base: Decimal
    contracts: Decimal


def down(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_FLOOR)


def up(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_CEILING)


def level(source: int, price: Decimal, size: Decimal) -> Level:
    return Level(price, down(size * CONTRACT / price, UNITS) if source == INVERSE else size, size)


def contracts(source: int, price: Decimal, base: Decimal) -> Decimal:
    return down(base * price / CONTRACT, UNITS) if source == INVERSE else base


class Offers(Protocol):
    """What the walks ask of a leg."""

    source: int

    def levels(self, side: int) -> Iterator[Level]: ...


@dataclass
class Leg:
    """One venue: its book once a snapshot and the deltas before it have met, its last quote until then."""

    source: int
    number: int | None = None
    waiting: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    sizes: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(default_factory=lambda: ({}, {}))
    prices: tuple[list[Decimal], list[Decimal]] = field(default_factory=lambda: ([], []))
    """Ascending."""
    quote: tuple[Level, Level] | None = None
    heard: int | None = None

    def take(self, now: int, body: bytes) -> bool:
        """Take one message; return whether what the leg offers may be another."""
        said = json.loads(body.rpartition(b"\n")[2])  # a fetched document comes under a line of its own
        data = said.get("data", said)
        if "lastUpdateId" in data:
            self.begin(now, data)
            return True
        if data.get("e") == "depthUpdate":
            if self.number is None:
                self.waiting.append((now, data))
                return False
            if data["u"] <= self.number:
                return False
            self.apply(now, data)
            return True
        if "B" in data and "A" in data and "t" not in data:
            bid, ask = ((Decimal(data[price]), Decimal(data[size])) for price, size in (("b", "B"), ("a", "A")))
            self.quote = (level(self.source, *bid), level(self.source, *ask))
            if self.number is None:
                self.heard = now
                return True
        return False

    def begin(self, now: int, data: dict[str, Any]) -> None:
        self.heard, self.number = now, data["lastUpdateId"]
        for side, name in enumerate(("bids", "asks")):
            self.change(side, data[name])
        for when, delta in self.waiting:
            if delta["u"] > data["lastUpdateId"] or (self.source and delta["u"] == data["lastUpdateId"]):
                self.apply(when, delta)
        self.waiting = []

    def apply(self, now: int, data: dict[str, Any]) -> None:
        self.heard, self.number = now, data["u"]
        for side, name in enumerate(("b", "a")):
            self.change(side, data[name])

    def change(self, side: int, levels: Sequence[Sequence[str]]) -> None:
        sizes, prices = self.sizes[side], self.prices[side]
        for price, size in ((Decimal(one), Decimal(other)) for one, other in levels):
            if size and price not in sizes:
                insort(prices, price)
            if size:
                sizes[price] = size
            elif sizes.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]

    def levels(self, side: int) -> Iterator[Level]:
        """Yield what is bid (0) or asked (1), best first."""
        if self.number is None:
            if self.quote is not None:
                yield self.quote[side]
            return
        for price in reversed(self.prices[0]) if side == 0 else self.prices[1]:
            yield level(self.source, price, self.sizes[side][price])


class Figures(NamedTuple):
    """What taking all of it comes to."""

    size: Decimal
    cost: Decimal
    gross: Decimal
    fees: Decimal
    prices: tuple[Decimal, Decimal]
    limits: tuple[Decimal, Decimal]
    contracts: tuple[Decimal, Decimal]
    capped: bool


@dataclass
class Route:
    legs: tuple[int, int]
    open: bool = False
    opened: int = 0
    told: int = 0
    changes: int = 0
    held: Figures | None = None


class Row(NamedTuple):
    """What the stage has to say, in the same order."""

    offset: int
    route: int
    state: str
    cause: str
    opened: int
    lifetime: int
    changes: int
    figures: Figures
    ages: tuple[int, int]


def walk(
    buy: Offers, sell: Offers, fees: Sequence[Decimal], rates: Sequence[Decimal], least: Decimal
) -> Figures | None:
    """Match asks of one with bids of the other, best first, while a unit earns more than ``least`` of its cost."""
    size = cost = gross = charged = Decimal(0)
    bought = sold = Decimal(0)
    first: tuple[Decimal, Decimal] | None = None
    last = (Decimal(0), Decimal(0))
    fee_in, fee_out = fees[buy.source], fees[sell.source]
    rate_in, rate_out = rates[buy.source], rates[sell.source]
    asks, bids = buy.levels(1), sell.levels(0)
    ask = bid = None
    capped = False
    while True:
        while ask is None or ask.base == 0:
            ask = next(asks, Level(Decimal(0), Decimal(-1), Decimal(0)))
        while bid is None or bid.base == 0:
            bid = next(bids, Level(Decimal(0), Decimal(-1), Decimal(0)))
        if ask.base < 0 or bid.base < 0:
            capped = size > 0
            break
        if bid.price * rate_out * (1 - fee_out) <= ask.price * rate_in * (1 + fee_in) * (1 + least):
            break
        first = first or (ask.price, bid.price)
        base = min(ask.base, bid.base)
        paid = up(up(ask.price * base, MONEY) * rate_in, MONEY)
        got = down(down(bid.price * base, MONEY) * rate_out, MONEY)
        charged += up(paid * fee_in, MONEY) + up(got * fee_out, MONEY)
        lots_in = ask.contracts if base == ask.base else contracts(buy.source, ask.price, base)
        lots_out = bid.contracts if base == bid.base else contracts(sell.source, bid.price, base)
        size, cost, gross = size + base, cost + paid, gross + got - paid
        bought, sold, last = bought + lots_in, sold + lots_out, (ask.price, bid.price)
        ask = ask._replace(base=ask.base - base, contracts=ask.contracts - lots_in)
        bid = bid._replace(base=bid.base - base, contracts=bid.contracts - lots_out)
    steps = [Decimal(1) if leg.source == INVERSE else UNITS for leg in (buy, sell)]
    whole = (bought - bought % steps[0], sold - sold % steps[1])
    if first is None or not all(whole) or gross - charged <= 0:
        return None
    return Figures(size, cost, gross, charged, first, last, whole, capped)


def walk_round(
    legs: Sequence[Offers], fees: Sequence[Decimal], back: bool, least: Decimal
) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal] | None:
    """Go round A/B, B/C, A/C; return size, cost, gross, fees and what of B went by, or None where nothing is earned.

    ``legs`` are in that order, and so are ``fees``. Sizes of B are whole 1e-8: what is needed is rounded up.
    """
    books = [iter(leg.levels(side)) for leg, side in zip(legs, (0, 0, 1) if back else (1, 1, 0), strict=True)]
    nothing = Level(Decimal(0), Decimal(-1), Decimal(0))
    now: list[Level | None] = [None, None, None]
    size = cost = gross = net = passed = Decimal(0)
    while True:
        for place, one in enumerate(now):
            while one is None or one.base == 0:
                one = next(books[place], nothing)  # noqa: PLW2901 - the next level that has something
            now[place] = one
        a_b, b_c, a_c = (one or nothing for one in now)
        if min(a_b.base, b_c.base, a_c.base) < 0:
            break
        if back:
            earns = a_b.price * (1 - fees[0]) * b_c.price * (1 - fees[1]) > a_c.price * (1 + fees[2]) * (1 + least)
        else:
            earns = a_c.price * (1 - fees[2]) > a_b.price * (1 + fees[0]) * b_c.price * (1 + fees[1]) * (1 + least)
        if not earns:
            break

        def of_b(base: Decimal, price: Decimal = a_b.price) -> tuple[Decimal, Decimal]:
            amount = (down if back else up)(price * base, MONEY)
            fee = up(amount * fees[0], MONEY)
            return (down(max(amount - fee, Decimal(0)), UNITS) if back else up(amount + fee, UNITS)), (
                down(amount, UNITS) if back else up(amount, UNITS)
            )

        steps = range(int(min(a_b.base, a_c.base) / UNITS) + 1)
        base = (bisect_right(steps, b_c.base, key=lambda units: of_b(units * UNITS)[0]) - 1) * UNITS
        if base == 0:
            now[1] = b_c._replace(base=Decimal(0))
            continue
        taken, bare = of_b(base)
        if back:
            out, brings = up(a_c.price * base, MONEY), down(b_c.price * taken, MONEY)
            charged = up(out * fees[2], MONEY) + up(brings * fees[1], MONEY)
            bare_out, bare_brings = out, down(b_c.price * bare, MONEY)
        else:
            out, brings = up(b_c.price * taken, MONEY), down(a_c.price * base, MONEY)
            charged = up(out * fees[1], MONEY) + up(brings * fees[2], MONEY)
            bare_out, bare_brings = up(b_c.price * bare, MONEY), brings
        size, passed = size + base, passed + taken
        cost, gross, net = cost + bare_out, gross + bare_brings - bare_out, net + brings - out - charged
        now[0], now[2] = a_b._replace(base=a_b.base - base), a_c._replace(base=a_c.base - base)
        now[1] = b_c._replace(base=b_c.base - taken)
    return (size, cost, gross, gross - net, passed) if size and net > 0 and passed > 0 else None


def expected(
    frames: Frames,
    fees: Sequence[Decimal],
    rates: Sequence[Decimal],
    *,
    least: Decimal = Decimal(0),
    max_age: int = 10**9,
    update: int = 10**8,
) -> list[Row]:
    """Return every row that the three recordings lead to. ``rates`` are what a unit of each quote currency is worth."""
    legs = [Leg(0), Leg(1), Leg(2)]
    routes = [Route(pair) for pair in permutations(range(3), 2)]
    rows: list[Row] = []
    columns = (frames.offset.tolist(), frames.source.tolist(), frames.ts_recv.tolist(), frames.frames())
    with localcontext() as context:
        context.prec = 60
        for offset, source, now, body in zip(*columns, strict=True):
            moved = legs[source].take(now, body)
            for place, route in enumerate(routes):
                pair = [legs[leg] for leg in route.legs]
                old = any(leg.heard is not None and now - leg.heard > max_age for leg in pair)
                if not (moved and source in route.legs) and not (route.open and old):
                    continue
                if any(leg.heard is None for leg in pair):
                    continue
                figures = None if old else walk(pair[0], pair[1], fees, rates, least)
                told = _become(route, figures, now, update)
                if told:
                    ages = (now - (pair[0].heard or 0), now - (pair[1].heard or 0))
                    assert route.held is not None
                    cause = "" if told != "closed" else "aged" if old else "gone"
                    changes, route.changes = route.changes, 0
                    life = now - route.opened
                    rows.append(Row(offset, place, told, cause, route.opened, life, changes, route.held, ages))
    return rows


def _become(route: Route, figures: Figures | None, now: int, update: int) -> str:
    """Take what a route offers now; return what is to be told of it, if anything."""
    if figures is None:
        if not route.open:
            return ""
        route.open = False
        route.changes += 1
        return "closed"
    if not route.open:
        route.open, route.opened, route.told, route.changes, route.held = True, now, now, 1, figures
        return "opened"
    assert route.held is not None
    if figures._replace(limits=route.held.limits) != route.held:
        route.changes += 1
    if route.changes == 0:
        return ""
    route.held = figures
    if now - route.told < update:
        return ""
    route.told = now
    return "updated"
