"""What the engine hands on: everything concluded from one run of journal offsets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.model.features import FEATURE
from breadboard.model.gaps import Gap
from breadboard.model.tape import Tape


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything concluded from journal offsets ``first <= offset < end``."""

    first: int
    end: int
    tape: Tape
    """Events in journal order, flags complete (provenance, duplicates)."""
    bars: NDArray[np.void]
    """``BAR`` rows: bars that became final or were corrected here."""
    gaps: tuple[tuple[int, int, Gap], ...]
    """``(offset, instrument, gap)``: the journal's gap records, and gaps the stages found; -1 is feed-wide."""
    ts_journal: NDArray[np.int64]
    """Per tape row, wall ns at which its frame was appended."""
    details: Mapping[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    """By ``(offset, index)``, what a STATUS row says in the venue's own words."""
    features: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, FEATURE))
    """``FEATURE`` rows of windows that were closed here."""
