"""How bytes get from a simulated venue into the socket: late, or in crumbs."""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random

Write = Callable[[bytes], None]


def late(write: Write, delay_s: float) -> Write:
    """Return a way to write that holds everything back so long, in order."""
    waiting: deque[bytes] = deque()

    def release() -> None:
        write(waiting.popleft())

    def later(data: bytes) -> None:
        waiting.append(data)
        asyncio.get_running_loop().call_later(delay_s, release)

    return later


def dripping(write: Write, most: int, random: Random) -> Write:
    """Return a way to write in pieces of 1 to ``most`` bytes.

    One piece a turn of the event loop: what is written in the same turn may leave in the same packet.
    """
    waiting: deque[memoryview] = deque()

    def drip() -> None:
        data, size = waiting.popleft(), random.randint(1, most)
        write(bytes(data[:size]))
        if len(data) > size:
            waiting.appendleft(data[size:])
        if waiting:
            asyncio.get_running_loop().call_soon(drip)

    def crumbs(data: bytes) -> None:
        waiting.append(memoryview(data))
        if len(waiting) == 1:
            asyncio.get_running_loop().call_soon(drip)

    return crumbs
