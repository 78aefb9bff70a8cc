"""How old rows are when they are handed to clients' sockets, for the board of lags."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api.feeds import provenance
from breadboard.api.live import LiveMarket
from breadboard.api.mirror import Mirror
from breadboard.telemetry.lag import LagBoard

_NOTED: Final = 20_000
"""Of so many rows delivered in a second all lags are counted; of more, those of every second message, or third, …."""


class Deliveries:
    """Notes what is handed to clients, and puts its lags on the board once a second. Belongs to the event loop."""

    def __init__(self, live: LiveMarket, mirror: Mirror, lag: LagBoard) -> None:
        self._live = live
        self._mirror = mirror
        self._lag = lag
        self._messages = self._rows = 0
        self._every = 1
        self._noted: list[tuple[NDArray[np.int32], NDArray[np.int64]]] = []

    def add(self, ids: NDArray[np.int64], messages: int = 1) -> None:
        """Note that the newest state of these instruments is handed to a client's socket; of all ``messages`` together.

        Of several messages only so many rows are noted as these have that would be noted alone.
        """
        before = self._messages // self._every
        self._messages += messages
        self._rows += len(ids)
        if noted := self._messages // self._every - before:
            some = ids[:: messages // noted]
            columns = self._mirror.columns
            self._noted.append((columns["source"][some], self._live.now() - columns["ts_recv"][some]))

    def tell(self) -> None:
        """Put the lags of the last second on the board."""
        self._every, self._rows = 1 + self._rows // _NOTED, 0
        if not self._noted:
            return
        sources, lags = (np.concatenate(column) for column in zip(*self._noted, strict=True))
        self._noted.clear()
        for source in np.unique(sources).tolist():
            feed = self._live.feed(source)
            if feed is not None:
                place = feed.venue or "", feed.name, "deliver", str(provenance(feed.flags))
                self._lag.add(*place, lags[sources == source])
