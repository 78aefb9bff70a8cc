"""How often one may ask: a bucket for each, which fills at a steady rate and holds a burst."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from breadboard.clock import Clock

MOST: Final = 10_000
"""Buckets that are kept; who has not asked for longest has a full one again."""


LATEST_S: Final = 5
"""So far turns are given, and then from the first on again: our own client takes more for a no."""


@dataclass(slots=True)
class _Bucket:
    left: float
    since_ns: int
    turn_ns: int = 0
    """When whoever was refused last may come."""


class Rates:
    """Counts requests by name.

    Whoever is refused is given a turn: those who wait together and were told the same would come again together, and
    all but one be refused again. What is given is a moment, and no place: who comes before it may take what is there.
    """

    def __init__(self, per_minute: int, burst: int, clock: Clock) -> None:
        self._per_ns = per_minute / 60e9
        self._burst = float(burst)
        self._step_ns = max(60e9 / per_minute, 1e9 / burst)  # turns are whole seconds, and a burst is what one has
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, name: str) -> int:
        """Count one request; return 0, or, where it is one too many, the seconds until its turn comes."""
        now = self._clock.mono()
        bucket = self._buckets.pop(name, None) or _Bucket(self._burst, now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.since_ns) * self._per_ns)
        bucket.since_ns = now
        allowed = bucket.left >= 1
        bucket.left -= allowed
        self._buckets[name] = bucket
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0 if allowed else self._turn(bucket, now)

    def _turn(self, bucket: _Bucket, now: int) -> int:
        """Give the next turn, in seconds from now: at least until there is something, and behind those given before."""
        first = now + (1 - bucket.left) / self._per_ns
        turn = max(first, bucket.turn_ns + self._step_ns)
        if turn - now > LATEST_S * 1e9:
            turn = first
        bucket.turn_ns = int(turn)
        return math.ceil((turn - now) / 1e9)
