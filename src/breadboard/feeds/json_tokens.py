"""The smallest pieces of JSON, in compiled code: white space, texts, numbers, lists of book levels.

Every function takes a pointer, reads inside ``[i, end)`` only, and answers -1 for anything that is not plain: escapes,
letters beyond ASCII, exponents, prices of zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimal_kernel import price_at, size_at
from breadboard.model.kernels import kernel

BIDS, ASKS, CHANGES = 2, 3, 4
"""What a list of levels says: all one side, or each its own."""
QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, LIST, UNLIST, MINUS = 34, 92, 44, 58, 123, 125, 91, 93, 45


class Levels(NamedTuple):
    """Room for book levels, enough for every frame of the batch."""

    side: NDArray[np.uint8]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    size_exp: NDArray[np.int8]

    @staticmethod
    def room(raw_bytes: int) -> "Levels":
        """Return empty columns: the shortest level, ``["1","1"]``, has nine bytes."""
        count = raw_bytes // 9 + 1
        return Levels(
            np.empty(count, np.uint8), np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int8)
        )

    def first(self, count: int) -> "Levels":
        """Return the first levels."""
        return Levels(self.side[:count], self.price[:count], self.size[:count], self.size_exp[:count])


@kernel
def after_space(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the first place from ``i`` on that is not JSON white space."""
    while i < end and (buffer[i] == 32 or buffer[i] == 10 or buffer[i] == 13 or buffer[i] == 9):
        i += 1
    return i


@kernel
def text_end(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the place of the quote that ends a plain ASCII text beginning at ``i``, or -1."""
    while i < end:
        byte = buffer[i]
        if byte == QUOTE:
            return i
        if byte < 32 or byte == BACKSLASH or byte > 126:
            return -1
        i += 1
    return -1


@kernel
def text_after(buffer: NDArray[np.uint8], i: int, end: int, mark: int) -> tuple[int, int, int]:
    """Return ``(begin, end, next)`` of the text after ``mark`` and white space; ``next`` is -1 where there is none."""
    i = after_space(buffer, i, end)
    if i >= end or buffer[i] != mark:
        return 0, 0, -1
    i = after_space(buffer, i + 1, end)
    if i >= end or buffer[i] != QUOTE:
        return 0, 0, -1
    stop = text_end(buffer, i + 1, end)
    return i + 1, stop, stop + 1 if stop >= 0 else -1


@kernel
def maker_side(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return 1 for ``buy``, 2 for ``sell``, 0 for anything else."""
    if end - begin == 3 and buffer[begin] == 98 and buffer[begin + 1] == 117 and buffer[begin + 2] == 121:
        return 1
    if end - begin == 4 and buffer[begin] == 115 and buffer[begin + 1] == 101:
        return 2 if buffer[begin + 2] == 108 and buffer[begin + 3] == 108 else 0
    return 0


@kernel
def read_levels(  # noqa: PLR0911 - one way out for each token that is not there
    buffer: NDArray[np.uint8], i: int, end: int, array: int, levels: Levels, count: int
) -> tuple[int, int]:
    """Read ``[["price","size"],…]`` (CHANGES: ``[["side","price","size"],…]``) from its bracket on.

    Returns the place after the array, -1 where it is unusual, and the count of levels so far.
    """
    i = after_space(buffer, i + 1, end)
    if i < end and buffer[i] == UNLIST:
        return i + 1, count
    side = 1 if array == BIDS else 2
    while i < end and buffer[i] == LIST:
        if array == CHANGES:
            a, b, i = text_after(buffer, i, end, LIST)
            if i < 0:
                return -1, count
            side = maker_side(buffer, a, b)
            a, b, i = text_after(buffer, i, end, COMMA)
        else:
            a, b, i = text_after(buffer, i, end, LIST)
        if i < 0:
            return -1, count
        price, price_ok = price_at(buffer, a, b)
        a, b, i = text_after(buffer, i, end, COMMA)
        if i < 0:
            return -1, count
        size, exponent, size_ok = size_at(buffer, a, b)
        i = after_space(buffer, i, end)
        if not price_ok or not size_ok or price == 0 or side == 0 or i >= end or buffer[i] != UNLIST:
            return -1, count
        levels.side[count] = side
        levels.price[count] = price
        levels.size[count] = size
        levels.size_exp[count] = exponent
        count += 1
        i = after_space(buffer, i + 1, end)
        if i < end and buffer[i] == UNLIST:
            return i + 1, count
        if i >= end or buffer[i] != COMMA:
            return -1, count
        i = after_space(buffer, i + 1, end)
    return -1, count


@kernel
def number_end(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the place after ``-?digits[.digits]`` without a leading zero, or -1."""
    if i < end and buffer[i] == MINUS:
        i += 1
    begin = i
    while i < end and 48 <= buffer[i] <= 57:
        i += 1
    if i == begin or (buffer[begin] == 48 and i > begin + 1):
        return -1
    if i < end and buffer[i] == 46:
        begin = i + 1
        i = begin
        while i < end and 48 <= buffer[i] <= 57:
            i += 1
        if i == begin:
            return -1
    return -1 if i < end and (buffer[i] == 101 or buffer[i] == 69) else i


@kernel
def read_truth(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return ``(1 or 0, place after)`` of ``true`` or ``false``; the place is -1 for anything else."""
    if i + 4 <= end and buffer[i] == 116 and buffer[i + 1] == 114 and buffer[i + 2] == 117 and buffer[i + 3] == 101:
        return 1, i + 4
    if i + 5 <= end and buffer[i] == 102 and buffer[i + 1] == 97 and buffer[i + 2] == 108 and buffer[i + 3] == 115:
        return 0, i + 5 if buffer[i + 4] == 101 else -1
    return 0, -1
