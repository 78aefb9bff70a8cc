"""LEAN: US equities from the consolidated tapes in files, trades and quotes, a day and a symbol each.

Source: the data folder of the LEAN engine (README of ``Data/equity``), and what its own second and minute bars hold of
its ticks. Times are milliseconds after midnight in New York and prices in 1/10,000 dollar; times and sizes may have
decimals. A trade is ``ms,price,size,exchange,conditions,suspicious``; a quote
``ms,bid,size,ask,size,exchange,condition,suspicious``, one side of one exchange a row, the other 0.

``conditions`` are bits in hex. Which prints move a price is a table (``conditions.LEAN``), taken from the vendor's bars
(docs/importing.md has how many of them it reproduces): those priced by something else never do; the prints of auctions
move the day's alone; sellers', sweep and exempt average-price prints do so outside the regular session alone. The day
has the prices and the volume of the regular session, 09:30 to 16:00 in New York (13:00 on half days, by the
exchange's calendar), and of its auctions alone. All count for the volume of shorter bars, but for an exchange's
official open and close, which repeat a print of its auction, and suspicious ones: these count for nothing.
"""

from functools import lru_cache
from typing import ClassVar, Final

from breadboard.calendars import sessions
from breadboard.feeds.conditions import LEAN as LEAN_CONDITIONS
from breadboard.feeds.conditions import LEAN_AUCTIONS, flags_of
from breadboard.feeds.eastern import DAY_NS, SECOND, Day, eastern_ns, parse_day
from breadboard.feeds.file_feed import file_feed
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused, refused_document, symbol_of
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Uncounted

MILLISECOND: Final = 1_000_000
PRICE: Final = 100_000
"""1/10,000 dollar in 1e-9."""
SIZE_DECIMALS: Final = 8
"""Sizes are in 1e-8 shares; there are parts of one."""
OPENING: Final = (9 * 60 + 30) * 60 * SECOND
"""Of the regular session, ns after midnight."""
CLOSING: Final = 16 * 3600 * SECOND
"""Of a whole day's."""
CALENDAR: Final = "XNYS"

_DAY: Final = Uncounted.DAY_PRICES | Uncounted.DAY_VOLUME
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_LONGEST: Final = 18
"""Digits, before the point or after."""
_PLAIN: Final = 10
"""Digits of a number that is never beyond belief, as nearly all are."""
_HALF_NS: Final = 10**_LONGEST // MILLISECOND // 2
"""In 1e-18 ms."""


@lru_cache(maxsize=1 << 12)
def uncounted(conditions: int, regular: bool = True) -> Uncounted:
    """Return what a print with these condition bits does not count for, in the regular session or out of it."""
    bits = frozenset(bit for bit in range(64) if conditions >> bit & 1)
    denied = LEAN_CONDITIONS.uncounted(bits)
    return denied if regular or not bits.isdisjoint(LEAN_AUCTIONS) else denied | _DAY


@lru_cache(maxsize=1 << 12)
def closing(day: Day) -> int:
    """Return when a day's regular session ends, ns after midnight; as on whole days, where the calendar knows none."""
    _, closes = sessions(CALENDAR)
    at = int(closes.searchsorted(day.midnight))
    after = int(closes[at]) - day.midnight if at < len(closes) else DAY_NS
    return after if after < DAY_NS else CLOSING


