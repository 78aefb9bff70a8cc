"""One compiled reader for venues that send flat JSON objects: frames in, tape columns out.

It knows a venue only as a ``Dialect``: which keys mean what, and which messages are made of them. It accepts plain
messages exactly (strict JSON, every key once, right types, numbers that fit) and answers -1 for everything else:
escapes, other alphabets, nesting under known keys, prices of zero, unknown types. Those frames go to the venue's
reference reader.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_dialect import (
    ARRAY,
    BEFORE_FIRST,
    COLUMNS,
    DATA_KEY,
    EXPONENT,
    NO_TYPE,
    STREAM_KEY,
    Dialect,
    bare_dialect,
)
from breadboard.feeds.json_layouts import Layouts, Trace, bare_layouts, begin_trace, by_layout, learn, note_piece
from breadboard.feeds.json_tokens import CLOSE, COLON, COMMA, OPEN, QUOTE, Levels, after_space, text_end
from breadboard.feeds.json_values import EVERY, FORM, NOTES, SEEN, SYMBOL_SPAN, WORD, read_value
from breadboard.feeds.words import SymbolTable, bare_symbols, find_word
from breadboard.model.kernels import brief, inlined, kernel
from breadboard.model.kinds import RecordKind
from breadboard.model.pointers import pointer

_WIDTH: Final = len(COLUMNS)
_INSTRUMENT, _TS_EVENT, _SEQUENCE, _FIRST, _PREV, _BEGIN, _END = (
    COLUMNS.index(name)
    for name in (
        *("instrument", "ts_event", "sequence", "sequence_first", "sequence_prev"),
        *("level_begin", "level_end"),
    )
)
_DATA: Final = int(RecordKind.DATA)
_MOST_UNKNOWN: Final = 16
_UNKNOWN: Final = NOTES + Trace.SIZE
SCRATCH: Final = _UNKNOWN + 2 * _MOST_UNKNOWN
"""Words of working memory that ``read_frames`` needs: a note, a trace of where its values are, unknown keys."""


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
    trace: NDArray[np.int64],
    unknown: NDArray[np.int64],
) -> tuple[bool, int]:
    """Read one frame into ``note``; return whether all of it was plain, and the count of levels.

    ``trace`` then says where its values are.
    """
    begin_trace(trace)
    note[WORD] = NO_TYPE
    for field in range(SEEN, WORD):
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
                if note[EVERY] & bit:
                    return False, count
                note[EVERY] |= bit
            if key == DATA_KEY:
                if buffer[i] != OPEN or unknowns or note[EVERY] & ~np.int64(3):
                    return False, count
                depth, wrapped, fresh = 2, True, True
                i = after_space(buffer, i + 1, end)
                continue
            value = i
            i, count = read_value(dialect, symbols, buffer, value, end, key, levels, count, note)
            if i < 0:
                return False, count
            note_piece(trace, value, i, key)
            i = after_space(buffer, i, end)
        fresh = False
        while i < end and buffer[i] == CLOSE:
            depth -= 1
            i = after_space(buffer, i + 1, end)
            if depth == 0:
                note[FORM] = _form(buffer, unknown, unknowns) if unknowns else 0
                return i == end and wrapped == (note[EVERY] & 1 != 0), count
        if i >= end or buffer[i] != COMMA:
            return False, count
        i = after_space(buffer, i + 1, end)
    return False, count


@inlined
def _shape(dialect: Dialect, role: int, note: NDArray[np.int64]) -> int:
    """Return the shape of the message in ``note`` if it has every key that shape must have, else -1."""
    word = note[WORD]
    shape = -1
    if role == 1:
        shape = dialect.document if word == NO_TYPE else -1
    else:
        shape = dialect.untyped if word == NO_TYPE else dialect.shape_of_type[word]
    if shape >= 0:
        for json_type in range(4):
            if dialect.need[4 * shape + json_type] & ~note[SEEN + json_type]:
                return -1
        if note[SEEN + ARRAY] & ~dialect.need[4 * shape + ARRAY]:
            return -1  # levels that this message does not have were read with its own
    return shape


@inlined
def _fill(dialect: Dialect, shape: int, note: NDArray[np.int64], out: NDArray[np.int64], rows: int, row: int) -> bool:
    """Write one row of ``out``; False where a number is impossible and the reference reader must say so."""
    ok = True
    for column in range(_WIDTH):
        key = dialect.source[shape * _WIDTH + column]
        value = dialect.default[shape * _WIDTH + column]
        if key >= 0:
            bit = np.int64(1) << (key & (EXPONENT - 1))
            if note[EVERY] & bit:
                value = note[key]
                ok = ok and (value != 0 or key >= EXPONENT or not dialect.nonzero[shape] & bit)
        out[column * rows + row] = value
    fallback = dialect.time_fallback[shape]
    if fallback >= 0 and out[_TS_EVENT * rows + row] < 0 and note[EVERY] & (np.int64(1) << fallback):
        out[_TS_EVENT * rows + row] = note[fallback]
    if dialect.source[shape * _WIDTH + _PREV] == BEFORE_FIRST:
        out[_PREV * rows + row] = out[_FIRST * rows + row] - 1
    return ok and out[_FIRST * rows + row] <= out[_SEQUENCE * rows + row]


@kernel
def _is_one_of(known: NDArray[np.int64], value: int) -> bool:
    found = False
    for k in range(len(known)):
        found = found or known[k] == value
    return found


@kernel
def _bare_levels(levels: Levels) -> Levels:
    return Levels(pointer(levels.side), pointer(levels.price), pointer(levels.size), pointer(levels.size_exp))


@brief
def lay_out(
    kind: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    longest: int,
    role: NDArray[np.int8],
    bounds: NDArray[np.int64],
) -> tuple[int, int]:
    """Say which frames are data that is not too long (role 0, -1 for others), and where the JSON of each lies.

    Returns the bytes of all frames, and how many are no data.
    """
    size = others = 0
    for row in range(len(kind)):
        length = end[row] - begin[row]
        bounds[0, row], bounds[1, row] = begin[row], end[row]
        is_data = kind[row] == _DATA
        role[row] = 0 if is_data and length <= longest else -1
        others += not is_data
        size += length
    return size, others


@kernel
def read_frames(
    dialect: Dialect,
    layouts: Layouts,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    role: NDArray[np.int8],
    levels: Levels,
    out: NDArray[np.int64],
    symbol: NDArray[np.int64],
    forms: NDArray[np.int64],
    second_look: NDArray[np.bool_],
    scratch: NDArray[np.int64],
) -> int:
    """Read frames into the columns ``out[C, rows]``; return the count of levels.

    ``role`` is 0 for a frame, 1 for a document, -1 for one to leave alone; it becomes -1 where the frame was left to
    the reference reader. ``symbol[row]`` is the span of the symbol's text, and a number for the set
    of keys that the dialect does not know, 0 for none. An instrument not yet known stays -1. ``second_look``
    becomes True for what the caller must look at: what was left alone, an unknown instrument, unknown keys that are
    not one of ``forms``. ``layouts`` are learned on the way and change nothing but the speed. ``scratch`` is
    ``SCRATCH`` zeros from the caller.
    """
    note, trace, unknown = pointer(scratch), pointer(scratch[NOTES:]), pointer(scratch[_UNKNOWN:])
    raw, filled = pointer(buffer), pointer(out)
    tables, known, room, models = (
        bare_dialect(dialect),
        bare_symbols(symbols),
        _bare_levels(levels),
        bare_layouts(layouts),
    )
    rows, count = len(begin), 0
    for row in range(rows):
        second_look[row] = True
        if role[row] < 0:
            continue
        first, fresh = count, False
        plain, count = by_layout(models, tables, known, raw, begin[row], end[row], room, first, note)
        if not plain:
            plain, count = _frame(tables, known, raw, begin[row], end[row], room, first, note, trace, unknown)
            fresh = plain
        shape = _shape(tables, role[row], note) if plain else -1
        if fresh and shape >= 0:
            learn(models, raw, begin[row], end[row], note, trace)
        if shape < 0 or not _fill(tables, shape, note, filled, rows, row):
            role[row], count = -1, first
            continue
        out[_BEGIN, row], out[_END, row] = first, count
        symbol[row, 0], symbol[row, 1], symbol[row, 2] = note[SYMBOL_SPAN], note[SYMBOL_SPAN + 1], note[FORM]
        second_look[row] = out[_INSTRUMENT, row] < 0 or not _is_one_of(forms, note[FORM])
    return count
