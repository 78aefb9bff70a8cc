"""How a finding becomes a row: once, and not again while it goes on and gets no worse."""

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
def write(
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
    row.score = score_of(measured)
    row.severity = severity_of(row.score)
    row.from_offset, row.to_offset = evidence
    row.samples, row.bucket = rests_on
    row.suppressed = suppressed
    return at + 1


@kernel
def score_of(measured: tuple[float, float, float]) -> float:
    """Return how far beyond the baseline a value is, in thresholds."""
    value, baseline, threshold = measured
    beyond = threshold - baseline
    return (value - baseline) / beyond if beyond != 0.0 else 1.0


@kernel
def severity_of(score: float) -> int:
    """Return 1, 2 or 3: beyond the threshold, twice as far, four times."""
    return 1 + (score >= 2.0) + (score >= 4.0)


@kernel
def tell(
    owner: Record,
    which: int,
    kind: int,
    now: int,
    limits: Record,
    place: tuple[int, int],
    times: tuple[int, int],
    flags: int,
    measured: tuple[float, float, float],
    evidence: tuple[int, int],
    rests_on: tuple[int, int],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Write a finding of an instrument, unless it is known. Returns the next place in ``out``.

    One that comes within the cooldown of the finding before it, told or not, is the same fault going on, and is told
    only where it got worse; ``now`` may go backwards.
    """
    if not limits.chosen[kind]:
        return at
    before, severity = owner.seen[kind], severity_of(score_of(measured))
    owner.seen[kind] = now
    if before != ABSENT and abs(now - before) < limits.cooldown and severity <= owner.severity[kind]:
        owner.suppressed[kind] += 1
        return at
    owner.severity[kind] = severity
    fresh = owner.suppressed[kind] - owner.counted[kind]
    owner.counted[kind] = owner.suppressed[kind]
    return write(out, at, place, kind, which, owner.source, times, flags, measured, evidence, rests_on, fresh)
