"""What a session wants fetched: one request in flight a tag, patience, limits. The only file that knows httpx."""

import asyncio
import logging
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from random import Random

import httpx

from breadboard.capture.backoff import Backoff, refused_wait_s
from breadboard.capture.tls import trusted
from breadboard.capture.turns import BANNED, Turnstiles
from breadboard.capture.wire import PROVENANCE_HEADER
from breadboard.clock import Clock
from breadboard.conversations import Fetch
from breadboard.model.addresses import public
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import Provenance

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
DOCUMENT_CAP = 64 << 20
LONGEST_RETRY_AFTER_S = 3 * 86_400.0
"""Binance bans for up to three days (status 418)."""

Deliver = Callable[[DocumentHead, bytes], None]


class Documents:
    """Carries out the Fetch requests of one line and hands each answer to ``deliver``, in the event loop.

    Every attempt is answered, also one that got no HTTP answer at all: then with status 0 and an empty body, so
    that the journal shows the attempt and the session decides what to ask next. After a failure (status 0, 4xx or
    5xx) the next request of this line waits for a backoff, and for the venue's Retry-After, whatever it asked for.
    An answer that bans the address (418, 429) holds up all lines that share ``turnstiles``; together they keep to what
    the venue allows one address.
    After a refusal (401, 403, 451) it waits for a minute, unless it fetches what was lacking (``Fetch.logs_in``).
    What is logged or handed on of an address is without its secrets. What ``deliver`` raises goes to ``broke``, and to
    the log where that is None.
    """

    def __init__(
        self,
        deliver: Deliver,
        clock: Clock,
        rng: Random,
        client: httpx.AsyncClient | None = None,
        broke: Callable[[BaseException], None] | None = None,
        turnstiles: Turnstiles | None = None,
    ) -> None:
        self.provenance = Provenance.LIVE
        """What the other side last said of itself; a real venue says nothing."""
        self._deliver = deliver
        self._broke = broke
        self._clock = clock
        self._client = client
        self._turnstiles = turnstiles or Turnstiles(clock)
        self._backoff = Backoff(rng)
        self._not_before = self._refused_until = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def fetch(self, request: Fetch) -> None:
        """Start a request; one with the same tag that waits or is under way is given up."""
        previous = self._tasks.pop(request.tag, None)
        if previous is not None:
            previous.cancel()
        task = asyncio.get_running_loop().create_task(self._carry_out(request), name=f"fetch {request.tag}")
        self._tasks[request.tag] = task
        task.add_done_callback(lambda done: self._forget(request.tag, done))

    def cancel(self) -> None:
        """Give up every request: the connection they belong to is over."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def close(self) -> None:
        """Give up every request and close the HTTP connections."""
        self.cancel()
        if self._client is not None:
            await self._client.aclose()

    def wait_s(self, delay_s: float, *, logs_in: bool = False) -> float:
        """Return how long a request that asks for ``delay_s`` has to wait, failures considered."""
        until = self._not_before if logs_in else max(self._not_before, self._refused_until)
        return max(delay_s, (until - self._clock.mono()) / 1e9, 0.0)

    def failed(self, retry_after_s: float = 0.0, refused_s: float = 0.0) -> None:
        """Note a failure: the next request waits; ``refused_s`` is for those that do not log in."""
        pause, now = max(self._backoff.delay(), min(retry_after_s, LONGEST_RETRY_AFTER_S)), self._clock.mono()
        self._not_before = now + int(pause * 1e9)
        self._refused_until = max(self._refused_until, now + int(refused_s * 1e9))

    async def _carry_out(self, request: Fetch) -> None:
        turnstile = self._turnstiles.of(request.url)
        wait_s, is_let_in = self.wait_s(request.delay_s, logs_in=request.logs_in), False
        while wait_s > 0 or not is_let_in:
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await turnstile.turn(request.allowed)
            # Another request may have failed while this one waited: then its turn was in vain.
            wait_s, is_let_in = self.wait_s(0.0, logs_in=request.logs_in), True
        status, body = 0, b""
        try:
            async with asyncio.timeout(3 * TIMEOUT_S):
                status, body, retry_after_s = await self._get(request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            log.warning("no answer from %s: %s", public(request.url), _told(error))
            retry_after_s = 0.0
        if 200 <= status < 400:
            self._backoff.reset()
            self._refused_until = 0 if request.logs_in else self._refused_until
        else:
            self.failed(retry_after_s, refused_wait_s(status))
            if status in BANNED:
                turnstile.close(self.wait_s(0.0, logs_in=True))  # Retry-After, or our own patience where there is none
        # A request that the answer itself calls for must not cancel the task that delivers the answer.
        if self._tasks.get(request.tag) is asyncio.current_task():
            del self._tasks[request.tag]
        self._deliver(DocumentHead(request.tag, public(request.url), status), body)

    async def _get(self, request: Fetch) -> tuple[int, bytes, float]:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, verify=trusted(), headers={"User-Agent": "breadboard"})
        async with self._client.stream("GET", request.url, headers=request.headers) as answer:
            said = answer.headers.get(PROVENANCE_HEADER, Provenance.LIVE)
            self.provenance = Provenance(said) if said in set(Provenance) else Provenance.LIVE
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > DOCUMENT_CAP:
                    log.warning("the answer of %s has more than %d bytes: given up", public(request.url), DOCUMENT_CAP)
                    return 0, b"", 0.0
            after = _retry_after_s(answer.headers.get("Retry-After", ""), self._clock.wall())
            return answer.status_code, b"".join(parts), after

    def _forget(self, tag: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(tag) is task:
            del self._tasks[tag]
        if not task.cancelled() and (error := task.exception()) is not None:
            if self._broke is not None:
                self._broke(error)
            else:
                log.error("the fetch of %s broke", tag, exc_info=error)


def _told(error: Exception) -> str:
    """Return why there is no answer. An error about our own request quotes it, the key too: then only its name."""
    ours = isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | ValueError)
    return type(error).__name__ if ours else str(error) or type(error).__name__


def _retry_after_s(words: str, now_ns: int) -> float:
    """Return the seconds of ``Retry-After``, which is a number of them or a date; 0 where it is neither."""
    if words.isdecimal() and words.isascii():
        return float(words)
    try:
        return max(0.0, parsedate_to_datetime(words).timestamp() - now_ns / 1e9)
    except (ValueError, OverflowError):
        return 0.0
