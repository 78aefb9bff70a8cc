"""Exact decimals: from wire text to integers and back, never through a float.

A price is an int64 in units of 1e-9. A size is an int64 mantissa with an int8 exponent,
``value = size * 10 ** size_exp``; see docs/decisions/0002-sizes.md for why two columns.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final

PRICE_DECIMALS: Final = 9
PRICE_UNIT: Final = 10**PRICE_DECIMALS
SIZE_EXP: Final = -8
"""The usual exponent of a size; another one appears only where this one cannot be exact."""
SIZE_EXP_MIN: Final = -18
INT64_MAX: Final = 2**63 - 1
ABSENT: Final = -(2**63)
"""What an int64 column holds where the venue said nothing. Never a price, never a time."""

_DIGITS: Final = frozenset("0123456789")
_MAX_TEXT: Final = 64
_POWERS: Final[tuple[int, ...]] = tuple(int(10**power) for power in range(40))


def _split(text: str) -> tuple[int, int]:
    """Return ``(mantissa, decimals)`` of plain or scientific decimal text; ValueError for anything else."""
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a number of {len(text)} characters")
    body, _, power_text = text.replace("E", "e").partition("e")
    power = 0
    if power_text:
        digits = power_text[1:] if power_text[0] in "+-" else power_text
        if not digits or not _DIGITS.issuperset(digits) or len(digits) > 3:
            raise ValueError(f"not a decimal number: {text!r}")
        power = int(power_text)
    elif body != text:
        raise ValueError(f"not a decimal number: {text!r}")
    sign = -1 if body.startswith("-") else 1
    whole, dot, fraction = body.removeprefix("-").partition(".")
    if not whole or (dot and not fraction) or not _DIGITS.issuperset(whole + fraction):
        raise ValueError(f"not a decimal number: {text!r}")
    return sign * int(whole + fraction), len(fraction) - power


def parse_price(text: str) -> int:
    """Return the price in units of 1e-9.

    Raises ValueError where the text is no number, is finer than 1e-9, or does not fit 64 bits.
    """
    price = parse_wide_price(text)
    if abs(price) > INT64_MAX:
        raise ValueError(f"a price beyond 9,223,372,036: {text}")
    return price


def parse_wide_price(text: str) -> int:
    """Return the price in units of 1e-9, also one that no column of the tape can hold. Raises ValueError otherwise."""
    whole, _, fraction = text.partition(".")
    if whole.isdigit() and fraction.isdigit() and text.isascii() and len(text) <= _MAX_TEXT:
        missing = PRICE_DECIMALS - len(fraction)
        if missing >= 0:  # what nearly every price looks like, read in a third of the time
            return int(whole + fraction) * _POWERS[missing]
    mantissa, decimals = _split(text)
    shift = decimals - PRICE_DECIMALS
    if abs(shift) >= len(_POWERS):
        raise ValueError(f"a price beyond 18 digits: {text}")
    if shift > 0:
        mantissa, rest = divmod(mantissa, _POWERS[shift])
        if rest:
            raise ValueError(f"a price finer than 1e-9: {text}")
        return mantissa
    return mantissa * _POWERS[-shift]


def parse_size(text: str) -> tuple[int, int]:
    """Return ``(size, size_exp)`` in canonical form, so that equal sizes have equal pairs.

    Canonical: exponent -8 where that is exact and fits 64 bits, else the nearest to 0 that is exact, in [-18, 0].
    Raises ValueError for no number, a negative one, or one of more than 18 digits before or after the point.
    """
    whole, _, fraction = text.partition(".")
    if whole.isdigit() and fraction.isdigit() and text.isascii() and len(text) <= _MAX_TEXT:
        missing = -SIZE_EXP - len(fraction)
        if missing >= 0:
            usual = int(whole + fraction) * _POWERS[missing]
            if usual <= INT64_MAX:
                return usual, SIZE_EXP
    mantissa, decimals = _split(text)
    if mantissa < 0:
        raise ValueError(f"a negative size: {text}")
    if decimals < 0:
        mantissa, decimals = mantissa * _POWERS[-decimals] if -decimals < len(_POWERS) else INT64_MAX + 1, 0
    while decimals > 0 and mantissa % 10 == 0:
        mantissa //= 10
        decimals -= 1
    if decimals <= -SIZE_EXP and mantissa * _POWERS[-SIZE_EXP - decimals] <= INT64_MAX:
        return mantissa * _POWERS[-SIZE_EXP - decimals], SIZE_EXP
    if mantissa > INT64_MAX or decimals > -SIZE_EXP_MIN:
        raise ValueError(f"a size of more than 18 digits: {text}")
    return mantissa, -decimals


def price_text(price: int, decimals: int = 0) -> str:
    """Return the price in plain digits with at least ``decimals`` decimals and no other trailing zeros."""
    return _plain(price, -PRICE_DECIMALS, decimals)


def size_text(size: int, size_exp: int = SIZE_EXP) -> str:
    """Return the size in plain digits without trailing zeros."""
    return _plain(size, size_exp, 0)


def price_decimals(price: int) -> int:
    """Return how many decimals the price needs."""
    decimals = PRICE_DECIMALS
    while decimals and price % 10 == 0:
        price //= 10
        decimals -= 1
    return decimals


def size_decimal(size: int, size_exp: int) -> Decimal:
    """Return the size as a Decimal."""
    return Decimal(size).scaleb(size_exp)


@lru_cache(maxsize=1 << 14)  # the same few prices and sizes are told again and again
def _plain(mantissa: int, exponent: int, at_least: int) -> str:
    if mantissa == ABSENT:
        raise ValueError("an absent number has no digits")
    if exponent >= 0:
        whole, fraction = str(mantissa * _POWERS[exponent]), ""
    else:
        digits = str(abs(mantissa)).rjust(1 - exponent, "0")
        whole = ("-" if mantissa < 0 else "") + digits[:exponent]
        fraction = digits[exponent:].rstrip("0")
    fraction = fraction.ljust(at_least, "0")
    return f"{whole}.{fraction}" if fraction else whole
