"""The market as it is now, in the memory of the serving process."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from breadboard.api.alerts import AlertRing, Alerts
from breadboard.api.feeds import Feeds, FeedState, provenance
from breadboard.api.news import News
from breadboard.api.ring import CAPACITY, Read, TradeRing
from breadboard.api.state import IN_PIECES, PIECE, unknown
from breadboard.clock import Clock, SystemClock
from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import most_artificial
from breadboard.model.outputs import Outputs

if TYPE_CHECKING:
    from breadboard.model.gaps import Epoch


class LiveMarket:
    """Copies of the engine's newest trade, quote and day of every instrument, and the newest trades in order.

    One thread (the engine's) calls ``restore`` and ``apply``; any thread reads. Readers get copies. ``session`` names
    this run: sequence numbers of another session mean nothing here.
    """

    def __init__(self, clock: Clock | None = None, *, trades: int = CAPACITY) -> None:
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._instruments: list[Instrument] = []
        self._known = 0
        self._by_id: dict[str, int] = {}
        self._by_symbol: dict[str, list[int]] = {}
        self._state = unknown(64)
        self._ring = TradeRing(trades)
        self._alerts = AlertRing()
        self._news = News()
        self._feeds = Feeds()
        self._listeners: list[Callable[[], None]] = []
        self.epochs: Mapping[int, Epoch] = {}
        """The newest connection of every source met so far: the engine's living view, once there is an engine."""
        self.session = self._clock.wall()
        self.revision = 0
        """Counts the changes of a trade or a quote; a restored market begins at 1."""
        self.ticked = False
        """Whether a trade or a quote was applied since this process began."""
        self.position = 0
        """The journal offset before which everything is in here."""
        self.gaps = 0

    def __len__(self) -> int:
        return self._known

    def restore(self, instruments: Instruments, latest: NDArray[np.void], position: int) -> None:
        """Begin where a checkpoint ended, before the first ``apply``: ``latest`` are the engine's ``LATEST`` records.

        What is restored keeps its old times, so its age is honest, and has no feed until its feed says something.
        """
        with self._lock:
            self._learn(instruments)
            self.position = position
            ids = np.flatnonzero(latest["updates"] > 0)
            self.revision = int(len(ids) > 0)
            self._copy(ids, latest, self.revision)

    def apply(
        self,
        outputs: Outputs,
        instruments: Instruments,
        latest: NDArray[np.void],
        ts_engine: int,
        ts_read: int = ABSENT,
    ) -> None:
        """Take what the engine concluded at wall time ``ts_engine`` (ns). Calls listeners when something changed.

        ``latest`` are the engine's ``LATEST`` records at the end of these outputs, ``ts_read`` is when their frames
        came out of the journal.
        """
        tape = outputs.tape
        with self._lock:
            self._learn(instruments)
            self._feeds.take(outputs, instruments)
            self.position = outputs.end
            self.gaps += len(outputs.gaps)
            trades, ids, seen = self._news.of(tape)
            self._ring.append(tape, trades, ts_engine, ts_read)
            alerts = outputs.alerts
            self._alerts.append(alerts, outputs.rules)
            if len(ids):
                self.revision += 1
                self.ticked = True
                self._copy(ids, latest, self.revision)
                self._state["ts_engine"][ids] = ts_engine
            for name in ("ts_seen", "source"):
                self._state[name][seen] = latest[name][seen]
        if len(ids) or len(alerts):
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
            state = self._state
            return whole.copied(state[: len(self)]) if ids is None else whole.picked(state, np.asarray(ids, np.int64))

    def changed(self, since: int) -> tuple[NDArray[np.int64], NDArray[np.void], int]:
        """Return the instruments that changed after revision ``since``, their records, and the revision now."""
        with self._lock:
            ids = np.flatnonzero(self._state["revision"][: len(self)] > since)
            return ids, whole.picked(self._state, ids), self.revision

    def trades(
        self, since: int, wanted: NDArray[np.bool_] | None = None, cap: int | None = None, *, oldest: bool = False
    ) -> Read:
        """Return the trades from sequence number ``since`` on, as far as the ring goes back; see ``TradeRing.read``."""
        with self._lock:
            return self._ring.read(since, wanted, cap, oldest=oldest)

    @property
    def next_trade(self) -> int:
        """The sequence number that the next trade will have."""
        return self._ring.end

    def alerts(self, since: int, wanted: NDArray[np.bool_] | None, most: int) -> Alerts:
        """Return the alerts from sequence number ``since`` on, as far as the ring goes back; see ``AlertRing.read``."""
        with self._lock:
            return self._alerts.read(since, wanted, most)

    @property
    def next_alert(self) -> int:
        """The sequence number that the next alert will have."""
        return self._alerts.end

    def venue(self, source: int) -> str:
        """Return the venue of a source, as far as it is known."""
        feed, epoch = self.feed(source), self.epochs.get(source)
        return (feed and feed.venue) or (epoch.venue if epoch is not None else "")

    def feeds(self) -> list[dict[str, Any]]:
        """Return every feed with its state, age and provenance, by source number."""
        now = self._clock.wall()
        with self._lock:
            feeds = sorted(self._feeds.by_source.items())
            return [feed.described(now, self.epochs.get(source)) for source, feed in feeds]

    def provenance(self) -> str | None:
        """Return where the rows come from, the most artificial of them; None where there is none."""
        with self._lock:
            known = self._state[: len(self)]
            flags = np.unique(known["flags"][known["updates"] > 0])
        return most_artificial(str(provenance(each)) for each in flags.tolist())

    def feed(self, source: int) -> FeedState | None:
        """Return what is known of one source."""
        return self._feeds.by_source.get(source)

    def now(self) -> int:
        """Return the wall time (ns) that ages are measured against."""
        return self._clock.wall()

    def _copy(self, ids: NDArray[np.int64], latest: NDArray[np.void], revision: int) -> None:
        state = self._state.view(IN_PIECES)
        state["latest"][ids] = latest.view(PIECE)[ids]
        state["revision"][ids] = revision

    def _learn(self, instruments: Instruments) -> None:
        known = len(self._instruments)
        for index in range(known, len(instruments)):
            instrument = instruments[index]
            self._instruments.append(instrument)  # first: who finds its id by name asks for it at once
            self._by_id[instrument.id.upper()] = index
            self._by_symbol.setdefault(instrument.symbol.upper(), []).append(index)
            self._known = index + 1  # last: who sees that there is one more looks once for its name, and finds it
        if len(instruments) > len(self._state):
            wider = unknown(2 * len(instruments))
            wider[:known] = self._state[:known]
            self._state = wider
