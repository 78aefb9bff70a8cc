"""The gaps of a run in the order in which they were found: the journal's own, the stages', the quarantine's."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.found import as_gap
from breadboard.model.gaps import Gap
from breadboard.model.instruments import NO_INSTRUMENT, Instruments
from breadboard.model.kinds import EventKind, GapReason
from breadboard.model.tape import Tape

Gaps = list[tuple[int, int, Gap]]
"""Of each gap the journal offset of the frame that showed it, the instrument (or NO_INSTRUMENT), and itself."""

_QUARANTINED = 9
"""The rank of a quarantined frame's gap among those of the same row: behind what the stages found."""


def gap_list(
    tape: Tape,
    found: Iterable[NDArray[np.void] | None],
    quarantined: Sequence[tuple[int, int, int, str]],
    instruments: Instruments,
) -> Gaps:
    """Return all gaps of a run.

    ``found`` has the FOUND rows of each stage, ``quarantined`` what could not be read: offset, source, ``ts_recv``
    (ns UTC) and why. It is a gap of the whole source, unless the decoder said whose rows they are.
    """
    placed: list[tuple[int, int, int, int, Gap]] = []
    told = {offset for offset, gap in tape.gaps if gap.reason is GapReason.QUARANTINE}
    for (offset, gap), (index, instrument) in zip(tape.gaps, _rows_of(tape), strict=True):
        placed.append((offset, index, 0, instrument, gap))
    for rank, rows in enumerate(found, 1):
        for row in [] if rows is None else rows:
            where = (int(row["offset"]), int(row["index"]), rank, int(row["instrument"]))
            placed.append((*where, as_gap(row, instruments)))
    for offset, source, ts_recv, reason in quarantined:
        if offset in told:
            continue
        gap = Gap(source, GapReason.QUARANTINE, ts_recv, ts_recv, detail=reason)
        placed.append((offset, 0, _QUARANTINED, NO_INSTRUMENT, gap))
    placed.sort(key=lambda place: place[:3])
    return [(offset, instrument, gap) for offset, _, _, instrument, gap in placed]


def _rows_of(tape: Tape) -> list[tuple[int, int]]:
    """Return ``(index, instrument)`` of the row that stands for each of the tape's gaps.

    GAP rows that a decoder made for a frame it could not read have no gap of their own here: the quarantine tells.
    """
    if not tape.gaps:
        return []
    rows = np.flatnonzero(tape.kind == EventKind.GAP)
    by_offset: dict[int, list[int]] = {}
    for row in rows.tolist():
        by_offset.setdefault(int(tape.offset[row]), []).append(row)
    found = []
    for offset, gap in tape.gaps:
        row = next(row for row in by_offset[offset] if tape.code[row] == gap.reason)
        by_offset[offset].remove(row)
        found.append((int(tape.index[row]), int(tape.instrument[row])))
    return found
