"""Trades that bars were made of, remembered for as long as a venue may take one back.

One ring over all instruments whose venue takes trades back at all: the newest ``MOST_KEPT``, in the order in which they
were counted. Each names the one before it of its instrument, so that the trades of one are found without the others.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.kernels import Record, kernel

MOST_KEPT: Final = 1 << 19
"""Of 43 bytes: 23 MB. What is older is forgotten, and bars that need it can no longer be revised."""
NEVER_KEPT: Final = -2
NONE_KEPT: Final = -1
"""In place of a trade's number: its instrument's trades are not kept; none is kept yet."""
SAME_NS: Final = 1_000_000
"""Prints are the same within a millisecond: some venues stream no finer stamps than they keep."""

KEPT: Final = np.dtype(
    [
        ("before", np.int64),  # number of the one before it of its instrument
        ("when", np.int64),
        ("trade_id", np.int64),
        ("price", np.int64),
        ("size", np.int64),
        ("size_exp", np.int8),
        ("uncounted", np.uint8),
        ("gone", np.uint8),  # 1: it was taken back
    ]
)
"""One trade; its number counts all that were ever kept, and its place is that modulo the room there is."""


@kernel
def keep(
    kept: NDArray[np.void],
    number: int,
    before: int,
    when: int,
    trade_id: int,
    price: int,
    size: int,
    size_exp: int,
    uncounted: int,
) -> None:
    """Remember a trade as number ``number``."""
    trade = kept[number % len(kept)]
    trade.before, trade.when, trade.trade_id = before, when, trade_id
    trade.price, trade.size, trade.size_exp = price, size, size_exp
    trade.uncounted, trade.gone = uncounted, 0


@kernel
def is_same(trade: Record, since: int, when: int, trade_id: int, price: int, size: int, size_exp: int) -> bool:
    """Return whether a trade is the one that a row of ``when`` takes back, and did not come before ``since``."""
    if trade.trade_id != trade_id or trade.price != price:
        return False
    if trade.size != size or trade.size_exp != size_exp:
        return False
    return bool(since <= trade.when < when + SAME_NS)


@kernel
def find(
    kept: NDArray[np.void],
    total: int,
    newest: int,
    since: int,
    when: int,
    trade_id: int,
    price: int,
    size: int,
    size_exp: int,
) -> int:
    """Return the number of the trade that a venue takes back: same id, price and size, nearest in time; -1 for none.

    Ids alone do not name a trade: IQFeed's repeat within a day, Massive's are of one exchange. So none is it that came
    before ``since`` or after ``when``.
    """
    found, least = -1, 0
    while newest >= 0 and newest >= total - len(kept):
        trade = kept[newest % len(kept)]
        if not trade.gone and is_same(trade, since, when, trade_id, price, size, size_exp):
            away = abs(trade.when - when)
            if found < 0 or away < least:
                found, least = newest, away
        newest = trade.before
    return found


@kernel
def gather(kept: NDArray[np.void], total: int, newest: int, places: NDArray[np.int64]) -> int:
    """Write the places of an instrument's trades, newest first, without those taken back; return how many there are."""
    count = 0
    while newest >= 0 and newest >= total - len(kept):
        place = newest % len(kept)
        if not kept[place].gone:
            places[count] = place
            count += 1
        newest = kept[place].before
    return count


class KeptTrades:
    """The ring. ``total`` counts all that were ever kept; it is whoever runs the kernel that counts on."""

    def __init__(self) -> None:
        self.ring = np.zeros(0, KEPT)

    def make_room(self, total: int, more: int) -> None:
        """Have room for ``more`` trades after ``total``, or for all that may be kept."""
        room = min(MOST_KEPT, total + more)
        if room > len(self.ring):  # it has not gone round before it is as large as it may be: places stay
            wider = np.zeros(min(MOST_KEPT, max(room, 2 * len(self.ring))), KEPT)
            wider[: len(self.ring)] = self.ring
            self.ring = wider

    def packed(self, total: int) -> NDArray[np.void]:
        """Return what is remembered, oldest first."""
        numbers = np.arange(max(0, total - MOST_KEPT), total)
        return whole.picked(self.ring, numbers % max(1, len(self.ring)))

    def unpacked(self, trades: NDArray[Any], total: int) -> None:
        """Go back to what ``packed`` returned."""
        self.ring = np.zeros(0, KEPT)
        self.make_room(total, 0)
        self.ring[np.arange(total - len(trades), total) % max(1, len(self.ring))] = trades
