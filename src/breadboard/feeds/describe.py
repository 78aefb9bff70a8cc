"""What one frame means, for people: the tape's rows in exact digits."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from breadboard.errors import UsageError
from breadboard.feeds.decoding import JsonDecoder
from breadboard.feeds.readers import ReadingDecoder
from breadboard.model.decimals import ABSENT, price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, OrderAction, RecordKind, Side, StatusCode
from breadboard.model.tape import Tape
from breadboard.ports import WHOLE_FRAME, Decoded, Feed

CHANNELS: Final = {
    "trade": ("trade",),
    "quote": ("quote",),
    "book": ("book_delta", "book_snapshot", "order"),
    "bar": ("bar",),
    "luld": ("status",),
    "admin": ("status", "gap"),
}
_NAMELESS: Final = "unnamed"
"""The symbol under which a pasted depth answer is read when it does not say its own."""


class _Answer(msgspec.Struct):
    """Enough of a REST depth answer to know it by."""

    lastUpdateId: int  # noqa: N815 - the venue's spelling
    symbol: str | None = None
    stream: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Describer:
    """Tells the events of one frame after the other, ready for JSON, with one memory for all of them.

    Times are ns, numbers are text, absent is None. ``kind`` is trade, quote, book_delta, book_snapshot, order, status,
    gap, bar, control, ignored (with ``type``) or quarantined (with ``reason``). ``channel`` keeps the events of one
    channel, and what could not be read. The body of a REST depth answer is recognised; its symbol is None unless it
    says one.
    """

    def __init__(self, feed: Feed, channel: str | None = None) -> None:
        """Check the channel. Raises UsageError for one that the venue does not have."""
        if channel is not None and channel not in feed.capabilities.channels:
            raise UsageError(
                f"there is no channel {channel!r}", hint=f"choose from: {' '.join(feed.capabilities.channels)}"
            )
        self._feed = feed
        self._channel = channel
        self._instruments = Instruments()
        self._decoder = feed.decoder(self._instruments)
        if isinstance(self._decoder, ReadingDecoder | JsonDecoder):
            self._decoder.notes = True

    def __call__(self, frame: bytes) -> list[dict[str, Any]]:
        """Return the events of a frame. Never raises on bytes."""
        decoded = self._decode(frame)
        tape = decoded.tape
        told = {offset for offset, _ in tape.gaps}
        found = [
            _noted(_row(tape, row, self._instruments), decoded.notes.get((0, int(tape.index[row])), {}))
            for row in range(len(tape))
            # A GAP row without a gap says again, for the books, what ``quarantined`` says with its reason.
            if tape.kind[row] != EventKind.GAP or told
        ]
        said = dict(decoded.notes.get((0, WHOLE_FRAME), {}))
        found += [_noted(_bar(bar, self._instruments), said) for bar in decoded.bars]
        if decoded.control and not found:
            found.append({"kind": "control"} | said)
        found += [{"kind": "ignored", "type": name} | said for name in decoded.ignored]
        found += [{"kind": "quarantined", "reason": reason} for _, reason in decoded.quarantined]
        wanted = None if self._channel is None else (*CHANNELS.get(self._channel, ()), "quarantined")
        return [event for event in found if wanted is None or event["kind"] in wanted]

    def _decode(self, frame: bytes) -> Decoded:
        """Decode a frame; one that only makes sense as a depth answer is decoded as the answer it is."""
        decoded = self._decoder.decode(Frames.of([frame], [0], kind=RecordKind.DATA))
        if not decoded.quarantined or b'"lastUpdateId"' not in frame:
            return decoded
        try:
            answer = msgspec.json.decode(frame, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return decoded
        if answer.stream is not msgspec.UNSET:
            return decoded
        head = msgspec.json.encode(DocumentHead(f"depth:{answer.symbol or _NAMELESS}", "", 200))
        document = Frames.of([head + b"\n" + frame], [0], kind=RecordKind.DOCUMENT)
        answered = self._decoder.decode(document)
        return answered if len(answered.tape) or answered.quarantined else decoded


def describe(feed: Feed, frame: bytes, channel: str | None = None) -> list[dict[str, Any]]:
    """Return the events of a single frame; see ``Describer``."""
    return Describer(feed, channel)(frame)


def _row(tape: Tape, row: int, instruments: Instruments) -> dict[str, Any]:
    """Return one row of the tape with the fields that mean something for its kind."""
    kind = EventKind(int(tape.kind[row]))
    instrument = int(tape.instrument[row])
    symbol = instruments[instrument].symbol if instrument >= 0 else None
    event: dict[str, Any] = {
        "kind": kind.name.lower(),
        "symbol": None if symbol == _NAMELESS else symbol,
        "ts_event": _number(tape, row, "ts_event"),
    }
    if kind is EventKind.TRADE:
        event |= _trade(tape, row)
    elif kind is EventKind.QUOTE:
        event |= {"bid": _price(tape, row, "price"), "bid_size": _size(tape, row, "size")}
        event |= {"ask": _price(tape, row, "ask_price"), "ask_size": _size(tape, row, "ask_size")}
        event["sequence"] = _number(tape, row, "sequence")
    elif kind is EventKind.STATUS:
        event["code"] = StatusCode(int(tape.code[row])).name.lower()
        if tape.code[row] == StatusCode.LISTING:
            event["close"] = _price(tape, row, "price")
        else:
            event |= {name: _number(tape, row, name) for name in ("sequence", "trade_id")}
        if tape.code[row] == StatusCode.BANDS:
            event |= {"lower": _price(tape, row, "price"), "upper": _price(tape, row, "ask_price")}
    elif kind is EventKind.ORDER:
        event["order"] = {  # apart from the venue's own words, which are often the same
            "action": OrderAction(int(tape.code[row])).name.lower(),
            "number": _number(tape, row, "order_id"),
            "side": Side(int(tape.side[row])).name.lower(),
            "price": _price(tape, row, "price"),
            "size": _size(tape, row, "size"),
        }
    elif kind is EventKind.GAP:
        event["reason"] = GapReason(int(tape.code[row])).label
    else:
        if kind is EventKind.BOOK_DELTA:
            event["sequence_first"] = _number(tape, row, "sequence_first")
            event["sequence_prev"] = _number(tape, row, "sequence_prev")
        event["sequence"] = _number(tape, row, "sequence")
        event |= {"bids": _levels(tape, row, Side.BUY), "asks": _levels(tape, row, Side.SELL)}
    flags = Flag(int(tape.flags[row]))
    if flags:
        event["flags"] = [flag.name.lower() for flag in Flag if flag in flags and flag.name]
    return event


def _bar(bar: np.void, instruments: Instruments) -> dict[str, Any]:
    """Return a bar that the vendor made; its volume is exact to 1e-18."""
    fraction = str(int(bar["volume_fraction"])).zfill(18).rstrip("0")
    return {
        "kind": "bar",
        "symbol": instruments[int(bar["instrument"])].symbol,
        "interval_s": int(bar["interval"]),
        "ts_open": int(bar["ts_open"]),
        **{name: price_text(int(bar[name])) for name in ("open", "high", "low", "close")},
        "volume": f"{int(bar['volume_whole'])}.{fraction}".rstrip("."),
        "trades": int(bar["trades"]),
    }


def _noted(row: dict[str, Any], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with what the frame says beyond it; what both say, the row says in the house's own form."""
    return row | {name: value for name, value in notes.items() if name not in row}


def _trade(tape: Tape, row: int) -> dict[str, Any]:
    side = Side(int(tape.side[row]))
    return {
        "price": _price(tape, row, "price"),
        "size": _size(tape, row, "size"),
        "side": None if side is Side.NONE else side.name.lower(),
        "trade_id": _number(tape, row, "trade_id"),
        "sequence": _number(tape, row, "sequence"),
    }


def _levels(tape: Tape, row: int, side: Side) -> list[list[str]]:
    return [
        [price_text(int(tape.level_price[i])), size_text(int(tape.level_size[i]), int(tape.level_size_exp[i]))]
        for i in range(int(tape.level_begin[row]), int(tape.level_end[row]))
        if tape.level_side[i] == side
    ]


def _number(tape: Tape, row: int, column: str) -> int | None:
    value = int(getattr(tape, column)[row])
    return None if value == ABSENT else value


def _price(tape: Tape, row: int, column: str) -> str | None:
    value = _number(tape, row, column)
    return None if value is None else price_text(value)


def _size(tape: Tape, row: int, column: str) -> str | None:
    value = _number(tape, row, column)
    return None if value is None else size_text(value, int(getattr(tape, f"{column}_exp")[row]))
