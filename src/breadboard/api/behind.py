"""How far serving is behind the journal, as the heartbeat of every client tells it."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from breadboard.telemetry.logs import Log

EVERY_S: Final = 0.9
"""So long it is told as it was: who looks at the journal looks at its files."""
OLD_S: Final = 3.0
"""What was found longer ago is told to nobody: nobody had asked since, or the house does not answer."""
_log = Log("behind")


class Behind:
    """Asks the house on a thread, once a second while somebody wants to know. Belongs to the event loop."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status
        self._frames: int | None = None
        self._asked = self._found = -math.inf
        self._asking: asyncio.Future[None] | None = None

    def frames(self, now: float, loop: asyncio.AbstractEventLoop | None) -> int | None:
        """Return how many frames are still to be taken, as it was found last; None where that is not known.

        ``now`` is the loop's time; without a ``loop`` nothing is asked.
        """
        idle = self._asking is None or self._asking.done()
        if loop is not None and idle and not self._asked <= now < self._asked + EVERY_S:
            self._asked = now
            self._asking = loop.run_in_executor(None, self._learn, now)
        return self._frames if now - self._found < OLD_S else None

    def _learn(self, now: float) -> None:
        try:
            self._frames, self._found = self._status().get("behind_frames"), now
        except Exception as error:  # noqa: BLE001 - the heart beats on without it
            self._frames = None
            _log.error("how far serving is behind cannot be told", error)
