"""How many WebSockets one key has open: each costs memory and a share of every pass, for as long as it likes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Receive, Send
from starlette.types import Scope as Asked

from breadboard.settings.people import Person

TOO_MANY: Final = 4429
"""The close code: as 429 of a request."""


class Lines:
    """Counts what is open, by key. Belongs to the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, person: Person) -> Iterator[bool]:
        """Count one for the length of a ``with`` block; gives False, with nothing counted, for one too many.

        Who needs no key is not counted: everybody here has the same address, and all together are bounded anyway.
        """
        if person.user is None:
            yield True
            return
        if self._open[person.key] >= self._most:
            yield False
            return
        self._open[person.key] += 1
        try:
            yield True
        finally:
            self._open[person.key] -= 1
            if not self._open[person.key]:
                del self._open[person.key]

    async def refuse(self, asked: Asked, receive: Receive, send: Send) -> None:
        """Open a WebSocket to say that it is one too many: of one that is not opened, a page is told nothing."""
        await receive()
        # A browser that offered protocols takes no connection without one of them.
        await send({"type": "websocket.accept", "subprotocol": next(iter(asked["subprotocols"]), None)})
        reason = f"{self._most} connections of this key are open; close one, or raise [api] connections_per_key"
        await send({"type": "websocket.close", "code": TOO_MANY, "reason": reason})
