"""PricingData, the protobuf message of Yahoo's streamer, field by field.

Sources: yfinance ``pricing.proto`` (fields 1 to 33) and the streamer as seen by others (34 to 47). ``sint64`` is ZIGZAG
on the wire; who forgets it reports every volume twice over. A float32 is told as the shortest decimal that is the same
float32, which is the number the venue had in mind: 307.20001220703125 is 307.2.
"""

import struct
from decimal import Decimal
from enum import IntEnum
from typing import Final

import numpy as np

from breadboard.feeds.reading import Refused

TEXT, TEXTS, FLOAT, DOUBLE, SINT, ENUM = range(6)
"""Types of fields: UTF-8 text, text that may come several times, float32, float64, sint64, enum."""

FIELDS: Final[dict[int, tuple[str, int]]] = {
    1: ("id", TEXT),
    2: ("price", FLOAT),
    3: ("time", SINT),
    4: ("currency", TEXT),
    5: ("exchange", TEXT),
    6: ("quote_type", ENUM),
    7: ("market_hours", ENUM),
    8: ("change_percent", FLOAT),
    9: ("day_volume", SINT),
    10: ("day_high", FLOAT),
    11: ("day_low", FLOAT),
    12: ("change", FLOAT),
    13: ("short_name", TEXT),
    14: ("expire_date", SINT),
    15: ("open_price", FLOAT),
    16: ("previous_close", FLOAT),
    17: ("strike_price", FLOAT),
    18: ("underlying_symbol", TEXT),
    19: ("open_interest", SINT),
    20: ("options_type", SINT),
    21: ("mini_option", SINT),
    22: ("last_size", SINT),
    23: ("bid", FLOAT),
    24: ("bid_size", SINT),
    25: ("ask", FLOAT),
    26: ("ask_size", SINT),
    27: ("price_hint", SINT),
    28: ("vol_24hr", SINT),
    29: ("vol_all_currencies", SINT),
    30: ("from_currency", TEXT),
    31: ("last_market", TEXT),
    32: ("circulating_supply", DOUBLE),
    33: ("market_cap", DOUBLE),
    34: ("components", TEXT),
    35: ("indices", TEXTS),
    36: ("cmc_rank", SINT),
    37: ("underlying_short_name", TEXT),
    38: ("fifty_two_week_change", FLOAT),
    39: ("fifty_two_week_change_percent", FLOAT),
    40: ("latest_amount_raised", FLOAT),
    41: ("latest_funding_date", SINT),
    42: ("latest_share_class", TEXT),
    43: ("latest_implied_valuation", FLOAT),
    44: ("ytd_return", FLOAT),
    45: ("qtd_return", FLOAT),
    46: ("full_day_change", FLOAT),
    47: ("full_day_change_percent", FLOAT),
}


class QuoteType(IntEnum):
    """What is quoted."""

    NONE = 0
    ALTSYMBOL = 5
    HEARTBEAT = 7
    EQUITY = 8
    INDEX = 9
    MUTUALFUND = 11
    MONEYMARKET = 12
    OPTION = 13
    CURRENCY = 14
    WARRANT = 15
    BOND = 17
    FUTURE = 18
    ETF = 20
    COMMODITY = 23
    ECNQUOTE = 28
    CRYPTOCURRENCY = 41
    INDICATOR = 42
    CUL_IDX = 43
    CUL_SUB_IDX = 44
    CUL_ASSET = 45
    PRIVATE_COMPANY = 46
    INDUSTRY = 1000


class MarketHours(IntEnum):
    """The session that a price belongs to."""

    PRE_MARKET = 0
    REGULAR_MARKET = 1
    POST_MARKET = 2
    EXTENDED_HOURS_MARKET = 3
    OVERNIGHT_MARKET = 4


