"""What a venue says of an instrument beside its market: what it is, and in which hours it was told of.

On the tape it is a STATUS row of ``StatusCode.LISTING``: ``sequence`` is a ``QuoteType``, ``trade_id`` are
``MarketHours``, and ``price`` is the close that the venue's change is against. Values are stored and hashed into
digests: add at the end, never renumber.
"""

from enum import IntEnum
from typing import Final


class QuoteType(IntEnum):
    """What is quoted, in the words of Yahoo's stream."""

    UNKNOWN = 0
    ALTSYMBOL = 1
    EQUITY = 2
    INDEX = 3
    MUTUALFUND = 4
    MONEYMARKET = 5
    OPTION = 6
    CURRENCY = 7
    WARRANT = 8
    BOND = 9
    FUTURE = 10
    ETF = 11
    COMMODITY = 12
    ECNQUOTE = 13
    CRYPTOCURRENCY = 14
    INDICATOR = 15
    CUL_IDX = 16
    CUL_SUB_IDX = 17
    CUL_ASSET = 18
    PRIVATE_COMPANY = 19
    INDUSTRY = 20


class MarketHours(IntEnum):
    """The hours in which something was told."""

    UNKNOWN = 0
    PRE = 1
    REGULAR = 2
    POST = 3
    CLOSED = 4
    EXTENDED = 5
    """Outside the regular session; the venue does not say on which side of it."""
    OVERNIGHT = 6
    """Between the end of one day's extended hours and the beginning of the next one's, where a venue trades then."""


QUOTE_TYPES: Final = ("", *(each.name.lower() for each in QuoteType if each))
"""The words that clients are told, by value; empty for unknown."""
MARKET_HOURS: Final = ("", *(each.name.lower() for each in MarketHours if each))
PREVIOUS_CLOSE: Final = "previous_close"
DAY_OPEN: Final = "day_open"
"""What a change is against."""
