"""Which instruments a client wants: names as it said them, and the dense ids they stand for now."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from breadboard.api.live import LiveMarket

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Wants:
    """The wish of one client. ``*`` is everything, also what appears later."""

    def __init__(self, live: LiveMarket) -> None:
        self._live = live
        self._names: list[str] = []
        self._known = -1
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        """Growing."""
        self.mask: NDArray[np.bool_] | None = np.empty(0, np.bool_)
        """By dense id, whether it is wanted; None: all."""

    def choose(self, names: Iterable[str]) -> None:
        """Want exactly these."""
        self._names = list(dict.fromkeys(names))
        self._resolve()

    def drop(self, names: Iterable[str] | None) -> None:
        """Want these no more; None: nothing at all."""
        gone = None if names is None else {name.upper() for name in names}
        self.choose([] if gone is None else [name for name in self._names if name.upper() not in gone])

    @property
    def unknown(self) -> list[str]:
        """Names that stand for nothing yet."""
        return [name for name in self._names if name != "*" and not self._live.find(name)]

    @property
    def told(self) -> list[str]:
        """The ids of the instruments, as clients know them."""
        return [self._live.instrument(index).id for index in self.ids.tolist()]

    @property
    def outdated(self) -> bool:
        """Whether instruments have appeared since the last look."""
        return self._known != len(self._live) and bool(self._names)

    @property
    def overlooks(self) -> bool:
        """Whether what ``mask`` was just used for may be of an instrument that it does not know and that is wanted."""
        return self.mask is not None and self.outdated

    def renewed(self) -> bool:
        """Look again if instruments have appeared since the last look; return whether there was need to."""
        if not self.outdated:
            return False
        self._resolve()
        return True

    def _resolve(self) -> None:
        self._known = count = len(self._live)
        if "*" in self._names:
            self.ids, self.mask = np.arange(count, dtype=np.int64), None
            return
        found = {index for name in self._names for index in self._live.find(name)}
        self.ids = np.array(sorted(index for index in found if index < count), np.int64)  # more may have come meanwhile
        self.mask = np.zeros(count, np.bool_)
        self.mask[self.ids] = True