class LeanReader:
    """A ``readers.FrameReader`` without a memory: documents ``trades:SYMBOL:DATE`` and ``quotes:SYMBOL:DATE``."""

    words: ClassVar[frozenset[str]] = frozenset()

    def read(self, _frame: bytes, _at: At) -> Meaning:
        """Refuse: nobody sends this."""
        raise Refused("a frame of a vendor whose data is files")

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what the rows mean. One that cannot be read is told, and the rest is taken. Raises ValueError."""
        kind, _, rest = head.tag.partition(":")
        name, _, day = rest.rpartition(":")
        if kind not in ("trades", "quotes"):
            raise Refused(f"a file of {head.tag[:40]!r}, which this reader does not know")
        symbol_of(name)
        if head.status != 200:
            return refused_document(name)
        date, row_of = parse_day(day), _trade if kind == "trades" else _quote
        ends = closing(date) if kind == "trades" else 0  # of quotes nothing is asked: the calendar is slow to load
        events: list[Event] = []
        bad = ""
        for place, line in enumerate(body.decode("latin-1").splitlines(), 1):
            try:
                fields = line.split(",")
                clock = _clock(fields[0])
                events.append(row_of(name, eastern_ns(date, clock, at.ts_recv), OPENING <= clock < ends, fields))
            except ValueError as error:
                bad = bad or f"row {place}: {error}"
        return Meaning(tuple(events), refused=bad or None)

    def lost_book(self, _frame: bytes, _at: At) -> str | None:
        """Return None: there are no books."""
        return None

    def snapshot(self) -> bytes:
        """Return nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Take nothing."""


def _trade(symbol: str, ts_event: int, regular: bool, fields: list[str]) -> Event:
    if len(fields) < 6:
        raise Refused(f"a trade of {len(fields)} fields")
    _, price, size, exchange, conditions, suspicious = fields[:6]
    denied = uncounted(_hex(conditions), regular)
    if _number(suspicious):
        denied = Uncounted.ALL.everywhere
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol,
        flags=flags_of(denied),
        code=denied,
        ts_event=ts_event,
        price=_price(price),
        size=_number(size, SIZE_DECIMALS),
        notes={"exchange": exchange, "conditions": conditions},
    )


def _quote(symbol: str, ts_event: int, _regular: bool, fields: list[str]) -> Event:
    if len(fields) < 8:
        raise Refused(f"a quote of {len(fields)} fields")
    _, bid, bid_size, ask, ask_size, exchange, condition, suspicious = fields[:8]
    sides = [
        (_price(price), _number(size, SIZE_DECIMALS)) if _number(price) else (ABSENT, ABSENT)
        for price, size in ((bid, bid_size), (ask, ask_size))
    ]
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol,
        flags=Flag.INELIGIBLE if _number(suspicious) else Flag(0),
        ts_event=ts_event,
        price=sides[0][0],
        size=sides[0][1],
        ask_price=sides[1][0],
        ask_size=sides[1][1],
        notes={"exchange": exchange, "condition": condition},
    )


def _number(text: str, decimals: int = 0) -> int:
    """Return a number in units of ``10 ** -decimals``, exactly; zeros after the point may be more than those."""
    if text.isdigit() and text.isascii() and len(text) <= _PLAIN:
        return int(text + "0" * decimals)
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if not ((whole + rest).isdigit() and whole and text.isascii() and len(whole) <= _LONGEST) or len(rest) > decimals:
        kind = f"number of at most {decimals} decimals" if decimals else "whole number"
        raise Refused(f"not a {kind}: {text[:30]!r}")
    if int(whole) >= INT64_MAX // 10**SIZE_DECIMALS:
        raise Refused(f"a number beyond belief: {text[:20]}")
    return int(whole + rest.ljust(decimals, "0"))


def _price(text: str) -> int:
    number = _number(text)
    if number == 0:
        raise Refused("a price of 0")
    return number * PRICE


def _clock(text: str) -> int:
    """Return ns after midnight of ms with decimals, to the nearest: LEAN counts 100 ns, and writes a float's noise."""
    ns = (_number(text, _LONGEST) + _HALF_NS) // (2 * _HALF_NS) if "." in text else _number(text) * MILLISECOND
    if ns >= DAY_NS:
        raise Refused(f"a time after the day's end: {text[:20]} ms")
    return ns


def _hex(text: str) -> int:
    if len(text) > 16 or not _HEX.issuperset(text):
        raise Refused(f"conditions that are no hex number: {text[:20]!r}")
    return int(text or "0", 16)


LEAN: Final = file_feed("LEAN", "trade", "quote", reader=LeanReader)
