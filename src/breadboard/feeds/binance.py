"""Binance spot, USD-M and COIN-M futures: three venues, one language with two dialects."""

from dataclasses import dataclass
from functools import cached_property

from breadboard.feeds.binance_dialect import WORDS, dialect
from breadboard.feeds.binance_messages import read_document, reader
from breadboard.feeds.binance_session import BinanceSession, Host
from breadboard.feeds.decoding import JsonDecoder, Language
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish

FRAME_CAP = 4 << 20
"""A depth answer of 5,000 levels, the longest that is asked for, has about 350 kB."""


@dataclass
class BinanceFeed:
    """One of Binance's markets as a ``ports.Feed``."""

    capabilities: Capabilities
    host: Host

    @cached_property
    def language(self) -> Language:
        """What its bytes mean; made once, when first asked for."""
        rule = self.capabilities.sequence_rule
        chained = rule is SequenceRule.CHAIN
        return Language(
            self.capabilities.venue,
            rule,
            self.capabilities.frame_cap,
            dialect(chained=chained),
            reader(chained=chained),
            read_document,
            words=WORDS,
            partial_books=True,
        )

    def session(self, wish: Wish) -> BinanceSession:
        """Return a conversation; see ``ports.Feed.session``."""
        return BinanceSession(self.capabilities, self.host, wish.symbols, wish.channels, wish.url, wish.rest_url)

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> JsonDecoder:
        """Return a decoder; ``fast=False`` has the reference reader do all the work."""
        return JsonDecoder(self.language, instruments, fast=fast)


def _capabilities(venue: str, rule: SequenceRule, streams: int) -> Capabilities:
    return Capabilities(
        venue=venue,
        completeness="full",
        sequence_rule=rule,
        sequence_scope="symbol",
        checksum="none",
        heartbeat_s=20.0,  # the venue pings every 20 s; one busy symbol is never quiet so long
        ts_event_unit="ms",
        trade_ids_contiguous=True,
        connection_lifetime_s=86_400.0,
        max_streams_per_connection=streams,
        client_messages_per_s=5.0,
        frame_cap=FRAME_CAP,
    )


# USD-M's streams live behind two paths since 2026: trades, best prices and depth behind /public, what is made of them
# (aggTrade, mark prices, candles) behind /market. A stream asked for behind the other is acknowledged and never speaks.
# A depth answer of 5000 levels costs 250 of 6000 a minute on spot; one of 1000 levels 20 of 2400 on futures. What is
# asked for at once and what follows within the minute is less than that together.
SPOT = BinanceFeed(
    _capabilities("BINANCE", SequenceRule.OVERLAP, 1024),
    Host("wss://stream.binance.com:9443", "https://api.binance.com", "/api/v3/depth", 5000, 3.5, 4),
)
USDM = BinanceFeed(
    _capabilities("BINANCE_USDM", SequenceRule.CHAIN, 1024),
    Host("wss://fstream.binance.com/public", "https://fapi.binance.com", "/fapi/v1/depth", 1000, 0.65, 20),
)
COINM = BinanceFeed(
    _capabilities("BINANCE_COINM", SequenceRule.CHAIN, 200),
    Host("wss://dstream.binance.com", "https://dapi.binance.com", "/dapi/v1/depth", 1000, 0.65, 20),
)
