"""Measures every hop of every row, by venue, source and provenance, on the way through the pipeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.api.feeds import provenance
from breadboard.clock import Clock
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import Flag
from breadboard.model.outputs import Outputs
from breadboard.model.tape import of_market
from breadboard.telemetry.lag import LagBoard, LagRow

_MARKS = int(Flag.SYNTHETIC | Flag.REPLAYED | Flag.HISTORY)


class _Group(NamedTuple):
    """The market rows of one source that have one provenance."""

    venue: str
    feed: str
    provenance: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Stamps:
    """The market rows of outputs, as far as lag is concerned."""

    source: NDArray[np.uint16]
    flags: NDArray[np.uint16]
    instrument: NDArray[np.int32]
    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    ts_journal: NDArray[np.int64]
    ts_engine: NDArray[np.int64]

    @staticmethod
    def of(outputs: Outputs, done: Sequence[tuple[int, int]]) -> "_Stamps":
        tape = outputs.tape
        market = np.flatnonzero((tape.instrument >= 0) & of_market(tape.kind))
        rows, ts_engine = np.array(done, np.int64).T
        return _Stamps(
            source=tape.source[market],
            flags=tape.flags[market],
            instrument=tape.instrument[market],
            ts_event=tape.ts_event[market],
            ts_recv=tape.ts_recv[market],
            ts_journal=outputs.ts_journal[market],
            ts_engine=np.repeat(ts_engine, rows)[market],
        )


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

    def measure(
        self, outputs: Outputs, done: Sequence[tuple[int, int]], instruments: Sequence[Instrument], ts_store: int
    ) -> None:
        """Count every hop of outputs that are durable in the store.

        ``done`` says of runs of tape rows, one after the other, how many they are and when the engine was done with
        them (wall ns).
        """
        stamps = _Stamps.of(outputs, done)
        for group in _groups(stamps, instruments):
            rows = group.rows
            timed = rows[stamps.ts_event[rows] != ABSENT]
            self._add(group, "network", stamps.ts_recv[timed] - stamps.ts_event[timed])
            ours = rows if self._live else rows[stamps.ts_journal[rows] >= self._began]
            self._add(group, "engine", stamps.ts_engine[ours] - stamps.ts_journal[ours])
            self._add(group, "store", ts_store - stamps.ts_engine[rows])
            if self._live:
                self._add(group, "journal", stamps.ts_journal[rows] - stamps.ts_recv[rows])
                self._add(group, "total", ts_store - stamps.ts_event[timed])

    def rows(self, *, ending: bool = False) -> list[LagRow]:
        """Return the rows of a window that has just closed, else nothing; ``ending`` closes the one under way."""
        return self._board.rows(self._clock.wall(), ending=ending)

    def _add(self, group: _Group, hop: str, ns: NDArray[np.int64]) -> None:
        if len(ns):
            self._board.add(group.venue, group.feed, hop, group.provenance, ns)


def _groups(stamps: _Stamps, instruments: Sequence[Instrument]) -> Iterator[_Group]:
    """Yield the rows by source and provenance."""
    keys = (stamps.source.astype(np.int64) << 16) | (stamps.flags & _MARKS)
    for key in np.unique(keys).tolist():
        rows = np.flatnonzero(keys == key)
        venue = instruments[int(stamps.instrument[rows[0]])].venue
        yield _Group(venue, f"{venue.lower()}-{key >> 16}", str(provenance(key & _MARKS)), rows)
