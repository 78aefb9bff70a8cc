"""Measures every hop of every row, by venue, source and provenance, on the way through the pipeline."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.api.feeds import provenance
from breadboard.clock import Clock
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.outputs import Outputs
from breadboard.telemetry.lag import LagBoard, LagRow

_MARKS = int(Flag.SYNTHETIC | Flag.REPLAYED)


class _Group(NamedTuple):
    """The market rows of one source that have one provenance."""

    venue: str
    feed: str
    provenance: str
    rows: NDArray[np.int64]


class Lagging:
    """Feeds the lag board from outputs: the one place where lag is measured, but for the hop to a client's socket.

    Each market row counts once on each hop it made. Not ``live``: the frames were received long ago, so hops that
    join then and now are left out: journal and total, and the engine's for frames journalled before we began.
    """

    def __init__(self, board: LagBoard, clock: Clock, *, live: bool) -> None:
        self._board = board
        self._clock = clock
        self._live = live
        self._began = clock.wall()

    def measure(self, outputs: Outputs, instruments: Instruments, ts_engine: int) -> None:
        """Count the hops up to the engine: network, journal, engine."""
        tape, ts_journal = outputs.tape, outputs.ts_journal
        for group in _groups(outputs, instruments):
            rows = group.rows
            timed = rows[tape.ts_event[rows] != ABSENT]
            self._add(group, "network", tape.ts_recv[timed] - tape.ts_event[timed])
            if self._live:
                self._add(group, "journal", ts_journal[rows] - tape.ts_recv[rows])
            ours = rows if self._live else rows[ts_journal[rows] >= self._began]
            self._add(group, "engine", ts_engine - ts_journal[ours])

    def stored(self, written: Sequence[Outputs], instruments: Instruments, ts_engine: int, ts_store: int) -> None:
        """Count the hops to the store: store, and total from the venue's clock."""
        for outputs in written:
            for group in _groups(outputs, instruments):
                timed = group.rows[outputs.tape.ts_event[group.rows] != ABSENT]
                self._add(group, "store", np.full(len(group.rows), ts_store - ts_engine, np.int64))
                if self._live:
                    self._add(group, "total", ts_store - outputs.tape.ts_event[timed])

    def rows(self, *, ending: bool = False) -> list[LagRow]:
        """Return the rows of a window that has just closed, else nothing; ``ending`` closes the one under way."""
        return self._board.rows(self._clock.wall(), ending=ending)

    def _add(self, group: _Group, hop: str, ns: NDArray[np.int64]) -> None:
        if len(ns):
            self._board.add(group.venue, group.feed, hop, group.provenance, ns)


def _groups(outputs: Outputs, instruments: Instruments) -> Iterator[_Group]:
    """Yield the market rows by source and provenance."""
    tape = outputs.tape
    market = np.flatnonzero((tape.instrument >= 0) & (tape.kind <= EventKind.BOOK_SNAPSHOT))
    keys = (tape.source[market].astype(np.int64) << 16) | (tape.flags[market] & _MARKS)
    for key in np.unique(keys).tolist():
        rows = market[keys == key]
        venue = instruments[int(tape.instrument[rows[0]])].venue
        yield _Group(venue, f"{venue.lower()}-{key >> 16}", str(provenance(key & _MARKS)), rows)
