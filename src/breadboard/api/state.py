"""What the serving process knows of an instrument: the engine's record of it, and when we came to know."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.latest import LATEST, blank

STATE: Final = np.dtype(
    [
        *((name, LATEST[name]) for name in LATEST.names or ()),
        ("ts_engine", np.int64),  # when the newest trade or quote was taken; ABSENT: before this process began
        ("revision", np.int64),  # of the market, when this record last changed
    ]
)
"""One record an instrument: ``LATEST``, and two fields that are not of the journal."""
PIECE: Final = np.dtype((np.void, LATEST.itemsize))
"""A record of ``LATEST`` as nothing but bytes."""
IN_PIECES: Final = np.dtype([("latest", PIECE), *((name, STATE[name]) for name in ("ts_engine", "revision"))])
"""``STATE``, for who copies all of ``LATEST`` at once, as ``model.whole`` does what is of one type."""


def unknown(count: int) -> NDArray[np.void]:
    """Return records of instruments about which nothing is known."""
    state = blank(count, STATE)
    state["ts_engine"] = ABSENT
    return state
