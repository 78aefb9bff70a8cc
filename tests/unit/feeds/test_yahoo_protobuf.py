"""PricingData: real frames to the last digit, what is not whole refused, our two codecs against each other."""

import base64
import json
import math
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds.reading import Refused
from breadboard.feeds.yahoo_protobuf import DOUBLE, ENUM, FIELDS, FLOAT, SINT, TEXT, TEXTS, decode
from breadboard.sim.yahoo_protobuf import NUMBERS, encode, varint, zigzag
from recordings import recording

BY_NAME = {name: (number, kind) for number, (name, kind) in FIELDS.items()}
PRICES = ["307.2", "314.765", "314.79", "305.76", "168.99", "276.34", "339.5", "63343.95", "407.4805", "94745.08"]
"""What the ten real frames say, worked out by hand from the float32 in them."""
floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
VALUES = {
    TEXT: st.text(max_size=20),
    FLOAT: floats32,
    DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    SINT: st.integers(-(2**63), 2**63 - 1),
    ENUM: st.integers(0, 2**31 - 1),
}


def real() -> list[dict[str, Any]]:
    return [json.loads(line) for line in recording("yahoo/pricing_frames.jsonl").read_text().splitlines()]


def test_every_real_frame_is_decoded_to_the_last_digit() -> None:
    frames = real()
    assert len(frames) == 10
    for frame, price in zip(frames, PRICES, strict=True):
        found = decode(base64.b64decode(frame["message_b64"]))
        told = {name: value for name, value in frame["decoded_sint64"].items() if not name.startswith("_")}
        assert found.keys() == told.keys()
        assert found["price"] == price
        for name, value in told.items():
            if BY_NAME[name][1] == FLOAT:
                assert np.float32(str(found[name])) == np.float32(value)
                assert len(str(found[name]).replace("-", "").replace(".", "").lstrip("0")) <= 9
            elif BY_NAME[name][1] == DOUBLE:
                assert float(str(found[name])) == value
            else:
                assert found[name] == value


def test_integers_are_zigzag() -> None:
    (frame,) = [f for f in real() if f["decoded_sint64"].get("day_volume") == 17_557_274]
    found = decode(base64.b64decode(frame["message_b64"]))
    assert (found["day_volume"], found["price_hint"]) == (17_557_274, 2)  # not 35 million, and not 4 decimals


@settings(max_examples=10_000, deadline=None)
@given(floats32)
def test_a_float_becomes_the_shortest_decimal_that_is_the_same_float(value: float) -> None:
    text = str(decode(encode({"price": value}))["price"])
    assert "e" not in text
    assert struct.pack("<f", float(text)) == struct.pack("<f", value)
    shortest = np.format_float_positional(np.float32(value), unique=True, trim="-")
    assert Decimal(text) == Decimal(shortest)


@settings(max_examples=500, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: VALUES[BY_NAME[name][1]] for name in NUMBERS}))
def test_what_the_simulator_encodes_is_what_we_decode(fields: dict[str, Any]) -> None:
    found = decode(encode(fields))
    assert found.keys() == fields.keys()
    for name, value in fields.items():
        kind = BY_NAME[name][1]
        if kind in (FLOAT, DOUBLE):
            assert math.isclose(float(str(found[name])), value, rel_tol=1e-7 if kind == FLOAT else 0.0, abs_tol=1e-45)
        else:
            assert found[name] == value


def test_the_simulators_numbers_and_types_are_ours() -> None:
    for name, (number, _) in NUMBERS.items():
        assert BY_NAME[name][0] == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_zigzag_keeps_small_numbers_small_whatever_their_sign(value: int) -> None:
    assert zigzag(value) == (2 * value if value >= 0 else -2 * value - 1)


PRICE = b"\x15" + struct.pack("<f", 1.5)


def test_the_last_of_a_field_that_comes_twice_wins_and_lists_are_kept_whole() -> None:
    again = b"\x15" + struct.pack("<f", 2.5)
    assert decode(PRICE + again)["price"] == "2.5"
    assert FIELDS[35][1] == TEXTS
    one, two = (varint(35 << 3 | 2) + varint(len(word)) + word for word in (b"NASDAQ", b"DOW"))
    assert decode(one + PRICE + two)["indices"] == ("NASDAQ", "DOW")


@pytest.mark.parametrize(
    "unknown",
    [
        varint(48 << 3 | 0) + varint(2**64 - 1),
        varint(900 << 3 | 1) + bytes(8),
        varint(48 << 3 | 2) + varint(3) + b"\xff\xfe\x00",
        varint(2**29 - 1 << 3 | 5) + bytes(4),
    ],
)
def test_unknown_fields_are_passed_over_by_their_wire_type(unknown: bytes) -> None:
    assert decode(unknown + PRICE + unknown) == {"price": "1.5"}
    with pytest.raises(Refused):
        decode(unknown[:-1])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\x0a\x05AAPL", "of which 4 are there"),
        (b"\x0a" + varint(2**63) + b"AAPL", "of which 4 are there"),
        (b"\x0a\x02\xff\xfe", "not UTF-8"),
        (b"\x15\x00\x00", "cut off in price"),
        (b"\x18\x80\x80", "cut off in a varint"),
        (b"\x18" + b"\x80" * 10 + b"\x01", "more than ten bytes"),
        (b"\x18" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (b"\x10\x05", "price has wire type 0"),
        (b"\x08\x05", "id has wire type 0"),
        (b"\x1a\x01\x00", "time has wire type 2"),
        (b"\x13\x14", "price has wire type 3"),
        (varint(60 << 3 | 3) + varint(60 << 3 | 4), "wire type 3"),
        (varint(60 << 3 | 7), "wire type 7"),
        (b"\x00\x00", "a field of number 0"),
        (varint(1 << 40), "a field of number"),
        (b"\x15" + struct.pack("<f", math.nan), "price is nan"),
        (b"\x15" + struct.pack("<f", -math.inf), "price is -inf"),
        (varint(23 << 3 | 5) + struct.pack("<f", math.nan), "bid is nan"),
        (varint(25 << 3 | 5) + struct.pack("<f", math.inf), "ask is inf"),
        (b"\x30" + varint(2**64 - 1), "is no enum"),
    ],
)
def test_what_is_not_whole_is_refused_by_name(message: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        decode(message)
    with pytest.raises(Refused, match=reason):
        decode(PRICE + message)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_left_out_where_no_row_is_made_of_it(odd: float) -> None:
    change, cap = varint(8 << 3 | 5) + struct.pack("<f", odd), varint(33 << 3 | 1) + struct.pack("<d", odd)
    usual = decode(PRICE)
    assert decode(PRICE + change + cap) == decode(change + cap + PRICE) == usual
    earlier = varint(8 << 3 | 5) + struct.pack("<f", 1.5)
    assert decode(PRICE + earlier + change) == usual, "the last one wins"
    assert decode(PRICE + change + earlier) == usual | {"change_percent": "1.5"}


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(message: bytes) -> None:
    try:
        found = decode(message)
    except Refused:
        return
    assert set(found) <= set(BY_NAME)
