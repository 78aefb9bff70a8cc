"""One compiled reader for venues that send flat JSON objects: frames in, tape columns out.

It knows a venue only as a ``Dialect``: which keys mean what, and which messages are made of them. It accepts plain
messages exactly (strict JSON, every key once, right types, numbers that fit) and answers -1 for everything else:
escapes, other alphabets, nesting, prices of zero, unknown types. Those frames go to the venue's reference reader.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_dialect import (
    ARRAY,
    BEFORE_FIRST,
    COLUMNS,
    DATA_KEY,
    EPOCH,
    EXPONENT,
    MAKER_SIDE,
    NO_TYPE,
    NUMBER,
    PRICE,
    REFUSE,
    SIZE,
    SKIP,
    STREAM,
    STREAM_KEY,
    SYMBOL,
    TEXT,
    TIME,
    TRUTH,
    TYPE,
    Dialect,
    bare_dialect,
)
from breadboard.feeds.json_tokens import (
    BIDS,
    CLOSE,
    COLON,
    COMMA,
    LIST,
    MINUS,
    OPEN,
    QUOTE,
    Levels,
    after_space,
    maker_side,
    number_end,
    read_levels,
    read_truth,
    text_end,
)
from breadboard.feeds.times import epoch_ns, time_at
from breadboard.feeds.words import WIDTH, SymbolTable, find_word, symbol_place
from breadboard.model.decimal_kernel import price_at, size_at
from breadboard.model.kernels import kernel
from breadboard.model.pointers import pointer

_WIDTH: Final = len(COLUMNS)
_TS_EVENT, _SEQUENCE, _FIRST, _PREV, _BEGIN, _END = 5, 6, 7, 8, 16, 17
# What is noted of a frame: values by key, exponents by key, then these.
_SEEN: Final = 2 * EXPONENT  # four sets of keys, by JSON type
_EVERY: Final = _SEEN + 4  # the keys of all types
_SYMBOL: Final = _SEEN + 5  # begin and end of the symbol's text
_WORD: Final = _SEEN + 7  # the type, as a place among the dialect's type words
_FORM: Final = _SEEN + 8  # which unknown keys it has
_NOTES: Final = _SEEN + 9
_MOST_UNKNOWN: Final = 8
_LONGEST_NUMBER: Final = 4000
"""Bytes; one of thousands of digits is the reference reader's to refuse."""
SCRATCH: Final = _NOTES + 2 * _MOST_UNKNOWN
"""Words of working memory that ``read_frames`` needs."""


