"""Exact decimals: text to integer and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.model.decimals import (
    ABSENT,
    INT64_MAX,
    SIZE_EXP,
    parse_price,
    parse_size,
    price_decimals,
    price_text,
    size_decimal,
    size_text,
)

prices = st.integers(-INT64_MAX, INT64_MAX)
mantissas = st.integers(0, 10**18)
scales = st.integers(0, 18)


@given(prices)
def test_every_price_survives_text(price: int) -> None:
    assert parse_price(price_text(price)) == price
    assert Decimal(price_text(price)) == Decimal(price).scaleb(-9)


@given(mantissas, scales)
def test_every_size_of_eighteen_digits_is_exact_and_canonical(mantissa: int, decimals: int) -> None:
    value = Decimal(mantissa).scaleb(-decimals)
    size, size_exp = parse_size(f"{value:f}")
    assert size_decimal(size, size_exp) == value
    assert Decimal(size_text(size, size_exp)) == value
    assert parse_size(f"{value:f}" + ("000" if "." in f"{value:f}" else ".000")) == (size, size_exp)
    assert -18 <= size_exp <= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", (100_000_000, SIZE_EXP)),
        ("0.00000001", (1, SIZE_EXP)),
        ("1000000000000.00000000", (10**12, 0)),
        ("1e12", (10**12, 0)),
        ("0.0000000001", (1, -10)),
        ("1000000000000.5", (10_000_000_000_005, -1)),
        ("0", (0, SIZE_EXP)),
        ("0.00000000", (0, SIZE_EXP)),
        ("5E-7", (50, SIZE_EXP)),
    ],
)
def test_one_share_one_satoshi_and_a_trillion_coins(text: str, expected: tuple[int, int]) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "+1", "1_0", " 1", "1 ", "NaN", "Infinity", "-inf", "0x10", "1e", "1e+", "1e1000", "1,5",
     "--1", "1e5e5", "\u0661", "1" * 65, "10" + "0" * 30, "1e30", "0.0000000001"],
)  # fmt: skip
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"price|number"):
        parse_price(text)


@pytest.mark.parametrize("text", ["-1", "1e30", "1e-19", "1" * 20, "0." + "1" * 19, "nan", "12345678901.1234567891"])
def test_a_size_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|number"):
        parse_size(text)


def test_a_price_is_padded_to_the_decimals_of_its_market() -> None:
    assert price_text(parse_price("61686.00"), 2) == "61686.00"
    assert price_text(parse_price("61685.99"), 1) == "61685.99"
    assert price_decimals(parse_price("61685.99")) == 2
    assert price_decimals(parse_price("61686")) == 0
    assert price_text(parse_price("-0.5")) == "-0.5"


def test_an_absent_number_has_no_text() -> None:
    with pytest.raises(ValueError, match="absent"):
        price_text(ABSENT)
