"""Products of two 64-bit numbers, exact, and what is left of them after a division that says which way it rounds."""

from typing import Any, Final

import numpy as np

from breadboard.model.kernels import kernel

MOST: Final = 1 << 62
"""What a result that is larger is taken to be. Two of them still add up in 64 bits."""
_MASK: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)
_TOP: Final = np.uint64(1 << 63)
_BASE: Final = np.uint64(1 << 32)
_ONE: Final = np.uint64(1)
_NONE: Final = np.uint64(0)
_MOST: Final = np.uint64(MOST)


@kernel
def multiply(value: Any, factor: Any) -> Any:  # noqa: ANN401 - numba infers uint64
    """Return the high and low 64 bits of an unsigned product."""
    low, high = value & _MASK, value >> _HALF
    factor_low, factor_high = factor & _MASK, factor >> _HALF
    bottom = low * factor_low
    middle = high * factor_low + (bottom >> _HALF)
    cross = low * factor_high + (middle & _MASK)
    return high * factor_high + (middle >> _HALF) + (cross >> _HALF), (cross << _HALF) | (bottom & _MASK)


@kernel
def _digit(high: Any, low: Any, upper: Any, lower: Any) -> Any:  # noqa: ANN401 - numba infers uint64
    """Return one 32-bit digit of a quotient: Knuth's algorithm D, with two digits in the divisor."""
    digit = high // upper
    rest = high - digit * upper
    while digit >= _BASE or digit * lower > ((rest << _HALF) | low):
        digit -= _ONE
        rest += upper
        if rest >= _BASE:
            break
    return digit


@kernel
def _divide(value: int, factor: int, divisor: int) -> Any:  # noqa: ANN401 - numba infers uint64
    """Return quotient and remainder of ``value * factor`` by ``divisor``; MOST and nothing where it is larger."""
    high, low = multiply(np.uint64(value), np.uint64(factor))
    by = np.uint64(divisor)
    if high == _NONE:
        whole = low // by
        return (whole, low - whole * by) if whole < _MOST else (_MOST, _NONE)
    if high >= by:
        return _MOST, _NONE
    if by < _BASE:
        part = (high << _HALF) | (low >> _HALF)
        first = part // by
        part = ((part - first * by) << _HALF) | (low & _MASK)
        second = part // by
        whole = (first << _HALF) | second
        return (whole, part - second * by) if whole < _MOST else (_MOST, _NONE)
    shift = _NONE
    while not by & _TOP:
        by <<= _ONE
        shift += _ONE
    if shift:
        high = (high << shift) | (low >> (np.uint64(64) - shift))
        low <<= shift
    upper, lower = by >> _HALF, by & _MASK
    first = _digit(high, low >> _HALF, upper, lower)
    high = ((high << _HALF) | (low >> _HALF)) - first * by  # wraps, and wraps back
    second = _digit(high, low & _MASK, upper, lower)
    rest = (((high << _HALF) | (low & _MASK)) - second * by) >> shift
    whole = (first << _HALF) | second
    return (whole, rest) if whole < _MOST else (_MOST, _NONE)


@kernel
def share(value: int, factor: int, divisor: int) -> int:
    """Return ``value * factor / divisor``, rounded down; none of them negative, the divisor above 0."""
    return np.int64(_divide(value, factor, divisor)[0])  # type: ignore[return-value]  # an int, compiled


@kernel
def share_up(value: int, factor: int, divisor: int) -> int:
    """Return ``value * factor / divisor``, rounded up; none of them negative, the divisor above 0."""
    whole, rest = _divide(value, factor, divisor)
    return np.int64(whole) + np.int64(rest != _NONE)  # type: ignore[return-value]  # an int, compiled