@kernel
def _is_partial_depth(buffer: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Tell whether a stream's name has ``@depth`` and a digit: whole top levels, not changes."""
    for i in range(begin, end - 6):
        if buffer[i] == 64 and buffer[i + 1] == 100 and buffer[i + 5] == 104 and 48 <= buffer[i + 6] <= 57:
            return True
    return False


@kernel
def _remember(buffer: NDArray[np.uint8], unknown: NDArray[np.int64], count: int, begin: int, end: int) -> bool:
    """Note an unknown key; False where it was met before in this frame, or there is no room to tell."""
    for k in range(count):
        if unknown[2 * k + 1] - unknown[2 * k] == end - begin:
            same = True
            for i in range(end - begin):
                same = same and buffer[unknown[2 * k] + i] == buffer[begin + i]
            if same:
                return False
    if count >= _MOST_UNKNOWN:
        return False
    unknown[2 * count], unknown[2 * count + 1] = begin, end
    return True


@kernel
def _form(buffer: NDArray[np.uint8], unknown: NDArray[np.int64], count: int) -> int:
    """Return a number that tells one set of unknown keys from another, whatever their order; 0 for none."""
    form = np.uint64(0)
    for k in range(count):
        mixed = np.uint64(14_695_981_039_346_656_037)
        for i in range(unknown[2 * k], unknown[2 * k + 1]):
            mixed = (mixed ^ np.uint64(buffer[i])) * np.uint64(1_099_511_628_211)
        form += mixed
    return int(np.int64(form))


@kernel
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
    if meaning == PRICE:
        note[key], ok = price_at(buffer, begin, end)
    elif meaning == SIZE:
        note[key], note[EXPONENT + key], ok = size_at(buffer, begin, end)
    elif meaning == TIME:
        note[key] = time_at(buffer, begin, end)
        ok = note[key] >= 0
    elif meaning == SYMBOL:
        ok = 0 < end - begin <= WIDTH
        for i in range(begin, end):
            ok = ok and buffer[i] != 32
        if ok:
            note[key] = symbols.ids[symbol_place(symbols, buffer, begin, end)]
            note[_SYMBOL], note[_SYMBOL + 1] = begin, end
    elif meaning == TYPE:
        note[_WORD] = find_word(dialect.types, buffer, begin, end)
        ok = note[_WORD] >= 0
    elif meaning == MAKER_SIDE:
        maker = maker_side(buffer, begin, end)
        note[key] = 3 - maker
        ok = maker > 0
    elif meaning == STREAM:
        ok = not _is_partial_depth(buffer, begin, end)
    return bool(ok)


@kernel
def _number_value(
    dialect: Dialect, buffer: NDArray[np.uint8], begin: int, end: int, key: int, note: NDArray[np.int64]
) -> bool:
    """Take the number ``buffer[begin:end]`` under a known key; False where the reference reader must look at it."""
    meaning = dialect.meaning[4 * key + NUMBER]
    if meaning == SKIP:
        return True
    if meaning == REFUSE or end - begin > 18:
        return False
    number = 0
    for i in range(begin, end):
        digit = int(buffer[i]) - 48
        if digit < 0:
            return False
        number = number * 10 + digit
    note[key] = epoch_ns(number) if meaning == EPOCH else number
    return bool(note[key] >= 0)


@kernel
def _value(
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
    """Read a member's value from its first byte on (``key`` -1: any scalar); return the place after it and the levels.

    The place is -1 where the reference reader must look at the frame.
    """
    begin, byte, ok, json_type = i, buffer[i], True, TEXT
    if byte == QUOTE:
        i = text_end(buffer, begin + 1, end)
        ok = i >= 0 and (key < 0 or _text_value(dialect, symbols, buffer, begin + 1, i, key, note))
        i += 1
    elif byte == MINUS or 48 <= byte <= 57:
        json_type = NUMBER
        i = number_end(buffer, begin, end)
        ok = 0 <= i <= begin + _LONGEST_NUMBER and (key < 0 or _number_value(dialect, buffer, begin, i, key, note))
    elif byte == LIST and key >= 0 and dialect.meaning[4 * key + ARRAY] >= BIDS:
        json_type = ARRAY
        i, count = read_levels(buffer, begin, end, dialect.meaning[4 * key + ARRAY], levels, count)
    else:
        json_type = TRUTH
        truth, i = read_truth(buffer, begin, end)  # -1 also for an object, null, and a list nobody asked for
        if key >= 0:
            ok = dialect.meaning[4 * key + TRUTH] != REFUSE
            note[key] = 1 + truth
    if key >= 0:
        note[_SEEN + json_type] |= np.int64(1) << key
    return (i if ok else -1), count


@kernel
def _key(buffer: NDArray[np.uint8], i: int, end: int) -> tuple[int, int, int]:
    """Return ``(begin, end, place of the value)`` of the key at ``i``; the place is -1 where there is none."""
    if buffer[i] != QUOTE:
        return 0, 0, -1
    stop = text_end(buffer, i + 1, end)
    if stop < 0:
        return 0, 0, -1
    after = after_space(buffer, stop + 1, end)
    if after >= end or buffer[after] != COLON:
        return 0, 0, -1
    after = after_space(buffer, after + 1, end)
    return i + 1, stop, after if after < end else -1


@kernel
def _frame(  # noqa: C901, PLR0911, PLR0912 - a state machine over an object, or one in another's `data`, in one piece
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    i: int,
    end: int,
    levels: Levels,
    count: int,
    note: NDArray[np.int64],
    unknown: NDArray[np.int64],
) -> tuple[bool, int]:
    """Read one frame into ``note``; return whether all of it was plain, and the count of levels."""
    note[_WORD] = NO_TYPE
    for field in range(_SEEN, _WORD):
        note[field] = 0
    i = after_space(buffer, i, end)
    depth, wrapped, fresh, unknowns = 1, False, True, 0
    if i >= end or buffer[i] != OPEN:
        return False, count
    i = after_space(buffer, i + 1, end)
    while i < end:
        if not (fresh and buffer[i] == CLOSE):
            a, b, i = _key(buffer, i, end)
            if i < 0:
                return False, count
            key = find_word(dialect.keys, buffer, a, b)
            envelope = key == STREAM_KEY or key == DATA_KEY  # noqa: PLR1714 - numba compiles `in` to a loop
            if (wrapped and envelope == (depth == 2)) or (key < 0 and not _remember(buffer, unknown, unknowns, a, b)):
                return False, count
            unknowns += key < 0
            if key >= 0:
                bit = np.int64(1) << key
                if note[_EVERY] & bit:
                    return False, count
                note[_EVERY] |= bit
            if key == DATA_KEY:
                if buffer[i] != OPEN or unknowns or note[_EVERY] & ~np.int64(3):
                    return False, count
                depth, wrapped, fresh = 2, True, True
                i = after_space(buffer, i + 1, end)
                continue
            i, count = _value(dialect, symbols, buffer, i, end, key, levels, count, note)
            if i < 0:
                return False, count
            i = after_space(buffer, i, end)
        fresh = False
        while i < end and buffer[i] == CLOSE:
            depth -= 1
            i = after_space(buffer, i + 1, end)
            if depth == 0:
                note[_FORM] = _form(buffer, unknown, unknowns) if unknowns else 0
                return i == end and wrapped == (note[_EVERY] & 1 != 0), count
        if i >= end or buffer[i] != COMMA:
            return False, count
        i = after_space(buffer, i + 1, end)
    return False, count


@kernel
def _shape(dialect: Dialect, role: int, note: NDArray[np.int64]) -> int:
    """Return the shape of the message in ``note`` if it has every key that shape must have, else -1."""
    word = note[_WORD]
    shape = -1
    if role == 1:
        shape = dialect.document if word == NO_TYPE else -1
    else:
        shape = dialect.untyped if word == NO_TYPE else dialect.shape_of_type[word]
    if shape >= 0:
        for json_type in range(4):
            if dialect.need[4 * shape + json_type] & ~note[_SEEN + json_type]:
                return -1
        if note[_SEEN + ARRAY] & ~dialect.need[4 * shape + ARRAY]:
            return -1  # levels that this message does not have were read with its own
    return shape


@kernel
def _fill(dialect: Dialect, shape: int, note: NDArray[np.int64], out: NDArray[np.int64], rows: int, row: int) -> bool:
    """Write one row of ``out``; False where a number is impossible and the reference reader must say so."""
    ok = True
    for column in range(_WIDTH):
        key = dialect.source[shape * _WIDTH + column]
        value = dialect.default[shape * _WIDTH + column]
        if key >= 0:
            bit = np.int64(1) << (key & (EXPONENT - 1))
            if note[_EVERY] & bit:
                value = note[key]
                ok = ok and (value != 0 or key >= EXPONENT or not dialect.nonzero[shape] & bit)
        out[column * rows + row] = value
    fallback = dialect.time_fallback[shape]
    if fallback >= 0 and out[_TS_EVENT * rows + row] < 0 and note[_EVERY] & (np.int64(1) << fallback):
        out[_TS_EVENT * rows + row] = note[fallback]
    if dialect.source[shape * _WIDTH + _PREV] == BEFORE_FIRST:
        out[_PREV * rows + row] = out[_FIRST * rows + row] - 1
    return ok and out[_FIRST * rows + row] <= out[_SEQUENCE * rows + row]


@kernel
def _bare_symbols(table: SymbolTable) -> SymbolTable:
    return SymbolTable(pointer(table.ids), pointer(table.text), pointer(table.length), table.size)


@kernel
def _bare_levels(levels: Levels) -> Levels:
    return Levels(pointer(levels.side), pointer(levels.price), pointer(levels.size), pointer(levels.size_exp))


@kernel
def read_frames(
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    role: NDArray[np.int8],
    levels: Levels,
    out: NDArray[np.int64],
    symbol: NDArray[np.int64],
    scratch: NDArray[np.int64],
) -> int:
    """Read frames into the columns ``out[C, rows]``; return the count of levels.

    ``role`` is 0 for a frame, 1 for a document, -1 for one to leave alone; it becomes -1 where the frame was left to
    the reference reader. ``symbol[row]`` is the span of the symbol's text, and a number for the set
    of keys that the dialect does not know, 0 for none. An instrument not yet known stays -1.
    ``scratch`` is ``SCRATCH`` zeros from the caller: an array made here would be freed while its pointer is in use.
    """
    note, unknown, raw, filled = pointer(scratch), pointer(scratch[_NOTES:]), pointer(buffer), pointer(out)
    tables, known, room = bare_dialect(dialect), _bare_symbols(symbols), _bare_levels(levels)
    rows, count = len(begin), 0
    for row in range(rows):
        if role[row] < 0:
            continue
        first = count
        plain, count = _frame(tables, known, raw, begin[row], end[row], room, count, note, unknown)
        shape = _shape(tables, role[row], note) if plain else -1
        if shape < 0 or not _fill(tables, shape, note, filled, rows, row):
            role[row], count = -1, first
            continue
        out[_BEGIN, row], out[_END, row] = first, count
        symbol[row, 0], symbol[row, 1], symbol[row, 2] = note[_SYMBOL], note[_SYMBOL + 1], note[_FORM]
    return count
