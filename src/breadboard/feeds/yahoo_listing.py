"""What Yahoo's frames say of an instrument beside its price: what it is, the hours, and what its change is against.

``change`` is against the close of the last regular session that has ended: before and in a session that of the one
before, after it its own. That close is the price less the change, both of which came as float32: in the decimals that
``price_hint`` gives the venue's own number comes out again, and where it is too large for that, it is not told anew
for the last digit a float32 has. The change of a coin is against the price of 24 hours ago, which is another with every
frame and no close: of coins none is told.
"""

from decimal import Decimal
from typing import Final

import msgspec

from breadboard.feeds.reading import Event
from breadboard.feeds.yahoo_protobuf import Fields
from breadboard.feeds.yahoo_protobuf import MarketHours as TheirHours
from breadboard.feeds.yahoo_protobuf import QuoteType as TheirType
from breadboard.model.decimals import ABSENT, INT64_MAX, PRICE_DECIMALS
from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.listing import MARKET_HOURS, QUOTE_TYPES, MarketHours, QuoteType

_TYPES: Final = {int(each): int(QuoteType[each.name]) for each in TheirType if each.name in QuoteType.__members__}
_HOURS: Final = {int(each): int(MarketHours[each.name.split("_", maxsplit=1)[0]]) for each in TheirHours}
_BEFORE_THE_CLOSE: Final = (MarketHours.UNKNOWN, MarketHours.PRE, MarketHours.REGULAR)
"""Then ``previous_close`` is what a change is against; afterwards it is a day too old."""
_MOST: Final = INT64_MAX // 10**PRICE_DECIMALS
_FLOAT32_BITS: Final = 22
"""Two numbers that differ by less than one in so many bits may be the same float32 less another."""


class Listing(msgspec.Struct, array_like=True, frozen=True):
    """What is known of a symbol; the close in 1e-9."""

    quote_type: int = QuoteType.UNKNOWN
    hours: int = MarketHours.UNKNOWN
    close: int = ABSENT


UNLISTED: Final = Listing()


def listing_of(fields: Fields, known: Listing) -> Listing:
    """Return what a frame says, and of what it leaves out what was known: the close as long as the hours last."""
    kind, hours = fields.get("quote_type"), fields.get("market_hours")
    what = _TYPES.get(kind, known.quote_type) if isinstance(kind, int) else known.quote_type
    when = _HOURS.get(hours, MarketHours.UNKNOWN) if isinstance(hours, int) else known.hours
    close = ABSENT if what == QuoteType.CRYPTOCURRENCY else _close(fields, when)
    if when == known.hours and (close == ABSENT or abs(close - known.close) <= known.close >> _FLOAT32_BITS):
        close = known.close
    return Listing(what, when, close)


def listing_event(symbol: str, ts_event: int, listing: Listing) -> Event:
    """Return the row that tells of it."""
    words = {"quote_type": QUOTE_TYPES[listing.quote_type], "market_hours": MARKET_HOURS[listing.hours]}
    return Event(
        kind=EventKind.STATUS,
        symbol=symbol,
        code=StatusCode.LISTING,
        ts_event=ts_event,
        sequence=listing.quote_type,
        trade_id=listing.hours,
        price=listing.close,
        notes={name: word for name, word in words.items() if word},
    )


def _close(fields: Fields, hours: int) -> int:
    """Return the close that the frame's change is against, in 1e-9; ABSENT where it does not say."""
    hint = fields.get("price_hint")
    if "change" in fields and isinstance(hint, int) and 0 <= hint <= PRICE_DECIMALS:
        return _rounded(Decimal(str(fields["price"])) - Decimal(str(fields["change"])), hint)
    if "previous_close" in fields and hours in _BEFORE_THE_CLOSE:
        return _rounded(Decimal(str(fields["previous_close"])), PRICE_DECIMALS)
    return ABSENT


def _rounded(price: Decimal, decimals: int) -> int:
    """Return a price in 1e-9; ABSENT for one that is impossible."""
    if not 0 < price < _MOST:
        return ABSENT
    return int(round(price, decimals).scaleb(PRICE_DECIMALS)) or ABSENT
