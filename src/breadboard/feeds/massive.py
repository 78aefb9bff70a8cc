"""Massive (formerly Polygon.io): US stocks, trades and national best bid and offer from the consolidated tapes.

One key carries one connection at a time and host; the delayed host, 15 minutes behind, is a feed of its own.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from breadboard.errors import UsageError
from breadboard.feeds.massive_calls import REST
from breadboard.feeds.massive_messages import MassiveReader
from breadboard.feeds.massive_session import CHANNELS, MassiveSession
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish

_TICKER: Final = re.compile(r"\*|[A-Za-z][A-Za-z0-9]{0,15}(?:[./-][A-Za-z0-9]{1,8}){0,3}", re.ASCII)
"""``*`` is every stock. Small letters mean something inside a ticker: BACpB is a preferred stock, ACHRw a warrant."""
_MARKET: Final = "/stocks"


def _conversation(home: str, can: Capabilities, wish: Wish) -> MassiveSession:
    """Return a conversation with a host at home there. Raises UsageError, too, where there is no key."""
    symbols = wanted_symbols(can.venue, wish.symbols, pattern=_TICKER, example="AAPL", spell=_spelled)
    if not wish.key:
        raise UsageError(
            f"{can.venue} asks for a key, and {can.credential} is not set", hint=f"export {can.credential}=…"
        )
    wanted = ("*",) if "*" in symbols else symbols
    # Of another host than the venue's own nobody knows where its REST interface is: the key goes nowhere on a guess.
    rest_url = wish.rest_url or ("" if wish.url else REST)
    return MassiveSession(_address(wish.url or home), wanted, _topics(can.venue, wish.channels), wish.key, rest_url)


def _address(url: str) -> str:
    """Return the address with its market; one that has a path is taken as it is."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + _MARKET


def _topics(venue: str, channels: Sequence[str]) -> tuple[str, ...]:
    names = wanted_channels(venue, channels, {name: name for name in CHANNELS})
    return tuple(topic for name in names for topic in CHANNELS[name])


def _spelled(symbol: str) -> str:
    """Return the ticker: all small letters are somebody's haste, mixed ones are the venue's spelling."""
    return symbol.upper() if symbol.islower() else symbol


def _capabilities(venue: str, completeness: str, channels: tuple[str, ...]) -> Capabilities:
    return Capabilities(
        venue=venue,
        completeness=completeness,
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",  # q grows by symbol and day, but with holes: it tells order and repeats, never a loss
        checksum="none",
        heartbeat_s=None,  # nights and weekends are silent; the WebSocket's own pings show a dead line
        ts_event_unit="ms",
        trade_ids_contiguous=False,
        withdraws_trades=True,  # in the answers of /v3/trades; the stream never does
        connection_lifetime_s=None,
        max_streams_per_connection=1_000_000,  # one connection a key: more symbols never mean another connection
        client_messages_per_s=20.0,
        frame_cap=4 << 20,
        channels=channels,
        calendar="XNYS",
        credential="MASSIVE_API_KEY",
        former_credential="POLYGON_API_KEY",
        single_connection=True,
    )


MASSIVE: Final = ReadingFeed(
    _capabilities("MASSIVE", "full", ("trade", "quote", "luld")),
    partial(_conversation, "wss://socket.massive.com"),
    MassiveReader,
)
# The venue documents quotes and bands for real time only; its bars have to be asked for by name.
MASSIVE_DELAYED: Final = ReadingFeed(
    _capabilities("MASSIVE_DELAYED", "delayed", ("trade",)),
    partial(_conversation, "wss://delayed.massive.com"),
    MassiveReader,
)
