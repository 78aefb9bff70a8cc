"""A seeded market: order books with real depth, trades that cross the spread, and nothing that depends on time.

The same seed gives the same updates in the same order. Prices are whole ticks, sizes whole lots; what a tick and a
lot are worth, and how they are written, is the instrument's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Final
from zlib import crc32

DEPTH: Final = 1000
"""Levels a side at the start."""
BUY, SELL = 0, 1
FELL_BACK_TO: Final = 1000
"""Where numbers go on after a venue lost them."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of market: how many symbols, how many messages a second in all, and how they are shared out."""

    symbols: int
    messages_per_s: float
    tiers: tuple[tuple[float, float], ...]
    """``(share of the symbols, weight of each)``, most active first; the weights of small caps are updates a second."""


PROFILES: Final = {
    "breadboard": Profile(12, 200.0, ((1.0, 1.0),)),
    "smallcaps": Profile(495, 375.0, ((50 / 495, 4.0), (100 / 495, 0.4), (345 / 495, 0.03))),
}
"""``breadboard`` is the small default; ``smallcaps`` has 50 liquid, 100 half-liquid and 345 illiquid symbols."""

REFERENCE: Final = {
    "BTC": 61_837.6,
    "ETH": 2_683.4,
    "SOL": 163.2,
    "BNB": 512.7,
    "XRP": 0.6154,
    "DOGE": 0.1062,
    "LTC": 61.85,
    "ADA": 0.3521,
    "AVAX": 22.74,
    "LINK": 10.37,
    "DOT": 4.68,
    "BCH": 341.5,
}
"""Prices at which well-known symbols begin; the others begin at a price drawn from their name."""


@dataclass(slots=True)
class Update:
    """One thing that happened to one book, in the order in which it happened."""

    book: "Book"
    changes: list[tuple[int, int, int]]
    """``(side, price, size)`` in ticks and lots; size 0 removes. Each has the next update number of its book."""
    trades: list[tuple[int, int, int]]
    """``(aggressor side, price, size)``; each has the next trade number of its book."""
    top: bool
    """Whether the best bid or offer (or its size) is another one now."""


@dataclass(slots=True)
class Book:
    """One instrument: its two sides as price to size, its best prices, its counters."""

    symbol: str
    index: int
    tick_decimals: int
    lot_decimals: int
    reference: int
    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    best: list[int] = field(default_factory=lambda: [0, 0])
    update_id: int = 0
    trade_id: int = 0
    begun: int = 0
    """The update number at which counting began, or began anew."""

    def renumber(self) -> None:
        """Begin to count anew, from small numbers."""
        self.begun = self.update_id = self.trade_id = FELL_BACK_TO

    def levels(self, side: int, limit: int) -> list[tuple[int, int]]:
        """Return ``(price, size)`` of the best levels of a side, best first."""
        return sorted(self.sides[side].items(), reverse=side == BUY)[:limit]

    def apply(self, side: int, price: int, size: int) -> None:
        """Set a level (0 removes) and count the update."""
        levels = self.sides[side]
        self.update_id += 1
        if size:
            levels[price] = size
            if price > self.best[side] if side == BUY else price < self.best[side]:
                self.best[side] = price
            return
        levels.pop(price, None)
        if price == self.best[side]:
            step = -1 if side == BUY else 1
            while price not in levels:
                price += step
            self.best[side] = price


