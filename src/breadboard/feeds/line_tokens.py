"""The pieces of a delimited line, in compiled code: fields, exact numbers, wall clocks.

Every function takes a pointer and reads inside the span it is given. What is not plain is answered with ``ok`` False or
-1, never with a guess: the caller hands that line to the reference reader.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimal_kernel import price_at, size_at
from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kernels import inlined, kernel

_POINT, _ZERO, _COLON = 46, 48, 58
_SECOND: Final = 1_000_000_000
_POWERS: Final = 10 ** np.arange(19, dtype=np.int64)
_DIGITS: Final = 18


@inlined
def cut_line(buffer: NDArray[np.uint8], begin: int, end: int, mark: int, ends: NDArray[np.int64], most: int) -> int:
    """Note where each field of a line ends; return how many there are, ``most`` at most.

    Field ``n`` is ``[ends[n - 1] + 1, ends[n])``, the first begins with the line. A mark at the line's end ends
    its last field and begins no other.
    """
    count = 0
    for i in range(begin, end):
        if buffer[i] == mark:
            if count == most:
                return most
            ends[count] = i
            count += 1
    if end > begin and buffer[end - 1] != mark and count < most:
        ends[count] = end
        count += 1
    return count


@inlined
def two_digits(buffer: NDArray[np.uint8], i: int) -> int:
    """Return the number of two digits, or a negative one where they are none."""
    tens, ones = int(buffer[i]) - _ZERO, int(buffer[i + 1]) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1000


@kernel
def clock_at(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return ns since midnight of ``HH:MM:SS`` with up to nine decimals; -1 for anything else."""
    length = end - begin
    if length < 8 or length == 9 or length > 18 or buffer[begin + 2] != _COLON or buffer[begin + 5] != _COLON:
        return -1
    hour, minute, second = two_digits(buffer, begin), two_digits(buffer, begin + 3), two_digits(buffer, begin + 6)
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return -1
    fraction = 0
    if length > 9:
        if buffer[begin + 8] != _POINT:
            return -1
        for i in range(begin + 9, end):
            digit = int(buffer[i]) - _ZERO
            if not 0 <= digit <= 9:
                return -1
            fraction = fraction * 10 + digit
        fraction *= _POWERS[18 - length]
    return ((hour * 60 + minute) * 60 + second) * _SECOND + fraction


@kernel
def whole_at(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, bool]:
    """Return ``(number, ok)`` of a text of at most 18 digits; ABSENT for an empty one."""
    if begin == end:
        return ABSENT, True
    value = 0
    for i in range(begin, end):
        digit = int(buffer[i]) - _ZERO
        if not 0 <= digit <= 9 or i - begin >= _DIGITS:
            return 0, False
        value = value * 10 + digit
    return value, True


@kernel
def pointed_price(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, bool]:
    """Return ``(price in 1e-9, ok)`` of a text that a point may end (``2938.``)."""
    if end - begin > 1 and buffer[end - 1] == _POINT:
        end -= 1
    return price_at(buffer, begin, end)


@kernel
def quote_side(
    buffer: NDArray[np.uint8], price_begin: int, price_end: int, size_begin: int, size_end: int
) -> tuple[int, int, int, bool]:
    """Return ``(price, size, size_exp, ok)`` of one side; absent where it is empty, or of price or size 0."""
    if price_begin == price_end:
        return ABSENT, ABSENT, SIZE_EXP, True
    price, ok = pointed_price(buffer, price_begin, price_end)
    if not ok:
        return 0, 0, 0, False
    size, exponent = ABSENT, SIZE_EXP
    if size_begin != size_end:
        size, exponent, ok = size_at(buffer, size_begin, size_end)
        if not ok:
            return 0, 0, 0, False
    if price == 0 or size == 0:
        return ABSENT, ABSENT, SIZE_EXP, True
    return price, size, exponent, True
