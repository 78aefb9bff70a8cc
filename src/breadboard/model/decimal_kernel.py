"""Exact decimals, compiled: the rules of ``decimals`` for the plain text that venues send.

Anything else (a sign, an exponent, more than 18 digits, no digits) is answered with ``ok = False``, never with a guess:
the caller hands that text to ``decimals.parse_price`` or ``decimals.parse_size``.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import kernel

_POINT: Final = 46
_ZERO: Final = 48
_MAX_TEXT: Final = 40
_MAX_DIGITS: Final = 18
_INT64_MAX: Final = 2**63 - 1
_POWERS: Final = 10 ** np.arange(19, dtype=np.int64)
_ROOM: Final = 10 ** np.arange(17, -1, -1, dtype=np.int64)
"""A mantissa below ``_ROOM[zeros]`` stays within 18 digits when ``zeros`` zeros and one digit are appended."""


@kernel
def plain_decimal(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, int, bool]:
    """Return ``(mantissa, decimals, ok)`` of ``digits[.digits]``, without the zeros that end the fraction."""
    if end - begin > _MAX_TEXT or begin >= end or buffer[end - 1] == _POINT or buffer[begin] == _POINT:
        return 0, 0, False
    mantissa, point, zeros = 0, -1, 0
    for i in range(begin, end):
        digit = np.int64(buffer[i]) - _ZERO
        if digit == 0 and point >= 0:  # wait: it counts only when another digit follows
            zeros += 1
        elif 0 <= digit <= 9:
            if zeros >= _MAX_DIGITS or mantissa >= _ROOM[zeros]:
                return 0, 0, False
            mantissa = mantissa * _POWERS[zeros + 1] + digit
            zeros = 0
        elif digit == _POINT - _ZERO and point < 0:
            point = i
        else:
            return 0, 0, False
    decimals = end - 1 - point - zeros if point >= 0 else 0
    return mantissa, decimals, decimals <= _MAX_DIGITS


@kernel
def price_at(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, bool]:
    """Return ``(price in 1e-9, ok)`` of the text ``buffer[begin:end]``."""
    mantissa, decimals, ok = plain_decimal(buffer, begin, end)
    if not ok or decimals > 9:
        return 0, False
    scale = _POWERS[9 - decimals]
    return mantissa * scale, mantissa <= _INT64_MAX // scale


@kernel
def size_at(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, int, bool]:
    """Return ``(size, size_exp, ok)``, canonical, of the text ``buffer[begin:end]``."""
    mantissa, decimals, ok = plain_decimal(buffer, begin, end)
    if ok and decimals <= 8:
        scale = _POWERS[8 - decimals]
        if mantissa <= _INT64_MAX // scale:
            return mantissa * scale, -8, True
    return mantissa, -decimals, ok
