"""The store's questions, on a few threads, bounded in number and in time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from breadboard.api.patience import one_after_another
from breadboard.api.problems import Problem
from breadboard.api.services import Limits

T = TypeVar("T")
_END = object()


class StorePool:
    """Runs blocking calls beside the event loop. What does not fit is refused at once, never queued without end."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.store_threads, thread_name_prefix="api-store")
        self._pending = 0

    async def run(self, function: Callable[[], T], timeout_s: float | None = None) -> T:
        """Return what ``function`` returns. Raises Problem 503 when too many wait, 504 when it takes too long.

        A call that timed out runs on to its own end and keeps its place until then.
        """
        if self._pending >= self._limits.store_threads + self._limits.store_waiting:
            raise Problem(503, f"{self._pending} questions are waiting for the store", retry_after_s=1)
        limit = self._limits.store_timeout_s if timeout_s is None else timeout_s
        loop = asyncio.get_running_loop()
        future = self._threads.submit(one_after_another, function)
        self._pending += 1
        future.add_done_callback(lambda _: self._done(loop))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), limit)
        except TimeoutError:
            raise Problem(504, f"the store did not answer within {limit:g} s", hint="ask for less") from None

    async def iterate(self, iterator: Iterator[T]) -> AsyncIterator[T]:
        """Yield what a blocking iterator yields, each step under the same bounds."""
        while True:
            item = await self.run(lambda: next(iterator, _END))
            if item is _END:
                return
            yield item  # type: ignore[misc] # _END never gets here

    def close(self) -> None:
        """Take no more calls; those that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._pending -= 1
