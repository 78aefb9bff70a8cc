"""How much work one client may have under way, and work that is done once for all who want it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from starlette.requests import HTTPConnection, Request

from breadboard.api.problems import Problem
from breadboard.api.security_turnstile import person_of

T = TypeVar("T")


class Turns:
    """Counts what is under way. Belongs to the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Take a turn for the length of a ``with`` block. Raises Problem 429 for one too many."""
        if self._under_way[client] >= self._most:
            raise Problem(
                429,
                f"{self._most} questions of this client are being answered",
                hint="wait for one of them",
                retry_after_s=1,
            )
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]


class Shares:
    """Lets no key have every thread of the store: so many of its questions run, and some more wait for them.

    Who needs no key is not counted: everybody on this machine has the same address. Belongs to the event loop.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._running = running
        self._turns = Turns(running + waiting)
        self._lines: dict[str, asyncio.Semaphore] = {}
        """Of every key that ever asked: there are not many."""

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        """Wait for a share, and hold it while the request is answered: a dependency of routes.

        Raises Problem 429 for one too many.
        """
        key = person_of(request.scope).key
        if not key:
            yield
            return
        with self._turns.one(key):
            async with self._lines.setdefault(key, asyncio.Semaphore(self._running)):
                yield


class Joint(Generic[T]):
    """Does once what several ask for at the same time. Belongs to the event loop."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return what ``make`` returns. Who asks while it is being made waits for the same."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(_made(make))
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)  # one who leaves takes nothing from the others

    def _over(self, key: Hashable, task: asyncio.Task[T]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits for it any more


async def _made(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def client_of(connection: HTTPConnection) -> str:
    """Return whom a request counts for: the key it came with, or else its address."""
    person = person_of(connection.scope)
    if person.key:
        return f"key {person.key}"
    return connection.client.host if connection.client else ""
