"""What is remembered of a Yahoo symbol from one frame to the next, and what traded between two volumes of the day."""

from typing import Final

import msgspec

from breadboard.feeds.yahoo_listing import UNLISTED, Listing
from breadboard.model.decimals import ABSENT, SIZE_EXP

LONGEST_DAY_MS: Final = 12 * 3_600_000
"""Frames further apart do not belong to one session for certain: the difference of their volumes means nothing."""
CORRECTED_WITHIN_MS: Final = 3_600_000
"""A volume that falls a little within this time was corrected; one that falls later, or by half, is a new day's."""

Quote = tuple[int, int, int, int, int, int]
"""Bid, its size and exponent, ask, its size and exponent."""
NO_QUOTE: Final[Quote] = (ABSENT, ABSENT, SIZE_EXP, ABSENT, ABSENT, SIZE_EXP)


class Known(msgspec.Struct, array_like=True):
    """The newest frame of a symbol, and the newest volume, which not every frame has."""

    time: int
    """ms since 1970."""
    price: int
    said_volume: int
    volume: int
    volume_time: int
    quote: Quote
    listing: Listing = UNLISTED
    counted: int = ABSENT
    """The highest volume of the day: what is below it, after a correction, has been told as sizes before."""


def advance(before: Known, volume: int, pause_ms: int) -> tuple[int, int]:
    """Return what traded up to the next volume of the day (ABSENT: unknown; 0: told before), and the day's highest.

    What passes below the highest, after a correction, has had its size already.
    """
    counted = max(before.counted, before.volume)
    if before.volume == ABSENT:
        return ABSENT, volume
    if volume < before.volume and not (2 * volume >= before.volume and pause_ms < CORRECTED_WITHIN_MS):
        return volume, volume
    if pause_ms >= LONGEST_DAY_MS:
        return ABSENT, volume
    return max(volume - counted, 0), max(volume, counted)
