"""What happens, as it happens: iterators over a WebSocket that is opened again whenever it is lost."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, closing, suppress
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect as connect_sync

from breadboard.client.asking import OPENING_S
from breadboard.client.conversation import Conversation
from breadboard.client.door import Door
from breadboard.client.endings import meaning
from breadboard.client.errors import Refused, Unreachable
from breadboard.client.messages import Subscribed, Wanted
from breadboard.client.told import StreamRow

SILENCE_S: Final = 5.0
"""A connection without any message for so long is lost: a heartbeat comes each second."""
GIVEN_UP_S: Final = 0.0
"""For the goodbye of a server that has been silent for so long already."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
LONGEST_TOLD_S: Final = 60.0
"""A server says when to come back; one that says more than this is asked again all the same."""
LONGEST_MESSAGE: Final = 64 << 20
"""Bytes; the snapshot of ten thousand instruments has six million."""
_OPTIONS: Final[dict[str, Any]] = {
    "max_size": LONGEST_MESSAGE,
    "compression": None,  # it costs more than it saves where most streams are: on one machine
    "open_timeout": OPENING_S,
    "close_timeout": 1.0,  # the server's word to our goodbye is worth no more
}


class _Line:
    """What the two streams have in common: everything but how they wait.

    It does not know its stream: one that is dropped without ``close`` is gone at once, and its connection with it.
    """

    def __init__(self, door: Door, wanted: tuple[Wanted, bool]) -> None:
        self._door = door
        self._talk = Conversation(*wanted)
        self._failed = 0

    @property
    def subscribed(self) -> Subscribed | None:
        """What the server agreed to tell."""
        return self._talk.subscribed

    def _options(self) -> dict[str, Any]:
        told: dict[str, Any] = {} if self._door.options["trust_env"] else {"proxy": None}
        if self._door.trust is not None and self._door.address.startswith("https"):
            told["ssl"] = self._door.trust
        return _OPTIONS | told

    def _url(self, ticket: str | None) -> str:
        return self._door.socket + (f"?ticket={quote(ticket, safe='')}" if ticket else "")

    def _pause(self, error: Exception) -> float:
        """Return how long to wait before the next attempt; raise where none would help, or the first one failed."""
        reason = meaning(error, self._door)
        if self._talk.subscribed is None or not reason.transient:
            raise reason
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**self._failed)
        self._failed += 1
        own = longest * (0.5 + random.random())  # noqa: S311 - so that clients of one server do not all come at once
        return max(own, min(getattr(reason, "retry_after_s", 0.0), LONGEST_TOLD_S))


class _SyncLine(_Line):
    def __init__(self, door: Door, wanted: tuple[Wanted, bool], ticket: Callable[[], str | None]) -> None:
        super().__init__(door, wanted)
        self._ticket = ticket

    def rows(self) -> Any:  # noqa: ANN401 - a generator of StreamRow
        """Yield the rows of one connection after the other."""
        while True:
            try:
                with closing(self._connection()) as rows:
                    yield from rows
            except (OSError, WebSocketException, Refused, Unreachable) as error:
                wait = self._pause(error)
            time.sleep(wait)

    def _connection(self) -> Any:  # noqa: ANN401 - a generator of StreamRow
        """Yield the rows of one connection until it is lost, which is an error."""
        with connect_sync(self._url(self._ticket()), **self._options()) as socket:
            for frame in self._talk.opened():
                socket.send(frame)
            while True:
                try:
                    data = socket.recv(SILENCE_S)
                except TimeoutError:
                    socket.close_timeout = GIVEN_UP_S
                    raise
                found = self._talk.take(data)
                self._failed = 0
                yield from found


