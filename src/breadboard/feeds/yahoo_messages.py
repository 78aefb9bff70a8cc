"""What Yahoo's streamer means. A frame is not a trade: it is the newest snapshot, at most one a second and symbol.

It becomes a TRADE row (AGGREGATED) whose size is the advance of ``day_volume`` over the highest of the day so far,
so that volume adds up to the day's, also over a reconnect and a correction. Where there is nothing to difference (FX,
indices, coins, funds, hours without volume, a first frame) the size is absent: the print moves prices and no volume.
``ts_event`` is the frame's ``time``, never its arrival: what comes right after subscribing may be days old, and is
LAST_KNOWN. A LISTING row comes before it where the newest frame says something new of the symbol itself
(``yahoo_listing``).
"""

from binascii import Error, a2b_base64
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from breadboard.feeds.readers import At
from breadboard.feeds.reading import (
    CONTROL,
    Event,
    Meaning,
    Refused,
    parse_object,
    refused_document,
    says,
    symbol_of,
    unknown_type,
)
from breadboard.feeds.times import EARLIEST_MS, LATEST_MS
from breadboard.feeds.yahoo_chart import read_chart
from breadboard.feeds.yahoo_listing import UNLISTED, Listing, listing_event, listing_of
from breadboard.feeds.yahoo_memory import NO_QUOTE, Known, Quote, advance
from breadboard.feeds.yahoo_protobuf import Fields, MarketHours, QuoteType, decode
from breadboard.model.decimals import ABSENT, PRICE_DECIMALS, SIZE_EXP, parse_price, parse_size
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Uncounted

AHEAD_NS: Final = 86_400_000_000_000
"""A time this far ahead of its receipt is a mistake, and must not make every later frame an old one."""
_ON_THE_TAPE: Final = frozenset({"id", "price", "time", "bid", "bid_size", "ask", "ask_size"})
_WORDS: Final[dict[str, dict[int, str]]] = {
    "quote_type": {int(word): word.name for word in QuoteType},
    "market_hours": {int(word): word.name for word in MarketHours},
    "options_type": {0: "CALL", 1: "PUT"},
}

_OF_DAY: Final = (MarketHours.REGULAR_MARKET, None)
"""Prices that move the day's, by the session they are said to be of."""
_NO_SHARES: Final = frozenset(
    {
        *(QuoteType.INDEX, QuoteType.INDICATOR, QuoteType.INDUSTRY, QuoteType.CUL_IDX, QuoteType.CUL_SUB_IDX),
        *(QuoteType.CURRENCY, QuoteType.CRYPTOCURRENCY),
        *(QuoteType.MUTUALFUND, QuoteType.MONEYMARKET, QuoteType.PRIVATE_COMPANY),
    }
)
"""What is not traded by the piece, whatever its frames say of a volume: an index has the one of its members, a currency
and a coin have amounts of money, and the price of a fund or of a company without shares in the market is no trade's."""


_MEMORY: Final = msgspec.msgpack.Decoder(dict[str, Known])


