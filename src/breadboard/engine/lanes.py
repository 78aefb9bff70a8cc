"""Where the rows of all venues meet: instruments have the ids of their venue's decoder before, the engine's after."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.bars import NO_BARS
from breadboard.model.instruments import NO_INSTRUMENT, Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.model.tape import Tape
from breadboard.ports import Decoder, Feed

_UNMAPPED: Final = -2
_LAST: Final = 1 << 16
"""Behind every row of a frame: where the bars of that frame name their instruments."""
_Named = tuple[int, int, str, str, SequenceRule]
"""``(offset, place in the frame, venue, symbol, rule)``: an instrument, and where it was first named."""


@dataclass
class Lane:
    """One venue: its decoder with ids of its own, and what they are in the engine's.

    Decoders see whole batches, venue after venue, so ids they give depend on batch sizes; the engine's are given in
    journal order, where rows of all venues meet.
    """

    venue: str
    feed: Feed
    local: Instruments
    decoder: Decoder
    remap: NDArray[np.int32]
    """Local id to engine id; the last element serves NO_INSTRUMENT."""
    strangers: bool = False
    """Whether a local id has no engine id yet."""

    def extend(self) -> None:
        """Make room in ``remap`` for every local id given so far."""
        if len(self.remap) <= len(self.local):
            known = self.remap[:-1]
            self.remap = np.full(len(self.local) + 1, _UNMAPPED, np.int32)
            self.remap[: len(known)] = known
            self.remap[-1] = NO_INSTRUMENT
            self.strangers = True

    def find(self, instruments: Instruments) -> None:
        """Look up the engine ids of local ones that have none yet."""
        for each in np.flatnonzero(self.remap == _UNMAPPED).tolist():
            found = instruments.find(self.local[each].venue, self.local[each].symbol)
            self.remap[each] = _UNMAPPED if found is None else found
        self.strangers = bool((self.remap == _UNMAPPED).any())


@dataclass(slots=True)
class Part:
    """Some rows on their way to the common tape: a venue's, or the journal's own (no lane)."""

    tape: Tape
    lane: Lane | None
    bars: NDArray[np.void] = field(default_factory=lambda: NO_BARS)
    venues: dict[int, str] = field(default_factory=dict)
    """For gap rows that name a symbol, by offset."""


def name(parts: Sequence[Part], instruments: Instruments, rule: Callable[[str], SequenceRule]) -> None:
    """Give engine ids to instruments not met before, in journal order over all venues; ``rule`` is a venue's own."""
    fresh: list[_Named] = []
    for part in parts:
        if part.lane is None:
            fresh += _of_gaps(part, rule)
            continue
        part.lane.extend()
        if part.lane.strangers:
            tape, after = part.tape, np.full(len(part.bars), _LAST)
            fresh += _strangers(part.lane, tape.instrument, tape.offset, tape.index)
            fresh += _strangers(part.lane, part.bars["instrument"], part.bars["offset"], after)
    for _, _, venue, symbol, each in sorted(fresh):
        instruments.intern(venue, symbol, each)


def mapped(part: Part, instruments: Instruments) -> Tape:
    """Return the part's tape with engine ids, and give them to its bars."""
    tape, lane = part.tape, part.lane
    if lane is not None:
        if lane.strangers:
            lane.find(instruments)
        if len(part.bars):
            part.bars["instrument"] = lane.remap[part.bars["instrument"]]
        tape.instrument[:] = lane.remap[tape.instrument]
        return tape
    instrument = tape.instrument.copy()
    for offset, gap in tape.gaps:
        if gap.symbol and offset in part.venues:
            which = instruments.find(part.venues[offset], gap.symbol)
            instrument[tape.offset == offset] = NO_INSTRUMENT if which is None else which
    return replace(tape, instrument=instrument)


def bars(parts: Iterable[Part]) -> NDArray[np.void]:
    """Return the bars of all parts in journal order."""
    some = [part.bars for part in parts if len(part.bars)]
    if not some:
        return NO_BARS
    joined = whole.joined(some)
    return whole.picked(joined, np.argsort(joined["offset"], kind="stable"))


def _of_gaps(part: Part, rule: Callable[[str], SequenceRule]) -> list[_Named]:
    return [
        (offset, 0, part.venues[offset], gap.symbol, rule(part.venues[offset]))
        for offset, gap in part.tape.gaps
        if gap.symbol and offset in part.venues
    ]


def _strangers(
    lane: Lane, instrument: NDArray[np.int32], offset: NDArray[np.int64], index: NDArray[np.integer[Any]]
) -> list[_Named]:
    """Return the instruments of rows that have no engine id yet, each where it is named first."""
    strange = np.flatnonzero(lane.remap[instrument] == _UNMAPPED)
    ids, first = np.unique(instrument[strange], return_index=True)
    found = []
    for each, row in zip(ids.tolist(), strange[first].tolist(), strict=True):
        named = lane.local[each]
        found.append((int(offset[row]), int(index[row]), named.venue, named.symbol, named.sequence_rule))
    return found
