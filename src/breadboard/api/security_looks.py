"""What the settings' database said last, looked up again when that is too old: by one for all who wait for it.

A database may be away, and worse, may not answer. Nobody waits for it for long, and no two ask the same at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from breadboard.clock import Clock
from breadboard.errors import SettingsError

T = TypeVar("T")

PATIENCE_S: Final = 5.0
"""How long whoever asks waits for the database."""


class Looks(Generic[T]):
    """One thing that is known. Belongs to the event loop."""

    def __init__(self, ask: Callable[[], Awaitable[T]], empty: T, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_ns: int | None = None
        self._under_way: asyncio.Task[T] | None = None
        self.found = empty
        """As it was found last; whoever changes it calls ``abandon``."""

    async def fresh(self, age_ns: int) -> T:
        """Return what is no older than that. Raises SettingsError where the database does not say it in time."""
        since = self._clock.mono() - age_ns  # of when it was asked: a look that takes longer than that is new enough
        while self._asked_ns is None or self._asked_ns <= since:
            await self._look()
        return self.found

    def abandon(self) -> None:
        """Believe nothing of a look that is under way: it may have begun before what has changed since."""
        self._under_way = None

    def outdated(self) -> None:
        """Have whoever asks next look again, whatever is known."""
        self.abandon()
        self._asked_ns = None

    async def _look(self) -> None:
        look = self._under_way
        if look is None:
            began = self._clock.mono()
            look = self._under_way = asyncio.ensure_future(self._asked())
            look.add_done_callback(lambda done: self._take(done, began))
        ended, _ = await asyncio.wait({look}, timeout=PATIENCE_S)
        if not ended and self._under_way is look:
            self._under_way = None  # the next one begins anew, with a connection of its own
            look.cancel()
        if not ended or look.cancelled():
            raise SettingsError("the settings do not answer", hint="breadboard status", transient=True)
        look.result()

    async def _asked(self) -> T:
        return await self._ask()

    def _take(self, look: "asyncio.Task[T]", began: int) -> None:
        """Keep what was found, for all who wait; also nobody may be left who does."""
        failed = look.cancelled() or look.exception() is not None
        if self._under_way is look:
            self._under_way = None
            if not failed:
                self.found, self._asked_ns = look.result(), began