class PricingReader:
    """A ``FrameReader``. Remembers by symbol, over connections and whichever of them a frame came on.

    A symbol that two connections carry (the canary that all of them have) is so counted once.
    """

    words: ClassVar = frozenset({"type", "message"})
    """Of the envelope; inside it are numbered fields."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means: pricing in JSON (version 2) or bare base64 (version 1)."""
        text: bytes | str = frame.strip()
        if text[:1] == b"{":
            payload = parse_object(frame)
            kind, text = payload.get("type"), payload.get("message", "")
            if kind != "pricing":
                if isinstance(kind, str):
                    return Meaning(ignored=kind[:40])
                raise unknown_type(kind)
            if not isinstance(text, str):
                raise Refused("pricing without a message")
        try:
            message = a2b_base64(text, strict_mode=True)
        except (Error, ValueError) as error:
            raise Refused(f"not base64: {error}") from None
        unknown: list[int] = []
        fields = decode(message, unknown)
        beats = fields.get("quote_type") == QuoteType.HEARTBEAT
        meaning = CONTROL if beats else self._pricing(fields, at)
        if not unknown:
            return meaning
        return msgspec.structs.replace(meaning, unknown=tuple(f"pricing.{number}" for number in unknown))

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what a chart says; whatever else was fetched is conversation."""
        topic, _, symbol = head.tag.partition(":")
        if topic == "chart":
            return read_chart(symbol, head.status, body, at.ts_recv)
        if topic in ("crumb", "cookie"):
            return CONTROL
        return refused_document(None) if head.status != 200 else Meaning(ignored=f"document:{topic[:40]}")

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return None: there are no books."""
        del frame, at
        return None

    def snapshot(self) -> bytes:
        """Return all memory as bytes; equal memories give equal bytes."""
        return msgspec.msgpack.encode(dict(sorted(self._known.items()))) if self._known else b""

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned."""
        self._known = _MEMORY.decode(state) if state else {}

    def _pricing(self, fields: Fields, at: At) -> Meaning:
        symbol, time, price = _symbol(fields), _time(fields), _price(fields)
        volume = _count(fields, "day_volume")
        known = self._known.get(symbol)
        standing = NO_QUOTE if known is None else known.quote
        told = _quote(fields)
        quote = standing if told is None else told
        if known is not None and (time, price, volume) == (known.time, known.price, known.said_volume):
            if quote == standing:
                return Meaning(ignored="repeat")
            known.quote = quote
            return says(_quote_event(symbol, time, quote, Flag(0)))
        believed = not at.ts_recv or time * 1_000_000 < at.ts_recv + AHEAD_NS
        size, old = ABSENT, known is None
        listed: list[Event] = []
        if believed:
            new = Known(time, price, volume, volume if _adds_up(fields) else ABSENT, time, quote)
            size, old = self._take(symbol, new)
            listed = self._list(symbol, new, fields, UNLISTED if known is None else known.listing)
        amount, exponent = (ABSENT, SIZE_EXP) if size <= 0 else parse_size(str(size))
        late = Flag.LAST_KNOWN if old else Flag(0)
        trade = Event(
            kind=EventKind.TRADE,
            symbol=symbol,
            flags=Flag.AGGREGATED | late,
            code=None if fields.get("market_hours") in _OF_DAY else Uncounted.DAY_PRICES,
            ts_event=time * 1_000_000,
            price=price,
            size=amount,
            size_exp=exponent,
            notes=_notes(fields) if at.notes else {},
        )
        if told is None or told == standing == NO_QUOTE:
            return says(*listed, trade)
        return says(*listed, trade, _quote_event(symbol, time, told, late))

    def _list(self, symbol: str, new: Known, fields: Fields, before: Listing) -> list[Event]:
        """Return a row where the newest frame says something new of the symbol itself."""
        if self._known.get(symbol) is not new:
            return []
        new.listing = listing_of(fields, before)
        return [] if new.listing == before else [listing_event(symbol, new.time * 1_000_000, new.listing)]

    def _take(self, symbol: str, new: Known) -> tuple[int, bool]:
        """Remember a frame; return how much traded since the one before (ABSENT: unknown), and whether it is old news.

        Old news is a first frame, sent on subscribing, and one from before the newest.
        """
        known = self._known.get(symbol)
        if known is not None and new.time < known.time:
            return ABSENT, True
        self._known[symbol] = new
        if known is None:
            return ABSENT, True
        if new.volume == ABSENT:
            new.volume, new.volume_time, new.counted = known.volume, known.volume_time, known.counted
            return ABSENT, False
        size, new.counted = advance(known, new.volume, new.time - known.volume_time)
        return size, False


def _adds_up(fields: Fields) -> bool:
    """Tell whether ``day_volume`` counts pieces of the symbol itself, from the day's start.

    Shares of stocks, ETFs and warrants, and contracts of futures and options, do. That of coins is the last 24 hours',
    in money, rounded.
    """
    return fields.get("quote_type") not in _NO_SHARES and "vol_24hr" not in fields


def _symbol(fields: Fields) -> str:
    if "id" not in fields:
        raise Refused("pricing without an id")
    return symbol_of(str(fields["id"]))


def _time(fields: Fields) -> int:
    time = fields.get("time")
    if not isinstance(time, int):
        raise Refused("pricing without a time")
    if not EARLIEST_MS <= time < LATEST_MS:
        raise Refused(f"a time outside 2000 to 2100: {time}")
    return time


def _price(fields: Fields) -> int:
    if "price" not in fields:
        raise Refused("pricing without a price")
    price = float_price(str(fields["price"]))
    if price <= 0:
        raise Refused(f"an impossible price: {fields['price']}")
    return price


def float_price(text: str) -> int:
    """Return in 1e-9 a price that the venue had as a float: exact, or the nearest where that is finer than 1e-9.

    Raises ValueError for one of which nothing would be left: it is no price of 0, nor a side that is not there.
    """
    _, _, decimals = text.partition(".")
    if len(decimals) <= PRICE_DECIMALS:
        return parse_price(text)
    price = parse_price(format(round(Decimal(text), PRICE_DECIMALS), "f"))
    if price == 0:
        raise Refused(f"a price finer than 1e-9: {text}")
    return price


def _count(fields: Fields, name: str) -> int:
    """Return a count that cannot be negative; ABSENT where the frame has none."""
    count = fields.get(name)
    if not isinstance(count, int):
        return ABSENT
    if count < 0:
        raise Refused(f"{name} is {count}")
    return count


def _quote(fields: Fields) -> Quote | None:
    """Return the quote that a frame tells, without a side that is 0; None where it says nothing of either."""
    if "bid" not in fields and "ask" not in fields:
        return None
    return (*_side(fields, "bid"), *_side(fields, "ask"))


def _side(fields: Fields, name: str) -> tuple[int, int, int]:
    price = float_price(str(fields.get(name, "0")))
    size = _count(fields, f"{name}_size")
    if price == 0:
        return ABSENT, ABSENT, SIZE_EXP
    if price < 0:
        raise Refused(f"an impossible price: {fields[name]}")
    return (price, ABSENT, SIZE_EXP) if size <= 0 else (price, *parse_size(str(size)))


def _quote_event(symbol: str, time: int, quote: Quote, flags: Flag) -> Event:
    bid, bid_size, bid_exp, ask, ask_size, ask_exp = quote
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol,
        flags=flags,
        ts_event=time * 1_000_000,
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
    )


def _notes(fields: Fields) -> dict[str, Any]:
    """Return what the tape has no column for, enums in words."""
    notes: dict[str, Any] = {name: value for name, value in fields.items() if name not in _ON_THE_TAPE}
    for name, words in _WORDS.items():
        if name in notes:
            notes[name] = words.get(notes[name], notes[name])
    price = str(fields["price"])
    if len(price.partition(".")[2]) > PRICE_DECIMALS:
        notes["price_told"] = price
    return notes
