"""The venues: how each talks and what its bytes mean. Pure: bytes in, tape rows and requests out.

To add one: write its file, add its line to FEEDS, run ``tests/conformance/test_feed.py``. See docs/adding-a-feed.md.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from breadboard.errors import UsageError
from breadboard.feeds.binance import COINM, SPOT, USDM
from breadboard.feeds.bitstamp import BITSTAMP
from breadboard.feeds.bybit import INVERSE, LINEAR
from breadboard.feeds.bybit import SPOT as BYBIT
from breadboard.feeds.ccxt_feed import PREFIX, ccxt_feed
from breadboard.feeds.coinbase import COINBASE
from breadboard.feeds.coinbase_advanced import COINBASE_ADVANCED
from breadboard.feeds.iqfeed import IQFEED
from breadboard.feeds.kraken import KRAKEN
from breadboard.feeds.kraken_v2 import KRAKEN_V2
from breadboard.feeds.lean import LEAN
from breadboard.feeds.lobster import LOBSTER
from breadboard.feeds.massive import MASSIVE, MASSIVE_DELAYED
from breadboard.feeds.okx import OKX
from breadboard.feeds.tables import table_feed
from breadboard.feeds.yahoo import YAHOO
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind, SequenceRule
from breadboard.ports import Feed

FEEDS: Final[Mapping[str, Feed]] = {
    "binance": SPOT,
    "binance-usdm": USDM,
    "binance-coinm": COINM,
    "coinbase": COINBASE,
    "coinbase-advanced": COINBASE_ADVANCED,
    "bitstamp": BITSTAMP,
    "bybit": BYBIT,
    "bybit-linear": LINEAR,
    "bybit-inverse": INVERSE,
    "iqfeed": IQFEED,
    "yahoo": YAHOO,
    "kraken": KRAKEN,
    "kraken-v2": KRAKEN_V2,
    "okx": OKX,
    "massive": MASSIVE,
    "massive-delayed": MASSIVE_DELAYED,
}
"""Every feed of our own, by its name on the command line; ccxt's are found by ``ccxt-<exchange>``."""


def _rule(venue: str) -> SequenceRule:
    """Return how a venue numbers its books, of which rows of a file may be; of an unknown one, not at all."""
    with suppress(UsageError):
        return by_venue(venue).capabilities.sequence_rule
    return SequenceRule.NONE


FILES: Final[Mapping[str, Feed]] = {"lean": LEAN, "lobster": LOBSTER, "file": table_feed(_rule)}
"""Vendors whose data is files, and files of anybody: they are imported, and nobody can be asked for them."""


WARM_FRAMES: Final = 16
"""Of fewer, no decoder leaves anything to compiled code."""


def by_name(name: str) -> Feed:
    """Return a feed by its name on the command line. Raises UsageError."""
    try:
        return ccxt_feed(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else (FEEDS.get(name) or FILES[name])
    except KeyError:
        raise UsageError(
            f"there is no venue {name!r}", hint=f"choose from: {' '.join(FEEDS)} {PREFIX}<any of ccxt's>"
        ) from None


def by_venue(venue: str) -> Feed:
    """Return the feed of a venue as the tape spells it, e.g. ``BINANCE_USDM``. Raises UsageError."""
    for feed in (*FEEDS.values(), *FILES.values()):
        if feed.capabilities.venue == venue:
            return feed
    with suppress(KeyError):
        if venue.startswith("CCXT_"):
            return ccxt_feed(venue.removeprefix("CCXT_").lower())
    known = " ".join(feed.capabilities.venue for feed in FEEDS.values())
    raise UsageError(f"there is no venue {venue!r}", hint=f"known: {known}")


def warm() -> None:
    """Compile every kernel, or load it from the cache, by decoding a few bytes."""
    nothing = Frames.of([b"{}"] * WARM_FRAMES, [0] * WARM_FRAMES, kind=RecordKind.DATA)
    for feed in FEEDS.values():
        feed.decoder(Instruments()).decode(nothing)
