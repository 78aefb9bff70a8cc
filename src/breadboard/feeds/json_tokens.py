"""The smallest pieces of JSON, in compiled code: white space, texts, numbers, lists of book levels.

Every function takes a pointer, reads inside ``[i, end)`` only, and answers -1 for anything that is not plain: escapes,
letters beyond ASCII, exponents, prices of zero.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimal_kernel import price_at, size_at
from breadboard.model.kernels import inlined, kernel
from breadboard.model.pointers import eight_bytes, low_zeros

BIDS, ASKS, CHANGES = 2, 3, 4
"""What a list of levels says: all one side, or each its own."""
QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, LIST, UNLIST, MINUS, POINT = 34, 92, 44, 58, 123, 125, 91, 93, 45, 46

_ONES: Final = np.uint64(0x0101010101010101)
_HIGH: Final = np.uint64(0x8080808080808080)
_QUOTES: Final = np.uint64(0x2222222222222222)
_BACKS: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
_BLANKS: Final = np.uint64(0x2020202020202020)
_ZEROS: Final = np.uint64(0x3030303030303030)
_BEYOND_NINE: Final = np.uint64(0x7676767676767676)
"""Added to a byte that holds 10 to 127, it sets the high bit; to one that holds 0 to 9, it does not."""
_DIGITS: Final = 18
"""A number of more is left to the general reader: fewer fit int64 whatever they are."""
_POWERS: Final = 10 ** np.arange(10, dtype=np.int64)


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


@inlined
def after_space(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the first place from ``i`` on that is not JSON white space."""
    while i < end and buffer[i] <= 32 and (buffer[i] == 32 or buffer[i] == 10 or buffer[i] == 13 or buffer[i] == 9):
        i += 1
    return i


