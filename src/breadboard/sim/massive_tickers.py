"""One simulated US stock as Massive tells of it: prints, quotes, bars a second and a minute, bands.

A hundred lots of a market in coins are one share; a market in whole shares is taken as it is. Trade ids grow by one;
``q`` grows with holes, as at the venue; several exchanges take turns, and trades off exchange come through a facility.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

from breadboard.sim.binance import decimal_text
from breadboard.sim.market import BUY, SELL, Book

KEPT: Final = 20_000
"""Trades and quotes of a stock that the REST interface still knows."""
LOTS_A_SHARE: Final = 100
ROUND_LOT: Final = 100
EXCHANGES: Final = (12, 11, 4, 10, 19, 8)
OFF_EXCHANGE: Final = 4
FACILITY: Final = 202
ODD_LOT: Final = 37
_LAG_NS: Final = 350_000
"""From the participant's stamp to that of the tape."""
_SECOND_NS: Final = 1_000_000_000


class Trade(NamedTuple):
    """One print, as it was sent."""

    symbol: str
    number: int
    sequence: int
    price: str
    shares: int
    exchange: int
    tape: int
    ts: int

    @property
    def conditions(self) -> str:
        """Its conditions as JSON; an odd lot says so."""
        return f"[{ODD_LOT}]" if self.shares < ROUND_LOT else ""

    def streamed(self) -> bytes:
        """Return it as the WebSocket tells it; times are ms, no key for what is empty."""
        ms = self.ts // 1_000_000
        facility = f',"trfi":{FACILITY},"trft":{ms}' if self.exchange == OFF_EXCHANGE else ""
        conditions = f',"c":{self.conditions}' if self.conditions else ""
        return (
            f'{{"ev":"T","sym":"{self.symbol}","x":{self.exchange},"i":"{self.number}","z":{self.tape},"p":{self.price},'
            f'"s":{self.shares}{conditions},"t":{ms},"q":{self.sequence}{facility}}}'
        ).encode()

    def fetched(self) -> str:
        """Return it as ``/v3/trades`` tells it; times are ns."""
        facility = f',"trf_id":{FACILITY},"trf_timestamp":{self.ts}' if self.exchange == OFF_EXCHANGE else ""
        conditions = f'"conditions":{self.conditions},' if self.conditions else ""
        return (
            f'{{{conditions}"exchange":{self.exchange},"id":"{self.number}",'
            f'"participant_timestamp":{self.ts - _LAG_NS},"price":{self.price},'
            f'"sequence_number":{self.sequence},"sip_timestamp":{self.ts},"size":{self.shares},"tape":{self.tape}{facility}}}'
        )


class Quote(NamedTuple):
    """One national best bid and offer, sizes in round lots."""

    symbol: str
    sequence: int
    bid: str
    bid_size: int
    bid_exchange: int
    ask: str
    ask_size: int
    ask_exchange: int
    tape: int
    ts: int

    def streamed(self) -> bytes:
        """Return it as the WebSocket tells it."""
        return (
            f'{{"ev":"Q","sym":"{self.symbol}","bx":{self.bid_exchange},"bp":{self.bid},"bs":{self.bid_size},'
            f'"ax":{self.ask_exchange},"ap":{self.ask},"as":{self.ask_size},"c":1,"t":{self.ts // 1_000_000},'
            f'"q":{self.sequence},"z":{self.tape}}}'
        ).encode()

    def fetched(self) -> str:
        """Return it as ``/v3/quotes`` tells it."""
        return (
            f'{{"ask_exchange":{self.ask_exchange},"ask_price":{self.ask},"ask_size":{self.ask_size},'
            f'"bid_exchange":{self.bid_exchange},"bid_price":{self.bid},"bid_size":{self.bid_size},"conditions":[1],'
            f'"participant_timestamp":{self.ts - _LAG_NS},"sequence_number":{self.sequence},'
            f'"sip_timestamp":{self.ts},"tape":{self.tape}}}'
        )


@dataclass(slots=True)
class Window:
    """What traded in one window; prices in ticks."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    shares: int = 0
    notional: int = 0
    trades: int = 0

    def add(self, price: int, shares: int) -> None:
        """Take one print."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.shares += shares
        self.notional += price * shares
        self.trades += 1


