"""A client of text lines over TCP that knows nothing of the project: sockets and the vendor's documents, no more."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

TIMEOUT_S = 20.0


class Lines:
    """One connection: says commands, reads lines until one is found."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.read: list[str] = []
        self.raw = b""

    def say(self, *commands: str) -> None:
        self.writer.write("".join(f"{command}\r\n" for command in commands).encode("latin-1"))

    async def line(self) -> str:
        """The next line; EOFError at the end, with what was cut off."""
        async with asyncio.timeout(TIMEOUT_S):
            got = await self.reader.readline()
        self.raw += got
        if not got.endswith(b"\n"):
            raise EOFError(got.decode("latin-1"))
        assert got.endswith(b"\r\n"), got
        text = got[:-2].decode("latin-1")
        self.read.append(text)
        return text

    async def until(self, found: Callable[[str], object], most: int = 200_000) -> list[str]:
        """The lines up to the first for which ``found`` is true, and with it."""
        lines: list[str] = []
        while len(lines) < most:
            lines.append(await self.line())
            if found(lines[-1]):
                return lines
        raise AssertionError(f"not in {most} lines: {lines[-3:]}")

    async def ask(self, command: str, begins: str) -> str:
        """Say a command; the first line that begins so."""
        self.say(command)
        return (await self.until(lambda line: line.startswith(begins)))[-1]

    async def to_the_end(self) -> tuple[list[str], str]:
        """All lines until the connection ends, and the piece of a line that was cut off."""
        before = len(self.read)
        try:
            while True:
                await self.line()
        except EOFError as end:
            return self.read[before:], str(end)

    async def during(self, seconds: float) -> list[str]:
        """The lines of so many seconds."""
        before = len(self.read)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.line()
        return self.read[before:]


@asynccontextmanager
async def connected(url: str, service: str = "level1") -> AsyncIterator[Lines]:
    """Connect to a port of ``tcp://127.0.0.1:L1?depth=…&lookup=…&admin=…&bars=…``."""
    ports = {"level1": re.match(r"tcp://127\.0\.0\.1:(\d+)", url), "other": re.search(rf"[?&]{service}=(\d+)", url)}
    found = ports["level1" if service == "level1" else "other"]
    assert found is not None, url
    reader, writer = await asyncio.open_connection("127.0.0.1", int(found[1]), limit=1 << 26)
    try:
        yield Lines(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def truth(rest_url: str) -> dict[str, Any]:
    """What the simulator says that it sent."""
    host, _, port = rest_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /_sim/truth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def fields(line: str) -> list[str]:
    """The fields of a line without its trailing comma."""
    return line.removesuffix(",").split(",")