class _AsyncLine(_Line):
    def __init__(self, door: Door, wanted: tuple[Wanted, bool], ticket: Callable[[], Awaitable[str | None]]) -> None:
        super().__init__(door, wanted)
        self._ticket = ticket

    async def messages(self) -> Any:  # noqa: ANN401 - an asynchronous generator of lists of StreamRow
        """Yield the rows of each message of one connection after the other."""
        while True:
            try:
                async with aclosing(self._connection()) as messages:
                    async for rows in messages:
                        yield rows
            except (OSError, WebSocketException, Refused, Unreachable) as error:
                wait = self._pause(error)
            await asyncio.sleep(wait)

    async def _connection(self) -> Any:  # noqa: ANN401 - an asynchronous generator of lists of StreamRow
        """Yield the rows of each message of one connection until it is lost, which is an error."""
        async with connect_async(self._url(await self._ticket()), **self._options()) as socket:
            for frame in self._talk.opened():
                await socket.send(frame)
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        data = await socket.recv()
                except TimeoutError:
                    socket.close_timeout = GIVEN_UP_S
                    raise
                found = list(self._talk.take(data))
                self._failed = 0
                if found:
                    yield found


class Stream:
    """Rows of the wanted channels, for ever; use it in a ``with`` block, or ``close`` it. For one thread.

    ``quote`` gives ``Tick`` rows (all first, then those that changed, the newest of each), ``trade`` every ``Trade``,
    ``alert`` every ``Alert``, ``book`` ``Book``, ``lag`` ``Lag``, ``status`` a ``Status`` each second. A lost
    connection is opened again after 0.25 to 12 seconds, or when the server said (a minute at most), and the trades go
    on where they ended; where any is missing, a ``Gap`` comes in its place. Raises Unreachable where the first
    connection fails, Busy where the server (429, 503, too many streams of a key) or a proxy before it (502, 504) has
    none for us at first, StreamRefused for what the server does not push, NotAllowed for a key that is refused.
    """

    def __init__(self, door: Door, wanted: tuple[Wanted, bool], ticket: Callable[[], str | None]) -> None:
        self._line = _SyncLine(door, wanted, ticket)
        self._rows = self._line.rows()

    @property
    def subscribed(self) -> Subscribed | None:
        """What the server agreed to tell; ``unknown`` are names that no instrument has (yet)."""
        return self._line.subscribed

    def __iter__(self) -> Iterator[StreamRow]:
        return self

    def __next__(self) -> StreamRow:
        row: StreamRow = next(self._rows)
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; no row comes any more."""
        self._rows.close()


class AsyncStream:
    """``Stream`` for an event loop; use it in an ``async with`` block, or ``close`` it. For one task.

    A wait for a row may be cancelled, by a timeout for example: nothing is lost by it, and the next one goes on.
    """

    def __init__(self, door: Door, wanted: tuple[Wanted, bool], ticket: Callable[[], Awaitable[str | None]]) -> None:
        self._line = _AsyncLine(door, wanted, ticket)
        self._messages = self._line.messages()
        self._rows: Iterator[StreamRow] = iter(())
        """What is left of the message that came last."""
        self._coming: asyncio.Future[list[StreamRow]] | None = None
        """The message that is waited for, by a task of its own, which outlives whoever waits."""

    @property
    def subscribed(self) -> Subscribed | None:
        """What the server agreed to tell; ``unknown`` are names that no instrument has (yet)."""
        return self._line.subscribed

    def __aiter__(self) -> AsyncIterator[StreamRow]:
        return self

    async def __anext__(self) -> StreamRow:
        while True:
            for row in self._rows:
                return row
            if self._coming is None:
                self._coming = asyncio.ensure_future(anext(self._messages))
            try:
                self._rows = iter(await asyncio.shield(self._coming))
            except asyncio.CancelledError:
                raise  # the message is waited for on
            except BaseException:
                self._coming = None
                raise
            self._coming = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        if self._coming is not None:
            with suppress(RuntimeError):  # the loop is gone, and everything with it
                _give_up(self._coming)

    async def close(self) -> None:
        """Close the connection; no row comes any more."""
        coming, self._coming, self._rows = self._coming, None, iter(())
        if coming is not None and not _give_up(coming):
            await asyncio.wait([coming])
        await self._messages.aclose()


def _give_up(coming: asyncio.Future[list[StreamRow]]) -> bool:
    """Cancel what is waited for; True where it is over, be it by an error that nobody asks for any more."""
    if not coming.done():
        coming.cancel()
        return False
    if not coming.cancelled():
        coming.exception()  # else it would be logged as one that nobody has seen
    return True
