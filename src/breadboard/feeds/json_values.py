"""One value of a flat JSON object, in compiled code: from its first byte to the note that is taken of it.

``note`` holds, for one frame, values by key, exponents by key, and what stands behind ``SEEN``. Every function takes
pointers, reads inside ``[i, end)`` only, and answers False or -1 where the reference reader must look at the frame.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_dialect import (
    ARRAY,
    EPOCH,
    EXPONENT,
    MAKER_SIDE,
    NUMBER,
    PRICE,
    REFUSE,
    SIZE,
    SKIP,
    STREAM,
    SYMBOL,
    TEXT,
    TIME,
    TRUTH,
    TYPE,
    Dialect,
)
from breadboard.feeds.json_tokens import (
    BIDS,
    LIST,
    MINUS,
    QUOTE,
    Levels,
    maker_side,
    number_end,
    quoted_price,
    quoted_size,
    read_levels,
    read_truth,
    text_end,
    whole_number,
)
from breadboard.feeds.json_unknown import KEYS, LONGEST_NUMBER, unknown_end
from breadboard.feeds.times import epoch_ns, time_at
from breadboard.feeds.words import WIDTH, SymbolTable, find_word, symbol_place
from breadboard.model.kernels import inlined

SEEN: Final = 2 * EXPONENT
"""From here on four sets of keys, by JSON type."""
EVERY: Final = SEEN + 4
"""The keys of all types."""
SYMBOL_SPAN: Final = SEEN + 5
"""Begin and end of the symbol's text."""
WORD: Final = SEEN + 7
"""The type, as a place among the dialect's type words."""
FORM: Final = SEEN + 8
"""Which unknown keys it has."""
_INNER_KEYS: Final = SEEN + 9
"""From here on room for the keys inside of a value that nobody knows."""
NOTES: Final = _INNER_KEYS + KEYS
"""Words that a note takes."""


@inlined
def _is_other_depth(buffer: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Tell whether a stream's name has ``@depth`` and a digit, or ``@rpiDepth``: not the changes of the book."""
    for i in range(begin, end - 6):
        if buffer[i] == 64 and buffer[i + 1] == 100 and buffer[i + 5] == 104 and 48 <= buffer[i + 6] <= 57:
            return True
        if buffer[i] == 64 and buffer[i + 1] == 114 and buffer[i + 2] == 112 and buffer[i + 4] == 68:
            return True
    return False


@inlined
def _text_value(
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    key: int,
    note: NDArray[np.int64],
) -> bool:
    """Take the text ``buffer[begin:end]`` under a known key; False where the reference reader must look at it."""
    meaning = dialect.meaning[4 * key + TEXT]
    ok = meaning == SKIP
    if meaning == TIME:
        note[key] = time_at(buffer, begin, end)
        ok = note[key] >= 0
    elif meaning == SYMBOL:
        ok = 0 < end - begin <= WIDTH and note[SYMBOL_SPAN + 1] == 0  # of two, the reader knows which is the message's
        for i in range(begin, end):
            ok = ok and buffer[i] != 32
        if ok:
            note[key] = symbols.ids[symbol_place(symbols, buffer, begin, end)]
            note[SYMBOL_SPAN], note[SYMBOL_SPAN + 1] = begin, end
    elif meaning == TYPE:
        note[WORD] = find_word(dialect.types, buffer, begin, end)
        ok = note[WORD] >= 0
    elif meaning == MAKER_SIDE:
        maker = maker_side(buffer, begin, end)
        note[key] = 3 - maker
        ok = maker > 0
    elif meaning == STREAM:
        ok = not _is_other_depth(buffer, begin, end)
    return bool(ok)


@inlined
def _number_value(
    dialect: Dialect, buffer: NDArray[np.uint8], begin: int, end: int, key: int, note: NDArray[np.int64]
) -> tuple[int, bool]:
    """Take the number at ``begin``; return the place after it, and whether nothing is left to the reference reader."""
    meaning = dialect.meaning[4 * key + NUMBER] if key >= 0 else SKIP
    number, i = whole_number(buffer, begin, end)
    if i >= 0 and meaning > SKIP:
        note[key] = epoch_ns(number) if meaning == EPOCH else number
        return i, bool(note[key] >= 0)
    i = number_end(buffer, begin, end)  # a fraction or a long one: right only where nobody reads it
    return i, meaning == SKIP and 0 <= i <= begin + LONGEST_NUMBER


@inlined
def read_value(
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    i: int,
    end: int,
    key: int,
    levels: Levels,
    count: int,
    note: NDArray[np.int64],
) -> tuple[int, int]:
    """Read a member's value from its first byte on (``key`` -1: any value); return the place after it and the levels.

    The place is -1 where the reference reader must look at the frame.
    """
    begin, byte, ok, json_type = i, buffer[i], True, TEXT
    meaning = dialect.meaning[4 * key + TEXT] if key >= 0 and byte == QUOTE else SKIP
    if meaning == PRICE:
        note[key], i = quoted_price(buffer, begin + 1, end)
    elif meaning == SIZE:
        note[key], note[EXPONENT + key], i = quoted_size(buffer, begin + 1, end)
    elif byte == QUOTE:
        i = text_end(buffer, begin + 1, end)
        ok = i >= 0 and (key < 0 or _text_value(dialect, symbols, buffer, begin + 1, i, key, note))
        i += 1
    elif byte == MINUS or 48 <= byte <= 57:
        json_type = NUMBER
        i, ok = _number_value(dialect, buffer, begin, end, key, note)
    elif byte == LIST and key >= 0 and dialect.meaning[4 * key + ARRAY] >= BIDS:
        json_type = ARRAY
        i, count = read_levels(buffer, begin, end, dialect.meaning[4 * key + ARRAY], levels, count)
    elif key < 0:
        i = unknown_end(buffer, begin, end, note, _INNER_KEYS)
    else:
        json_type = TRUTH
        truth, i = read_truth(buffer, begin, end)  # -1 also for an object, null, and a list nobody asked for
        ok = dialect.meaning[4 * key + TRUTH] != REFUSE
        note[key] = 1 + truth
    if key >= 0:
        note[SEEN + json_type] |= np.int64(1) << key
    return (i if ok else -1), count
