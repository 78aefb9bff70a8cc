"""From what the engine concluded in one batch to the rows of every table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instrument
from breadboard.model.outputs import Outputs
from breadboard.store import records, rows, windows
from breadboard.store.alerts import alerts
from breadboard.store.anomalies import anomalies
from breadboard.store.depth import depth_snapshots
from breadboard.store.native import NOTHING, Block
from breadboard.store.nbbo import nbbo
from breadboard.store.newest import Newest
from breadboard.store.opportunities import opportunities, paper_fills
from breadboard.store.origins import Origins
from breadboard.store.statuses import statuses

CODES: Final = {str(name): code for code, name in enumerate(rows.PROVENANCES)}
"""Of provenances, by their words."""


class Tables:
    """Makes rows, and remembers what rows to come are to inherit: each instrument's and each source's provenance.

    ``epochs`` is a living view of the newest connection of each source. ``known`` has the provenance codes of
    instruments (venue, symbol) that an earlier run has stored, ``newest`` how new their last trades are.
    """

    def __init__(self, epochs: Mapping[int, Epoch], known: Mapping[tuple[str, str], int], newest: Newest) -> None:
        self._epochs = epochs
        self._newest = newest
        self._known = known
        self._origins = Origins(epochs)
        self._labels = rows.Labels()
        self._instruments: Sequence[Instrument] = ()
        self._provenance = np.empty(0, np.uint8)
        self._stages: Mapping[str, Callable[[NDArray[np.void], Outputs], Block]] = {
            "features": lambda found, batch: windows.features(found, self._labels, self._origin(found), batch.tape),
            "anomalies": lambda found, batch: anomalies(
                found, self._labels, self._venues(found[found["instrument"] < 0], batch)
            ),
            "activity_bars": lambda found, batch: windows.activity_bars(batch.tape, found, self._labels),
            "opportunities": lambda found, _: opportunities(found, self._labels),
            "paper_fills": lambda found, _: paper_fills(found, self._labels),
            "depth": lambda found, _: depth_snapshots(found, self._labels, self._origin(found)),
            "nbbo": lambda found, batch: nbbo(found, batch.groups),
            "alerts": lambda found, batch: alerts(
                found, batch.rules, self._labels, self._instruments, self._venues(found, batch)
            ),
        }

    def of(
        self,
        batch: Outputs,
        open_bars: NDArray[np.void],
        ts_open: int,
        instruments: Sequence[Instrument],
        unwritten: int,
        quarantined: Sequence[rows.Quarantined],
    ) -> dict[str, Block]:
        """Return the rows of each table, in the order in which they are written; many have none.

        ``open_bars`` are written beside those of the batch, as of ``ts_open`` (``ts_recv``); ``unwritten`` is the first
        dense id that the store does not hold yet.
        """
        self._instruments = instruments
        self._labels.refresh(instruments)
        self._newest.refresh(instruments)
        self._see(batch)
        versions = whole.joined([batch.bars, open_bars])
        ts_versions = np.append(batch.ts_bars, np.full(len(open_bars), ts_open))
        return {
            "instruments": records.instruments(instruments, unwritten),
            "trades": rows.trades(batch.tape, self._labels),
            "quotes": rows.quotes(batch.tape, self._labels),
            "book_deltas": rows.book_deltas(batch.tape, self._labels),
            "orders": rows.orders(batch.tape, self._labels),
            "bar_versions": self.bars(versions, ts_versions),
            "features": self._concluded("features", batch),
            "anomalies": self._concluded("anomalies", batch),
            "gaps": records.gaps(batch.gaps, instruments, self._origins, batch.tape),
            "statuses": statuses(batch.tape, batch.details, self._labels, self._origins.names()),
            "quarantine": records.quarantine(quarantined),
            "latest": rows.latest(batch.tape, self._labels, self._newest.words(batch.tape)),
            "activity_bars": self._concluded("activity_bars", batch),
            "opportunities": self._concluded("opportunities", batch),
            "paper_fills": self._concluded("paper_fills", batch),
            "depth_snapshots": self._concluded("depth", batch),
            "nbbo": self._concluded("nbbo", batch),
            "alerts": self._concluded("alerts", batch),
        }

    def bars(self, versions: NDArray[np.void], ts_recv: NDArray[np.int64]) -> Block:
        """Return versions of bars of instruments that were seen, with the ``ts_recv`` of each."""
        return windows.bars(versions, self._labels, self._origin(versions), ts_recv)

    def learn(self, batch: Outputs) -> None:
        """Remember the newest rows of each source; call when the batch is written, and not before."""
        self._origins.learn(batch.tape)
        self._newest.learn()

    def _concluded(self, stage: str, batch: Outputs) -> Block:
        """Return what a stage found that is switched on by configuration, if it is and did find something."""
        found = batch.streams.get(stage)
        return NOTHING if found is None or not len(found) else self._stages[stage](found, batch)

    def _origin(self, found: NDArray[np.void]) -> NDArray[np.uint8]:
        """Return the provenance code of each row's instrument."""
        origin: NDArray[np.uint8] = self._provenance[found["instrument"]]
        return origin

    def _venues(self, found: NDArray[np.void], batch: Outputs) -> dict[int, str]:
        """Return the venues of the sources of these rows."""
        return self._origins.venues(np.unique(found["source"]).tolist(), batch.tape, self._instruments)

    def _see(self, batch: Outputs) -> None:
        """Remember the provenance of each instrument, which its bars inherit.

        Bars of an instrument of which no event ever came can only be its vendor's: they are history, unless whoever
        told it said that it is a simulator.
        """
        fresh = [self._instruments[place] for place in range(len(self._provenance), len(self._instruments))]
        if fresh:
            told = [(each.venue, one) for each in list(self._epochs.values()) if each.synthetic for one in each.wanted]
            invented = {*told, *(one.rpartition(".")[::-2] for _, one in told)}  # files name each SYMBOL.VENUE
            names = [(one.venue, one.symbol) for one in fresh]
            codes = [self._known.get(name, rows.SYNTHETIC if name in invented else rows.HISTORY) for name in names]
            self._provenance = np.concatenate([self._provenance, np.array(codes, np.uint8)])
        tape = batch.tape
        named = tape.instrument >= 0
        self._provenance[tape.instrument[named]] = rows.provenance(tape.flags[named])
