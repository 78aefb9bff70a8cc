"""How much came lately: a sum over a window of time that moves on."""

import time
from collections import deque
from collections.abc import Callable


class Recent:
    """Adds up what came within the last ``window_s`` seconds of a monotonic clock; one thread adds, another may ask."""

    def __init__(self, window_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._now = now
        self._came: deque[tuple[float, int]] = deque()

    def add(self, amount: int) -> None:
        """Note that so much came."""
        self._came.append((self._now(), amount))

    def total(self) -> int:
        """Return how much came within the window."""
        since = self._now() - self._window_s
        while self._came and self._came[0][0] < since:
            self._came.popleft()
        return sum(amount for _, amount in list(self._came))
