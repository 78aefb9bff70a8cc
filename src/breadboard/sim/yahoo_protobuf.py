"""PricingData as Yahoo's streamer sends it: the fields the simulator fills, encoded."""

import struct
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

TEXT, FLOAT, DOUBLE, SINT, ENUM = range(5)
NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "id": (1, TEXT),
    "price": (2, FLOAT),
    "time": (3, SINT),
    "currency": (4, TEXT),
    "exchange": (5, TEXT),
    "quote_type": (6, ENUM),
    "market_hours": (7, ENUM),
    "change_percent": (8, FLOAT),
    "day_volume": (9, SINT),
    "day_high": (10, FLOAT),
    "day_low": (11, FLOAT),
    "change": (12, FLOAT),
    "short_name": (13, TEXT),
    "expire_date": (14, SINT),
    "open_price": (15, FLOAT),
    "previous_close": (16, FLOAT),
    "strike_price": (17, FLOAT),
    "underlying_symbol": (18, TEXT),
    "open_interest": (19, SINT),
    "options_type": (20, SINT),
    "mini_option": (21, SINT),
    "last_size": (22, SINT),
    "bid": (23, FLOAT),
    "bid_size": (24, SINT),
    "ask": (25, FLOAT),
    "ask_size": (26, SINT),
    "price_hint": (27, SINT),
    "vol_24hr": (28, SINT),
    "vol_all_currencies": (29, SINT),
    "from_currency": (30, TEXT),
    "last_market": (31, TEXT),
    "circulating_supply": (32, DOUBLE),
    "market_cap": (33, DOUBLE),
}
"""Field numbers and types after yfinance's ``pricing.proto``."""
_WIRE: Final = {TEXT: 2, FLOAT: 5, DOUBLE: 1, SINT: 0, ENUM: 0}

Value = int | float | str


def encode(fields: Mapping[str, Value]) -> bytes:
    """Return the message with exactly these fields on the wire, in the order of their numbers."""
    out = bytearray()
    for name in sorted(fields, key=lambda name: NUMBERS[name][0]):
        number, kind = NUMBERS[name]
        out += varint(number << 3 | _WIRE[kind])
        out += _value(kind, fields[name])
    return bytes(out)


def framed(fields: Mapping[str, Value]) -> bytes:
    """Return the frame of version 2: base64 in JSON."""
    return b'{"type":"pricing","message":"%b"}' % b64encode(encode(fields))


def varint(value: int) -> bytes:
    """Return an unsigned number, seven bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _value(kind: int, value: Value) -> bytes:
    if kind == TEXT:
        raw = str(value).encode()
        return varint(len(raw)) + raw
    if kind in (FLOAT, DOUBLE):
        return struct.pack("<f" if kind == FLOAT else "<d", float(value))
    number = int(value)
    return varint(number if kind == ENUM else zigzag(number))


def zigzag(value: int) -> int:
    """Return the unsigned number under which a signed 64-bit one goes on the wire (``sint64``)."""
    return value << 1 if value >= 0 else (~value << 1) | 1