@inlined
def text_end(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the place of the quote that ends a plain ASCII text beginning at ``i``, or -1.

    Eight bytes at a time: a byte of ``(x - 0x01…) & ~x`` has its high bit set where x is 0 (Hacker's Delight 6-1), and
    likewise with 0x20… where it is below 32; the lowest such bit is right, those above it need not be.
    """
    while i + 8 <= end:
        eight = eight_bytes(buffer, i)
        quote, back = eight ^ _QUOTES, eight ^ _BACKS
        special = ((quote - _ONES) & ~quote) | ((back - _ONES) & ~back) | ((eight - _BLANKS) & ~eight)
        special = (special | eight | (eight + _ONES)) & _HIGH
        if special:
            i += low_zeros(special) >> 3
            return i if buffer[i] == QUOTE else -1
        i += 8
    while i < end:
        byte = buffer[i]
        if byte == QUOTE:
            return i
        if byte < 32 or byte == BACKSLASH or byte > 126:
            return -1
        i += 1
    return -1


@inlined
def _digits_at(eight: np.uint64) -> int:
    """Return with how many digits eight bytes begin."""
    bare = eight ^ _ZEROS
    return low_zeros((bare | (bare + _BEYOND_NINE)) & _HIGH) >> 3


@inlined
def _number_of(eight: np.uint64, digits: int) -> int:
    """Return the number that the first ``digits`` (1 to 8) of eight bytes spell, all at once.

    They are moved to the end behind leading zeros; then pairs, fours and the eight are added up, each in one
    multiplication (Lemire, "Quickly parsing eight digits", 2018).
    """
    eight = (eight ^ _ZEROS) << np.uint64(64 - 8 * digits)
    eight = eight * np.uint64(10) + (eight >> np.uint64(8))
    low = (eight & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((eight >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return int(np.int64((low + high) >> np.uint64(32)))


@inlined
def _quoted_digits(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int, int]:
    """Return ``(mantissa, decimals, place of the quote)`` of ``digits[.digits]"``, of at most 7 and 8 digits.

    The place is -1 for anything else, and within eight bytes of the end.
    """
    if i + 8 > end:
        return 0, 0, -1
    eight = eight_bytes(buffer, i)
    whole = _digits_at(eight)
    if whole == 0 or whole == 8:  # noqa: PLR1714 - numba compiles `in` to a loop
        return 0, 0, -1
    value = _number_of(eight, whole)
    i += whole
    if buffer[i] == QUOTE:
        return value, 0, i
    if buffer[i] != POINT or i + 9 >= end:
        return 0, 0, -1
    eight = eight_bytes(buffer, i + 1)
    decimals = _digits_at(eight)
    i += 1 + decimals
    if decimals == 0 or buffer[i] != QUOTE:
        return 0, 0, -1
    return value * _POWERS[decimals] + _number_of(eight, decimals), decimals, i


@inlined
def quoted_price(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return ``(price in 1e-9, place after the quote)`` of a text from its first byte on; -1 where it is no plain one.

    The usual text is read at once. What is longer goes to ``price_at``, with the same result where both can.
    """
    mantissa, decimals, stop = _quoted_digits(buffer, i, end)
    if stop >= 0:
        return mantissa * _POWERS[9 - decimals], stop + 1
    stop = text_end(buffer, i, end)
    if stop < 0:
        return 0, -1
    price, ok = price_at(buffer, i, stop)
    return price, (stop + 1 if ok else -1)


@inlined
def quoted_size(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int, int]:
    """Return ``(size, size_exp, place after the quote)`` of a text from its first byte on; see ``quoted_price``."""
    mantissa, decimals, stop = _quoted_digits(buffer, i, end)
    if stop >= 0:
        return mantissa * _POWERS[8 - decimals], -8, stop + 1
    stop = text_end(buffer, i, end)
    if stop < 0:
        return 0, 0, -1
    size, exponent, ok = size_at(buffer, i, stop)
    return size, exponent, (stop + 1 if ok else -1)


@inlined
def _text_begin(buffer: NDArray[np.uint8], i: int, end: int, mark: int) -> int:
    """Return the first byte of the text after ``mark`` and white space, or -1."""
    i = after_space(buffer, i, end)
    if i >= end or buffer[i] != mark:
        return -1
    i = after_space(buffer, i + 1, end)
    return i + 1 if i < end and buffer[i] == QUOTE else -1


@inlined
def maker_side(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return 1 for ``buy``, 2 for ``sell``, 0 for anything else."""
    if end - begin == 3 and buffer[begin] == 98 and buffer[begin + 1] == 117 and buffer[begin + 2] == 121:
        return 1
    if end - begin == 4 and buffer[begin] == 115 and buffer[begin + 1] == 101:
        return 2 if buffer[begin + 2] == 108 and buffer[begin + 3] == 108 else 0
    return 0


@kernel
def _change_side(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return the side that a change names first, 0 for none, and the place after its text; -1 where there is none."""
    begin = _text_begin(buffer, i, end, LIST)
    stop = text_end(buffer, begin, end) if begin >= 0 else -1
    return (maker_side(buffer, begin, stop), stop + 1) if stop >= 0 else (0, -1)


@kernel
def read_levels(  # noqa: C901, PLR0911 - one way out for each token that is not there
    buffer: NDArray[np.uint8], i: int, end: int, array: int, levels: Levels, count: int
) -> tuple[int, int]:
    """Read ``[["price","size"],…]`` (CHANGES: ``[["side","price","size"],…]``) from its bracket on.

    Returns the place after the array, -1 where it is unusual, and the count of levels so far.
    """
    i = after_space(buffer, i + 1, end)
    if i < end and buffer[i] == UNLIST:
        return i + 1, count
    side, mark = (1 if array == BIDS else 2), LIST
    while i < end and buffer[i] == LIST:
        if array == CHANGES:
            side, i = _change_side(buffer, i, end)
            mark = COMMA
            if i < 0 or side == 0:
                return -1, count
        i = _text_begin(buffer, i, end, mark)
        if i < 0:
            return -1, count
        price, i = quoted_price(buffer, i, end)
        i = _text_begin(buffer, i, end, COMMA) if i >= 0 and price != 0 else -1
        if i < 0:
            return -1, count
        size, exponent, i = quoted_size(buffer, i, end)
        if i < 0:
            return -1, count
        i = after_space(buffer, i, end)
        if i >= end or buffer[i] != UNLIST:
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


@inlined
def whole_number(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return ``(value, place after)`` of a number of at most 18 digits and nothing else; -1 where it is another."""
    begin, value = i, 0
    while i + 8 <= end and i - begin <= 8:
        eight = eight_bytes(buffer, i)
        digits = _digits_at(eight)
        if digits:
            value = value * _POWERS[digits] + _number_of(eight, digits)
            i += digits
        if digits < 8:
            break
    while i < end and 48 <= buffer[i] <= 57:
        value = value * 10 + int(buffer[i]) - 48
        i += 1
    digits = i - begin
    plain = 0 < digits <= _DIGITS and (digits == 1 or buffer[begin] != 48)
    if plain and i < end and (buffer[i] == POINT or buffer[i] == 101 or buffer[i] == 69):
        plain = False
    return value, (i if plain else -1)


@inlined
def read_truth(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return ``(1 or 0, place after)`` of ``true`` or ``false``; the place is -1 for anything else."""
    if i + 4 <= end and buffer[i] == 116 and buffer[i + 1] == 114 and buffer[i + 2] == 117 and buffer[i + 3] == 101:
        return 1, i + 4
    if i + 5 <= end and buffer[i] == 102 and buffer[i + 1] == 97 and buffer[i + 2] == 108 and buffer[i + 3] == 115:
        return 0, i + 5 if buffer[i + 4] == 101 else -1
    return 0, -1
