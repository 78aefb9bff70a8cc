"""Massive's REST answers, typed and exact: what a body says. How to ask is in ``massive_calls``.

Source: massive.com/docs/rest/stocks; the answers recorded with the vendor's own client. Times: aggregates are stamped
with the start of their window, grouped daily bars and the previous close with its end; ticks with the consolidated
tape's (SIP) nanoseconds, beside which the participant's own are kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from breadboard.feeds.massive_events import (
    average_of,
    market_notes,
    quote_notes,
    required_time,
    side_of,
    time_at,
    trade_id_of,
    trade_notes,
)
from breadboard.feeds.massive_json import Payload, count, counts, needed, number, object_of, parse_body, text
from breadboard.feeds.reading import Event, Refused, VendorBar, price_of, symbol_of, trade_size
from breadboard.model.decimals import ABSENT, parse_size
from breadboard.model.kinds import EventKind, Flag

T = TypeVar("T")

WITHDRAWN: Final = frozenset({7, 8, 10, 11, 12})
"""``correction`` as the consolidated tape writes it: 7 and 8 are prints later found in error or cancelled, 10 and 11
the records that say so, 12 the wrong figures of a print that was corrected."""
_RECORDS: Final = frozenset({10, 11, 12})
"""Those of them that follow the print, and have a time of their own."""
CORRECTED: Final = 1
"""Such a print with the right figures."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer: its results in the order given, and where the next page is."""

    results: tuple[T, ...]
    next_url: str | None = None
    status: str = ""
    """``OK``, or ``DELAYED`` where the plan gives data 15 minutes old."""
    request_id: str = ""
    head: Mapping[str, Any] = field(default_factory=dict)
    """What the answer says of all its results: ticker, adjusted."""
    refused: str | None = None
    """Why the first of the results that are left out could not be understood."""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One bar as an answer gives it; prices in 1e-9."""

    symbol: str
    ts: int
    """ns: the start of the window in aggregates, its end in grouped daily bars and the previous close."""
    open: int
    high: int
    low: int
    close: int
    volume: int
    volume_exp: int
    vwap: str | None
    """As digits; None where the vendor gives none."""
    trades: int
    """ABSENT where the vendor gives none."""
    otc: bool = False

    def bar(self, interval_s: int) -> VendorBar:
        """Return the bar that begins at ``ts``."""
        return VendorBar(
            symbol=self.symbol,
            interval_s=interval_s,
            ts_open=self.ts,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            volume_exp=self.volume_exp,
            vwap=average_of(self.vwap),
            trades=0 if self.trades == ABSENT else self.trades,
        )


def read_aggregates(body: bytes, symbol: str = "") -> Page[Aggregate]:
    """Return ``/v2/aggs/…/range`` (the symbol is the answer's own), grouped daily bars, or the previous close.

    A bar that cannot be understood is left out, as a trade or a quote is below; ``refused`` says so.
    """
    answer = object_of(parse_body(body))
    ticker = text(answer, "ticker") or symbol
    return _page(answer, lambda result: _aggregate(result, text(result, "T") or ticker), whole=False)


def read_trades(body: bytes, symbol: str) -> Page[Event]:
    """Return ``/v3/trades/{symbol}`` as TRADE events with the flag HISTORY."""
    symbol = symbol_of(symbol)
    return _page(object_of(parse_body(body)), lambda result: _trade(result, symbol), whole=False)


def read_quotes(body: bytes, symbol: str) -> Page[Event]:
    """Return ``/v3/quotes/{symbol}`` as QUOTE events with the flag HISTORY."""
    symbol = symbol_of(symbol)
    return _page(object_of(parse_body(body)), lambda result: _quote(result, symbol), whole=False)


def page_of(body: bytes, read: Callable[[Payload], T]) -> Page[T]:
    """Return an answer whose results ``read`` understands one by one. Raises Refused where it does not all of them."""
    return _page(object_of(parse_body(body)), read, whole=True)


def _page(answer: Payload, read: Callable[[Payload], T], *, whole: bool) -> Page[T]:
    """Return the envelope. Raises Refused naming a result that cannot be understood, where it is ``whole`` or none."""
    results = answer.get("results", [])
    if type(results) is not list:
        raise Refused(f"results is not a list but {type(results).__name__}")
    found, bad = list[T](), list[str]()
    for place, result in enumerate(results):
        try:
            found.append(read(object_of(result)))
        except ValueError as error:
            bad.append(f"result {place}: {error}")
    if bad and (whole or not found):
        raise Refused(bad[0])
    head = {name: value for name in ("ticker", "adjusted") if (value := answer.get(name)) is not None}
    return Page(
        tuple(found),
        text(answer, "next_url"),
        text(answer, "status") or "",
        text(answer, "request_id") or "",
        head,
        bad[0] if bad else None,
        len(bad),
    )


def _aggregate(result: Payload, symbol: str) -> Aggregate:
    volume, exponent = parse_size(text(result, "dv") or needed(number(result, "v"), "v"))
    return Aggregate(
        symbol_of(symbol),
        required_time(result, "t"),
        _price(result, "o"),
        _price(result, "h"),
        _price(result, "l"),
        _price(result, "c"),
        volume,
        exponent,
        number(result, "vw"),
        count(result, "n"),
        result.get("otc") is True,
    )


def _price(result: Payload, key: str) -> int:
    return price_of(needed(number(result, key), key))


def _trade(result: Payload, symbol: str) -> Event:
    size, exponent = trade_size(text(result, "decimal_size") or needed(number(result, "size"), "size"))
    identifier, facility = text(result, "id"), count(result, "trf_id")
    correction, participant = count(result, "correction"), time_at(result, "participant_timestamp")
    notes = market_notes(result, counts(result, "conditions"), count(result, "exchange"), "tape")
    notes |= trade_notes(identifier, facility, time_at(result, "trf_timestamp"))
    notes |= {} if participant == ABSENT else {"participant_ts": participant}
    notes |= {"correction": correction} if correction not in {ABSENT, 0} else {}
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol,
        flags=Flag.HISTORY | _corrects(correction),
        ts_event=required_time(result, "sip_timestamp"),
        sequence=count(result, "sequence_number"),
        trade_id=trade_id_of(identifier),
        price=price_of(needed(number(result, "price"), "price")),
        size=size,
        size_exp=exponent,
        notes=notes,
    )


def _corrects(correction: int) -> Flag:
    if correction in WITHDRAWN:
        return Flag.WITHDRAWN | Flag.LATE_PRINT if correction in _RECORDS else Flag.WITHDRAWN
    return Flag.LATE_PRINT if correction == CORRECTED else Flag(0)


def _quote(result: Payload, symbol: str) -> Event:
    bid, bid_size, bid_exp = side_of(number(result, "bid_price"), number(result, "bid_size"))
    ask, ask_size, ask_exp = side_of(number(result, "ask_price"), number(result, "ask_size"))
    participant = time_at(result, "participant_timestamp")
    notes = quote_notes(
        result,
        count(result, "bid_exchange"),
        count(result, "ask_exchange"),
        counts(result, "conditions"),
        counts(result, "indicators"),
        "tape",
    )
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol,
        flags=Flag.HISTORY,
        ts_event=required_time(result, "sip_timestamp"),
        sequence=count(result, "sequence_number"),
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
        notes=notes | ({} if participant == ABSENT else {"participant_ts": participant}),
    )
