"""IQFeed (DTN): a gateway on our own machine, a TCP port for each kind of conversation, lines of text.

One wish becomes several connections: trades and quotes come on Level 1, books on Level 2, the gateway's own bars (asked
for only by name: they would stand where ours do) on a third port, how the gateway itself is on the admin port. The
vendor's data is neither numbered nor checksummed; what is known of losses comes from audits (``iqfeed_session``) and
from the gateway's word.
"""

import re
from dataclasses import dataclass
from typing import Final

from breadboard.conversations import Session
from breadboard.environment import environment
from breadboard.errors import UsageError
from breadboard.feeds.iqfeed_address import COMMANDS_A_SECOND, address
from breadboard.feeds.iqfeed_admin_session import VARIABLES, AdminSession, Login
from breadboard.feeds.iqfeed_bars import BarsSession
from breadboard.feeds.iqfeed_decoding import IqfeedDecoder
from breadboard.feeds.iqfeed_depth_session import Level2Session
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.iqfeed_session import Level1Session
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish

CHANNELS: Final = {name: name for name in ("trade", "quote", "book", "bar", "admin")}
BAR_SECONDS: Final = 60
"""Of the bars that the gateway streams; they stand in the table of bars, where ours would."""
US_STOCK: Final = r"[A-Z]{1,5}([.-][A-Z])?"
"""A share of a US listing, BRK.B among them; an index, an option, a future or a currency has other signs in it."""
_SYMBOL: Final = re.compile(r"[\w@#+$.=&*!^:-][\w@#+$.=&*!^:/-]{0,31}", re.ASCII)
"""Stocks, futures (``@ES#``), indices (``DJIA.XO``), currencies (``EURUSD.FXCM``); never a comma or a space."""


def _conversation(can: Capabilities, wish: Wish) -> Session:
    """Return a conversation with one port. Raises UsageError for channels of several."""
    venue, where = can.venue, address(wish.url)
    channels = wanted_channels(venue, wish.channels, CHANNELS)
    if channels == ("admin",):
        return AdminSession(Login.of(environment(*VARIABLES)), where.url(where.admin))
    symbols = wanted_symbols(venue, wish.symbols, pattern=_SYMBOL, example="AAPL")
    if channels == ("book",):
        return Level2Session(symbols, where.url(where.depth), where.rate)
    if channels == ("bar",):
        return BarsSession(symbols, BAR_SECONDS, where.url(where.bars), where.rate)
    if not set(channels) <= {"trade", "quote"}:
        raise UsageError(
            f"{venue} sends books, bars and its own state on other ports than trades and quotes",
            hint="make it several sources: channels trade and quote, and channel book",
        )
    return Level1Session(symbols, channels, where.url(where.level1), where.rate)


@dataclass(frozen=True, slots=True)
class _Iqfeed(ReadingFeed):
    """Reads the plain updates of Level 1 with compiled code."""

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; without ``fast``, the reader does all the work."""
        can = self.capabilities
        if fast:
            return IqfeedDecoder(can, IqfeedReader(), instruments)
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, IqfeedReader(), instruments)


IQFEED: Final = _Iqfeed(
    Capabilities(
        venue="IQFEED",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="none",
        heartbeat_s=5.0,  # a timestamp line each second on every streaming port
        ts_event_unit="us",
        withdraws_trades=True,
        trade_ids_contiguous=False,  # tick ids are counted by market center, and repeat within a day
        connection_lifetime_s=None,
        max_streams_per_connection=100_000,  # how many symbols is the account's business: SYMBOL LIMIT REACHED
        client_messages_per_s=float(COMMANDS_A_SECOND),
        frame_cap=4 << 20,
        channels=("trade", "quote", "book", "admin"),
        channel_groups=(("trade", "quote"), ("book",), ("bar",), ("admin",)),
        asides=("admin",),
        bar_calendars=((US_STOCK, "XNYS"),),
        # Level 2 and admin know no such command and answer with an error line, which is a sign of life as well.
        ping="T",
    ),
    _conversation,
    IqfeedReader,
)
