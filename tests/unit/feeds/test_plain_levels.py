"""What a session takes for plain, the decoder reads."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breadboard.feeds.checked_book import level_of
from breadboard.feeds.plain_levels import LEVELS, PRICE, SIZE, TIME, WIDE_PRICE, array_of
from breadboard.feeds.reading import price_of
from breadboard.feeds.times import parse_rfc3339
from breadboard.model.decimals import parse_size
from breadboard.model.kinds import Side

NUMBERS = st.text("0123456789.-e ", max_size=22) | st.from_regex(r"[0-9]{1,20}(\.[0-9]{0,11})?", fullmatch=True)


@given(NUMBERS, NUMBERS)
@example("0.0", "1")
@example("000000000.000000001", "999999999.999999999")
def test_a_plain_level_is_one_that_the_decoder_takes(price: str, size: str) -> None:
    if LEVELS.fullmatch(f'[["{price}","{size}"],["1","0"]]'.encode()):
        assert price_of(price) > 0
        assert parse_size(size)[0] >= 0
    if re.fullmatch(WIDE_PRICE, f'"{price}"'.encode()):
        assert level_of(Side.SELL, price, "1")[1] > 0


@given(
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?Z", fullmatch=True)
)
@example("2023-02-30T00:00:00Z")
@example("2023-09-31T00:00:00Z")
@example("2024-02-29T00:00:00Z")
def test_a_plain_time_is_one_that_the_decoder_takes(text: str) -> None:
    if re.fullmatch(TIME, f'"{text}"'.encode()):
        assert parse_rfc3339(text) > 0


@pytest.mark.parametrize("numbers", [("30247.20", "0.028"), ("16493", "0"), ("0.00000001", "123456789")])
def test_what_venues_send_is_plain(numbers: tuple[str, str]) -> None:
    price, size = numbers
    for count in range(3):
        assert LEVELS.fullmatch(b"[" + b",".join([f'["{price}","{size}"]'.encode()] * count) + b"]")
    assert re.fullmatch(TIME, b'"2023-02-09T20:32:50.714964855Z"')


@pytest.mark.parametrize("price", ["9999999999.99", "1234567890123.45", "999999999999999999.999999999"])
def test_a_wish_that_the_tape_cannot_hold_is_plain_for_the_book_alone(price: str) -> None:
    assert re.fullmatch(WIDE_PRICE, f'"{price}"'.encode())
    assert not re.fullmatch(PRICE, f'"{price}"'.encode())
    assert level_of(Side.SELL, price, "1") == (Side.SELL, int(Decimal(price) * 10**9), 10**8, -8)


def test_an_array_of_other_rows_or_with_a_comma_too_many_is_not_plain() -> None:
    rows = array_of(rb'\{"p":%b,"q":%b\}' % (PRICE, SIZE))
    assert rows.fullmatch(b'[{"p":"1","q":"0"},{"p":"2.5","q":"0"}]')
    for raw in (b'[{"p":"1","q":"0"},]', b'[{"p":"0","q":"1"}]', b'[{"p":"1","q":"0"}', b'[{"q":"1","p":"1"}]', b"{}"):
        assert not rows.fullmatch(raw)
