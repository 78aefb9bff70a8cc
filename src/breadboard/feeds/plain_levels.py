"""What a session sees of a book's levels at one look: numbers in the form that the decoder takes for certain.

Levels in any other form are read as the decoder reads them, which takes ten times as long. So both come to one verdict.
"""

import re
from typing import Annotated, Final

import msgspec

PRICE: Final = rb'"(?!0*\.?0*")[0-9]{1,9}(?:\.[0-9]{1,9})?"'
"""A price above zero that the tape can hold, in its quotation marks."""
WIDE_PRICE: Final = rb'"(?!0*\.?0*")[0-9]{1,18}(?:\.[0-9]{1,9})?"'
"""The same where the tape need not hold it: the decoder tells it in the notes (``checked_book.level_of``).

Some wish for trillions; their levels stand in every snapshot, which would be read for a quarter of a second.
"""
SIZE: Final = rb'"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?|[0-9]{10,14}(?:\.[0-9]{1,4})?)"'
"""A size of 18 digits at most, as of coins of which thousands of millions are offered at a price."""
TIME: Final = (
    rb'"(?:20[0-9]{2}-(?!02-29|02-3|0[469]-31|11-31)(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
    rb"T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]{1,9})?Z"
    rb'|1970-01-01T[0-9:.]{8,18}Z)"'
)
"""A time of this century, or the one that stands for none."""
PlainMilliseconds = Annotated[int, msgspec.Meta(ge=1_000_000_000_000, lt=4_000_000_000_000)]
"""A time from 2001 to 2096."""


def array_of(row: bytes) -> re.Pattern[bytes]:
    """Return what a JSON array of such rows, without blanks, matches to its end; ``row`` begins with a literal."""
    opening = row[:2]
    return re.compile(rb"\[(?:%b(?:,(?=%b)|(?=\])))*\]" % (row, opening))


LEVELS: Final = array_of(rb"\[%b,%b\]" % (PRICE, SIZE))
"""Levels of price and size."""
