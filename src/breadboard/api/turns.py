"""Who is told next: clients by the moment that they wait for, and by the channel on which they wait for news."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from breadboard.api.subscriber import Subscriber

PER_S: Final = 1000
"""Moments are told apart by the millisecond, as the loop's timers do it, and are never early."""
AT_ONCE: Final = 0.0
"""A moment that has come, whatever the time."""


class Alarms:
    """Clients, each with at most one moment. Those of one millisecond are kept together: there are many of each."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._at: dict[int, deque[Subscriber]] = {}
        """By the moments of the heap, who is to come up then, or was."""
        self._set: dict[Subscriber, int] = {}

    @property
    def next(self) -> float | None:
        """The earliest moment; one that was cancelled counts until it is over."""
        return self._heap[0] / PER_S if self._heap else None

    def set(self, client: "Subscriber", moment: float) -> None:
        """Have this client come up at ``moment`` (loop time), and not when it was to before."""
        tick = math.ceil(moment * PER_S)
        if self._set.get(client) == tick:
            return
        self._set[client] = tick
        if tick in self._at:
            self._at[tick].append(client)
        else:
            self._at[tick] = deque((client,))
            heappush(self._heap, tick)

    def cancel(self, client: "Subscriber") -> None:
        """Have this client not come up."""
        self._set.pop(client, None)

    def over(self, now: float) -> Iterator["Subscriber"]:
        """Yield the clients whose moment has come, and forget it."""
        while self._heap and self._heap[0] <= now * PER_S:
            tick = self._heap[0]
            clients = self._at[tick]
            while clients:  # who breaks off leaves the others where they are
                client = clients.popleft()
                if self._set.get(client) == tick:
                    del self._set[client]
                    yield client
            heappop(self._heap)
            del self._at[tick]


class Idle:
    """Clients that may be told something at any time, by the channels of which they want to hear."""

    def __init__(self) -> None:
        self._of: dict[str, set[Subscriber]] = {}

    def __bool__(self) -> bool:
        return any(self._of.values())

    def add(self, client: "Subscriber") -> None:
        """Have this client come up when there is news on one of its channels."""
        for name in client.channels:
            self._of.setdefault(name, set()).add(client)

    def drop(self, client: "Subscriber") -> None:
        """Forget this client."""
        for name in client.channels:
            self._of.get(name, _NOBODY).discard(client)

    def waiting_for(self, names: Iterable[str]) -> set["Subscriber"]:
        """Return who waits for news on one of these channels."""
        return set().union(*(self._of.get(name, _NOBODY) for name in names))


_NOBODY: set["Subscriber"] = set()
