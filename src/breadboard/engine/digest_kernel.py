"""The part of the digest that every event goes through, compiled: a few numbers that take up a tape, row by row.

Each lane takes one word of a row after the other: ``h = (h ^ word) * odd``, then ``h ^= h >> 32`` so that high bits
come down again. Lanes do not wait for each other, so a row costs about as much as loading it. For a given word each
step is one to one, so two tapes that differ in one word never meet again by themselves. It finds faults, not forgers:
those who could choose every word of a tape could make two that look alike.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import brief, inlined
from breadboard.model.kinds import EventKind

ROW_LANES: Final = 15
LANES: Final = ROW_LANES + 3
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_HASHED: Final = np.zeros(256, np.bool_)
"""By kind, which rows are taken: gaps are hashed as records, and CLOCK rows are no event."""
_HASHED[
    [
        EventKind.TRADE,
        EventKind.QUOTE,
        EventKind.BOOK_DELTA,
        EventKind.BOOK_SNAPSHOT,
        EventKind.STATUS,
        EventKind.ORDER,
    ]
] = True


@inlined
def _take(lanes: NDArray[np.uint64], lane: int, word: np.uint64) -> None:
    mixed = (lanes[lane] ^ word) * _ODD
    lanes[lane] = mixed ^ (mixed >> _HALF)


@brief
def take_rows(
    lanes: NDArray[np.uint64],
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    code: NDArray[np.uint16],
    side: NDArray[np.uint8],
    source: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    sequence: NDArray[np.int64],
    sequence_first: NDArray[np.int64],
    sequence_prev: NDArray[np.int64],
    trade_id: NDArray[np.int64],
    order_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    ask_size_exp: NDArray[np.int8],
    level_begin: NDArray[np.int64],
    level_end: NDArray[np.int64],
    level_side: NDArray[np.uint8],
    level_price: NDArray[np.int64],
    level_size: NDArray[np.int64],
    level_size_exp: NDArray[np.int8],
) -> int:
    """Take the rows of a tape into ``lanes[LANES]``, each with its levels; return how many were taken."""
    taken = 0
    for row in range(len(kind)):
        if not _HASHED[kind[row]]:
            continue
        taken += 1
        what = np.uint64(kind[row]) | np.uint64(side[row]) << np.uint64(8) | np.uint64(flags[row]) << np.uint64(16)
        where = np.uint64(code[row]) << np.uint64(32) | np.uint64(index[row]) << np.uint64(48)
        _take(lanes, 0, what | where)
        who = np.uint64(np.uint32(instrument[row])) | np.uint64(source[row]) << np.uint64(32)
        scale = np.uint64(np.uint8(size_exp[row])) << np.uint64(48) | np.uint64(
            np.uint8(ask_size_exp[row])
        ) << np.uint64(56)
        _take(lanes, 1, who | scale)
        _take(lanes, 2, np.uint64(offset[row]))
        _take(lanes, 3, np.uint64(ts_event[row]))
        _take(lanes, 4, np.uint64(ts_recv[row]))
        _take(lanes, 5, np.uint64(sequence[row]))
        _take(lanes, 6, np.uint64(sequence_first[row]))
        _take(lanes, 7, np.uint64(sequence_prev[row]))
        _take(lanes, 8, np.uint64(trade_id[row]))
        _take(lanes, 9, np.uint64(order_id[row]))
        _take(lanes, 10, np.uint64(price[row]))
        _take(lanes, 11, np.uint64(size[row]))
        _take(lanes, 12, np.uint64(ask_price[row]))
        _take(lanes, 13, np.uint64(ask_size[row]))
        _take(lanes, 14, np.uint64(level_end[row] - level_begin[row]))
        for level in range(level_begin[row], level_end[row]):
            _take(lanes, ROW_LANES, np.uint64(level_price[level]))
            _take(lanes, ROW_LANES + 1, np.uint64(level_size[level]))
            face = np.uint64(level_side[level]) | np.uint64(np.uint8(level_size_exp[level])) << np.uint64(8)
            _take(lanes, ROW_LANES + 2, face)
    return taken
