"""Layouts of JSON frames: what does not change from one message of a kind to the next, learned and not looked at twice.

A venue's program writes every message of a kind with the same keys in the same order. What the general reader found
once (which bytes are structure, where the values are and under which keys) is kept as a layout: pieces of fixed text,
each followed by a value. A frame that has these texts, byte for byte, with good values between them, is that message;
its values are read by the same ``read_value``. Any other frame goes to the general reader, so layouts change no result.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_dialect import NO_TYPE, Dialect
from breadboard.feeds.json_tokens import Levels
from breadboard.feeds.json_values import EVERY, FORM, SEEN, WORD, read_value
from breadboard.feeds.words import SymbolTable
from breadboard.model.kernels import inlined, kernel
from breadboard.model.pointers import eight_bytes, pointer

COUNT: Final = 16
"""Layouts remembered: those met last."""
_PIECES: Final = 32
_TEXT: Final = 1024
"""Bytes of fixed text in a layout, all pieces together."""
_END: Final = -2
"""The key after the last piece: no value follows, but the frame's end. (-1 is a value nobody asks for.)"""


class Trace:
    """Where ``_frame`` found values: how many, then begin, end and key of each. More than fit: -1."""

    SIZE: Final = 1 + 3 * _PIECES


class Layouts(NamedTuple):
    """What was learned of one venue's frames, as tables."""

    pieces: NDArray[np.int32]
    """``[COUNT, _PIECES, 3]``, flat like all of these: begin and length of a text, the key of the value behind it."""
    text: NDArray[np.uint8]
    """``[COUNT, _TEXT]``."""
    facts: NDArray[np.int64]
    """``[COUNT, 2]``: what every such frame's note says under EVERY and FORM."""
    order: NDArray[np.int64]
    """How many there are, then their places, the last one met first."""

    @staticmethod
    def none() -> "Layouts":
        """Return room for layouts, none of them known."""
        return Layouts(
            np.zeros(COUNT * _PIECES * 3, np.int32),
            np.zeros(COUNT * _TEXT, np.uint8),
            np.zeros(COUNT * 2, np.int64),
            np.zeros(1 + COUNT, np.int64),
        )


@kernel
def bare_layouts(layouts: Layouts) -> Layouts:
    """Return the tables as pointers."""
    return Layouts(pointer(layouts.pieces), pointer(layouts.text), pointer(layouts.facts), pointer(layouts.order))


@kernel
def begin_trace(trace: NDArray[np.int64]) -> None:
    """Forget the values of the frame before."""
    trace[0] = 0


@kernel
def note_piece(trace: NDArray[np.int64], begin: int, end: int, key: int) -> None:
    """Note where a value was found."""
    at = trace[0]
    if 0 <= at < _PIECES - 1:
        trace[1 + 3 * at], trace[2 + 3 * at], trace[3 + 3 * at] = begin, end, key
        trace[0] = at + 1
    else:
        trace[0] = -1


@inlined
def _alike(text: NDArray[np.uint8], at: int, buffer: NDArray[np.uint8], i: int, length: int) -> bool:
    """Tell whether ``length`` bytes are the same here and there."""
    k = 0
    while k + 8 <= length:
        if eight_bytes(text, at + k) != eight_bytes(buffer, i + k):
            return False
        k += 8
    while k < length:
        if text[at + k] != buffer[i + k]:
            return False
        k += 1
    return True


@inlined
def _read(
    layouts: Layouts,
    which: int,
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    i: int,
    end: int,
    levels: Levels,
    count: int,
    note: NDArray[np.int64],
) -> tuple[bool, int]:
    """Read a frame by one layout; return whether it fits, and the count of levels."""
    for piece in range(_PIECES):
        at = 3 * (which * _PIECES + piece)
        length, key = layouts.pieces[at + 1], layouts.pieces[at + 2]
        if i + length > end or not _alike(layouts.text, which * _TEXT + layouts.pieces[at], buffer, i, length):
            return False, count
        i += length
        if key == _END:
            return i == end, count
        if i >= end:
            return False, count
        if piece == 0:
            note[WORD] = NO_TYPE
            for field in range(SEEN, WORD):
                note[field] = 0
        i, count = read_value(dialect, symbols, buffer, i, end, key, levels, count, note)
        if i < 0:
            return False, count
    return False, count


@inlined
def by_layout(
    layouts: Layouts,
    dialect: Dialect,
    symbols: SymbolTable,
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    levels: Levels,
    count: int,
    note: NDArray[np.int64],
) -> tuple[bool, int]:
    """Read a frame by the layout that it has; return whether it has one, and the count of levels."""
    order = layouts.order
    for place in range(1, 1 + order[0]):
        which = order[place]
        fits, after = _read(layouts, which, dialect, symbols, buffer, begin, end, levels, count, note)
        if fits:
            note[EVERY], note[FORM] = layouts.facts[2 * which], layouts.facts[2 * which + 1]
            for later in range(place, 1, -1):
                order[later] = order[later - 1]
            order[1] = which
            return True, after
    return False, count


@kernel
def learn(
    layouts: Layouts, buffer: NDArray[np.uint8], begin: int, end: int, note: NDArray[np.int64], trace: NDArray[np.int64]
) -> None:
    """Keep the layout of a frame that the general reader has just read, as the one met last."""
    count, values = layouts.order[0], trace[0]
    if values <= 0:
        return
    size = end - begin
    for value in range(values):
        size -= trace[2 + 3 * value] - trace[1 + 3 * value]
    if size > _TEXT:
        return
    which = count if count < COUNT else layouts.order[COUNT]  # no room: the one met longest ago makes it
    i, room = begin, 0
    for piece in range(values + 1):
        last = piece == values
        stop = end if last else trace[1 + 3 * piece]
        at = 3 * (which * _PIECES + piece)
        layouts.pieces[at], layouts.pieces[at + 1] = room, stop - i
        layouts.pieces[at + 2] = _END if last else trace[3 + 3 * piece]
        for k in range(stop - i):
            layouts.text[which * _TEXT + room + k] = buffer[i + k]
        room += stop - i
        i = end if last else trace[2 + 3 * piece]
    layouts.facts[2 * which], layouts.facts[2 * which + 1] = note[EVERY], note[FORM]
    layouts.order[0] = min(count + 1, COUNT)
    for later in range(layouts.order[0], 1, -1):
        layouts.order[later] = layouts.order[later - 1]
    layouts.order[1] = which
