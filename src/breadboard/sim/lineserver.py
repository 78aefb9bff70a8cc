"""TCP servers of text lines on loopback: what all services of a gateway share.

Lines are queued as bytes without their end and written in one piece per turn of the market, because that is what
lets one core send more than a hundred thousand a second.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from breadboard.clock import Clock
from breadboard.errors import UsageError
from breadboard.sim.line_faults import LINE_FAULTS, OVER_BYTES, LineFaults, Trouble
from breadboard.sim.truth import Sent, Truth

SLOW_READER_BYTES: Final = 64 << 20
LONGEST_COMMAND: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens, once it does."""

    url: str
    rest_url: str
    """Of the truth."""
    port: int
    symbols: tuple[str, ...]
    provenance: str
    more: Mapping[str, object]
    """What else is told of it: all ports, how it acts."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a gateway is asked to be. ``port`` None: the real one's ports; 0: free ones."""

    symbols: Sequence[str] | int | None
    port: int | None
    profile: str
    rate: float | None
    seed: int
    faults: str
    truth: Truth
    clock: Clock
    ready: Callable[[Address], None]
    options: Mapping[str, str | int]
    """By name; those that were not given are not in it."""


class Service(Protocol):
    """What one port of the gateway does with its clients, in the event loop."""

    name: str
    streams: bool
    """Whether it tells of the market as it goes on; only then do connections have faults."""

    def opened(self, client: "LineClient") -> None:
        """Greet a client."""
        ...

    def said(self, client: "LineClient", text: str) -> None:
        """Answer a command."""
        ...

    def closed(self, client: "LineClient") -> None:
        """Forget a client."""
        ...

    def watched(self, client: "LineClient") -> list[str]:
        """Return the symbols that a client watches."""
        ...

    def second(self, stamp: bytes) -> None:
        """Do what is due each second; ``stamp`` is its Eastern ``YYYYMMDD HH:MM:SS``."""
        ...


