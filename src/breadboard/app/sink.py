"""The store's side of the pipeline: a thread that writes handovers and saves checkpoints behind them."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

from breadboard.app.lagging import Lagging
from breadboard.app.pipeline import Handover
from breadboard.clock import Clock
from breadboard.errors import PASSING, BreadboardError, JournalError, StoreError
from breadboard.store import cut
from breadboard.store.writer import StoreWriter
from breadboard.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_WAITING = 4
"""Handovers that may wait: when the store is behind, the engine is held back, and the journal keeps the rest."""
_QUIET_S = 1.0
"""How long nothing comes before we look whether a window of lags has closed."""
_RETRY_S = (0.1, 0.5, 2.0, 5.0)


class StoreSink:
    """Writes handovers in order, each as one batch; ``passed`` gets a checkpoint when the store has passed its offset.

    A store that refuses is tried again and again, with pauses, while it may help: nothing is dropped, the engine
    waits. What cannot be helped ends its thread: ``broke`` hears of it then and there, in that thread, because the next
    ``put`` may be hours away where the market is closed; it is raised from that ``put``, and from ``close``. ``turn``
    is called in its thread before each.
    """

    def __init__(
        self,
        writer: StoreWriter,
        passed: Callable[[int, bytes], None],
        clock: Clock,
        lagging: Lagging,
        metrics: Metrics,
        turn: Callable[[], None] = lambda: None,
        broke: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        self._writer = writer
        self._passed = passed
        self._clock = clock
        self._lagging = lagging
        self._metrics = metrics
        self._turn = turn
        self._broke = broke
        self._queue: queue.Queue[Handover | None] = queue.Queue(_WAITING)
        self._broken: BaseException | None = None
        self.refused = ""
        """What the disk or the store said, while it takes nothing."""
        self.unsaved = ""
        """What the disk said when it refused the newest checkpoint."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def put(self, handover: Handover) -> None:
        """Take a handover; waits while four others do. Raises what broke the sink."""
        while True:
            self._raise_broken()
            try:
                self._queue.put(handover, timeout=0.5)
            except queue.Full:
                continue
            return

    def close(self) -> None:
        """Write everything taken so far and end. Raises what broke the sink."""
        self._stopping.set()
        while self._broken is None:
            try:
                self._queue.put(None, timeout=0.5)
                break
            except queue.Full:
                continue
        self._thread.join()
        self._raise_broken()

    @property
    def broken(self) -> BaseException | None:
        """What broke the sink, if anything did."""
        return self._broken

    def _run(self) -> None:
        try:
            while True:
                try:
                    handover = self._queue.get(timeout=_QUIET_S)
                except queue.Empty:
                    self._write_lag()
                    continue
                if handover is None:
                    break
                self._write(handover)
            self._write_lag(ending=True)
        except BaseException as error:
            # In whole, once: whoever ends for it has a sentence and no more.
            log.critical("the store's writer broke behind offset %d", self._writer.written, exc_info=error)
            self._broken = error
            self._broke(error)

    def _write(self, handover: Handover) -> None:
        self._turn()
        started = time.perf_counter()
        if handover.taken:
            outputs = cut.join([each for each, _ in handover.taken])  # once, for the writer and for the lags
            known = handover.instruments
            told = (
                *(outputs, handover.open_bars, known, handover.quarantined),
                *(handover.ts_engine, handover.ts_recv),
            )
            self._until_taken(partial(self._writer.write, *told))
        self._until_taken(self._writer.flush)
        self._metrics.store_flush.observe(time.perf_counter() - started)
        if handover.taken:
            done = [(len(each.tape), ts_engine) for each, ts_engine in handover.taken]
            self._lagging.measure(outputs, done, known, self._clock.wall())
        if handover.state is not None and self._writer.written >= handover.end:
            self._pass(handover.end, handover.state)
        self._write_lag()

    def _pass(self, offset: int, state: bytes) -> None:
        """Save a checkpoint. One that a full disk refuses costs time at the next start, and nobody ends for it."""
        try:
            self._passed(offset, state)
        except (OSError, StoreError, JournalError) as error:
            if not (error.transient if isinstance(error, BreadboardError) else error.errno in PASSING):
                raise
            log.warning("no checkpoint at offset %d: %s", offset, error)
            self.unsaved = str(error)
        else:
            self.unsaved = ""

    def _write_lag(self, *, ending: bool = False) -> None:
        """Write the window of lags that has closed, if one has; also while the market is quiet, and at the end."""
        window = self._lagging.rows(ending=ending)
        if window:
            self._writer.measured(window)
            self._until_taken(self._writer.flush)

    def _until_taken(self, write: Callable[[], object]) -> None:
        """Have something written, again and again while the store refuses it and that may pass."""
        attempt = 0
        while True:
            try:
                write()
            except StoreError as error:
                if not error.transient:
                    raise
                self.refused = error.sentence
                pause = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
                log.warning("the store refused, next try in %s s: %s", pause, error.sentence)
                attempt += 1
                if self._stopping.wait(pause) and attempt > len(_RETRY_S):
                    raise
            else:
                self.refused = ""
                return

    def _raise_broken(self) -> None:
        if self._broken is not None:
            raise self._broken
