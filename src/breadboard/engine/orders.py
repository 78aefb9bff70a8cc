"""Order-by-order books (market by order): every resting order by its id, and what they add up to at each price.

Runs before ``Books``: an ORDER row leaves here with the absolute totals of the levels it changed, and is then a change
of a book like any other, under the same rules of what may be believed. A change of an order that was never told of is
flagged, and makes the book stale, unless a snapshot of levels holds enough at that price that nobody named.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from breadboard.engine import order_kernel as core
from breadboard.engine.order_tables import LEAST_ROOM, LEVEL, ORDER, fresh, rehash
from breadboard.engine.state import pack, unpack
from breadboard.model import whole
from breadboard.model.decimals import SIZE_EXP
from breadboard.model.kinds import EventKind, Side
from breadboard.model.tape import LEVEL_COLUMNS, Tape

_ORDER_KIND: Final = int(EventKind.ORDER)


MOST_ORDERS: Final = 2_000_000
"""Orders that rest, over all books. One more is not kept: its row is flagged, and its book not believed."""


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """One order of a book; ``size`` in 1e-8, ``ahead`` what rests before it at its price, where all is known."""

    order_id: int
    side: Side
    price: int
    size: int
    ahead: int


class Orders:
    """Stage of its own kind: takes a tape and returns it, the levels of its ORDER rows filled in."""

    def __init__(self) -> None:
        self._orders, self._levels = fresh(ORDER, LEAST_ROOM), fresh(LEVEL, LEAST_ROOM)
        self._meter = np.zeros(core.METERS, np.int64)

    def on_tape(self, tape: Tape) -> Tape:
        """Take the next rows; return them with levels and with flags of what was not known."""
        count = tape.contents.kinds[_ORDER_KIND]
        if not count:
            return tape
        flags, begin, end = tape.flags.copy(), tape.level_begin.copy(), tape.level_end.copy()
        out = np.zeros((3, core.MOST_TOUCHED * count), np.int64)
        row = at = 0
        while row < len(tape):
            row, at = core.run(
                row,
                tape.kind,
                tape.code,
                tape.side,
                tape.instrument,
                tape.order_id,
                tape.price,
                tape.size,
                tape.size_exp,
                flags,
                begin,
                end,
                self._orders,
                self._levels,
                self._meter,
                MOST_ORDERS,
                len(tape.level_side),
                at,
                out,
            )
            if row < len(tape):
                self._widen()
        side, price, total = out[:, :at]
        more = (side, price, total, np.full(at, SIZE_EXP))
        joined: dict[str, Any] = {
            name: np.concatenate((getattr(tape, name), part.astype(dtype)))
            for (name, (dtype, _)), part in zip(LEVEL_COLUMNS.items(), more, strict=True)
        }
        return replace(tape, **joined, flags=flags, level_begin=begin, level_end=end)

    def view(self, instrument: int) -> list[RestingOrder]:
        """Return the orders of one book: bids from the best, then asks from the best, each level by time priority."""
        mine = self._orders[self._orders["instrument"] == instrument]
        worse = np.where(mine["side"] == Side.BUY, -mine["price"], mine["price"])
        mine = mine[np.lexsort((mine["rank"], worse, mine["side"]))]
        found: list[RestingOrder] = []
        level, ahead = (0, 0), 0
        for row in mine:
            here = int(row["side"]), int(row["price"])
            level, ahead = here, ahead if here == level else 0
            found.append(RestingOrder(int(row["id"]), Side(here[0]), here[1], int(row["size"]), ahead))
            ahead += int(row["size"])
        return found

    def counters(self) -> dict[str, int]:
        """Return how many orders rest, and how many were refused, not known, had less than was taken, came twice."""
        names = {
            "resting": core.RESTING,
            "refused": core.REFUSED,
            "unknown": core.UNKNOWN,
            "overdrawn": core.OVERDRAWN,
            "repeated": core.REPEATED,
        }
        return {name: int(self._meter[slot]) for name, slot in names.items()}

    def snapshot(self) -> bytes:
        """Return all state as bytes; how the tables are laid out is no part of it."""
        orders = whole.picked(self._orders, self._orders["instrument"] >= 0)
        told = (self._levels["instrument"] >= 0) & (self._levels["total"] + self._levels["orders"] != 0)
        levels = whole.picked(self._levels, told)
        return pack(
            {
                "orders": whole.picked(orders, np.lexsort((orders["id"], orders["instrument"]))),
                "levels": whole.picked(levels, np.lexsort((levels["price"], levels["side"], levels["instrument"]))),
                "meter": self._meter[core.RANK :],
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._orders, self._levels = parts["orders"], parts["levels"]
        self._meter[core.RANK :] = parts["meter"]
        self._widen()

    def _widen(self) -> None:
        """Lay both tables out anew, at most a quarter full."""
        orders = fresh(ORDER, 4 * int(np.count_nonzero(self._orders["instrument"] >= 0)))
        levels = fresh(LEVEL, 4 * int(np.count_nonzero(self._levels["total"] + self._levels["orders"])))
        rehash(self._orders, self._levels, orders, levels, self._meter)
        self._orders, self._levels = orders, levels
