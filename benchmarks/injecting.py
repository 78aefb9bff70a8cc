"""Anomalies put into recordings on purpose, in the venue's own words: each injector rewrites, adds or drops frames.

Sizes are drawn from wide ranges, log-uniformly, from hardly more than usual to gross: nobody could find all of them.
What was injected is named by the places of the first and last frame it touched, as offsets of the journal-to-be, or,
for histories of which a frame holds thousands of rows, by event time.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, log
from random import Random
from statistics import median

from breadboard.feeds.lean import uncounted
from breadboard.model.kinds import RecordKind, Uncounted

Frame = tuple[RecordKind, bytes, int]
"""What kind of record, its bytes, when it was received."""
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Truth:
    """One anomaly that was put in."""

    kind: str
    first: int
    last: int
    size: float

    def moved(self, by: int) -> "Truth":
        """Return the same, after so many frames came in before it."""
        return Truth(self.kind, self.first + by, self.last + by, self.size)


def drawn(rng: Random, low: float, high: float) -> float:
    """Return a number between two, as likely to be in each octave."""
    return exp(rng.uniform(log(low), log(high)))


class Stream:
    """Frames of one Binance market: trades, best prices, books; and where each kind is."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = list(frames)
        self.count = len(frames)

    def trades(self, begin: int, end: int) -> list[int]:
        """Return the places of trades received between two moments, ns."""
        return [at for at in self.between(begin, end) if b"@trade" in self.frames[at][1][:48]]

    def quotes(self, begin: int, end: int) -> list[int]:
        """Return the places of best prices received between two moments."""
        return [at for at in self.between(begin, end) if b"@bookTicker" in self.frames[at][1][:48]]

    def between(self, begin: int, end: int) -> range:
        """Return the places of frames received between two moments."""
        stamps = [frame[2] for frame in self.frames]
        return range(bisect_left(stamps, begin), bisect_left(stamps, end))

    def rewrite(self, at: int, factors: dict[bytes, float]) -> None:
        """Multiply numbers of a frame by name, each written with as many digits as before."""
        kind, body, ts = self.frames[at]
        for name, factor in factors.items():
            body = re.sub(b'"' + name + rb'":"([0-9.]+)"', partial(_times, name, factor), body)
        self.frames[at] = kind, body, ts

    def number(self, at: int, name: bytes) -> float:
        """Return a number of a frame."""
        found = re.search(b'"' + name + rb'":"([0-9.]+)"', self.frames[at][1])
        assert found is not None, self.frames[at]
        return float(found[1])


def _times(name: bytes, factor: float, found: re.Match[bytes]) -> bytes:
    digits = found[1]
    places = len(digits.partition(b".")[2])
    return b'"%s":"%s"' % (name, f"{float(digits) * factor:.{places}f}".encode())


Injector = Callable[[Stream, int, Random], Truth | None]
"""Puts one in after a moment (ns of receipt), or finds nothing there that would carry it."""