class Ticker:
    """One stock: what was sent of it, and what waits for the end of its second and minute."""

    def __init__(self, book: Book) -> None:
        self.symbol = book.symbol
        self.trades: deque[tuple[Trade, int]] = deque(maxlen=KEPT)
        """With each trade its price in ticks."""
        self.quotes: deque[Quote] = deque(maxlen=KEPT)
        self._book = book
        self._tape = crc32(book.symbol.encode()) % 3 + 1
        self._sequence = 0
        self._windows: dict[int, Window] = {}
        self._day = Window(0, 0, 0, 0, 0)

    def trade(self, number: int, price: int, lots: int, now_ns: int) -> Trade:
        """Return a print and count it in."""
        shares = self._shares(lots)
        exchange = EXCHANGES[number % len(EXCHANGES)]
        made = Trade(self.symbol, number, self._next(), self.price(price), shares, exchange, self._tape, now_ns)
        self.trades.append((made, price))
        for seconds in (1, 60):
            start_ns = now_ns - now_ns % (seconds * _SECOND_NS)
            window = self._windows.setdefault(seconds, Window(start_ns, price, price, price, price))
            window.add(price, shares)
        if not self._day.open:
            self._day.open = price
        self._day.shares += shares
        self._day.notional += price * shares
        return made

    def quote(self, now_ns: int) -> Quote:
        """Return the best bid and offer."""
        bid, ask = self._book.best
        sizes = [
            max(1, self._shares(self._book.sides[side][price]) // ROUND_LOT)
            for side, price in ((BUY, bid), (SELL, ask))
        ]
        at = EXCHANGES[self._sequence % 2], EXCHANGES[3 + self._sequence % 3]
        quote = Quote(
            *(self.symbol, self._next(), self.price(bid), sizes[0], at[0], self.price(ask), sizes[1], at[1]),
            self._tape,
            now_ns,
        )
        self.quotes.append(quote)
        return quote

    def finished(self, now_ns: int) -> Iterator[tuple[str, bytes, int]]:
        """Yield ``(kind, event, sequence)`` of the bars whose window is over."""
        for seconds, kind in ((1, "A"), (60, "AM")):
            window = self._windows.get(seconds)
            if window is not None and now_ns >= window.start_ns + seconds * _SECOND_NS:
                del self._windows[seconds]
                yield kind, self._bar(kind, window, seconds), self._sequence

    def bands(self, now_ns: int) -> tuple[bytes, int]:
        """Return the limit up, limit down bands: a tenth around the middle; microseconds, as in the example."""
        middle = sum(self._book.best) // 2
        low, high = self.price(middle * 9 // 10), self.price(middle * 11 // 10)
        sequence = self._next()
        text = (
            f'{{"ev":"LULD","T":"{self.symbol}","h":{high},"l":{low},"i":[21],"z":{self._tape},'
            f'"t":{now_ns // 1000},"q":{sequence}}}'
        )
        return text.encode(), sequence

    def price(self, ticks: int) -> str:
        """Return a price in the fewest digits, as a JSON number."""
        text = decimal_text(ticks, self._book.tick_decimals, 0)
        return text.rstrip("0").rstrip(".") if "." in text else text

    def vwap(self, window: Window) -> str:
        """Return the average price of a window with four decimals more than the tick."""
        decimals = self._book.tick_decimals + 4
        return decimal_text(window.notional * 10_000 // window.shares, decimals, 0)

    def _bar(self, kind: str, window: Window, seconds: int) -> bytes:
        start = window.start_ns // 1_000_000
        o, h, low, c = (self.price(ticks) for ticks in (window.open, window.high, window.low, window.close))
        return (
            f'{{"ev":"{kind}","sym":"{self.symbol}","v":{window.shares},"av":{self._day.shares},'
            f'"op":{self.price(self._day.open)},"vw":{self.vwap(window)},"o":{o},"c":{c},"h":{h},"l":{low},'
            f'"a":{self.vwap(self._day)},"z":{window.shares // window.trades},'
            f'"s":{start},"e":{start + 1000 * seconds}}}'
        ).encode()

    def _shares(self, lots: int) -> int:
        return max(1, lots // LOTS_A_SHARE) if self._book.lot_decimals else lots

    def _next(self) -> int:
        """Return the next sequence number: it grows, with holes that depend on nothing but itself."""
        self._sequence += 1 + self._sequence % 3
        return self._sequence