class Market:
    """Books and a source of updates. ``step`` makes the next one.

    Update and trade numbers begin above ``numbers_from``: a market that is started again must not reuse numbers.
    """

    def __init__(self, symbols: Sequence[str], seed: int, profile: str = "breadboard", numbers_from: int = 0) -> None:
        self._random = Random(seed)  # noqa: S311 - a market, no secret
        self.books = [_begin(symbol, index, self._random, numbers_from) for index, symbol in enumerate(symbols)]
        self.by_symbol = {book.symbol: book for book in self.books}
        self._cumulative = list(accumulate(_weights(len(symbols), PROFILES[profile])))

    def step(self) -> Update:
        """Let one thing happen: an order joins, grows, shrinks or leaves a level (84 %), or trades (16 %)."""
        random = self._random
        book = random.choices(self.books, cum_weights=self._cumulative)[0]
        draw = random.random()
        if draw < 0.16:
            # A pull towards the reference price, stronger with the distance: prices wander and never run away.
            pull = (book.reference - book.best[BUY]) / book.reference
            return self._trade(book, BUY if random.random() < 0.5 + pull else SELL)
        return self._quote(book, BUY if random.random() < 0.5 else SELL, draw)

    def steps(self, count: int) -> Iterator[Update]:
        """Return the next ``count`` updates."""
        return (self.step() for _ in range(count))

    def _quote(self, book: Book, side: int, draw: float) -> Update:
        """Change one level: near the touch most often, inside the spread sometimes."""
        random = self._random
        away = -1 if side == BUY else 1
        best = book.best[side]
        spread = book.best[SELL] - book.best[BUY]
        levels = book.sides[side]
        if spread > 1 and draw < 0.16 + min(0.5, 0.06 * spread):
            price = best - away * random.randint(1, max(1, spread // 3))  # the wider the spread, the more are drawn in
        else:
            price = best + away * int(random.expovariate(0.08))
        old = levels.get(price, 0)
        removes = old and random.random() < 0.35 and len(levels) > DEPTH * 9 // 10
        size = 0 if removes else _lots(random)
        if size == old:
            size += 1
        book.apply(side, price, size)
        return Update(book, [(side, price, size)], [], price == best or best != book.best[side])

    def _trade(self, book: Book, side: int) -> Update:
        """Let an order of ``side`` cross the spread and take what rests, level by level."""
        random = self._random
        resting = SELL if side == BUY else BUY
        wanted = _lots(random)
        changes: list[tuple[int, int, int]] = []
        trades: list[tuple[int, int, int]] = []
        while wanted and len(trades) < 4:
            price = book.best[resting]
            size = book.sides[resting][price]
            taken = min(wanted, size)
            wanted -= taken
            book.trade_id += 1
            trades.append((side, price, taken))
            changes.append((resting, price, size - taken))
            book.apply(resting, price, size - taken)
            if len(book.sides[resting]) < DEPTH * 9 // 10:
                changes.append(_refill(book, resting, random))
        return Update(book, changes, trades, top=True)


def symbol_names(spell: Callable[[str], str], count: int, profile: str) -> list[str]:
    """Return ``count`` names as ``spell`` has them: known coins first, or made-up tickers for small caps."""
    coins = list(REFERENCE) if profile == "breadboard" else []
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    made_up = ("".join(letters[n * 7919 // 26**k % 26] for k in range(4)) for n in range(1, 26**4))
    names = coins[:count]
    while len(names) < count:
        name = next(made_up)
        if name not in names:
            names.append(name)
    return [spell(name) for name in names]


def _begin(symbol: str, index: int, random: Random, numbers_from: int) -> Book:
    """Return a book around the symbol's reference price, dense near the touch, ``DEPTH`` levels a side."""
    known = next((price for coin, price in REFERENCE.items() if symbol.upper().startswith(coin)), None)
    price = known if known is not None else 2.0 + crc32(symbol.encode()) % 4800 / 100
    decimals = 2 if price >= 100 else 4 if price >= 1 else 5  # at least 10,000 ticks, far more than the depth
    middle = round(price * 10**decimals)
    book = Book(symbol, index, decimals, 5, middle)
    number = crc32(symbol.encode())
    book.update_id, book.trade_id = numbers_from + number % 9_000, numbers_from + number % 900
    book.begun = book.update_id
    for side, away in ((BUY, -1), (SELL, 1)):
        price_ticks = middle + (away if side == SELL else 0)
        book.best[side] = price_ticks
        for level in range(DEPTH):
            book.sides[side][price_ticks] = _lots(random)
            price_ticks += away * (1 if level < 50 or random.random() < 0.7 else 2)
    return book


def _lots(random: Random) -> int:
    """Draw a size: log-normal like real ones, round a third of the time."""
    lots = int(random.lognormvariate(9.0, 1.6)) + 1
    return lots - lots % 1000 + 1000 if random.random() < 0.33 else lots


def _refill(book: Book, side: int, random: Random) -> tuple[int, int, int]:
    """Put a level where the book has become thin: beyond its worst price."""
    levels = book.sides[side]
    price = min(levels) - 1 if side == BUY else max(levels) + 1
    size = _lots(random)
    book.apply(side, price, size)
    return side, price, size


def _weights(count: int, profile: Profile) -> list[float]:
    """Return how often each symbol is chosen, the tiers of the profile spread over ``count`` symbols."""
    weights: list[float] = []
    for share, rate in profile.tiers:
        weights += [rate] * round(share * count)
    return (weights + [profile.tiers[-1][1]] * count)[:count]