def price_jump(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Misprint one trade by 0.2 to 5 %."""
    size = drawn(rng, 0.002, 0.05)
    for at in stream.trades(begin, begin + 20 * SECOND)[:1]:
        stream.rewrite(at, {b"p": 1 + rng.choice((-1, 1)) * size})
        return Truth("price_jump", at, at, size)
    return None


def trade_outside(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Print one trade 0.06 to 1 % beyond the best price before it."""
    size, side = drawn(rng, 0.0006, 0.01), rng.choice((-1, 1))
    for at in stream.trades(begin, begin + 20 * SECOND)[:1]:
        quote = stream.quotes(begin - 20 * SECOND, stream.frames[at][2])[-1]
        best = stream.number(quote, b"a" if side > 0 else b"b")
        stream.rewrite(at, {b"p": best * (1 + side * size) / stream.number(at, b"p")})
        return Truth("trade_outside", at, at, size)
    return None


def return_outlier(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Move all trades and best prices of three seconds by 0.1 to 3 %; the books stay where they are."""
    size, places = drawn(rng, 0.001, 0.03), stream.between(begin, begin + 3 * SECOND)
    factor = 1 + rng.choice((-1, 1)) * size
    if not stream.trades(begin, begin + 3 * SECOND):
        return None
    for at in places:
        if b"@trade" in stream.frames[at][1][:48] or b"@bookTicker" in stream.frames[at][1][:48]:
            stream.rewrite(at, {b"p": factor, b"b": factor, b"a": factor})
    return Truth("return_outlier", places[0], places[-1], size)


def volume_outlier(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Make one trade 50 to 5,000 times what is traded in the median second of the minute before."""
    usual: dict[int, float] = {}
    for at in stream.trades(begin - 60 * SECOND, begin):
        second = stream.frames[at][2] // SECOND
        usual[second] = usual.get(second, 0.0) + stream.number(at, b"q")
    size = drawn(rng, 50, 5_000)
    for at in stream.trades(begin, begin + 20 * SECOND)[:1]:
        stream.rewrite(at, {b"q": size * median(usual.values()) / stream.number(at, b"q")})
        return Truth("volume_outlier", at, at, size)
    return None


def spread_outlier(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Widen the best prices of four seconds by 0.02 to 2 % of the price."""
    size, places = drawn(rng, 0.0002, 0.02), stream.quotes(begin, begin + 4 * SECOND)
    for at in places:
        stream.rewrite(at, {b"b": 1 - size / 2, b"a": 1 + size / 2})
    return Truth("spread_outlier", places[0], places[-1], size) if places else None


def stuck_quote(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Leave out the best prices of 4 to 12 seconds, where at least ten trades then print beyond those that stand."""
    size = rng.uniform(4, 12)
    end = begin + int(size * SECOND)
    before, silent = stream.quotes(begin - 20 * SECOND, begin), stream.quotes(begin, end)
    if not before or not silent:
        return None
    bid, ask = stream.number(before[-1], b"b"), stream.number(before[-1], b"a")
    prints = [at for at in stream.trades(begin, end) if not bid <= stream.number(at, b"p") <= ask]
    if len(prints) < 10:
        return None
    for at in reversed(silent):
        del stream.frames[at]
    return Truth("stuck_quote", before[-1], prints[-1] - len(silent), size)


def stale_venue(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Leave out everything of 22 to 50 seconds; its rule is 20."""
    size = rng.uniform(22, 50)
    places = stream.between(begin, begin + int(size * SECOND))
    del stream.frames[places[0] : places[-1] + 1]
    return Truth("stale_venue", places[0] - 1, places[0], size)


def burst(stream: Stream, begin: int, rng: Random) -> Truth | None:
    """Repeat one best price until a second has 5 to 100 times the frames of the median one of the minute before."""
    places, size = stream.quotes(begin, begin + 20 * SECOND)[:1], drawn(rng, 5, 100)
    usual: dict[int, int] = {}
    for at in stream.between(begin - 60 * SECOND, begin):
        usual[stream.frames[at][2] // SECOND] = usual.get(stream.frames[at][2] // SECOND, 0) + 1
    for at in places:
        more = int(size * median(usual.values()))
        stream.frames[at:at] = [stream.frames[at]] * more
        return Truth("burst", at, at + more, size)
    return None


ON_FRAMES: dict[str, Injector] = {
    each.__name__: each
    for each in (
        price_jump,
        return_outlier,
        volume_outlier,
        spread_outlier,
        trade_outside,
        stuck_quote,
        stale_venue,
        burst,
    )
}


def into(frames: Sequence[Frame], kind: str, moments: Sequence[int], rng: Random) -> tuple[list[Frame], list[Truth]]:
    """Return frames with one anomaly after each moment that can carry it, and what they are."""
    stream, found = Stream(frames), list[Truth]()
    for moment in sorted(moments, reverse=True):  # the last first: places before it stay what they are
        many = len(stream.frames)
        truth = ON_FRAMES[kind](stream, moment, rng)
        if truth is not None:
            found = [truth, *(later.moved(len(stream.frames) - many) for later in found)]
    return stream.frames, found


Line = list[str]
"""One row of a LEAN file of trades, cut at the commas."""


def into_trades(
    lines: Sequence[Line], kind: str, moments: Sequence[int], rng: Random
) -> tuple[list[Line], list[Truth]]:
    """Return rows of a day of LEAN trades with anomalies in them, which are named by milliseconds after midnight."""
    rows = [list(line) for line in lines]
    found = []
    for moment in sorted(moments, reverse=True):
        clock = [int(row[0]) for row in rows]
        at = bisect_left(clock, moment)
        while kind in ("price_jump", "return_outlier") and uncounted(int(rows[at][4], 16)) & Uncounted.PRICES:
            at += 1  # what cannot move a price cannot misprice
        now, sign = clock[at], rng.choice((-1, 1))
        match kind:
            case "price_jump":
                size = drawn(rng, 0.002, 0.05)
                rows[at][1] = str(round(int(rows[at][1]) * (1 + sign * size)))
                last = now
            case "return_outlier":
                size, end = drawn(rng, 0.001, 0.03), bisect_left(clock, now + 10_000)
                for row in rows[at:end]:
                    row[1] = str(round(int(row[1]) * (1 + sign * size)))
                last = clock[end]  # there it comes back
            case "volume_outlier":
                size, last = drawn(rng, 50, 5_000), now
                by_second: dict[int, int] = {}
                for row in rows[bisect_left(clock, now - 300_000) : at]:
                    second = int(row[0]) // 1000
                    by_second[second] = by_second.get(second, 0) + int(row[2])
                rows[at][2] = str(round(size * median(by_second.values())))
            case "burst":
                size, last = drawn(rng, 20, 500), now
                more = int(size * median(Counter(each // 1000 for each in clock[at - 500 : at]).values()))
                rows[at:at] = [[rows[at][0], rows[at][1], "1", *rows[at][3:]]] * more
            case _:
                size = rng.uniform(1, 14_000_000)  # between midnight and four
                now = last = int(size)
                rows[0:0] = [[str(now), *rows[0][1:]]]
        found.append(Truth(kind, now, last, size))
    return rows, found


ON_TRADES = ("price_jump", "return_outlier", "volume_outlier", "burst", "off_hours")
