"""Answers that are made once for all who ask the same: at the same time, or while what they rest on has not changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from hashlib import sha1
from typing import Final

import zstandard

from breadboard.api.concurrency import Joint

ROOM: Final = 64 << 20
"""Bytes of answers kept."""
LARGEST: Final = 4 << 20
"""A longer answer is not kept."""
SMALL: Final = 16 << 10
"""A longer answer is kept compressed: bars take a twelfth, and 400 kB are back in a tenth of a millisecond."""
_BESIDES: Final = 1024
"""What an answer takes besides its body, about: its key, its headers."""
CLOSED_S: Final = 60
"""How long an answer about a time that is over may be used again: corrections and imports still change the past."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, ready to be sent."""

    body: bytes
    media_type: str
    headers: dict[str, str]
    tag: str
    """An entity tag of its rows and of what is said beside them: two answers with the same tag have the same."""
    offset: int
    """The store's reach when it was asked."""
    closed: bool
    """Whether it is about a time that is over."""
    packed: bytes | None = None
    """The body compressed: instead of the body while it is kept."""
    made: float = field(default_factory=time.monotonic)

    def whole(self) -> bytes:
        """Return the body."""
        return self.body if self.packed is None else zstandard.ZstdDecompressor().decompress(self.packed)


def tag_of(*parts: bytes) -> str:
    """Return the entity tag of what makes an answer. It is weak: what surrounds the rows may differ."""
    digest = sha1(usedforsecurity=False)  # processors know it: half the time of others
    for part in parts:
        digest.update(part)
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()}"'


def packed(body: bytes) -> bytes:
    """Return how a long body is kept."""
    return zstandard.ZstdCompressor(level=1).compress(body)


def _size(answer: Answer) -> int:
    return len(answer.body if answer.packed is None else answer.packed) + _BESIDES


class Kept:
    """Bounded in bytes, the least recently used goes first. Belongs to the event loop."""

    def __init__(self, room: int = ROOM, clock: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._clock = clock
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._joint = Joint[Answer]()
        self._bytes = 0

    def find(self, key: Hashable, offset: int | None) -> Answer | None:
        """Return the answer to ``key`` if it is still good: closed and young, or of this reach of the store."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        if answer.offset != offset and not (answer.closed and self._clock() - answer.made < CLOSED_S):
            return None
        self._answers.move_to_end(key)
        return answer

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what ``make`` returns, and keep it. Who asks while it is being made waits for the same."""
        return await self._joint.ask(key, lambda: self._make(key, make))

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await make()
        if len(answer.body) <= LARGEST:
            self._keep(key, answer)
        if SMALL < len(answer.body) <= LARGEST:  # whoever asked does not wait for that
            packing = asyncio.get_running_loop().run_in_executor(None, packed, answer.body)
            packing.add_done_callback(lambda done: self._shrink(key, answer, done))
        return answer

    def _shrink(self, key: Hashable, answer: Answer, done: "asyncio.Future[bytes]") -> None:
        """Keep an answer compressed from now on, if it is still kept."""
        if done.cancelled() or done.exception() is not None or self._answers.get(key) is not answer:
            return
        small = replace(answer, body=b"", packed=done.result())
        if _size(small) < _size(answer):
            self._bytes += _size(small) - _size(answer)
            self._answers[key] = small  # in its place: nobody has asked for it

    def _keep(self, key: Hashable, answer: Answer) -> None:
        before = self._answers.pop(key, None)
        self._bytes += _size(answer) - (_size(before) if before else 0)
        self._answers[key] = answer
        while self._bytes > self._room:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= _size(oldest)
