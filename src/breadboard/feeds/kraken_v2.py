"""Kraken, WebSocket v2: books of 1000 levels with a checksum, best bid and offer, numbered trades."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from breadboard.conversations import Send
from breadboard.feeds.checked_session import NOTHING, Answer, CheckedSession, Pair, Tongue, by_channel
from breadboard.feeds.kraken import DEPTH, NO_PAIR, PAIRS_A_MESSAGE, PATTERN, spelled
from breadboard.feeds.kraken_v2_messages import KrakenV2Reader
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities

_CHANNEL: Final = b'"channel":"'
_SYMBOL: Final = b'"symbol":"'
LONGEST_ANSWER: Final = 2000
"""Bytes; nothing longer is looked at as an answer to a subscription."""
PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    # The trades of a snapshot happened before we listened: they would close a hole in the numbers and be in no table.
    "trade": {"snapshot": False},
    "ticker": {"event_trigger": "bbo"},
    "book": {"depth": DEPTH, "snapshot": True},
}


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""


class _Answered(msgspec.Struct):
    success: bool
    method: str = ""
    symbol: str = ""
    error: str = ""
    result: _Result = msgspec.field(default_factory=_Result)


_answered: Final = msgspec.json.Decoder(_Answered)


def _is_answer(frame: bytes) -> bool:
    return len(frame) < LONGEST_ANSWER and b'"success"' in frame


def _answer_of(frame: bytes) -> Answer | None:
    """Return what an answer to a subscription says. A refusal names the pair alone, of whatever channel."""
    if not _is_answer(frame):
        return None
    try:
        told = _answered.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if told.method != "subscribe":
        return None
    if told.success:
        return Answer(told.result.channel, told.result.symbol)
    return Answer("", told.symbol, told.error) if told.error.startswith(NO_PAIR) else None


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return the channel and the first symbol of a message, without reading the rest."""
    if _is_answer(frame):
        return NOTHING  # it names them, too, and brings nothing
    channel, symbol = frame.find(_CHANNEL) + len(_CHANNEL), frame.find(_SYMBOL) + len(_SYMBOL)
    return frame[channel : frame.find(b'"', channel)], frame[symbol : frame.find(b'"', symbol)]


def _subscribe(wanted: Sequence[Pair]) -> Send:
    return _say("subscribe", wanted, PARAMETERS[wanted[0][0]])


def _unsubscribe(wanted: Sequence[Pair]) -> Send:
    """Say what to stop; it names the depth of books alone."""
    return _say("unsubscribe", wanted, {"depth": DEPTH} if wanted[0][0] == "book" else {})


def _say(method: str, wanted: Sequence[Pair], parameters: dict[str, Any]) -> Send:
    named = {"channel": wanted[0][0], "symbol": [symbol for _, symbol in wanted]}
    said = {"method": method, "params": named | parameters}
    return Send(msgspec.json.encode(said).decode())


TONGUE: Final = Tongue(
    url="wss://ws.kraken.com/v2",
    channels={"trade": "trade", "quote": "ticker", "book": "book"},
    pattern=PATTERN,
    example="BTC/USD",
    reader=KrakenV2Reader,
    parts=by_channel(PAIRS_A_MESSAGE),
    subscribe=_subscribe,
    unsubscribe=_unsubscribe,
    wire=_wire_of,
    answer=_answer_of,
    book=b'"book"',
    spell=spelled,
)
KRAKEN_V2: Final = ReadingFeed(
    Capabilities(
        venue="KRAKEN_V2",
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="crc32",
        heartbeat_s=5.0,  # about one heartbeat a second once something is subscribed
        ts_event_unit="us",
        trade_ids_contiguous=True,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=10.0,
        frame_cap=4 << 20,
    ),
    partial(CheckedSession, TONGUE),
    KrakenV2Reader,
)
