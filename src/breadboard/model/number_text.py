"""Numbers as text, compiled: what ``decimals`` and ``json`` write, at a few nanoseconds a digit less.

Each writer puts text at ``out[at]`` and returns where it ends. Digits are made and written eight at a time, so bytes
behind the end are overwritten as well: there have to be ``SLACK`` more than the text needs.
"""

from math import frexp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import inlined
from breadboard.model.pointers import high_zeros, low_zeros, put_eight_bytes

Text = NDArray[np.uint8]
"""A pointer inside a kernel."""

SLACK: Final = 32
MOST_PLACES: Final = 18
_MINUS: Final = 45
_POINT: Final = 46
# Beside an unsigned number, compiled code takes a plain one for a float.
_1, _2, _10, _100, _1000 = (np.uint64(value) for value in (1, 2, 10, 100, 1000))
_8_BITS, _10_BITS, _16_BITS, _20_BITS, _32_BITS = (np.uint64(bits) for bits in (8, 10, 16, 20, 32))
_1E4, _1E6, _1E8, _1E9, _1E10, _1E14, _1E15 = (np.uint64(10**power) for power in (4, 6, 8, 9, 10, 14, 15))
_ZEROS: Final = np.uint64(0x3030_3030_3030_3030)
_LAST_BYTE: Final = np.uint64(1 << 56)
_POWERS: Final = 10 ** np.arange(MOST_PLACES + 1, dtype=np.uint64)


@inlined
def magnitude_of(value: int) -> np.uint64:
    """Return ``abs(value)``, also of the lowest int64."""
    return np.uint64(-value) if value < 0 else np.uint64(value)


@inlined
def eight_digits(value: np.uint64) -> np.uint64:
    """Return the digits of a number below 1e8 as eight bytes of 0 to 9, the first digit the lowest.

    Halves of four digits, then quarters of two, then digits, all of them side by side in one word: no loop, no table.
    """
    halves = value // _1E4 | (value % _1E4) << _32_BITS
    hundreds = (halves * np.uint64(10_486) >> _20_BITS) & np.uint64(0x0000_007F_0000_007F)
    quarters = hundreds | (halves - _100 * hundreds) << _16_BITS
    tens = (quarters * np.uint64(103) >> _10_BITS) & np.uint64(0x000F_000F_000F_000F)
    return tens | (quarters - _10 * tens) << _8_BITS


@inlined
def _put_first(out: Text, at: int, value: np.uint64) -> int:
    """Write a number below 1e8 without zeros before it."""
    digits = eight_digits(value)
    zeros = low_zeros(digits | _LAST_BYTE) >> 3
    put_eight_bytes(out, at, (digits | _ZEROS) >> np.uint64(8 * zeros))
    return at + 8 - zeros


@inlined
def _put_eight(out: Text, at: int, value: np.uint64) -> int:
    put_eight_bytes(out, at, eight_digits(value) | _ZEROS)
    return at + 8