class LineClient(asyncio.Protocol):
    """One TCP connection. ``say`` queues an answer, ``tell`` a data line; ``flush`` writes what is queued."""

    def __init__(
        self, service: Service, sent: Sent, faults: LineFaults, began_ns: int, did: Callable[[str, int, str], None]
    ) -> None:
        self.began_ns = began_ns
        self.number = sent.number
        self.name = ""
        self.service = service
        self.sent = sent
        self.muted = False
        self.frozen = False
        self.received = 0
        self.gone = asyncio.Event()
        self._faults = faults if service.streams else LineFaults()
        self._out: list[bytes] = []
        self._rest = b""
        self._late: deque[bytes] = deque()
        self._drip = bytearray()
        self._dripping: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._did = did
        """Tells the truth of a fault: its name, this connection, ``service:SYMBOL``."""
        self.trouble = Trouble(self._faults, self._out.append, self._troubled, depth=service.name == "depth")
        self._drip_bytes = self._faults.count("slow-drip")

    @property
    def queued(self) -> int:
        """Return bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def say(self, line: bytes) -> None:
        """Queue an answer, a snapshot or a time stamp."""
        self._out.append(line)

    def tell(self, line: bytes) -> bool:
        """Queue a data line; return False when a fault withholds it."""
        if self.muted:
            return False
        if self.trouble.any:
            return self.trouble.tell(line)
        self._out.append(line)
        return True

    def flush(self) -> None:
        """Write what is queued in one piece; cut off a client that is 64 MiB behind."""
        out = self._out
        if not out:
            return
        if self.frozen or self.gone.is_set():
            out.clear()
            return
        out.append(b"")
        written = b"\r\n".join(out)
        out.pop()
        self.sent.note_lines(out, written)
        out.clear()
        self._write(written)

    async def writable(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        await self._writable.wait()

    def freeze(self) -> None:
        """Neither read nor write any more; the socket stays open."""
        self.frozen = self.muted = True
        if self._transport is not None:
            self._transport.pause_reading()

    def end(self, reason: str) -> None:
        """Write what is queued and end in good order."""
        self.flush()
        self._end(reason)
        if self._transport is not None:
            self._transport.close()

    def truncate(self, line: bytes) -> None:
        """End in the middle of a line."""
        self.flush()
        self._write(line[: len(line) // 2])
        self.end("cut in a line by a fault")

    def oversize(self) -> None:
        """Send a line far longer than any."""
        mebibytes = int(self._faults.words["oversize"] or LINE_FAULTS["oversize"].usual)
        self.say(b"Q," + b"9" * (mebibytes * OVER_BYTES))
        self.flush()

    def reset(self, reason: str) -> None:
        """Cut the line with a reset; what the kernel has not sent is lost."""
        self._end(reason)
        if self._transport is None:
            return
        wire = self._transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by inheritance
        self._transport.set_write_buffer_limits(high=1 << 20)
        self.service.opened(self)
        self.flush()
        self._plan()

    def data_received(self, data: bytes) -> None:
        """Cut what came into commands and answer them (asyncio)."""
        if self.frozen:
            return
        self.received += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_COMMAND:
            self.end("a command without an end")
            return
        for line in lines:
            text = line.removesuffix(b"\r").decode("latin-1")
            if text:
                self.service.said(self, text)
        self.flush()

    def eof_received(self) -> bool:
        """Let an end of file be the end of the connection (asyncio)."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client (asyncio)."""
        self._end("lost" if error is not None else "closed by the client")
        self.gone.set()
        self._writable.set()
        if self._dripping is not None:
            self._dripping.cancel()
        self.service.closed(self)

    def pause_writing(self) -> None:
        """Note that the client reads slower than we write (asyncio)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that it has caught up (asyncio)."""
        self._writable.set()

    def _plan(self) -> None:
        """Let the faults that come with time come."""
        actions: tuple[tuple[str, Callable[[], None]], ...] = (
            ("mute", lambda: setattr(self, "muted", True)),
            ("half-open", self.freeze),
            ("disconnect", lambda: self.reset("cut by a fault")),
            ("rst", lambda: self.reset("reset by a fault")),
            ("close", lambda: self.end("closed by a fault")),
            ("truncate", lambda: self.truncate(b"Q,CUT,12.3400,100,")),
            ("oversize", self.oversize),
        )
        for name, act in actions:
            if after := self._faults[name]:
                # Only a cut connection comes at a time that nobody can foresee; others are asked for by the second.
                spread = 0.5 + (self.number * 0.618) % 1 if name == "disconnect" else 1.0
                asyncio.get_running_loop().call_later(after * spread, self._befall, name, act)

    def _befall(self, name: str, act: Callable[[], None]) -> None:
        if not self.gone.is_set():
            self._did(name, self.number, "")
            act()

    def _troubled(self, name: str, line: bytes) -> None:
        symbol = line.split(b",", 2)[1].decode("latin-1") if line else ""
        self._did(name, self.number, f"{self.service.name}:{symbol}")

    def _write(self, written: bytes) -> None:
        if self._faults["delay"]:
            self._late.append(written)
            asyncio.get_running_loop().call_later(self._faults["delay"] / 1000, self._write_late)
        else:
            self._put(written)

    def _write_late(self) -> None:
        self._put(self._late.popleft())

    def _put(self, written: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._drip_bytes:
            self._drip += written
            if self._dripping is None or self._dripping.done():
                self._dripping = asyncio.get_running_loop().create_task(self._drip_on())
        else:
            self._transport.write(written)
        if self._transport.get_write_buffer_size() + len(self._drip) > SLOW_READER_BYTES:
            self.reset("slow reader")

    async def _drip_on(self) -> None:
        """Write piece by piece, each in a packet of its own."""
        while self._drip and self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes(self._drip[: self._drip_bytes]))
            del self._drip[: self._drip_bytes]
            await asyncio.sleep(0)

    def _end(self, reason: str) -> None:
        self.frozen = self.muted = True  # nothing counts as sent any more
        if not self.sent.end:
            self.sent.end = reason


class Refused(asyncio.Protocol):
    """A connection that is ended as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up (asyncio)."""
        transport.close()


async def listen(make: Callable[[], asyncio.Protocol], port: int, what: str, hint: str) -> asyncio.Server:
    """Listen on 127.0.0.1. Raises UsageError when the port cannot be had."""
    try:
        return await asyncio.get_running_loop().create_server(make, "127.0.0.1", port)
    except OSError as error:
        raise UsageError(f"port {port} on 127.0.0.1 ({what}) cannot be had: {error.strerror}", hint=hint) from None
