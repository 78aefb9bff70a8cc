"""How often one may ask: a bucket for each, which fills at a steady rate and holds a burst."""

import math
from collections import OrderedDict
from typing import Final

from breadboard.clock import Clock

MOST: Final = 10_000
"""Buckets that are kept; who has not asked for longest has a full one again."""


class Rates:
    """Counts requests by name."""

    def __init__(self, per_minute: int, burst: int, clock: Clock) -> None:
        self._per_ns = per_minute / 60e9
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, name: str) -> int:
        """Count one request; return 0, or, where it is one too many, the seconds until the next may come."""
        now = self._clock.mono()
        left, since = self._buckets.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_ns)
        allowed = left >= 1
        self._buckets[name] = left - allowed, now
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1 - left) / self._per_ns / 1e9)
