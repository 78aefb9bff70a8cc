"""Rooms in the pool of all books' levels: of a few sizes, so that what one side of a book leaves fits another.

A side has a room, and moves to a larger one when it outgrows it. Sizes are a quarter of an octave apart: an eighth of a
room is empty on the average. Free rooms of a size are a list that is kept in themselves, in their first key.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import kernel

BEGIN, COUNT, ROOM = 0, 1, 2
"""Columns of ``sides[instrument, side]``: place in the pool, levels in use, levels there is room for (0: no room)."""
USED, EVENTS, IGNORED, UNSYNCED, CROSSED, REJECTED = range(6)
"""Slots of ``meter``: pool in use; events applied, stale, without a snapshot, leaving a crossed book; old snapshots."""
METERS: Final = 6
"""Those are what a run came to. Behind them, of the pool alone: levels in free rooms; by size, the first free room."""
FREE: Final = METERS
FIRST_FREE: Final = METERS + 1
SIZES: Final = np.array([(4 + step) << (1 + octave) for octave in range(30) for step in range(4)], np.int64)
"""8, 10, 12, 14, 16, 20 … levels; the last is more than there is memory for."""
NOWHERE: Final = -1


def fresh_meter() -> NDArray[np.int64]:
    """Return the meter of an empty pool."""
    meter = np.zeros(FIRST_FREE + len(SIZES), np.int64)
    meter[FIRST_FREE:] = NOWHERE
    return meter


@kernel
def size_of(count: int) -> int:
    """Return the place in ``SIZES`` of the smallest room for so many levels."""
    size = 0
    while SIZES[size] < count:
        size += 1
    return size


@kernel
def take_room(size: int, keys: NDArray[np.int64], meter: NDArray[np.int64]) -> int:
    """Return where there is a room of a size, which is in use from now on; NOWHERE where the pool is full."""
    begin, room = meter[FIRST_FREE + size], SIZES[size]
    if begin != NOWHERE:
        meter[FIRST_FREE + size] = keys[begin]
        meter[FREE] -= room
        return int(begin)
    begin = meter[USED]
    if begin + room > len(keys):
        return NOWHERE
    meter[USED] = begin + room
    return int(begin)


@kernel
def give_back(side: NDArray[np.int64], keys: NDArray[np.int64], meter: NDArray[np.int64]) -> None:
    """Let others have the room of a side, if it has one. Levels in it are lost."""
    room = side[ROOM]
    if room:
        size = size_of(room)
        keys[side[BEGIN]] = meter[FIRST_FREE + size]
        meter[FIRST_FREE + size] = side[BEGIN]
        meter[FREE] += room
    side[ROOM] = 0


@kernel
def move(
    side: NDArray[np.int64],
    begin: int,
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
) -> None:
    """Bring a side's levels to ``begin``, in a room of their own or before where they are."""
    old = side[BEGIN]
    for level in range(side[COUNT]):
        keys[begin + level] = keys[old + level]
        sizes[begin + level] = sizes[old + level]
        exps[begin + level] = exps[old + level]


@kernel
def close_ranks(
    sides: NDArray[np.int64],
    order: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    meter: NDArray[np.int64],
) -> None:
    """Move all rooms together where they lie, each as small as its levels allow; afterwards none is free.

    ``sides[any, 3]``; ``order`` is where each is in ``sides``, by its place in the pool.
    """
    end = 0
    for which in order:
        side = sides[which]
        room = SIZES[size_of(side[COUNT])] if side[COUNT] else 0
        move(side, end, keys, sizes, exps)
        side[BEGIN], side[ROOM] = end, room
        end += room
    meter[USED], meter[FREE] = end, 0
    meter[FIRST_FREE:] = NOWHERE


def room_for(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return how large the room is for each so many levels; 0 for none."""
    return np.where(counts > 0, SIZES[np.searchsorted(SIZES, counts)], 0)