Value = int | str | tuple[str, ...]
Fields = dict[str, Value]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE: Final = {TEXT: _BYTES, TEXTS: _BYTES, FLOAT: _FIXED32, DOUBLE: _FIXED64, SINT: _VARINT, ENUM: _VARINT}
_PLAN: Final = {number << 3 | _WIRE[kind]: (name, kind) for number, (name, kind) in FIELDS.items()}
_float32: Final = struct.Struct("<f").unpack_from
_float64: Final = struct.Struct("<d").unpack_from
_INT32: Final = 1 << 31
_NEEDED: Final = frozenset({"price", "bid", "ask"})
"""Floats of which the tape's rows are made."""


def decode(message: bytes, unknown: list[int] | None = None) -> Fields:
    """Return the fields that are on the wire, by name; the last one wins where a field comes twice, as protobuf has it.

    Floats are decimal text; one that is infinite or no number is left out. Fields that are not in the table are passed
    over by their wire type, their numbers put into ``unknown``. Raises Refused for anything that is not whole: cut off,
    of another wire type than its field, a group, text that is no UTF-8; and for a price, bid or ask that is no number.
    """
    found: Fields = {}
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        known = _PLAN.get(tag)
        if known is None:
            at = _pass_over(message, tag, at, unknown)
            continue
        name, kind = known
        if kind == SINT:
            raw, at = _varint(message, at)
            found[name] = raw >> 1 ^ -(raw & 1)
        elif kind == FLOAT:
            if at + 4 > end:
                raise Refused(f"cut off in {name}")
            _take(found, name, str(np.float32(_float32(message, at)[0])))
            at += 4
        elif kind == ENUM:
            raw, at = _varint(message, at)
            if raw >= _INT32:
                raise Refused(f"{name} {raw} is no enum")
            found[name] = raw
        elif kind == DOUBLE:
            if at + 8 > end:
                raise Refused(f"cut off in {name}")
            _take(found, name, repr(_float64(message, at)[0]))
            at += 8
        else:
            text, at = _text(message, at, name)
            found[name] = (*found.get(name, ()), text) if kind == TEXTS else text  # type: ignore[misc] # a tuple of texts
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned 64-bit number and the place after it."""
    if at < len(message) and message[at] < 0x80:
        return message[at], at + 1
    value = shift = 0
    for byte in message[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Refused("a varint of more than 64 bits")
            return value, at
        shift += 7
    raise Refused("a varint of more than ten bytes" if shift == 70 else "cut off in a varint")


def _text(message: bytes, at: int, name: str) -> tuple[str, int]:
    size, at = _varint(message, at)
    if at + size > len(message):
        raise Refused(f"{name} of {size} bytes, of which {len(message) - at} are there")
    try:
        return message[at : at + size].decode("utf-8"), at + size
    except UnicodeDecodeError:
        raise Refused(f"{name} is not UTF-8 text") from None


def _pass_over(message: bytes, tag: int, at: int, unknown: list[int] | None) -> int:
    """Note an unknown field and return the place after it."""
    number, wire = tag >> 3, tag & 7
    if not 0 < number < 1 << 29:
        raise Refused(f"a field of number {number}")
    if number in FIELDS:
        raise Refused(f"{FIELDS[number][0]} has wire type {wire}")
    if unknown is not None:
        unknown.append(number)
    if wire == _VARINT:
        return _varint(message, at)[1]
    if wire == _BYTES:
        size, at = _varint(message, at)
        at += size
    elif wire in (_FIXED32, _FIXED64):
        at += 4 if wire == _FIXED32 else 8
    else:
        raise Refused(f"field {number} has wire type {wire}")
    if at > len(message):
        raise Refused(f"cut off in field {number}")
    return at


def _take(found: Fields, name: str, text: str) -> None:
    """Take a float from its shortest text, in plain digits; leave out one that is infinite or no number."""
    if text.endswith(".0"):
        found[name] = text[:-2]
    elif "e" not in text and "n" not in text:
        found[name] = text
    elif (number := Decimal(text)).is_finite():
        found[name] = format(number, "f")
    elif name in _NEEDED:
        raise Refused(f"{name} is {text}")
    else:
        found.pop(name, None)
