"""A wire between a client and a server that can be cut, or go silent, at any moment."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on in both directions. The methods may be called from any thread."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._loop = asyncio.new_event_loop()
        self._lines: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._talks = asyncio.Event()
        self.connections = 0
        self.address = ""

    def cut(self) -> None:
        """Break every connection, in the middle of whatever is said."""
        self._loop.call_soon_threadsafe(self._cut)

    def die(self) -> None:
        """Say nothing more on the connections there are, as a network that loses every packet; new ones are well."""
        self._loop.call_soon_threadsafe(lambda: self._dead.update(self._lines))

    def turn(self, target: str) -> None:
        """Lead new connections elsewhere."""
        self._target = urlsplit(target)

    def hush(self) -> None:
        """Say nothing more, and keep the connections."""
        self._loop.call_soon_threadsafe(self._talks.clear)

    def talk(self) -> None:
        """Go on."""
        self._loop.call_soon_threadsafe(self._talks.set)

    def _cut(self) -> None:
        for line in list(self._lines):
            line.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        back, forth = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._lines |= {writer, forth}
        await asyncio.gather(self._pass(reader, forth), self._pass(back, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(700):  # a cut falls into the middle of messages
                await self._talks.wait()
                if writer in self._dead:
                    continue
                writer.write(data)
                await writer.drain()
        if writer in self._dead:
            return  # that the other side is gone is told no more either
        writer.transport.abort()
        self._lines.discard(writer)

    async def _listen(self) -> asyncio.Server:
        self._talks.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        self._cut()
        self._talks.set()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*rest, return_exceptions=True), 5)


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """Relay to an address from a free port of this machine."""
    relay = Relay(target)
    thread = threading.Thread(target=relay._loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(relay._listen(), relay._loop).result(60)
    try:
        yield relay
    finally:
        asyncio.run_coroutine_threadsafe(relay._end(server), relay._loop).result(60)
        relay._loop.call_soon_threadsafe(relay._loop.stop)
        thread.join()
        relay._loop.close()