@inlined
def put_natural(out: Text, at: int, value: np.uint64) -> int:
    """Write a number that is not negative."""
    if value < _1E8:
        return _put_first(out, at, value)
    high = value // _1E8
    if high < _1E8:
        return _put_eight(out, _put_first(out, at, high), value % _1E8)
    at = _put_eight(out, _put_first(out, at, high // _1E8), high % _1E8)
    return _put_eight(out, at, value % _1E8)


@inlined
def put_whole(out: Text, at: int, value: int) -> int:
    """Write an int64."""
    if value < 0:
        out[at] = _MINUS
        at += 1
    return put_natural(out, at, magnitude_of(value))


@inlined
def put_fraction(out: Text, at: int, fraction: np.uint64, at_least: int) -> int:
    """Write ``.digits`` of a fraction in 1e-18, at least so many and otherwise no zeros at the end, or nothing."""
    first, rest = eight_digits(fraction // _1E10), fraction % _1E10
    second, third = eight_digits(rest // _100), eight_digits(rest % _100 * _1E6)
    out[at] = _POINT
    put_eight_bytes(out, at + 1, first | _ZEROS)
    put_eight_bytes(out, at + 9, second | _ZEROS)
    put_eight_bytes(out, at + 17, third | _ZEROS)
    if third:
        count = 24 - (high_zeros(third) >> 3)
    elif second:
        count = 16 - (high_zeros(second) >> 3)
    else:
        count = 8 - (high_zeros(first) >> 3)
    count = max(count, at_least)
    return at + 1 + count if count else at


@inlined
def put_decimal(out: Text, at: int, negative: bool, magnitude: np.uint64, places: int, at_least: int) -> int:
    """Write ``magnitude * 10 ** -places`` as ``decimals.price_text`` and ``size_text`` do; places are 0 to 18."""
    if negative:
        out[at] = _MINUS
        at += 1
    unit = _POWERS[places]
    whole = magnitude // unit
    fraction = (magnitude - whole * unit) * _POWERS[MOST_PLACES - places]
    return put_fraction(out, put_natural(out, at, whole), fraction, at_least)


@inlined
def price_places(price: int) -> int:
    """Return how many decimals a price in 1e-9 needs."""
    fraction = magnitude_of(price) % _1E9
    return 9 if fraction % _10 else 8 - (high_zeros(eight_digits(fraction // _10)) >> 3)


@inlined
def put_percent(out: Text, at: int, negative: bool, part: np.uint64, base: np.uint64) -> int:
    """Write ``100 * part / base`` with two to four decimals, rounded half away from zero; ``0 < base < 2 ** 63``."""
    whole, rest = part // base, part % base
    millionths, left = np.uint64(0), np.uint64(0)
    for bit in range(19, -1, -1):  # 1e6 * rest / base by its bits: the product may need more than 64 of them
        millionths, left = millionths + millionths, left + left
        if left >= base:
            millionths, left = millionths + _1, left - base
        if 1_000_000 >> bit & 1:
            left += rest
            if left >= base:
                millionths, left = millionths + _1, left - base
    if left + left >= base:
        millionths += _1
    if millionths == _1E6:
        whole, millionths = whole + _1, np.uint64(0)
    if negative and (whole or millionths):
        out[at] = _MINUS
        at += 1
    hundredths = millionths // _1E4
    if whole:
        at = put_natural(out, at, whole)
        out[at], out[at + 1] = hundredths // _10 + np.uint64(48), hundredths % _10 + np.uint64(48)
        at += 2
    else:
        at = put_natural(out, at, hundredths)
    return put_fraction(out, at, millionths % _1E4 * _1E14, 2)


@inlined
def put_milliseconds(out: Text, at: int, negative: bool, ns: np.uint64) -> int:
    """Write ``round(ns / 1e6, 3)`` as JSON writes that float.

    What is rounded is the float, half to even, which is not always what the integer would give: so its bits are taken.
    """
    ms = np.float64(ns) / 1e6
    mantissa, exponent = frexp(ms)
    thousands = np.uint64(mantissa * 2.0**53) * _1000  # in units of 2 ** -shift
    shift, thousandths = np.uint64(53 - exponent), np.uint64(0)
    if shift < np.uint64(64):
        thousandths = thousands >> shift
        rest, half = thousands & ((_1 << shift) - _1), _1 << (shift - _1)
        if rest > half or (rest == half and thousandths & _1):
            thousandths += _1
    if ms >= 2.0**43:  # centuries: floats are so far apart that fewer digits may tell one from the next
        hundredths = np.rint(ms * 100.0)
        if hundredths / 100.0 == ms:
            thousandths = np.uint64(hundredths) * _10
    if negative:
        out[at] = _MINUS
        at += 1
    return put_fraction(out, put_natural(out, at, thousandths // _1000), thousandths % _1000 * _1E15, 1)
