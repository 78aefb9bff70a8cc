"""What the server tells, as typed and frozen rows.

Prices, sizes and volumes are ``Decimal`` with the digits that the server sent: they add and compare exactly. Times are
``Instant``, integers of ns UTC; ``time`` alone is in ms. What the venue did not say is None, never 0. What a newer
server tells besides is left out of the rows, and is in ``.arrow()`` of a question for pages.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import msgspec.structs

from breadboard.client.instants import Instant

R = TypeVar("R", bound="Row")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Any row."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


@cache
def partial(row: type[R]) -> type[R]:
    """Return these rows with nothing that has to be told: what was not asked for is None."""
    return _made(row, {}, partial, (row,))


@cache
def part(row: type[R], only: frozenset[str]) -> type[R]:
    """Return these rows of which the answer's other fields are stepped over: to read them is most of the work."""
    names = {name: name if name in only else f"-{name}" for name in row.__struct_fields__}  # no answer has such names
    return _made(row, names, part, (row, only))


def _made(row: type[R], names: dict[str, str], maker: Callable[..., type[R]], given: tuple[Any, ...]) -> type[R]:
    """Return rows like these of which nothing has to be told. Under their name pickle would find ``row``."""
    fields = [(one.name, one.type | None, None) for one in msgspec.structs.fields(row)]
    made = msgspec.defstruct(
        row.__name__,
        fields,
        bases=(row,),
        module=__name__,
        namespace={"__reduce__": lambda one: (_again, (maker, given, one.as_dict()))},
        frozen=True,
        kw_only=True,
        rename=names,
    )
    return cast("type[R]", made)


def _again(maker: Callable[..., type[R]], given: tuple[Any, ...], told: dict[str, Any]) -> R:
    """Return a row that was pickled."""
    return maker(*given)(**told)


class Level(NamedTuple):
    """One price of a book, and what is offered or wanted at it."""

    price: Decimal
    size: Decimal


# As it is now.


class Tick(Row, frozen=True, kw_only=True):
    """The newest trade, quote and day of an instrument; a row of the channel ``quote``.

    With ``fields`` only these and ``id`` are told; the others are None, or as below.
    """

    id: str
    symbol: str = ""
    exchange: str = ""
    quote_type: str | None = None
    """``equity``, ``etf``, ``index``, ``cryptocurrency``, …: the words of Yahoo's stream in small letters."""
    market_hours: str | None = None
    """In which ``time`` lies: ``pre``, ``regular``, ``post``, ``extended``, ``overnight``, ``closed`` or ``24/7``."""
    price: Decimal | None = None
    price_hint: int = 2
    time: int | None = None
    """Of the price, ms by the venue's clock."""
    change: Decimal | None = None
    change_percent: Decimal | None = None
    change_from: str | None = None
    """What the change is against: ``previous_close`` or, where that is not known, ``day_open``."""
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    volume: Decimal | None = None
    trades: int | None = None
    side: str | None = None
    ts_event: Instant | None = None
    ts_recv: Instant | None = None
    ts_engine: Instant | None = None
    lag_ms: float | None = None
    provenance: str = ""
    delayed: bool = False
    conflated: bool = False


class LastTrade(Row, frozen=True, kw_only=True):
    """The newest trade of an instrument."""

    price: Decimal
    size: Decimal | None = None
    side: str | None = None
    trade_id: int | None = None
    ts_event: Instant | None = None
    ts_recv: Instant | None = None


class LastQuote(Row, frozen=True, kw_only=True):
    """The newest best bid and offer of an instrument; a missing side is None."""

    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    spread: Decimal | None = None
    ts_event: Instant | None = None
    ts_recv: Instant | None = None


class Day(Row, frozen=True, kw_only=True):
    """The UTC day so far, of trades that happened while somebody listened."""

    date: str
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    trades: int | None = None
    change: Decimal | None = None
    """Since this day's open."""
    change_percent: Decimal | None = None


class Book(Row, frozen=True, kw_only=True):
    """A book, best levels first. Of one that is not ``live`` no levels are told; on the stream ``id`` says of what."""

    id: str = ""
    symbol: str | None = None
    venue: str | None = None
    state: str
    sequence: int | None = None
    ts_event: Instant | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Stock(Tick, frozen=True, kw_only=True):
    """One instrument in full, with the state and age of what is known of it."""

    venue: str = ""
    feed: str | None = None
    state: str = "stale"
    age_ms: int | None = None
    trade: LastTrade | None = None
    quote: LastQuote | None = None
    day: Day | None = None
    book: Book | None = None
    """Its top; of a single instrument only."""


class Feed(Row, frozen=True, kw_only=True):
    """One source of data, and how it is."""

    feed: str
    venue: str | None = None
    source: int | None = None
    state: str = ""
    age_ms: int | None = None
    rows: int = 0
    gaps: int = 0
    provenance: str = ""
    aside: str = ""
    delayed: bool = False
    conflated: bool = False


class Lag(Row, frozen=True, kw_only=True):
    """One hop of one feed. A negative lag means that a clock is wrong."""

    venue: str = ""
    feed: str = ""
    hop: str = ""
    provenance: str = ""
    ts_recv: Instant | None = None
    count: int = 0
    min_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    clock_suspect: bool = False


# What people keep.


# On the stream only.
