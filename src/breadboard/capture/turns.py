"""What a venue allows one address over HTTP: all connections of a process have it together."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

from breadboard.clock import Clock
from breadboard.conversations import Allowance

BANNED: Final = frozenset({418, 429})
"""Answers that are about the address, and not about what was asked: Retry-After holds for whoever asks next."""


class Turnstile:
    """Lets requests to one host through, one after the other, as fast as it allows. Belongs to the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line = asyncio.Lock()
        self._due = self._closed_until = 0
        """Monotonic ns: when the allowance is whole again, and until when nothing is let through."""

    async def turn(self, allowed: Allowance | None) -> None:
        """Wait for a turn, in the order of asking, and take it. Who gives up waiting has taken none."""
        async with self._line:
            wait_s = self._wait_s(allowed)
            while wait_s > 0:
                await asyncio.sleep(wait_s)
                wait_s = self._wait_s(allowed)  # it may have been closed meanwhile
            if allowed is not None:
                self._due = max(self._due, self._clock.mono()) + int(allowed.pace_s * 1e9)

    def close(self, for_s: float) -> None:
        """Let nothing through for so long."""
        self._closed_until = max(self._closed_until, self._clock.mono() + int(for_s * 1e9))

    def _wait_s(self, allowed: Allowance | None) -> float:
        now = self._clock.mono()
        closed = self._closed_until - now
        if allowed is None:
            return closed / 1e9
        return max(closed, self._due - now - int((allowed.burst - 1) * allowed.pace_s * 1e9)) / 1e9


class Turnstiles:
    """Of every host that is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: dict[str, Turnstile] = {}

    def of(self, url: str) -> Turnstile:
        """Return the turnstile before the host of an address."""
        host = urlsplit(url).netloc
        found = self._hosts.get(host)
        if found is None:
            found = self._hosts[host] = Turnstile(self._clock)
        return found
