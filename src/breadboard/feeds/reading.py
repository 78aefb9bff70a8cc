"""The reference way to read a frame: strict JSON, typed, slow, and the last word on what is accepted."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec

from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP, parse_price, parse_size
from breadboard.model.gaps import DocumentHead, Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, OrderAction, Side, StatusCode, Uncounted

M = TypeVar("M", bound=msgspec.Struct)

Count = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
PriceSize = tuple[str, str]
Level = tuple[Side, int, int, int]
"""Side it rests on, price in 1e-9, size, size_exp."""


class Refused(ValueError):
    """The frame cannot be understood; the text is the reason given in quarantine."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the tape with its symbol; fields are named and absent as the tape's columns."""

    kind: EventKind
    symbol: str | None
    flags: Flag = Flag(0)
    code: StatusCode | GapReason | OrderAction | Uncounted | None = None
    side: Side = Side.NONE
    ts_event: int = ABSENT
    sequence: int = ABSENT
    sequence_first: int = ABSENT
    sequence_prev: int = ABSENT
    trade_id: int = ABSENT
    order_id: int = ABSENT
    price: int = ABSENT
    size: int = ABSENT
    size_exp: int = SIZE_EXP
    ask_price: int = ABSENT
    ask_size: int = ABSENT
    ask_size_exp: int = SIZE_EXP
    levels: tuple[Level, ...] = ()
    gap: Gap | None = None
    """What a GAP event tells; its source and symbol are those of the frame and the event."""
    notes: Mapping[str, Any] = {}
    """What the venue says beyond the tape's columns, for people."""


class VendorBar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar that the venue or vendor made: kept beside ours, never mixed into them."""

    symbol: str
    interval_s: int
    ts_open: int
    """ns UTC, inclusive."""
    open: int
    high: int
    low: int
    close: int
    """In 1e-9."""
    volume: int = 0
    volume_exp: int = SIZE_EXP
    vwap: float | None = None
    """In quote currency; None where the vendor gives none."""
    trades: int = 0
    """0 where the vendor gives none."""


class Meaning(msgspec.Struct, frozen=True, gc=False):
    """What one frame says: its events in wire order, and whether it is data, conversation, or data that is ignored."""

    events: tuple[Event, ...] = ()
    control: bool = False
    ignored: str | None = None
    refused: str | None = None
    """Why a part of the frame could not be understood, where the rest of it could: the frame counts as quarantined."""
    bars: tuple[VendorBar, ...] = ()
    checked: bool | None = None
    """Whether the frame's checksum was right; None where there was none to compare."""
    notes: Mapping[str, Any] = {}
    """What the frame as a whole says beyond its events and bars, for people."""
    unknown: tuple[str, ...] = ()
    """Names of forms in it that the venue never used before (schema drift), where names of JSON do not tell."""

    @property
    def heard(self) -> bool:
        """Whether all of the frame was read: one that is refused or ignored tells of no new forms."""
        return self.refused is None and (self.ignored is None or bool(self.events))


Reader = Callable[[bytes], Meaning]
DocumentReader = Callable[[DocumentHead, bytes], Meaning]


def says(*events: Event) -> Meaning:
    """Return data that means these events."""
    return Meaning(events)


CONTROL: Final = Meaning(control=True)


class Digits(str):
    """A JSON number with a point or a power, as it was written: trailing zeros matter to a checksum."""

    __slots__ = ()


