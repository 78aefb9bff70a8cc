"""One simulated US stock: its market makers, its best bid and offer, its day so far, its tape.

Prices are whole units of 0.0001 dollars, sizes are shares, times nanoseconds UTC of the market.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Final
from zlib import crc32

DOLLAR: Final = 10_000
CENT: Final = 100
BUY, SELL = 0, 1
SIZE_BITS: Final = 24
SIZE_MASK: Final = (1 << SIZE_BITS) - 1
NOBODY: Final = 1 << 62
"""The key of an offer that is not there; 0 is that of a bid."""
TAPE: Final = 20_000
"""Prints kept per stock; the older half is forgotten when they are more."""
WIDTH: Final = 8
TRF: Final = 19
"""The market center of prints off the exchanges, the most frequent one on real tapes."""

MAKERS: Final = (
    ("NSDQ", 5),
    ("ARCA", 11),
    ("BATS", 18),
    ("EDGX", 26),
    ("EDGA", 24),
    ("IEXG", 153),
    ("MEMX", 187),
    ("NYSE", 7),
    ("AMEX", 6),
    ("BATY", 28),
    ("CHXE", 10),
    ("PHLX", 12),
)
"""Market makers of the Level 2 view and their market centers. Plausible, not the vendor's list."""

CONDITIONS: Final = b"01 3D 2E 39 05 17 173D 1747 87 3D87 3E 3E87 4706 470687 19 1987 8944 8717 873D17".split()
"""Condition codes as they stand on real tapes. 01 ordinary, 3D sweep, 87 odd lot, 17 outside regular hours."""
BASES: Final = (b"C", b"E", b"O")
"""C last-qualified, E extended hours, O other."""


@dataclass(slots=True)
class Trade:
    """One print. ``basis`` and ``conditions`` are places in ``BASES`` and ``CONDITIONS``."""

    ts: int
    price: int
    size: int
    volume: int
    """Total volume of the day with this print."""
    bid: int
    ask: int
    tick_id: int
    basis: int
    conditions: int
    center: int
    aggressor: int
    """1 buyer, 2 seller, 3 neither."""

    def packed(self) -> tuple[int, ...]:
        """Return the eight numbers of a tape row."""
        code = ((self.basis << 8 | self.conditions) << 12 | self.center) << 2 | self.aggressor
        return (self.ts, self.price, self.size, self.volume, self.bid, self.ask, self.tick_id, code)


