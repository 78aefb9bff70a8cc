"""How a finding becomes a row: once, and then not again while it goes on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Flag

EVIDENCE: Final = int(
    Flag.SYNTHETIC | Flag.REPLAYED | Flag.DELAYED | Flag.CONFLATED | Flag.HISTORY | Flag.LATE_PRINT | Flag.VOLUME_ONLY
)
"""What is so of a finding when it is so of a row that it was concluded from."""


@kernel
def due(owner: Record, kind: int, now: int, limits: Record) -> int:
    """Return how many like it were not told before this finding; -1 where it is not told itself.

    One that comes within the cooldown of the finding before it, told or not, is the same fault going on; ``now`` may
    go backwards.
    """
    if not limits.chosen[kind]:
        return -1
    before = owner.seen[kind]
    owner.seen[kind] = now
    if before != ABSENT and abs(now - before) < limits.cooldown:
        owner.suppressed[kind] += 1
        return -1
    fresh = owner.suppressed[kind] - owner.counted[kind]
    owner.counted[kind] = owner.suppressed[kind]
    return int(fresh)


@kernel
def tell(
    out: NDArray[np.void],
    at: int,
    place: tuple[int, int],
    kind: int,
    which: int,
    source: int,
    times: tuple[int, int],
    flags: int,
    measured: tuple[float, float, float],
    evidence: tuple[int, int],
    rests_on: tuple[int, int],
    suppressed: int,
) -> int:
    """Write a row: ``place`` is where it was concluded, ``measured`` value, baseline and threshold.

    ``rests_on`` is how many observations the baseline has, and of which time of day. Returns the next place in ``out``.
    """
    row = out[at]
    row.offset, row.index = place
    row.kind, row.instrument, row.source, row.flags = kind, which, source, flags & EVIDENCE
    row.ts_event, row.ts_recv = times
    row.value, row.baseline, row.threshold = measured
    beyond = row.threshold - row.baseline
    row.score = (row.value - row.baseline) / beyond if beyond != 0.0 else 1.0
    row.severity = 1 + (row.score >= 2.0) + (row.score >= 4.0)
    row.from_offset, row.to_offset = evidence
    row.samples, row.bucket = rests_on
    row.suppressed = suppressed
    return at + 1
