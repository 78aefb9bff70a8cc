"""What waits to be said to a venue: in order, and not faster than it allows."""

from collections import deque
from collections.abc import Iterator


class Outbox:
    """Text frames of one connection, at most ``per_s`` in any second; below one a second they are spaced.

    ``unsaid`` counts those that wait and settle something: the subscriptions that a connection begins with.
    """

    def __init__(self, per_s: float) -> None:
        self._most = max(1, int(per_s))
        self._span_ns = int(max(1.0, 1.0 / per_s) * 1e9)
        self._waiting: deque[tuple[str, bool]] = deque()
        self._sent: deque[int] = deque(maxlen=self._most)
        self.unsaid = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        """Forget everything: the connection it belonged to is over."""
        self._waiting.clear()
        self._sent.clear()
        self.unsaid = 0

    def put(self, text: str, *, urgent: bool = False, settles: bool = False) -> None:
        """Take a frame; an urgent one goes before those that wait."""
        self.unsaid += settles
        if urgent:
            self._waiting.appendleft((text, settles))
        else:
            self._waiting.append((text, settles))

    def due(self, now: int) -> Iterator[str]:
        """Yield what may be sent at ``now`` (monotonic nanoseconds)."""
        while self._waiting and (len(self._sent) < self._most or now - self._sent[0] >= self._span_ns):
            self._sent.append(now)
            text, settles = self._waiting.popleft()
            self.unsaid -= settles
            yield text
