"""Kraken, WebSocket v1: books of 1000 levels with a checksum, spread, trades without numbers."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from breadboard.conversations import Send
from breadboard.feeds.checked_session import NOTHING, Answer, CheckedSession, Pair, Tongue, by_channel
from breadboard.feeds.kraken_messages import KrakenReader
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities

DEPTH: Final = 1000
"""All the venue gives: what was not recorded cannot be had later, and a smaller book is in a larger one."""
PAIRS_A_MESSAGE: Final = 100
_TAIL: Final = 80
"""Bytes from the end in which channel and pair stand."""
PATTERN: Final = re.compile(r"[A-Za-z0-9.]{1,20}/[A-Za-z0-9.]{1,20}")
ALREADY: Final = "Already subscribed"
NO_PAIR: Final = "Currency pair not "
"""So a refusal begins that is for good: the pair is not supported, or not in the form of one."""
_TOKENISED: Final = re.compile(r"[A-Z.]{1,10}x/[A-Z]{3,5}")


class _Subscription(msgspec.Struct):
    name: str = ""


class _Status(msgspec.Struct):
    pair: str = ""
    status: str = ""
    error: str = msgspec.field(name="errorMessage", default="")
    subscription: _Subscription = msgspec.field(default_factory=_Subscription)


_status: Final = msgspec.json.Decoder(_Status)


def spelled(symbol: str) -> str:
    """Return a pair as the venue spells it: upper case, but for the small x of a tokenised stock (``AAPLx/USD``)."""
    return symbol if _TOKENISED.fullmatch(symbol) else symbol.upper()


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return channel and pair, with which an array ends: ``…,"book-1000","XBT/USD"]``."""
    parts = frame[-_TAIL:].rsplit(b'"', 4)
    return (parts[1].partition(b"-")[0], parts[3]) if len(parts) == 5 else NOTHING


def _answer_of(frame: bytes) -> Answer | None:
    """Return what a status says; one of another pair or channel, or of an unsubscription, says nothing here."""
    if not frame.startswith(b"{") or b'"subscriptionStatus"' not in frame:
        return None
    try:
        told = _status.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if told.status == "subscribed" or told.error.startswith(ALREADY):
        return Answer(told.subscription.name, told.pair)
    return Answer("", told.pair, told.error) if told.error.startswith(NO_PAIR) else None


def _say(event: str, wanted: Sequence[Pair]) -> Send:
    name, pairs = wanted[0][0], [pair for _, pair in wanted]
    subscription: dict[str, Any] = {"name": name, "depth": DEPTH} if name == "book" else {"name": name}
    return Send(msgspec.json.encode({"event": event, "pair": pairs, "subscription": subscription}).decode())


TONGUE: Final = Tongue(
    url="wss://ws.kraken.com",
    channels={"trade": "trade", "quote": "spread", "book": "book"},
    pattern=PATTERN,
    example="XBT/USD",
    reader=KrakenReader,
    parts=by_channel(PAIRS_A_MESSAGE),
    subscribe=partial(_say, "subscribe"),
    unsubscribe=partial(_say, "unsubscribe"),
    wire=_wire_of,
    answer=_answer_of,
    book=b'"book',
    spell=spelled,
)
KRAKEN: Final = ReadingFeed(
    Capabilities(
        venue="KRAKEN",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="crc32",
        heartbeat_s=5.0,  # one heartbeat a second where nothing else is said
        ts_event_unit="us",
        trade_ids_contiguous=False,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=10.0,
        frame_cap=4 << 20,
    ),
    partial(CheckedSession, TONGUE),
    KrakenReader,
)