class Stock:
    """One stock. ``bids`` and ``asks`` hold one key per market maker; the best of them is the best of Level 1.

    A key is the price above the size, so that ``max`` (bids) and ``min`` (asks, with the size turned round) find the
    best price and, at the same price, the greatest size.
    """

    __slots__ = (
        "_before", "ask", "asks", "average_volume", "best_ask", "best_bid", "bid", "bids", "close", "half",
        "halted", "high", "index", "last", "low", "makers", "mid", "open", "reference", "resumes", "stray",
        "symbol", "tape", "tick_ids", "tier", "trades", "value", "volume",
    )  # fmt: skip

    def __init__(self, symbol: str, index: int, tier: int, seed: int, first_tick: int) -> None:
        draw = Random(seed ^ crc32(symbol.encode()))  # noqa: S311 - a market, no secret
        self.symbol, self.index, self.tier = symbol, index, tier
        self.reference = self.mid = round(exp(log(0.4) + draw.random() * log(60 / 0.4)) * DOLLAR)
        self.close = self.rounded(round(self.mid * (1 + draw.gauss(0, 0.03))))
        basis_points = (6, 25, 90)[min(tier, 2)] * draw.uniform(0.6, 1.6)
        self.half = max(self.tick // 2, round(self.mid * basis_points / 10_000), 1)
        self.average_volume = (4_000_000, 700_000, 60_000)[min(tier, 2)] + draw.randrange(50_000)
        chosen = draw.sample(range(len(MAKERS)), (11, 8, 5)[min(tier, 2)])
        self.makers = sorted({0, 1, 2, *chosen})
        self.bids = [0] * len(self.makers)
        self.asks = [NOBODY] * len(self.makers)
        self.stray: tuple[int, int, int, int] | None = None
        """``(maker, side, price, size)`` of a quote that crosses the others: in the Level 2 view only."""
        self.best_bid, self.best_ask = 0, NOBODY
        self.bid, self.ask = 0, 0
        self.tick_ids: dict[int, int] = {}
        """The last TickID of each market center: they are dense there, and repeat between centers."""
        self._before = first_tick - 1
        self.open = self.high = self.low = self.last = self.volume = self.trades = self.value = 0
        self.halted = False
        self.resumes = 0
        self.tape: array[int] = array("q")

    def begin_day(self) -> None:
        """Let TickIDs, counters and the tape begin anew."""
        self.open = self.high = self.low = self.last = self.volume = self.trades = self.value = 0
        self._before = 0
        self.tick_ids.clear()
        del self.tape[:]

    @property
    def tick(self) -> int:
        """The least price step: a cent, and 0.0001 below a dollar (Rule 612 of Regulation NMS)."""
        return CENT if self.mid >= DOLLAR else 1

    def rounded(self, price: int) -> int:
        """Return a price on the grid."""
        return price - price % CENT if price >= DOLLAR else max(1, price)

    def next_tick(self, center: int) -> int:
        """Return the next TickID of a market center."""
        self.tick_ids[center] = tick_id = self.tick_ids.get(center, self._before) + 1
        return tick_id

    def refresh(self) -> tuple[bool, bool]:
        """Find the best bid and offer again; say which of them changed, in price or size."""
        bid, ask = max(self.bids), min(self.asks)
        changed = bid != self.best_bid, ask != self.best_ask
        self.best_bid, self.best_ask = bid, ask
        self.bid = bid >> SIZE_BITS
        self.ask = ask >> SIZE_BITS if ask != NOBODY else 0
        return changed

    @property
    def bid_size(self) -> int:
        """Shares at the best bid."""
        return self.best_bid & SIZE_MASK

    @property
    def ask_size(self) -> int:
        """Shares at the best offer; 0 without one."""
        return SIZE_MASK - (self.best_ask & SIZE_MASK) if self.ask else 0

    def center(self, side: int) -> int:
        """Return the market center of the best quote of a side."""
        keys, best = (self.bids, self.best_bid) if side == BUY else (self.asks, self.best_ask)
        return MAKERS[self.makers[keys.index(best)]][1]

    def quote(self, maker: int, side: int) -> tuple[int, int]:
        """Return ``(price, size)`` of a maker as the Level 2 view has it; ``(0, 0)`` without a quote."""
        if self.stray is not None and self.stray[:2] == (maker, side):
            return self.stray[2:]
        if side == BUY:
            key = self.bids[maker]
            return key >> SIZE_BITS, key & SIZE_MASK
        key = self.asks[maker]
        return (key >> SIZE_BITS, SIZE_MASK - (key & SIZE_MASK)) if key != NOBODY else (0, 0)

    def report(self, trade: Trade) -> None:
        """Put a print on the tape and count it."""
        self.volume = trade.volume
        self.value += trade.price * trade.size
        self.trades += 1
        if trade.basis == 0:
            self.last = trade.price
            if not self.open:
                self.open = self.high = self.low = trade.price
            elif trade.price > self.high:
                self.high = trade.price
            elif trade.price < self.low:
                self.low = trade.price
        self.tape.extend(trade.packed())
        if len(self.tape) > TAPE * WIDTH:
            del self.tape[: TAPE // 2 * WIDTH]

    def withdraw(self, trade: Trade) -> int:
        """Take a print off the tape and out of the day's counts; return where it was.

        The open, high, low and last stay as told.
        """
        self.volume -= trade.size
        self.value -= trade.price * trade.size
        self.trades -= 1
        for row in range(len(self.tape) - WIDTH, -1, -WIDTH):
            if self.tape[row : row + WIDTH] == array("q", trade.packed()):
                del self.tape[row : row + WIDTH]
                return row
        return len(self.tape)

    def restate(self, trade: Trade, row: int) -> None:
        """Put a corrected print where the wrong one was."""
        self.volume += trade.size
        self.value += trade.price * trade.size
        self.trades += 1
        self.tape[row:row] = array("q", trade.packed())

    def prints(self) -> Iterator[Trade]:
        """Return the prints on the tape, oldest first."""
        return (unpacked(self.tape[row : row + WIDTH]) for row in range(0, len(self.tape), WIDTH))

    def last_print(self, back: int) -> Trade | None:
        """Return the print so many before the last."""
        row = len(self.tape) - (back + 1) * WIDTH
        return unpacked(self.tape[row : row + WIDTH]) if row >= 0 else None


def unpacked(row: "array[int]") -> Trade:
    """Return the print of a tape row."""
    ts, price, size, volume, bid, ask, tick_id, code = row
    return Trade(
        ts, price, size, volume, bid, ask, tick_id, code >> 22, code >> 14 & 255, code >> 2 & 4095, code & 3
    )  # fmt: skip
