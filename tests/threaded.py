"""Simulators in a thread of their own, for tests that run a command as a person does; and a wire that can be cut."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_a_thread(make: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Run what ``make`` makes on an event loop of its own, while the test does other things."""
    made: list[T] = []
    ready, errors = threading.Event(), list[BaseException]()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def stay() -> None:
        leave = asyncio.Event()
        loops.append((asyncio.get_running_loop(), leave))
        async with make() as what:
            made.append(what)
            ready.set()
            await leave.wait()
        await asyncio.sleep(0)  # who was let in just now has a task that is not begun: cancelled so, it leaves a socket

    def work() -> None:
        try:
            asyncio.run(stay())
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            errors.append(error)
            ready.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(60)
    if errors:
        raise errors[0]
    try:
        yield made[0]
    finally:
        loop, leave = loops[0]
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(leave.set)
        thread.join(60)


@dataclass
class Wire:
    """A way to a port on loopback; ``cuts`` are connections (from 1) that end after so many bytes of an answer."""

    port: int = 0
    cuts: dict[int, int] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    """What was said on each connection, from our side."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def wire_to(port: int, cuts: dict[int, int] | None = None) -> AsyncIterator[Wire]:
    wire = Wire(cuts=cuts or {})

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.asked.append(b"")
        number = len(wire.asked)
        there_reader, there = await asyncio.open_connection("127.0.0.1", port)

        async def asks() -> None:
            while data := await reader.read(65536):
                wire.asked[number - 1] += data
                there.write(data)
            with suppress(OSError):
                there.write_eof()

        async def answers() -> None:
            left = wire.cuts.get(number, 1 << 40)
            while left > 0 and (data := await there_reader.read(65536)):
                writer.write(data[:left])
                left -= len(data)
            await writer.drain()
            writer.close()

        asking = asyncio.create_task(asks())
        with suppress(OSError):
            await answers()
        asking.cancel()
        there.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        wire.port = server.sockets[0].getsockname()[1]
        yield wire
