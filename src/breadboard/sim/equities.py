"""A seeded market of US equities: market makers who quote, trades that take from them, auctions, halts, corrections.

The same seed and the same times give the same updates in the same order. What a venue calls a message is the
dialect's business; ``Update.messages`` counts Level 1 and Level 2 lines together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from random import Random
from typing import Final

from breadboard.sim.activity import NS, Phase, Tiers, weights_of
from breadboard.sim.stocks import (
    BUY,
    CENT,
    CONDITIONS,
    DOLLAR,
    MAKERS,
    NOBODY,
    SELL,
    SIZE_BITS,
    SIZE_MASK,
    TRF,
    Stock,
    Trade,
)

TRADES: Final = 0.14
"""Share of the updates that are trades."""
HALTS: Final = 1 / 200_000
CORRECTIONS: Final = 1 / 20_000
"""Of the trades of the regular session."""
PAUSE_NS: Final = 300 * NS
"""A limit-up-limit-down pause lasts five minutes."""
STRAYS: Final = 1 / 3_000
"""Of the quotes: one that crosses the others in the Level 2 view."""
BLOCK: Final = 4096

Table = tuple[tuple[float, bytes], ...]
"""Conditions, each with the share of prints up to and with it."""
_ROUND: Final[Table] = ((0.665, b"01"), (0.995, b"3D"), (0.998, b"2E"), (0.999, b"39"), (1.0, b"05"))
_ODD: Final[Table] = (
    (0.85, b"87"),
    (0.988, b"3D87"),
    (0.993, b"3E87"),
    (0.997, b"4706"),
    (0.9985, b"1987"),
    (1.0, b"8944"),
)
_FORM_T: Final[Table] = ((0.70, b"17"), (0.99, b"173D"), (1.0, b"1747"))
_ODD_FORM_T: Final[Table] = ((0.74, b"8717"), (1.0, b"873D17"))


@dataclass(slots=True)
class Update:
    """One thing that happened to one stock; the stock already shows the state after it."""

    stock: Stock
    trade: Trade | None
    quotes: tuple[tuple[int, int, int, int], ...]
    """``(maker, side, price, size)`` in the Level 2 view; size 0 withdraws."""
    bid: bool
    ask: bool
    """Whether the best bid (offer) or its size is another one."""
    correction: tuple[Trade, Trade | None] | None = None
    """A print taken back, and what it should have been."""
    halt: bool | None = None
    """True: trading stops, all quotes are gone; False: it goes on."""
    auction: bool = False
    extreme: int = 0
    """What the trade made: 1 a high, 2 a low, 3 the open (and both)."""

    @property
    def messages(self) -> int:
        """Return how many Level 1 and Level 2 messages this is."""
        level1 = (self.trade is not None) + (self.bid or self.ask) + bool(self.correction) + (self.halt is not None)
        return level1 + len(self.quotes)


class Equities:
    """Stocks and a source of updates. ``step`` makes the next one at a market time.

    TickIDs begin at ``first_tick``: a market that is started again on the same day must not reuse them. On recorded
    tapes they are dense for each stock and market center, and so are they here.
    """

    def __init__(self, symbols: Sequence[str], seed: int, tiers: Tiers, first_tick: int = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - a market, no secret
        spread = tiers.spread(len(symbols))
        self.stocks = [
            Stock(symbol, index, spread[index], seed, first_tick) for index, symbol in enumerate(symbols)
        ]  # fmt: skip
        self.by_symbol = {stock.symbol: stock for stock in self.stocks}
        rates = weights_of(spread, tiers)
        self.rate = sum(rates)
        """Messages a second in all, of the regular session on average."""
        self._cumulative = list(accumulate(rates))
        self._block: list[Stock] = []
        self.phase = Phase.REGULAR
        self.halts: list[tuple[str, int, int]] = []
        """``(symbol, from, to)`` in market time; ``to`` 0 while it lasts."""
        self.corrected: list[tuple[str, int, int, str]] = []
        """``(symbol, market center, TickID, "D" or "DI")``."""
        self._halted: list[Stock] = []
        for stock in self.stocks:
            self._fill(stock)

    def step(self, now_ns: int) -> Update:
        """Let one thing happen: a market maker changes a quote (86 %), or a trade is reported."""
        stock = self._next()
        random = self._random.random
        draw = random()
        if stock.halted:  # all are
            return Update(stock, None, (), bid=False, ask=False)
        if draw < TRADES and stock.ask and stock.bid:
            if self.phase is Phase.REGULAR:
                if draw < TRADES * HALTS:
                    return self.halt(stock, now_ns)
                if draw > TRADES * (1 - CORRECTIONS) and (found := self.correct(stock)) is not None:
                    return found
            return self._trade(stock, now_ns)
        return self._requote(stock)

    def due(self, now_ns: int) -> Iterator[Update]:
        """Return the halts that end by now: a reopening auction, then the makers come back."""
        for stock in [stock for stock in self._halted if stock.resumes <= now_ns]:
            self._halted.remove(stock)
            stock.halted = False
            place = next(i for i, (symbol, _, to) in enumerate(self.halts) if symbol == stock.symbol and not to)
            self.halts[place] = (stock.symbol, self.halts[place][1], now_ns)
            quotes = self._fill(stock)
            yield Update(stock, None, quotes, bid=True, ask=True, halt=False)
            yield self.auction(stock, now_ns)

    def auction(self, stock: Stock, now_ns: int) -> Update:
        """Report the print of an opening, closing or reopening auction: at the middle, in one large size."""
        size = max(100, int(stock.average_volume * (0.01 + 0.03 * self._random.random())))
        trade = self._report(stock, now_ns, stock.rounded(stock.mid), size, 3, 5, b"01")
        return Update(stock, trade, (), bid=False, ask=False, auction=True, extreme=3)

    def halt(self, stock: Stock, now_ns: int, pause_ns: int = PAUSE_NS) -> Update:
        """Stop trading in a stock: every quote is withdrawn until the pause is over."""
        stock.halted, stock.resumes, stock.stray = True, now_ns + pause_ns, None
        self._halted.append(stock)
        self.halts.append((stock.symbol, now_ns, 0))
        stock.bids = [0] * len(stock.makers)
        stock.asks = [NOBODY] * len(stock.makers)
        stock.refresh()
        return Update(stock, None, (), bid=True, ask=True, halt=True)

    def correct(self, stock: Stock) -> Update | None:
        """Take back one of the last prints; half the time it is reported again with its right price."""
        wrong = stock.last_print(int(self._random.random() * 20))
        if wrong is None:
            return None
        place = stock.withdraw(wrong)
        right = None
        if self._random.random() < 0.5:
            price = max(1, wrong.price + (stock.tick if self._random.random() < 0.5 else -stock.tick))
            right = Trade(
                wrong.ts, price, wrong.size, wrong.volume, wrong.bid, wrong.ask, wrong.tick_id,
                wrong.basis, wrong.conditions, wrong.center, wrong.aggressor,
            )  # fmt: skip
            stock.restate(right, place)
        self.corrected.append((stock.symbol, wrong.center, wrong.tick_id, "DI" if right else "D"))
        return Update(stock, None, (), bid=False, ask=False, correction=(wrong, right))

    def _next(self) -> Stock:
        while True:
            if not self._block:
                self._block = self._random.choices(self.stocks, cum_weights=self._cumulative, k=BLOCK)
            stock = self._block.pop()
            if not stock.halted or len(self._halted) == len(self.stocks):
                return stock

    def _trade(self, stock: Stock, now_ns: int) -> Update:
        """Report a print: off the exchanges between the quotes, or an order that takes from the best maker."""
        random = self._random.random
        size = 1 + int(random() ** 2 * 99) if random() < 0.37 else 100 * (1 + int(-1.6 * log(1 - random())))
        # A pull towards the reference, stronger with the distance: prices wander and never run away.
        side = BUY if random() < 0.5 + (stock.reference - stock.mid) / stock.reference else SELL
        if random() < 0.35:
            inside = int(random() * (stock.ask - stock.bid)) if random() < 0.3 else stock.ask - stock.bid
            price = stock.bid + inside if side == BUY else stock.ask - inside
            trade = self._print(stock, now_ns, price, size, side, TRF)
            return Update(stock, trade[0], (), bid=False, ask=False, extreme=trade[1])
        keys, best = (stock.asks, stock.best_ask) if side == BUY else (stock.bids, stock.best_bid)
        maker = keys.index(best)
        price, there = (stock.ask, stock.ask_size) if side == BUY else (stock.bid, stock.bid_size)
        size = min(size, there)
        trade = self._print(stock, now_ns, price, size, side, MAKERS[stock.makers[maker]][1])
        left = (there - size) // 100 * 100
        if left == there:  # an odd lot out of a hidden remainder
            return Update(stock, trade[0], (), bid=False, ask=False, extreme=trade[1])
        resting = SELL if side == BUY else BUY
        if not left:
            price += (1 if resting == SELL else -1) * max(stock.tick, stock.half // 2)
            price, left = stock.rounded(price), self._lot()
            stock.mid += (stock.half if side == BUY else -stock.half) // 4 if stock.half > 7 else 0
        return self._set(stock, maker, resting, price, left, trade)

    def _print(self, stock: Stock, now_ns: int, price: int, size: int, side: int, center: int) -> tuple[Trade, int]:
        """Report a print with the basis and conditions of its size and its time of day."""
        regular = self.phase is Phase.REGULAR
        if size < 100:
            table = _ODD if regular else _ODD_FORM_T
            basis = 2
        else:
            table = _ROUND if regular else _FORM_T
            basis = 0 if regular else 1
        draw = self._random.random()
        conditions = next(code for share, code in table if draw <= share)
        extreme = 0
        if not basis:
            extreme = 3 if not stock.open else 1 if price > stock.high else 2 if price < stock.low else 0
        return self._report(stock, now_ns, price, size, 1 if side == BUY else 2, center, conditions, basis), extreme

    def _report(
        self, stock: Stock, now_ns: int, price: int, size: int, aggressor: int, center: int, code: bytes, basis: int = 0
    ) -> Trade:
        trade = Trade(
            now_ns, price, size, stock.volume + size, stock.bid, stock.ask, stock.next_tick(center),
            basis, _CODE[code], center, aggressor,
        )  # fmt: skip
        stock.report(trade)
        return trade

    def _requote(self, stock: Stock) -> Update:
        """Let one maker change size (half the time) or price, withdraw, or come back."""
        random = self._random.random
        draw = random()
        side = BUY if random() < 0.5 else SELL
        maker = int(random() * len(stock.makers))
        if stock.stray is not None and (draw < 0.3 or stock.stray[:2] == (maker, side)):
            maker, side = stock.stray[:2]
            draw = 0.0  # a quote that crossed takes a new price
        elif draw < 0.25:
            stock.mid += int((random() - 0.5) * stock.half + (stock.reference - stock.mid) * 0.0005)
            if stock.ask and stock.ask <= stock.mid:  # who is still there is behind the times
                side, maker = SELL, stock.asks.index(stock.best_ask)
            elif stock.bid >= stock.mid:
                side, maker = BUY, stock.bids.index(stock.best_bid)
        price, size = stock.quote(maker, side)
        if size and draw > 0.5:
            fresh = self._lot()
            return self._set(stock, maker, side, price, fresh if fresh != size else fresh + 100)
        if size and draw > 0.47 and (stock.bids if side == BUY else stock.asks).count(0 if side == BUY else NOBODY) < 2:
            return self._set(stock, maker, side, 0, 0)
        step = max(stock.tick, stock.half // 2)
        away = stock.half + int(-2.0 * log(1 - random())) * step
        price = stock.rounded(stock.mid - away) if side == BUY else stock.rounded(stock.mid + away + stock.tick - 1)
        if random() < STRAYS and stock.ask and stock.bid and size:
            return self._stray(stock, maker, side, step)
        if side == BUY and stock.ask and price >= stock.ask:
            price = stock.rounded(stock.ask - (CENT if stock.ask > DOLLAR else 1))
        elif side == SELL and price <= stock.bid:
            price = stock.rounded(stock.bid + (CENT if stock.bid >= DOLLAR else 1))
        return self._set(stock, maker, side, max(price, 1), self._lot())

    def _stray(self, stock: Stock, maker: int, side: int, step: int) -> Update:
        """Let a maker's quote cross the others in the Level 2 view; the best bid and offer do not know it."""
        price = stock.rounded(stock.ask + step) if side == BUY else stock.rounded(max(1, stock.bid - step))
        stock.stray = (maker, side, price, self._lot())
        return Update(stock, None, (stock.stray,), bid=False, ask=False)

    def _set(
        self, stock: Stock, maker: int, side: int, price: int, size: int, trade: tuple[Trade, int] | None = None
    ) -> Update:
        """Set a maker's quote (size 0 withdraws it) and find the best ones again."""
        if stock.stray is not None and stock.stray[0] == maker and stock.stray[1] == side:
            stock.stray = None
        if side == BUY:
            stock.bids[maker] = price << SIZE_BITS | size if size else 0
        else:
            stock.asks[maker] = price << SIZE_BITS | SIZE_MASK - size if size else NOBODY
        bid, ask = stock.refresh()
        print_, extreme = trade or (None, 0)
        return Update(stock, print_, ((maker, side, price, size),), bid=bid, ask=ask, extreme=extreme)

    def _fill(self, stock: Stock) -> tuple[tuple[int, int, int, int], ...]:
        """Let every maker quote around the middle."""
        step = max(stock.tick, stock.half // 2)
        quotes: list[tuple[int, int, int, int]] = []
        for maker in range(len(stock.makers)):
            away = stock.half + int(maker * self._random.random()) * step
            bid = stock.rounded(max(1, stock.mid - away))
            ask = stock.mid + away
            ask = stock.rounded(ask + (CENT if ask >= DOLLAR else 1))
            quotes += [(maker, BUY, bid, self._lot()), (maker, SELL, ask, self._lot())]
        for maker, side, price, size in quotes:
            if side == BUY:
                stock.bids[maker] = price << SIZE_BITS | size
            else:
                stock.asks[maker] = price << SIZE_BITS | SIZE_MASK - size
        stock.refresh()
        return tuple(quotes)

    def _lot(self) -> int:
        """Draw a displayed size: round lots, most of them few."""
        return 100 * (1 + int(-2.5 * log(1 - self._random.random())))


_CODE: Final = {code: place for place, code in enumerate(CONDITIONS)}
