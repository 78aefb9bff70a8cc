"""OKX v5, public channels: books of 400 levels that link by numbers, tickers, trades."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from breadboard.conversations import Reconnect, Request, Send
from breadboard.feeds.checked_session import NOTHING, Answer, CheckedSession, Pair, Tongue, together
from breadboard.feeds.okx_messages import NO_INSTRUMENT, UPGRADE, OkxReader
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Keepalive

ARGUMENTS_A_MESSAGE: Final = 300
"""Keeps a subscription well under the 64 KB that the venue takes."""
_CHANNEL: Final = b'"channel":"'
_INSTRUMENT: Final = b'"instId":"'
_HEAD: Final = 40
"""Bytes in which an answer to a subscription says that it is one."""
_NAMED: Final = re.compile(r"instId:([A-Za-z0-9_-]{1,120})")
PATTERN: Final = re.compile(r"[A-Za-z0-9_]{1,20}(?:-[A-Za-z0-9_]{1,20}){1,5}")


class _Argument(msgspec.Struct):
    channel: str = ""
    instId: str = ""  # noqa: N815 - the venue's spelling


class _Notice(msgspec.Struct):
    event: str
    arg: _Argument = msgspec.field(default_factory=_Argument)
    code: str = ""
    msg: str = ""


_notice: Final = msgspec.json.Decoder(_Notice)


def _wire_of(frame: bytes) -> tuple[bytes, bytes]:
    """Return the channel and instrument that a push begins with, without reading the rest."""
    if b'"event"' in frame[:_HEAD]:
        return NOTHING
    channel, symbol = frame.find(_CHANNEL) + len(_CHANNEL), frame.find(_INSTRUMENT) + len(_INSTRUMENT)
    return frame[channel : frame.find(b'"', channel)], frame[symbol : frame.find(b'"', symbol)]


def _answer_of(frame: bytes) -> Answer | None:
    """Return what an answer to a subscription says. Of a refusal only the text names the instrument."""
    if b'"event"' not in frame[:_HEAD]:
        return None
    try:
        told = _notice.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if told.event == "subscribe":
        return Answer(told.arg.channel, told.arg.instId)
    named = _NAMED.search(told.msg) if told.event == "error" and told.code in NO_INSTRUMENT else None
    return Answer("", named[1], told.msg) if named is not None else None


def _listen(frame: bytes) -> list[Request]:
    """Leave before an upgrade of the venue, which it announces."""
    if b'"notice"' not in frame:
        return []
    try:
        notice = _notice.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    if notice.event != "notice" or notice.code != UPGRADE:
        return []
    return [Reconnect(f"the venue says: {notice.msg}"[:200])]


def _say(operation: str, wanted: Sequence[Pair]) -> Send:
    arguments = [{"channel": channel, "instId": symbol} for channel, symbol in wanted]
    return Send(msgspec.json.encode({"op": operation, "args": arguments}).decode())


TONGUE: Final = Tongue(
    url="wss://ws.okx.com:8443/ws/v5/public",
    channels={"trade": "trades", "quote": "tickers", "book": "books"},
    pattern=PATTERN,
    example="BTC-USDT",
    reader=OkxReader,
    parts=together(ARGUMENTS_A_MESSAGE),  # requests are counted by the hour, arguments are not
    subscribe=partial(_say, "subscribe"),
    unsubscribe=partial(_say, "unsubscribe"),
    wire=_wire_of,
    answer=_answer_of,
    book=b'"books"',
    answers=True,
    listen=_listen,
)
OKX: Final = ReadingFeed(
    Capabilities(
        venue="OKX",
        completeness="full",
        sequence_rule=SequenceRule.LINK,
        sequence_scope="symbol",
        checksum="crc32",
        heartbeat_s=35.0,  # at the latest the pong to our ping
        ts_event_unit="ms",
        trade_ids_contiguous=False,  # the channel joins matches, whose numbers it then leaves out
        trade_ids_growing=True,
        connection_lifetime_s=None,
        max_streams_per_connection=3000,
        client_messages_per_s=3.0,
        frame_cap=4 << 20,
        keepalive=Keepalive("ping", 25.0),  # silent for 30 s, the venue hangs up
    ),
    partial(CheckedSession, TONGUE),
    OkxReader,
)
