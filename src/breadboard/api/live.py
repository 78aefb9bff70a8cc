"""The market as it is now, in the memory of the serving process."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.api.feeds import Feeds, FeedState
from breadboard.api.ring import CAPACITY, Read, TradeRing
from breadboard.api.state import blank, take
from breadboard.clock import Clock, SystemClock
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.outputs import Outputs


class LiveMarket:
    """The newest trade, quote and day statistics of every instrument, and the newest trades in order.

    One thread (the engine's) calls ``apply``; any thread reads. Readers get copies. ``session`` names this run:
    sequence numbers of another session mean nothing here.
    """

    def __init__(self, clock: Clock | None = None, *, trades: int = CAPACITY) -> None:
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._instruments: list[Instrument] = []
        self._by_id: dict[str, int] = {}
        self._by_symbol: dict[str, list[int]] = {}
        self._state = blank(64)
        self._ring = TradeRing(trades)
        self._feeds = Feeds()
        self._listeners: list[Callable[[], None]] = []
        self.session = self._clock.wall()
        self.revision = 0
        """Counts the calls of ``apply`` that changed a trade or a quote."""
        self.position = 0
        """The journal offset before which everything is in here."""
        self.gaps = 0

    def __len__(self) -> int:
        return len(self._instruments)

    def apply(self, outputs: Outputs, instruments: Instruments, ts_engine: int) -> None:
        """Take what the engine concluded at wall time ``ts_engine`` (ns). Calls listeners when something changed."""
        tape = outputs.tape
        with self._lock:
            self._learn(instruments)
            self._feeds.take(outputs, instruments)
            self.position = outputs.end
            self.gaps += len(outputs.gaps)
            trades, updates = take(self._state, tape, ts_engine, self.revision + 1)
            self._ring.append(tape, trades, ts_engine)
            self.revision += updates > 0
        if updates:
            for listener in list(self._listeners):
                listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called, on the engine's thread, after each change; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def instrument(self, index: int) -> Instrument:
        """Return the instrument with this dense id."""
        return self._instruments[index]

    def find(self, name: str) -> list[int]:
        """Return the dense ids that ``BTCUSDT.BINANCE`` (one) or ``BTCUSDT`` (one per venue) stands for; case-blind."""
        name = name.upper()
        exact = self._by_id.get(name)
        return [exact] if exact is not None else list(self._by_symbol.get(name, ()))

    def records(self, ids: Sequence[int] | NDArray[np.int64] | None = None) -> NDArray[np.void]:
        """Return copies of the ``STATE`` records of these instruments (all)."""
        with self._lock:
            return self._state[: len(self)].copy() if ids is None else self._state[np.asarray(ids, np.int64)]

    def changed(self, since: int) -> tuple[NDArray[np.int64], NDArray[np.void], int]:
        """Return the instruments that changed after revision ``since``, their records, and the revision now."""
        with self._lock:
            ids = np.flatnonzero(self._state["revision"][: len(self)] > since)
            return ids, self._state[ids], self.revision

    def trades(self, since: int, wanted: NDArray[np.bool_] | None = None, cap: int | None = None) -> Read:
        """Return the trades from sequence number ``since`` on, as far as the ring goes back; see ``TradeRing.read``."""
        with self._lock:
            return self._ring.read(since, wanted, cap)

    @property
    def next_trade(self) -> int:
        """The sequence number that the next trade will have."""
        return self._ring.end

    def feeds(self) -> list[dict[str, Any]]:
        """Return every feed with its state, age and provenance, by source number."""
        now = self._clock.wall()
        with self._lock:
            return [feed.described(now) for _, feed in sorted(self._feeds.by_source.items())]

    def feed(self, source: int) -> FeedState | None:
        """Return what is known of one source."""
        return self._feeds.by_source.get(source)

    def now(self) -> int:
        """Return the wall time (ns) that ages are measured against."""
        return self._clock.wall()

    def _learn(self, instruments: Instruments) -> None:
        known = len(self._instruments)
        for index in range(known, len(instruments)):
            instrument = instruments[index]
            self._by_id[instrument.id.upper()] = index
            self._by_symbol.setdefault(instrument.symbol.upper(), []).append(index)
            self._instruments.append(instrument)
        if len(instruments) > len(self._state):
            wider = blank(2 * len(instruments))
            wider[:known] = self._state[:known]
            self._state = wider
