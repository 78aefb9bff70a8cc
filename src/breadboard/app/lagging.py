"""Measures every hop of every row, by venue and source, on the way through the pipeline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from breadboard.clock import Clock
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind
from breadboard.model.outputs import Outputs
from breadboard.store.records import Lag
from breadboard.telemetry.lag import LagBoard


class Lagging:
    """Feeds the lag board from outputs. Each market row counts once on each hop it made.

    Not ``live``: the frames were received long ago, so the hops that join then and now (journal, total) are left out.
    """

    def __init__(self, board: LagBoard, clock: Clock, *, live: bool) -> None:
        self._board = board
        self._clock = clock
        self._live = live

    def measure(self, outputs: Outputs, instruments: Instruments, ts_engine: int) -> None:
        """Count the hops up to the engine: network, journal, engine."""
        tape = outputs.tape
        for venue, feed, rows in _by_source(outputs, instruments):
            timed = rows[tape.ts_event[rows] != ABSENT]
            self._board.add(venue, feed, "network", tape.ts_recv[timed] - tape.ts_event[timed])
            if self._live:
                self._board.add(venue, feed, "journal", outputs.ts_journal[rows] - tape.ts_recv[rows])
            self._board.add(venue, feed, "engine", ts_engine - outputs.ts_journal[rows])

    def stored(self, written: Sequence[Outputs], instruments: Instruments, ts_engine: int, ts_store: int) -> None:
        """Count the hops to the store: store, and total from the venue's clock."""
        for outputs in written:
            for venue, feed, rows in _by_source(outputs, instruments):
                timed = rows[outputs.tape.ts_event[rows] != ABSENT]
                self._board.add(venue, feed, "store", np.full(len(rows), ts_store - ts_engine, np.int64))
                if self._live:
                    self._board.add(venue, feed, "total", ts_store - outputs.tape.ts_event[timed])

    def rows(self, offset: int) -> list[Lag]:
        """Return the lag rows of a window that has just closed, else nothing; they go with the row at ``offset``."""
        return [
            Lag(
                venue=row.venue,
                ts_recv=row.ts_recv,
                offset=offset,
                hop=row.hop,
                count=row.count,
                min_ns=round(row.min_ms * 1e6),
                p50_ns=round(row.p50_ms * 1e6),
                p99_ns=round(row.p99_ms * 1e6),
                max_ns=round(row.max_ms * 1e6),
            )
            for row in self._board.rows(self._clock.wall())
        ]


def _by_source(outputs: Outputs, instruments: Instruments) -> list[tuple[str, str, NDArray[np.int64]]]:
    """Return ``(venue, feed label, rows)`` for each source that has market rows here."""
    tape = outputs.tape
    market = np.flatnonzero((tape.instrument >= 0) & (tape.kind <= EventKind.BOOK_SNAPSHOT))
    sources = tape.source[market]
    found = []
    for source in np.unique(sources).tolist():
        rows = market[sources == source]
        venue = instruments[int(tape.instrument[rows[0]])].venue
        found.append((venue, f"{venue.lower()}-{source}", rows))
    return found
