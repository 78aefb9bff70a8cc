"""The best levels of a book after a row, for stages that look deeper than its top: beside ``TOP``, one row a row."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.scales import POWERS
from breadboard.model.decimals import ABSENT
from breadboard.model.features import LEVELS
from breadboard.model.kernels import Record, kernel

DEPTH: Final = np.dtype(
    [
        ("bid_price", np.int64, (LEVELS,)),  # 1e-9, best first; ABSENT where there is no such level
        ("bid_size", np.float64, (LEVELS,)),
        ("ask_price", np.int64, (LEVELS,)),
        ("ask_size", np.float64, (LEVELS,)),
    ]
)


@kernel
def note_depth(
    depth: Record,
    bid: NDArray[np.int64],
    ask: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
) -> None:
    """Write the best levels of one book; ``bid`` and ``ask`` are its rows of ``sides``: place in the pool, count."""
    for level in range(LEVELS):
        depth.bid_price[level] = depth.ask_price[level] = ABSENT
        depth.bid_size[level] = depth.ask_size[level] = 0.0
        if level < bid[1]:
            place = bid[0] + bid[1] - 1 - level
            depth.bid_price[level] = keys[place]
            depth.bid_size[level] = sizes[place] * POWERS[exps[place] + 18]
        if level < ask[1]:
            place = ask[0] + ask[1] - 1 - level
            depth.ask_price[level] = -keys[place]
            depth.ask_size[level] = sizes[place] * POWERS[exps[place] + 18]
