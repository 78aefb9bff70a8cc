"""Which open bars are worth writing again.

Of thousands of instruments few trade within a second, and the day's bars of all are open: written with each flush
they would be most of what the store gets. A bar that is as it was has a version that says so.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.bars import BAR, NO_BARS

_SECOND: Final = 1_000_000_000
_BYTES: Final = BAR.fields["offset"][1] if BAR.fields else 0
"""How long a row is before its offset, which comes last."""


def changed(now: NDArray[np.void], before: NDArray[np.void], concluded: NDArray[np.void] = NO_BARS) -> NDArray[np.void]:
    """Return copies of the open bars that are not among those of ``before``, whatever their offsets.

    All are ``BAR`` rows; the first two by instrument, interval and time. Of what was ``concluded`` meanwhile every bar
    counts as changed: one whose only trade was taken back is withdrawn, and may be open again just as it was.
    """
    if not len(before):
        return whole.copied(now)
    places = _places(now)
    at = np.searchsorted(_places(before), places).clip(max=len(before) - 1)
    same = (_values(now) == _values(before)[at]).all(axis=1)
    return whole.picked(now, ~same | np.isin(places, _places(concluded)))


def _places(bars: NDArray[np.void]) -> NDArray[np.int64]:
    """Return numbers that grow with bars' places. Beyond their reach a bar is compared with another, and differs."""
    seconds = bars["ts_open"] // _SECOND
    places: NDArray[np.int64] = (bars["instrument"].astype(np.int64) << 17 | bars["interval"]) << 26
    return places + (seconds & (1 << 26) - 1)


def _values(bars: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return what bars say, but for their offsets, as bytes."""
    return bars.view(np.uint8).reshape(len(bars), BAR.itemsize)[:, :_BYTES]
