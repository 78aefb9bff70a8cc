"""A recording played through a socket: exactly the recorded bytes, in order, at the recorded pace or another.

Recorded snapshots are served over HTTP, and the play waits at each one's place until the client has fetched it, so that
a live capture joins stream and snapshot as the original did, at any speed.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.sim.server import Answer, Client
from breadboard.sim.truth import Sent, Truth

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long the play waits at a snapshot that nobody fetches, and a request for a snapshot that does not come."""
FLUSH_FRAMES = 256
_PLAYED = frozenset({RecordKind.DATA, RecordKind.DOCUMENT})


class Recorded(Protocol):
    """A run of records of one kind; DOCUMENT frames begin with their ``DocumentHead`` line."""

    @property
    def kind(self) -> int:
        """A ``RecordKind``."""
        ...

    @property
    def frames(self) -> Sequence[bytes]:
        """The recorded bytes."""
        ...

    @property
    def ts_recv(self) -> Sequence[int]:
        """Wall nanoseconds UTC, one a frame."""
        ...


class Player:
    """Plays to one client at a time; implements ``server.Venue``.

    The play begins when a client connects to an address that names streams, or sends its first message. When a
    client goes, it pauses, and goes on with the next one. At the end the client gets close code 1000 and ``over``
    is set, unless ``loop``: then it begins again. ``speed`` 0 is as fast as the client reads.
    """

    provenance = Provenance.REPLAY.value

    def __init__(self, recording: Iterable[Recorded], speed: float, truth: Truth, *, loop: bool = False) -> None:
        self.over = asyncio.Event()
        self._recording = recording
        self._speed = speed
        self._truth = truth
        self._loop = loop
        self._client: Client | None = None
        self._listening = asyncio.Event()
        self._documents: dict[str, Answer] = {}
        self._asking: dict[str, list[tuple[Client, asyncio.Future[Answer]]]] = {}
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Play, from the first client on, to the end."""
        while True:
            await self._play()
            log.info("the recording is over")
            if self._client is not None:
                client = self._client
                await client.writable()
                client.close(1000, "the recording is over")
                await client.gone.wait()
            if not self._loop:
                self.over.set()
                return

    async def get(self, client: Client, path: str, query: Mapping[str, str]) -> Answer:
        """Answer with the recorded document of the symbol, when the play has come to it."""
        if path == "/_sim/truth":
            return Answer(200, msgspec.json.encode(self._truth.told()))
        key = (query.get("symbol") or path.rsplit("/", 2)[-2 if path.count("/") > 1 else -1]).upper()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asking.setdefault(key, []).append((client, answer))
        self._asked.set()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await answer
        except TimeoutError:
            missing = Answer(404, b'{"code":-1121,"msg":"the recording has no document for this symbol"}')
            return self._documents.get(key, missing)
        finally:
            self._asking[key] = [pair for pair in self._asking.get(key, []) if pair[1] is not answer]

    def refuses(self, path: str) -> Answer | None:  # noqa: ARG002 - server.Venue
        """Take one listener at a time."""
        if self._client is not None:
            return Answer(429, b'{"msg":"this recording already plays to another client"}', {"Retry-After": "1"})
        return None

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> Sent:
        """Take the listener."""
        self._client = client
        if query.get("streams") or path.rstrip("/").rpartition("/")[2] not in {"", "ws", "stream"}:
            self._listening.set()
        return self._truth.connection()

    def said(self, client: Client, text: str) -> None:
        """Begin: what a client says first is its subscription. The answers to it are in the recording."""
        del client, text
        self._listening.set()

    def closed(self, client: Client) -> None:
        """Pause until another client comes."""
        if client is self._client:
            self._client = None
            self._listening.clear()

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        await self._listening.wait()
        started_s, first_ns = loop.time(), None
        for batch in self._recording:
            if batch.kind not in _PLAYED:
                continue
            for begin in range(0, len(batch.frames), FLUSH_FRAMES if not self._speed else 1):
                end = begin + (FLUSH_FRAMES if not self._speed else 1)
                first_ns = batch.ts_recv[begin] if first_ns is None else first_ns
                if self._speed:
                    due_s = started_s + (batch.ts_recv[begin] - first_ns) / 1e9 / self._speed
                    await asyncio.sleep(max(0.0, due_s - loop.time()))
                if batch.kind == RecordKind.DATA:
                    await self._send(batch.frames[begin:end])
                else:
                    started_s += await self._serve(batch.frames[begin:end])

    async def _send(self, frames: Sequence[bytes]) -> None:
        await self._listening.wait()
        client = self._client
        if client is None:
            return
        for frame in frames:
            client.send(frame)
        client.flush()
        await client.writable()

    async def _serve(self, documents: Sequence[bytes]) -> float:
        """Hold the play until each document was fetched; return the seconds that took."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for document in documents:
            line, _, body = document.partition(b"\n")
            head = msgspec.json.decode(line, type=DocumentHead)
            key = head.tag.rpartition(":")[2].upper()
            answer = self._documents[key] = Answer(head.status, body)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._fetched(key, answer)
            except TimeoutError:
                log.warning("nobody fetched the recorded document %s within %.0f s; the play goes on", key, PATIENCE_S)
        return loop.time() - began_s

    async def _fetched(self, key: str, answer: Answer) -> None:
        """Wait for somebody who asks, answer, and wait until the answer has been read to its end."""
        while not self._asking.get(key):
            self._asked.clear()
            await self._asked.wait()
        readers = self._asking.pop(key)
        for _, waiting in readers:
            if not waiting.done():
                waiting.set_result(answer)
        # The client closes the connection of an answer that it has read; only then the next frame follows.
        for client, _ in readers:
            await client.gone.wait()
