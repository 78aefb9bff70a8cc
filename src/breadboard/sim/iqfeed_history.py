"""The past of a simulated stock: today's tape, and days before it that are made up, the same every time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from math import sin
from random import Random
from zlib import crc32

from breadboard.sim.activity import EASTERN, NS, eastern
from breadboard.sim.stocks import CENT, CONDITIONS, DOLLAR, Stock, Trade

PAST_PRINTS = 78
"""Prints of a day that is made up: one in five minutes."""
PAST_DAYS = 400


@dataclass(slots=True)
class Bar:
    """An interval by the vendor's rules: prints of basis C and E; the total volume is that of its last print."""

    ts: int
    """When it begins."""
    open: int
    high: int
    low: int
    close: int
    total: int
    volume: int
    trades: int

    def take(self, trade: Trade) -> None:
        """Take a print in."""
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.close, self.total = trade.price, trade.volume
        self.volume += trade.size
        self.trades += 1


def begun(ts: int, trade: Trade) -> Bar:
    """Return the bar that a print opens."""
    return Bar(ts, trade.price, trade.price, trade.price, trade.price, trade.volume, trade.size, 1)


def in_bars(trade: Trade) -> bool:
    """Say whether the vendor's bars count a print."""
    return trade.basis != 2


def bars_of(trades: Iterable[Trade], kind: str, length: int) -> list[Bar]:
    """Return the bars of prints in their order: ``s`` seconds, ``v`` shares, ``t`` prints."""
    bars: list[Bar] = []
    for trade in filter(in_bars, trades):
        start = trade.ts - trade.ts % (length * NS) if kind == "s" else trade.ts
        last = bars[-1] if bars else None
        if last is not None and goes_on(last, kind, length, start):
            last.take(trade)
        else:
            bars.append(begun(start, trade))
    return bars


def goes_on(bar: Bar, kind: str, length: int, start: int) -> bool:
    """Say whether a print that would begin a bar at ``start`` still belongs to this one."""
    if kind == "s":
        return bar.ts == start
    return bar.volume < length if kind == "v" else bar.trades < length


def days_before(day: date) -> Iterator[date]:
    """Return the trading days before a day, the latest first. Holidays are unknown here."""
    earlier = (day - timedelta(days=back) for back in range(1, PAST_DAYS * 2))
    return (each for each, _ in zip((d for d in earlier if d.weekday() < 5), range(PAST_DAYS), strict=False))


def ticks(stock: Stock, now_ns: int, since: date) -> Iterator[Trade]:
    """Return the prints of a stock from the latest back to a day, days made up where there was no market yet."""
    today = eastern(now_ns).date()
    yield from reversed(list(stock.prints()))
    for place, day in enumerate(takewhile(lambda day: day >= since, days_before(today))):
        yield from reversed(made_up(stock.symbol, stock.reference, day, 0 if place else stock.close))


@lru_cache(maxsize=256)
def made_up(symbol: str, reference: int, day: date, close: int) -> tuple[Trade, ...]:
    """Return the prints of a day that never was; the last is at ``close``, where one is given."""
    random = Random(crc32(f"{symbol}{day}".encode()))  # noqa: S311 - a market, no secret
    price = round(reference * (1 + 0.15 * sin(day.toordinal() / 9) + random.uniform(-0.02, 0.02)))
    opened = int(datetime(day.year, day.month, day.day, 9, 30, tzinfo=EASTERN).timestamp()) * NS
    spread = max(1, reference // 500)
    found: list[Trade] = []
    total = 0
    for place in range(PAST_PRINTS):
        price = max(1, price + round(random.gauss(0, 0.002) * reference))
        told = price - price % CENT if price >= DOLLAR else price
        if place == PAST_PRINTS - 1 and close:
            told = close
        size = 100 * random.randint(1, 30)
        total += size
        ts = opened + place * 300 * NS + random.randrange(299_000_000) * 1000
        trade = Trade(
            ts, told, size, total, max(1, told - spread), told + spread, place + 1, 0,
            CONDITIONS.index(b"01"), 5, random.choice((1, 2)),
        )  # fmt: skip
        found.append(trade)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Day:
    """A day, week or month: all prints' volume, and prices of the qualified ones."""

    day: date
    high: int
    low: int
    open: int
    close: int
    volume: int


def days(stock: Stock, now_ns: int) -> Iterator[Day]:
    """Return daily bars, the latest first; today's so far is one, when there was a qualified print."""
    today = eastern(now_ns).date()
    if stock.open:
        yield Day(today, stock.high, stock.low, stock.open, stock.last, stock.volume)
    for place, day in enumerate(days_before(today)):
        yield _past_day(stock.symbol, stock.reference, day, 0 if place else stock.close)


@lru_cache(maxsize=1 << 15)
def _past_day(symbol: str, reference: int, day: date, close: int) -> Day:
    prints = made_up(symbol, reference, day, close)
    prices = [trade.price for trade in prints]
    return Day(day, max(prices), min(prices), prices[0], prices[-1], prints[-1].volume)


def joined(parts: Iterable[Day], *, months: bool) -> Iterator[Day]:
    """Return weeks or months of days that come latest first; each has the date of its latest day."""
    kept: Day | None = None
    key: tuple[int, int] | None = None
    for part in parts:
        its = (part.day.year, part.day.month) if months else part.day.isocalendar()[:2]
        if kept is not None and its == key:
            kept = Day(
                kept.day, max(kept.high, part.high), min(kept.low, part.low), part.open, kept.close,
                kept.volume + part.volume,
            )  # fmt: skip
            continue
        if kept is not None:
            yield kept
        kept, key = part, its
    if kept is not None:
        yield kept
