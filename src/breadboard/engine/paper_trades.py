"""Opportunities taken on paper: orders for each as it opens, and what all of its legs came to once they are there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.arbitrage_terms import FEE_UNIT, NO_RATE, SIZE_UNIT, Terms
from breadboard.engine.state import pack, unpack
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.executions import PAPER_FILL, Fill, Order
from breadboard.model.kinds import Side
from breadboard.model.opportunities import OpportunityKind
from breadboard.model.wide import MOST
from breadboard.ports import Execution, Market

_CROSS: Final = int(OpportunityKind.CROSS_VENUE)
_FINER: Final = PRICE_UNIT // SIZE_UNIT
"""Sizes in 1e-8 times this are in 1e-9, as amounts of money are."""


@dataclass(slots=True)
class _Open:
    """One opportunity that is being taken."""

    number: int
    route: int
    flags: int
    expected: int
    missing: int
    """Legs of which nothing was heard yet."""
    flows: list[list[int]]
    """By leg, base (1e-8) and quote currency (1e-9, after fees) that came (went, below 0); ABSENT: beyond 64 bits."""


class PaperTrades:
    """Sends orders for opportunities and keeps account.

    ``instrument_of`` is the dense id of each leg, kept up to date by whoever made it; ``worth(rate)`` what a unit of a
    currency brings and costs now, or None.
    """

    def __init__(
        self,
        execution: Execution,
        terms: Terms,
        instrument_of: NDArray[np.int32],
        worth: Callable[[int], tuple[int, int] | None],
    ) -> None:
        self._execution = execution
        self._terms = terms
        self._instrument_of = instrument_of
        self._worth = worth
        self._open: dict[int, _Open] = {}

    @property
    def due(self) -> int | None:
        """Before which moment ``until`` has to be called."""
        return self._execution.due

    def take(self, row: np.void) -> None:
        """Send an order for each leg of an opportunity that has opened, at the worst price that its walk used."""
        legs = int(row["legs"])
        counts = (int(row["number"]), int(row["route"]), int(row["flags"]), int(row["net"]))
        self._open[int(row["id"])] = _Open(*counts, legs, [[0, 0] for _ in range(legs)])
        self._execution.submit(
            [
                Order(
                    int(row["id"]),
                    leg,
                    int(row["leg_instrument"][leg]),
                    Side(int(row["leg_side"][leg])),
                    int(row["leg_limit"][leg]),
                    int(row["leg_size"][leg]),
                    int(row["ts_recv"]),
                )
                for leg in range(legs)
            ]
        )

    def until(self, ts: int, market: Market) -> list[NDArray[np.void]]:
        """Return ``PAPER_FILL`` rows of all that was due before ``ts``, without the tape row."""
        return [self._told(fill, market) for fill in self._execution.until(ts, market)]

    def step(self, ns: int) -> None:
        """Our wall clock was set."""
        self._execution.step(ns)

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        kept = [[key, *(getattr(one, name) for name in _Open.__slots__)] for key, one in self._open.items()]
        return pack({"execution": self._execution.snapshot(), "open": kept})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._execution.restore(parts["execution"])
        self._open = {key: _Open(*rest) for key, *rest in parts["open"]}

    def _told(self, fill: Fill, market: Market) -> NDArray[np.void]:
        order, taking = fill.order, self._open[fill.order.opportunity]
        leg = int(self._terms.routes[taking.route]["legs"][order.leg])
        term = self._terms.terms[leg]
        base = sum(_base(price, size, term) for price, size in fill.taken)
        buys = order.side == Side.BUY
        amount = sum(_amount(price, size, term, up=buys) for price, size in fill.taken)
        fee = -(-amount * int(term["fee"]) // FEE_UNIT)
        counted = max(base, amount + fee) < MOST
        flow = (-amount if buys else amount) - fee
        taking.flows[order.leg] = [_held(base if buys else -base), flow if counted else ABSENT]
        taking.missing -= 1
        row = np.zeros(1, PAPER_FILL)
        for name, value in {
            "opportunity": order.opportunity,
            "number": taking.number,
            "leg": order.leg,
            "instrument": order.instrument,
            "side": order.side,
            "state": fill.state,
            "flags": taking.flags,
            "ts_sent": order.ts,
            "ts_recv": fill.ts,
            "wanted": order.size,
            "filled": sum(size for _, size in fill.taken),
            "limit": order.limit,
            "average": _held(_average(amount, base, up=buys)),
            "amount": _held(amount),
            "fee": _held(fee),
            "settled": taking.missing == 0,
            "currency": self._terms.routes[taking.route]["currency"],
            "expected": taking.expected,
            "left": 0,
            "pnl": ABSENT,
        }.items():
            row[name] = value
        if taking.missing == 0:
            del self._open[order.opportunity]
            left, pnl = self._settled(taking, market)
            counted = abs(pnl) < MOST and all(flow != ABSENT for _, flow in taking.flows)
            row["left"], row["pnl"] = _held(left), pnl if counted else ABSENT
        return row

    def _settled(self, taking: _Open, market: Market) -> tuple[int, int]:
        """Return what is left of the thing, and what all came to."""
        route = self._terms.routes[taking.route]
        legs = [int(leg) for leg in route["legs"] if leg >= 0]
        if route["kind"] == _CROSS:
            left = taking.flows[0][0] + taking.flows[1][0]
            parts = [self._converted(leg, quote) for leg, (_, quote) in zip(legs, taking.flows, strict=True)]
            # What was bought and not sold lies where it was bought; the other way round it is owed where it was sold.
            where = legs[0] if left > 0 else legs[1]
            parts.append(self._converted(where, self._valued(where, left, market)))
            return left, _sum(parts)
        of_b, middle, of_c = (2, 1, 0) if route["back"] else (0, 1, 2)
        left = taking.flows[middle][0] + taking.flows[of_c][0]
        left_b = taking.flows[of_b][0] + taking.flows[middle][1] // _FINER
        values = (self._valued(legs[of_c], left, market), self._valued(legs[of_b], left_b, market))
        return left, _sum([taking.flows[of_c][1], taking.flows[of_b][1], *values])

    def _valued(self, leg: int, base: int, market: Market) -> int:
        """Return what a rest is worth at the best price at which it could be got rid of, after the fee, or ABSENT."""
        if base == 0:
            return 0
        levels = market.levels(int(self._instrument_of[leg]), Side.SELL if base > 0 else Side.BUY)
        price = next(levels, (0, 0))[0] if levels is not None else 0
        if not price:
            return ABSENT
        value = base * price // SIZE_UNIT
        return value - (-(-abs(value) * int(self._terms.terms[leg]["fee"]) // FEE_UNIT))

    def _converted(self, leg: int, amount: int) -> int:
        """Return an amount of a leg's quote currency in the route's; ABSENT where nobody knows."""
        rate = int(self._terms.terms[leg]["rate"])
        if rate == NO_RATE or amount in (0, ABSENT):
            return amount
        worth = self._worth(rate)
        return ABSENT if worth is None else amount * worth[amount < 0] // PRICE_UNIT


def _sum(parts: Sequence[int]) -> int:
    return ABSENT if ABSENT in parts else sum(parts)


def _base(price: int, contracts: int, term: np.void) -> int:
    """Return so many contracts in 1e-8 of the thing, rounded down."""
    amount = int(term["amount"])
    return contracts * amount // (price if term["inverse"] else PRICE_UNIT)


def _amount(price: int, contracts: int, term: np.void, *, up: bool) -> int:
    """Return what so many contracts come to in 1e-9 of the quote currency: up where we pay, down where we receive."""
    amount = int(term["amount"])
    whole = contracts * amount if term["inverse"] else contracts * amount * price // PRICE_UNIT
    if up and not term["inverse"]:
        whole = -(-contracts * amount * price // PRICE_UNIT)
    return -(-whole // SIZE_UNIT) if up else whole // SIZE_UNIT


def _held(value: int) -> int:
    """Return as much of a number as a row can hold: beside a mistaken price it may be any."""
    return value if value == ABSENT else max(-MOST, min(value, MOST))


def _average(amount: int, base: int, *, up: bool) -> int:
    if base == 0:
        return ABSENT
    return -(-amount * SIZE_UNIT // base) if up else amount * SIZE_UNIT // base
