"""Execution on paper: orders get there after their venue's latency, and take what the books hold then."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from breadboard.engine.state import pack, unpack
from breadboard.model.executions import Fill, FillState, Order
from breadboard.model.kinds import Side
from breadboard.ports import Market

MAX_WAITING: Final = 10_000
"""Orders under way at most; one more fills nothing and is told as UNSURE when it is due."""


class PaperExecution:
    """An ``Execution`` that trades nothing. ``latency(instrument)`` is how long an order is under way, ns.

    An order takes from the levels up to its limit what they held in the newest state received by the time it is due:
    that state is older at the venue by the feed's own latency, and what two orders take of one level is not deducted.
    Both flatter; a venue's queue, its rate limits and its refusals are not modelled either.
    """

    def __init__(self, latency: Callable[[int], int]) -> None:
        self._latency = latency
        self._waiting: list[tuple[int, Order]] = []
        self.refused = 0
        """Orders that came when too many were under way."""

    def submit(self, orders: Sequence[Order]) -> None:
        """Take orders."""
        for order in orders:
            if len(self._waiting) >= MAX_WAITING:
                self.refused += 1
                order = msgspec.structs.replace(order, size=-order.size)  # noqa: PLW2901 - marked, and told when due
            self._waiting.append((order.ts + self._latency(order.instrument), order))
        self._waiting.sort(key=lambda waiting: waiting[0])

    @property
    def due(self) -> int | None:
        """When the first order is there."""
        return self._waiting[0][0] if self._waiting else None

    def until(self, ts: int, market: Market) -> list[Fill]:
        """Deal with every order due before ``ts``."""
        count = sum(due < ts for due, _ in self._waiting)
        dealt, self._waiting = self._waiting[:count], self._waiting[count:]
        return [_fill(due, order, market) for due, order in dealt]

    def step(self, ns: int) -> None:
        """Our wall clock was set."""
        self._waiting = [(due + ns, order) for due, order in self._waiting]

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack({"waiting": msgspec.to_builtins(self._waiting), "refused": self.refused})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._waiting = msgspec.convert(parts["waiting"], list[tuple[int, Order]])
        self.refused = parts["refused"]


def _fill(due: int, order: Order, market: Market) -> Fill:
    """Return what an order takes of the market."""
    levels = market.levels(order.instrument, order.side) if order.size > 0 else None
    if levels is None:
        whole = msgspec.structs.replace(order, size=abs(order.size))
        return Fill(whole, due, FillState.UNSURE, ())
    taken: list[tuple[int, int]] = []
    left = order.size
    for price, size in levels:
        beyond = price > order.limit if order.side == Side.BUY else price < order.limit
        if beyond or left == 0:
            break
        if size:
            taken.append((price, min(size, left)))
            left -= taken[-1][1]
    state = FillState.FILLED if left == 0 else FillState.PARTIAL if taken else FillState.MISSED
    return Fill(order, due, state, tuple(taken))
