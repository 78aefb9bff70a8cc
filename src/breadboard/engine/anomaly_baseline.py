"""What is usual: log-histograms, and the thresholds drawn from their quantiles.

A histogram has four bins to an octave, so that a quantile is right to a factor of 2^(1/4) whatever the distribution,
and within a bin it is interpolated. Half of all observations would have to be foul to move the median, one in twenty to
move the 95th percentile: windows that are anomalies themselves are learned like all others. At ``MOST`` observations
all counts are halved, so that what is usual is what was so lately.

Additive statistics (a distance, a return): threshold = m + k (q - m), m the median and q the 95th percentile; of a
normal distribution's absolute values (q - m) is 1.29 standard deviations. The form, a robust centre, a robust scale and
a floor for granularity, is that of C. Brownlees, G. Gallo, Financial econometric analysis at ultra-high frequency
(2006), section 2.1. Multiplicative ones (volume, spread, rate), which are nearer to log-normal: m (q / m)^k.
"""

from math import frexp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.anomaly_state import JUMP, RATE, RETURN, SPREAD, STATISTICS, VOLUME
from breadboard.model.kernels import Record, kernel

TAIL: Final = 0.95
MOST: Final = 8192
"""Observations after which the older half's weight is halved; a count needs no more than 16 bits."""
OCTAVE: Final = 4
_LOWEST: Final = {JUMP: -24, RETURN: -24, VOLUME: -16, SPREAD: -24, RATE: 0}
_OCTAVES: Final = {JUMP: 24, RETURN: 24, VOLUME: 56, SPREAD: 24, RATE: 20}
LOWEST: Final = np.array([_LOWEST[each] for each in range(STATISTICS)])
"""By statistic, the power of two at which its bins begin; what is smaller, zero too, is in its bin 0."""
COUNTS: Final = np.array([_OCTAVES[each] * OCTAVE + 2 for each in range(STATISTICS)])
"""By statistic, its bins: the smaller, the octaves, the larger."""
BEGINS: Final = np.append(0, np.cumsum(COUNTS))
BINS: Final = int(BEGINS[-1])
ROOTS: Final = np.array([1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429, 2.0])
"""Powers of the fourth root of two, written out: a library's power may differ in its last digit."""
MULTIPLICATIVE: Final = np.array([False, False, True, True, True])


@kernel
def bin_of(statistic: int, value: float) -> int:
    """Return the bin of a value, from 0; NaN and what is not above zero are in bin 0."""
    last = int(COUNTS[statistic]) - 1
    if not value > 0.0:
        return 0
    if value == np.inf:
        return last
    fraction, exponent = frexp(value)  # 0.5 <= fraction < 1
    octave = exponent - 1 - int(LOWEST[statistic])
    if octave < 0:
        return 0
    quarter = 0
    while fraction * 2.0 >= ROOTS[quarter + 1]:
        quarter += 1
    return min(1 + octave * OCTAVE + quarter, last)


@kernel
def edge(statistic: int, which: int) -> float:
    """Return where a bin begins; 0 for bin 0."""
    if which == 0:
        return 0.0
    power = LOWEST[statistic] + (which - 1) // OCTAVE
    return float(ROOTS[(which - 1) % OCTAVE] * 2.0**power)


@kernel
def learn(statistic: int, value: float, counts: NDArray[np.uint16], usual: Record) -> None:
    """Take one observation."""
    begin = BEGINS[statistic]
    counts[begin + bin_of(statistic, value)] += np.uint16(1)
    usual.total += 1
    halve(statistic, counts, usual)


@kernel
def halve(statistic: int, counts: NDArray[np.uint16], usual: Record) -> None:
    """Let what was learned weigh half, where it is enough."""
    if usual.total >= MOST:
        begin, left = BEGINS[statistic], 0
        for each in range(begin, BEGINS[statistic + 1]):
            counts[each] >>= np.uint16(1)
            left += counts[each]
        usual.total = left


@kernel
def quantile(statistic: int, share: float, counts: NDArray[np.uint16], total: int) -> float:
    """Return a quantile of what was learned; ``total`` is above zero."""
    begin, bins = BEGINS[statistic], COUNTS[statistic]
    wanted, below = share * total, 0
    for each in range(bins):
        here = counts[begin + each]
        if here and below + here >= wanted:
            if each in (0, bins - 1):
                return edge(statistic, each)
            low, high = edge(statistic, each), edge(statistic, each + 1)
            return float(low + (high - low) * (wanted - below) / here)
        below += here
    return edge(statistic, bins - 1)


@kernel
def renew(statistic: int, counts: NDArray[np.uint16], usual: Record, limits: Record) -> None:
    """Work out baseline and threshold anew, where there is enough to rest them on."""
    usual.windows = 0
    if usual.total < limits.warmup:
        return
    median = quantile(statistic, 0.5, counts, usual.total)
    tail = quantile(statistic, TAIL, counts, usual.total)
    if not MULTIPLICATIVE[statistic]:
        threshold = median + limits.times[statistic] * (tail - median)
    elif median > 0.0:
        threshold = median * (tail / median) ** limits.times[statistic]
    else:
        threshold = limits.times[statistic] * tail
    threshold = max(threshold, limits.ratio[statistic] * median)
    usual.baseline, usual.threshold = median, max(threshold, limits.least[statistic])
    usual.samples = usual.total
