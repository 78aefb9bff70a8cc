"""A book event that waits for a snapshot, with levels of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.model.tape import Tape


@dataclass(frozen=True, slots=True)
class BookEvent:
    """A delta or snapshot: its venue numbers, its times, its own copy of the levels."""

    first: int
    last: int
    prev: int
    ts_event: int
    ts_recv: int
    offset: int
    side: NDArray[np.uint8]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    exponent: NDArray[np.int8]

    @staticmethod
    def of(tape: Tape, row: int) -> "BookEvent":
        """Return one book row of a tape."""
        levels = slice(int(tape.level_begin[row]), int(tape.level_end[row]))
        return BookEvent(
            int(tape.sequence_first[row]),
            int(tape.sequence[row]),
            int(tape.sequence_prev[row]),
            int(tape.ts_event[row]),
            int(tape.ts_recv[row]),
            int(tape.offset[row]),
            tape.level_side[levels].copy(),
            tape.level_price[levels].copy(),
            tape.level_size[levels].copy(),
            tape.level_size_exp[levels].copy(),
        )

    @property
    def levels(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
        """Side, price, size and size exponent of every level."""
        return self.side, self.price, self.size, self.exponent

    def packed(self) -> list[Any]:
        """Return everything for ``pack``."""
        numbers = self.first, self.last, self.prev, self.ts_event, self.ts_recv, self.offset
        return [*numbers, *(part.tobytes() for part in self.levels)]

    @staticmethod
    def unpacked(parts: list[Any]) -> "BookEvent":
        """Return what ``packed`` was called on."""
        arrays = zip(parts[6:], (np.uint8, np.int64, np.int64, np.int8), strict=True)
        return BookEvent(*parts[:6], *(np.frombuffer(data, dtype) for data, dtype in arrays))
