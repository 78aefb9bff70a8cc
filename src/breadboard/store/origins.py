"""Whose each source is, and where its data comes from: for rows that are about a source and not of the tape."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.gaps import Epoch, Gap
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import EventKind, most_artificial
from breadboard.model.tape import Tape
from breadboard.store.rows import PROVENANCES, provenance

_EVERY_SOURCE: Final = 0xFFFF
"""The source of a gap that concerns all of them, as the journal numbers it."""
_UNKNOWN: Final = 255


class Origins:
    """What the flags of the tape say of each source, row by row; ``epochs`` where no row of it has come yet.

    A source may change its provenance with a new connection, so a gap has that of the last row at or before it.
    ``epochs`` is a living view of the newest connection of each source.
    """

    def __init__(self, epochs: Mapping[int, Epoch]) -> None:
        self._epochs = epochs
        self._codes = np.full(_EVERY_SOURCE + 1, _UNKNOWN, np.uint8)

    def learn(self, tape: Tape) -> None:
        """Remember the newest row of each source. Rows of CLOCK are our own and say nothing of a source."""
        rows = np.flatnonzero(tape.kind != EventKind.CLOCK)
        self._codes[tape.source[rows]] = provenance(tape.flags[rows])

    def names(self) -> Mapping[int, str]:
        """Return the venue of every source whose connection is known."""
        return {source: epoch.venue for source, epoch in list(self._epochs.items())}

    def venues(self, sources: Sequence[int], tape: Tape, instruments: Sequence[Instrument]) -> dict[int, str]:
        """Return the venue of each source, from its connection or from its rows here; empty where neither tells."""
        return {source: self._venue(source, tape, instruments) for source in set(sources)}

    def of(self, gaps: Sequence[tuple[int, int, Gap]], tape: Tape) -> list[str]:
        """Return the provenance of each gap; call before ``learn`` takes the same tape. Empty where nothing tells.

        A gap of every source has the most artificial provenance there is: one synthetic feed is enough for a warning.
        """
        offsets = np.array([offset for offset, _, _ in gaps], np.int64)
        sources = np.array([gap.source for _, _, gap in gaps], np.int64)
        found = np.full(len(gaps), "", object)
        for source in np.unique(sources).tolist():
            mine = sources == source
            found[mine] = self._everywhere(tape) if source == _EVERY_SOURCE else self._at(source, offsets[mine], tape)
        return list(map(str, found))

    def _at(self, source: int, offsets: NDArray[np.int64], tape: Tape) -> list[str]:
        rows = np.flatnonzero((tape.source == source) & (tape.kind != EventKind.CLOCK))
        codes = np.concatenate(([self._codes[source]], provenance(tape.flags[rows])))
        before = self._epochs.get(source)
        names = {_UNKNOWN: str(before.provenance) if before else ""} | dict(enumerate(map(str, PROVENANCES)))
        return [names[code] for code in codes[np.searchsorted(tape.offset[rows], offsets, side="right")].tolist()]

    def _everywhere(self, tape: Tape) -> str:
        codes = np.unique(np.concatenate((self._codes[:_EVERY_SOURCE], provenance(tape.flags[tape.instrument >= 0]))))
        seen = {PROVENANCES[code] for code in codes.tolist() if code != _UNKNOWN}
        seen |= {epoch.provenance for epoch in list(self._epochs.values())}
        return most_artificial(seen) or ""

    def _venue(self, source: int, tape: Tape, instruments: Sequence[Instrument]) -> str:
        epoch = self._epochs.get(source)
        if epoch is not None:
            return epoch.venue
        rows = np.flatnonzero((tape.source == source) & (tape.instrument >= 0))
        return instruments[int(tape.instrument[rows[0]])].venue if len(rows) else ""
