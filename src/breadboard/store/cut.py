"""Outputs, cut at an offset and put together again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape


def before(outputs: Outputs, offset: int) -> Outputs:
    """Return what was concluded from offsets below ``offset``."""
    at = int(np.searchsorted(outputs.tape.offset, offset))
    concluded = outputs.bars["offset"] < offset
    return Outputs(
        outputs.first,
        offset,
        outputs.tape.take(slice(0, at)),
        whole.picked(outputs.bars, concluded),
        tuple(gap for gap in outputs.gaps if gap[0] < offset),
        outputs.ts_journal[:at],
        {where: said for where, said in outputs.details.items() if where[0] < offset},
        {name: whole.picked(rows, rows["offset"] < offset) for name, rows in outputs.streams.items()},
        outputs.groups,
        outputs.rules,
        outputs.ts_bars[concluded],
    )


def after(outputs: Outputs, offset: int) -> Outputs:
    """Return what was concluded from ``offset`` on."""
    at = int(np.searchsorted(outputs.tape.offset, offset))
    concluded = outputs.bars["offset"] >= offset
    return Outputs(
        offset,
        outputs.end,
        outputs.tape.take(slice(at, None)),
        whole.picked(outputs.bars, concluded),
        tuple(gap for gap in outputs.gaps if gap[0] >= offset),
        outputs.ts_journal[at:],
        {where: said for where, said in outputs.details.items() if where[0] >= offset},
        {name: whole.picked(rows, rows["offset"] >= offset) for name, rows in outputs.streams.items()},
        outputs.groups,
        outputs.rules,
        outputs.ts_bars[concluded],
    )


def join(parts: Sequence[Outputs]) -> Outputs:
    """Return adjoining outputs as one."""
    if len(parts) == 1:
        return parts[0]
    kept = [part for part in parts if len(part.tape)]
    return Outputs(
        parts[0].first,
        parts[-1].end,
        Tape.merge([part.tape for part in kept]),
        _together([part.bars for part in parts]),
        tuple(gap for part in parts for gap in part.gaps),
        np.concatenate([part.ts_journal for part in kept]) if kept else parts[0].ts_journal,
        {where: said for part in parts for where, said in part.details.items()},
        {
            name: _together([part.streams[name] for part in parts if name in part.streams])
            for name in {name: None for part in parts for name in part.streams}
        },
        next((part.groups for part in parts if part.groups), ()),
        max((part.rules for part in parts), key=len),
        np.concatenate([part.ts_bars for part in parts]),
    )


def _together(rows: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return records as one; most of many small outputs have none, and asking each for its type is dear."""
    filled = [some for some in rows if len(some)]
    return whole.joined(filled) if filled else rows[0]