def parse_json(frame: bytes, *, exact: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Return the frame's JSON value; ``exact`` keeps numbers that are no integers as ``Digits``.

    Raises Refused for anything else, and for a key given twice at any depth.
    """
    return _parsed(frame, _EXACT if exact else _PLAIN)


def parse_numbers_as_text(frame: bytes) -> dict[str, Any]:
    """Return the frame's JSON object, every number as the text it was written in. Raises Refused likewise."""
    return _object(_parsed(frame, _TEXT))


def _parsed(frame: bytes, how: json.JSONDecoder) -> Any:  # noqa: ANN401 - any JSON
    try:
        return how.decode(frame.decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise Refused(f"not JSON: {error.msg} at byte {error.pos}") from None
    except RecursionError:
        raise Refused("JSON nested too deeply") from None
    except Refused:
        raise
    except ValueError:
        raise Refused("a number of thousands of digits") from None


def parse_object(frame: bytes, *, exact: bool = False) -> dict[str, Any]:
    """Return the frame's JSON object, as ``parse_json`` does. Raises Refused for any other value."""
    return _object(parse_json(frame, exact=exact))


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Refused(f"not a JSON object but {type(found).__name__}")
    return found


def digits_of(number: object) -> str:
    """Return the digits of a JSON number that was parsed ``exact``. Raises Refused for any other value."""
    if type(number) is Digits:
        return number
    if type(number) is int:
        return str(number)
    raise Refused(f"expected a number, found {type(number).__name__}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Refused(f"the key {twice[:40]!r} is given twice")
    return found


def _no_constant(name: str) -> float:
    raise Refused(f"{name} is not a number")


# Made once: `json.loads` with these hooks makes a decoder a call, which takes longer than a small frame.
_PLAIN: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
_EXACT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=Digits)
_TEXT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=str, parse_int=str)


def typed(payload: dict[str, Any], message: type[M]) -> M:
    """Return the payload as a message. Raises Refused naming the field and the type that was expected."""
    try:
        return msgspec.convert(payload, message, strict=True)
    except msgspec.ValidationError as error:
        raise Refused(f"{message.__name__}: {error}") from None


def symbol_of(text: str) -> str:
    """Return a venue's symbol. Raises Refused for text that cannot be one."""
    if not 0 < len(text) <= 64 or " " in text or not text.isprintable():
        raise Refused(f"not a symbol: {text[:40]!r}")
    return text


def unknown_type(kind: object) -> Refused:
    """Return the refusal of a message type that this venue was never seen to send."""
    return Refused("a message without a type" if kind is None else f"unknown message type {str(kind)[:40]!r}")


def price_of(text: str) -> int:
    """Return a price above zero in 1e-9."""
    price = parse_price(text)
    if price <= 0:
        raise Refused(f"an impossible price: {text}")
    return price


def trade_size(text: str) -> tuple[int, int]:
    """Return the size of a trade, above zero."""
    size, exponent = parse_size(text)
    if size == 0:
        raise Refused("a trade of size 0")
    return size, exponent


def quote_side(price: str, size: str | None) -> tuple[int, int, int]:
    """Return ``(price, size, size_exp)`` of one side of a quote; absent where the venue says there is none (size 0).

    A venue that sends no sizes says with a price of 0 that the side is empty.
    """
    found = parse_price(price)
    amount, exponent = (ABSENT, SIZE_EXP) if size is None else parse_size(size)
    if amount == 0 or (found == 0 and size is None):
        return ABSENT, ABSENT, SIZE_EXP
    if found <= 0:
        raise Refused(f"an impossible price: {price}")
    return found, amount, exponent


def levels_of(bids: Sequence[PriceSize], asks: Sequence[PriceSize], *, asks_first: bool) -> tuple[Level, ...]:
    """Return book levels in the order given on the wire."""
    found = [tuple((Side.BUY, price_of(price), *parse_size(size)) for price, size in bids)]
    found.insert(not asks_first, tuple((Side.SELL, price_of(price), *parse_size(size)) for price, size in asks))
    return (*found[0], *found[1])


def comes_first(payload: dict[str, Any], key: str, other: str) -> bool:
    """Tell whether ``key`` comes before ``other`` in a JSON object that has both."""
    return next((name == key for name in payload if name in (key, other)), False)


def refused_document(symbol: str | None) -> Meaning:
    """Return what an HTTP answer other than 200 means: conversation, and a venue error on the tape."""
    flags = Flag(0) if symbol else Flag.FEED_WIDE
    event = Event(kind=EventKind.STATUS, symbol=symbol, flags=flags, code=StatusCode.VENUE_ERROR)
    return Meaning((event,), control=True)


def venue_says(code: StatusCode, ts_event: int = ABSENT) -> Meaning:
    """Return a control message that speaks of the whole feed."""
    event = Event(kind=EventKind.STATUS, symbol=None, flags=Flag.FEED_WIDE, code=code, ts_event=ts_event)
    return Meaning((event,), control=True)
