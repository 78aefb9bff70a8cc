"""When to try again: patience that grows, jitter so that many lines do not come back at once."""

import asyncio
from random import Random
from typing import Final

from breadboard.clock import Clock

_FOR_GOOD: Final = frozenset({401, 403, 451})
"""HTTP answers that trying again hardly changes: the key is wrong, or does not cover this, or the law forbids."""
_FOR_GOOD_WAIT_S: Final = 60.0


def refused_wait_s(status: int) -> float:
    """Return the least seconds before a request that was refused with an HTTP status is made again."""
    return _FOR_GOOD_WAIT_S if status in _FOR_GOOD else 0.0


class Backoff:
    """The pause before the next attempt of one line.

    The ceiling doubles from ``base_s`` to ``cap_s`` and is forgotten only after ``healthy_s`` of an unbroken
    connection. A pause is drawn from the upper half of the ceiling: drawn from all of it, half an hour of outage
    makes 66 attempts on average; so it makes 48.
    """

    def __init__(self, rng: Random, base_s: float = 0.5, cap_s: float = 60.0, healthy_s: float = 60.0) -> None:
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._healthy_s = healthy_s
        self._failures = 0

    def delay(self, lived_s: float = 0.0) -> float:
        """Return the seconds to wait, after a connection that lived ``lived_s`` (0: it never opened)."""
        if lived_s >= self._healthy_s:
            self._failures = 0
        ceiling = min(self._cap_s, self._base_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return self._rng.uniform(ceiling / 2, ceiling)

    def reset(self) -> None:
        """Forget the failures so far."""
        self._failures = 0


class Pacer:
    """Spreads the connection attempts of a whole process: at most ``per_s`` a second, in order of asking."""

    def __init__(self, clock: Clock, per_s: float = 5.0) -> None:
        self._clock = clock
        self._interval_ns = int(1e9 / per_s)
        self._next_ns = 0

    def take(self) -> float:
        """Take the next free moment and return the seconds until it."""
        now = self._clock.mono()
        slot = max(now, self._next_ns)
        self._next_ns = slot + self._interval_ns
        return (slot - now) / 1e9

    async def turn(self) -> None:
        """Wait for one's turn to connect."""
        await asyncio.sleep(self.take())
