"""Effectively once: how what the engine concluded reaches the store, through crashes, without a duplicate or a hole.

A flush covers offsets ``[first, end)``. First its intent goes to disk; then every table is inserted under the token
``table:first:end`` (of ``instruments``, with their number); last comes its row in the ledger ``batches``. After a crash
the engine starts again from a checkpoint and hands on the same outputs. Those below ``written()`` are complete and are
passed over. Those of an intent beyond it are flushed with the intent's own boundaries, so each table either has the
rows and ignores the token, or gets them now; a kill may have left a token without rows, so they are looked for. Outputs
may come in any sizes: they are cut here.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.clock import Clock, SystemClock
from breadboard.errors import StoreError
from breadboard.model import whole
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import BarState
from breadboard.model.outputs import Outputs
from breadboard.store import cut, records, standing
from breadboard.store.intents import Intents
from breadboard.store.native import Block
from breadboard.store.newest import Newest
from breadboard.store.open_bars import changed
from breadboard.store.rows import Quarantined
from breadboard.store.tables import CODES, Tables
from breadboard.telemetry.lag import LagRow

FLUSH_ROWS: Final = 500_000
"""Tape rows after which a write flushes by itself. An insert costs some 10 ms whatever its size, for each table."""


class _Store(Protocol):
    def write(self, table: str, rows: Block, token: str) -> None: ...
    def missing(self, table: str, rows: Block) -> Block: ...
    def written(self) -> int: ...
    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None: ...
    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table


@dataclass(frozen=True, slots=True)
class Resume:
    """Where writing goes on. Start the engine from the newest checkpoint at or below ``written``."""

    written: int
    pending: tuple[tuple[int, int], ...]
    """Intents not known to be complete, in order; the writer keeps their boundaries by itself."""


class StoreWriter:
    """Buffers outputs and flushes them. Thread-safe; one per store."""

    def __init__(
        self,
        store: _Store,
        directory: Path,
        *,
        epochs: Mapping[int, Epoch] | None = None,
        clock: Clock | None = None,
        flush_rows: int = FLUSH_ROWS,
    ) -> None:
        self._store = store
        self._intents = Intents(directory)
        self._clock = clock or SystemClock()
        self._flush_rows = flush_rows
        self._lock = threading.RLock()
        self._parts: list[Outputs] = []
        self._buffered = 0
        self._open_bars, self._open_at, self._open_ts = np.empty(0, BAR), -1, ABSENT
        self._told_bars = self._open_bars
        """Bars that were open at the last flush, as it wrote them or one before."""
        self._lag: list[tuple[int, Block]] = []
        self._run = self._clock.wall()
        self._quarantined: list[Quarantined] = []
        self._instruments: Sequence[Instrument] = ()
        self._instruments_written = 0
        self._ts_engine = 0
        self._written = store.written()
        self._begin = self._written
        """The offset at which the next flush begins."""
        self._pending = sorted(intent for intent in self._intents.all if intent[1] > self._written)
        known = {
            (row["venue"], row["symbol"]): CODES[row["provenance"]]
            for row in store.query("SELECT venue, symbol, provenance FROM latest FINAL").to_pylist()
        }
        self._newest = Newest(standing.known(store))
        self._tables = Tables({} if epochs is None else epochs, known, self._newest)
        named = store.query("SELECT id, venue, symbol FROM instruments FINAL").to_pylist()
        self._named = {row["id"]: (row["venue"], row["symbol"]) for row in named}
        """Instruments that the store holds from earlier runs, by their dense ids."""

    def resume(self) -> Resume:
        """Return where to go on. Call before the first ``write``; the engine must hand on from at most ``written``."""
        with self._lock:
            return Resume(self._written, tuple(self._pending))

    @property
    def written(self) -> int:
        """The offset before which everything is complete in every table."""
        return self._written

    @property
    def buffered(self) -> int:
        """Tape rows that wait for a flush."""
        return self._buffered

    def write(
        self,
        outputs: Outputs,
        open_bars: NDArray[np.void],
        instruments: Iterable[Instrument],
        quarantined: Sequence[Quarantined] = (),
        ts_engine: int = 0,
        ts_recv: int = ABSENT,
    ) -> None:
        """Take outputs that begin where the last ones ended; flushes by itself when enough wait.

        ``open_bars`` are the bars not yet final at ``outputs.end``, whose last record we received at ``ts_recv``; each
        flush writes the newest as provisional, but for those that are as it last wrote them.
        ``instruments`` are all that are known, by their dense ids. Outputs below ``written`` are passed over. Raises
        StoreError where outputs would leave a hole, or the store refuses: then call it again with the same.
        """
        with self._lock:
            reach = self._parts[-1].end if self._parts else self._written
            if outputs.end <= reach:
                return
            if outputs.first > reach and (self._parts or self._written):
                raise StoreError(f"outputs begin at offset {outputs.first}, {outputs.first - reach} after {reach}")
            fresh = cut.after(outputs, reach) if outputs.first < reach else outputs
            self._instruments, self._ts_engine = tuple(instruments), ts_engine or self._clock.wall()
            heard = max((one.offset for one in self._quarantined), default=-1)
            self._quarantined += [one for one in quarantined if one.offset >= reach and one.offset > heard]
            self._begin = self._parts[0].first if self._parts else fresh.first
            while (edge := self._edge()) is not None and fresh.end >= edge:
                if fresh.first < edge:  # else this is what the store refused
                    self._parts.append(cut.before(fresh, edge))
                    fresh = cut.after(fresh, edge)
                self._flush_parts()
            self._open_bars, self._open_at, self._open_ts = open_bars, outputs.end - 1, ts_recv
            if fresh.end > fresh.first:
                self._parts.append(fresh)
                self._buffered += len(fresh.tape)
            if self._buffered >= self._flush_rows and not self._again():
                self._flush_parts()

    def measured(self, window: Sequence[LagRow]) -> None:
        """Take the lags of one window; the next ``flush`` writes them, with or without outputs.

        They are measurements and not conclusions from the journal, so the ledger does not count them, and a window
        that was not flushed before a crash is gone.
        """
        with self._lock:
            if window:
                self._lag.append((window[0].ts_recv, records.lag(window, self._written)))

    def flush(self) -> int:
        """Write what waits and return ``written``. Durable on return, except what an old intent still awaits."""
        with self._lock:
            if self._parts and (not self._again() or self._edge() == self._parts[-1].end):
                self._flush_parts()
            while self._lag:
                ends, block = self._lag[0]
                self._store.write("lag", block, f"lag:{self._run}:{ends}")
                del self._lag[0]
            return self._written

    def forget(self, offset: int) -> None:
        """Drop intents at or below ``offset``: a checkpoint at it is durable, so none before it is replayed."""
        with self._lock:
            self._intents.forget(min(offset, self._written))

    def close(self) -> None:
        """Flush, and close the intent file. The store stays open."""
        with self._lock:
            self.flush()
            self._settle()
            self._intents.close()

    def _settle(self) -> None:
        """Write every open bar as of the end: a store at rest says the same, whatever was flushed when."""
        if len(self._open_bars) and self._open_at == self._written - 1:
            bars = self._as_open(whole.copied(self._open_bars))
            block = self._tables.bars(bars, np.full(len(bars), self._open_ts))
            self._store.write("bar_versions", block, f"bar_versions:open:{self._written}")

    def _edge(self) -> int | None:
        """Where the next flush must end at the latest, because an earlier attempt ended or began there."""
        return self._pending[0][self._again()] if self._pending else None

    def _again(self) -> bool:
        """Whether the next flush is an earlier one, with its boundaries.

        It is not where the store was wiped, or lost the end of its ledger: then everything before the first
        intent is to be written first, a flush at a time and never all at once.
        """
        return bool(self._pending) and self._begin >= self._pending[0][0]

    def _flush_parts(self) -> None:
        batch = cut.join(self._parts)
        first, end = batch.first, batch.end
        again = self._again()
        if not again:
            self._intents.append(first, end)
            self._pending.insert(0, (first, end))
        counts: dict[str, int] = {}
        quarantined = [one for one in self._quarantined if one.offset < end]
        open_bars = self._provisional(batch.bars)
        blocks = self._tables.of(batch, open_bars, self._open_ts, self._instruments, self._unwritten(), quarantined)
        for name, block in blocks.items():
            if block.num_rows:
                self._insert(name, block, self._token(name, first, end), again=again)
                counts[name] = block.num_rows
        standing.restore(self._store, batch.tape, self._instruments, self._newest)
        counts["bars"] = int((batch.bars["state"] == BarState.FINAL).sum())
        stamps = (self._ts_engine, self._clock.wall())
        self._insert("batches", records.batch(first, end, 0, stamps, counts), f"batches:{first}:{end}", again=again)
        self._written = self._begin = end
        self._pending.pop(0)
        self._parts, self._buffered = [], 0
        self._tables.learn(batch)
        # A flush that came again may have found rows of the first attempt, of bars as they were at another offset.
        self._told_bars = np.empty(0, BAR) if again else self._open_bars
        self._instruments_written = len(self._instruments)
        self._quarantined = [one for one in self._quarantined if one.offset >= end]

    def _token(self, table: str, first: int, end: int) -> str:
        """Return the name of an insert. Instruments are all that are known by now, and may be more the next time."""
        return f"{table}:{first}:{end}" + (f":{len(self._instruments)}" if table == "instruments" else "")

    def _insert(self, table: str, rows: Block, token: str, *, again: bool) -> None:
        """Insert under a token that may be known. A kill can have left it without its rows: then under another."""
        self._store.write(table, rows, token)
        if again and (lost := self._store.missing(table, rows)).num_rows:
            self._store.write(table, lost, f"{token}:{self._run}")

    def _provisional(self, concluded: NDArray[np.void]) -> NDArray[np.void]:
        """Return the open bars as versions of the offset at which they were open; later conclusions replace them."""
        return self._as_open(changed(self._open_bars, self._told_bars, concluded))

    def _as_open(self, bars: NDArray[np.void]) -> NDArray[np.void]:
        bars["state"] = BarState.PROVISIONAL
        bars["offset"] = self._open_at
        return bars

    def _unwritten(self) -> int:
        """Return the first dense id that the store does not hold yet, so that a restart writes no instrument twice."""
        place = self._instruments_written
        while place < len(self._instruments):
            one = self._instruments[place]
            if self._named.get(place) != (one.venue, one.symbol):
                break
            place += 1
        return place
