"""Records (numpy's structured rows) copied whole: as so many bytes each.

numpy copies a record field by field, though it lies in one piece: 0.1 µs a row of fourteen fields and 0.5 µs one of
thirty-three, where bytes take 0.005; and of up to some 500 rows it keeps the interpreter meanwhile.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray


def copied(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return a copy of records."""
    return rows.view(_piece(rows.dtype)).copy().view(rows.dtype)


def joined(parts: Sequence[NDArray[np.void]], *, copy: bool = False) -> NDArray[np.void]:
    """Return records, one part after the other; all are of one type, which is not looked at.

    A part that is alone is returned itself, unless a ``copy`` is asked for: others may hold it.
    """
    if len(parts) == 1:
        return copied(parts[0]) if copy else parts[0]
    dtype = parts[0].dtype
    return np.concatenate([part.view(_piece(dtype)) for part in parts]).view(dtype)


def picked(rows: NDArray[np.void], which: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.void]:
    """Return copies of the records at some places, or where a mask is true."""
    return rows.view(_piece(rows.dtype))[which].view(rows.dtype)


def put(rows: NDArray[np.void], places: NDArray[np.int64], records: NDArray[np.void]) -> None:
    """Put records at some places of ``rows``, which are of the same type."""
    piece = _piece(rows.dtype)
    rows.view(piece)[places] = records.view(piece)


@cache
def _piece(dtype: np.dtype[np.void]) -> np.dtype[np.void]:
    return np.dtype((np.void, dtype.itemsize))
