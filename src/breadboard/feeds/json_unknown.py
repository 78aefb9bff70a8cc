"""A JSON value under a key that nobody knows, in compiled code: stepped over, as strictly as the reference reads it.

It says where plain values end: ASCII without escapes, numbers without exponents, brackets that fit each other, every
key once in its object. What is deeper, has more keys or is not plain is the reference reader's.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_tokens import (
    CLOSE,
    COLON,
    COMMA,
    LIST,
    OPEN,
    QUOTE,
    UNLIST,
    after_space,
    number_end,
    read_truth,
    text_end,
)
from breadboard.model.kernels import kernel

LONGEST_NUMBER: Final = 4000
"""Bytes; one of thousands of digits is the reference reader's to refuse."""
MOST_KEYS: Final = 30
"""Of all objects in one value."""
MOST_DEPTH: Final = 8
KEYS: Final = 3 * MOST_KEYS
"""Words of working memory: the object, the begin and the end of each key."""
_BITS: Final = 5
"""Of the number of an object among those of a value, 1 to MOST_KEYS; 0 is a list."""
_INNERMOST: Final = (1 << _BITS) - 1


@kernel
def _scalar_end(buffer: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the place after a text, number, ``true``, ``false`` or ``null``, or -1."""
    if buffer[i] == QUOTE:
        stop = text_end(buffer, i + 1, end)
        return stop + 1 if stop >= 0 else -1
    if buffer[i] == 110:
        is_null = i + 4 <= end and buffer[i + 1] == 117 and buffer[i + 2] == 108 and buffer[i + 3] == 108
        return i + 4 if is_null else -1
    _, stop = read_truth(buffer, i, end)
    if stop < 0:
        stop = number_end(buffer, i, end)
    return stop if stop <= i + LONGEST_NUMBER else -1


@kernel
def _is_met(
    buffer: NDArray[np.uint8], keys: NDArray[np.int64], at: int, count: int, owner: int, begin: int, end: int
) -> bool:
    """Tell whether an object has this key among those noted."""
    for k in range(count):
        if keys[at + 3 * k] == owner and keys[at + 3 * k + 2] - keys[at + 3 * k + 1] == end - begin:
            same = True
            for i in range(end - begin):
                same = same and buffer[keys[at + 3 * k + 1] + i] == buffer[begin + i]
            if same:
                return True
    return False


@kernel
def _value_place(
    buffer: NDArray[np.uint8], i: int, end: int, keys: NDArray[np.int64], at: int, count: int, owner: int
) -> int:
    """Note the key at ``i`` of the object ``owner`` and return the place of its value, or -1."""
    if i >= end or buffer[i] != QUOTE or count >= MOST_KEYS:
        return -1
    stop = text_end(buffer, i + 1, end)
    if stop < 0 or _is_met(buffer, keys, at, count, owner, i + 1, stop):
        return -1
    place = at + 3 * count
    keys[place], keys[place + 1], keys[place + 2] = owner, i + 1, stop
    i = after_space(buffer, stop + 1, end)
    return after_space(buffer, i + 1, end) if i < end and buffer[i] == COLON else -1


@kernel
def unknown_end(  # noqa: C901 - a state machine, in one piece
    buffer: NDArray[np.uint8], i: int, end: int, keys: NDArray[np.int64], at: int
) -> int:
    """Return the place after the value at ``i``, or -1 where the reference reader must look at it.

    ``opened`` is what brackets are open, the innermost in the lowest bits: an object's number, or 0 for a list.
    ``KEYS`` words from ``keys[at]`` on are written.
    """
    depth, opened, objects, count = 0, 0, 0, 0
    while 0 <= i < end:
        if buffer[i] == OPEN or buffer[i] == LIST:
            is_object = buffer[i] == OPEN
            if depth == MOST_DEPTH or (is_object and objects == MOST_KEYS):
                return -1
            depth += 1
            objects += is_object
            opened = (opened << _BITS) + (objects if is_object else 0)
            i = after_space(buffer, i + 1, end)
            if i >= end or buffer[i] != (CLOSE if is_object else UNLIST):
                if is_object:
                    i = _value_place(buffer, i, end, keys, at, count, objects)
                    count += 1
                continue
        else:
            i = _scalar_end(buffer, i, end)
            if i < 0 or depth == 0:
                return i
            i = after_space(buffer, i, end)
        while i < end and buffer[i] == (CLOSE if opened & _INNERMOST else UNLIST):
            depth, opened = depth - 1, opened >> _BITS
            if depth == 0:
                return i + 1
            i = after_space(buffer, i + 1, end)
        if i >= end or buffer[i] != COMMA:
            return -1
        i = after_space(buffer, i + 1, end)
        if opened & _INNERMOST:
            i = _value_place(buffer, i, end, keys, at, count, opened & _INNERMOST)
            count += 1
    return -1
