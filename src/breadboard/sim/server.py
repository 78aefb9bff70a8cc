"""HTTP and WebSocket on one loopback port. The only file that knows websockets.

The library does handshakes and reads what clients say; data frames are framed here and joined per write, because that
is what lets one core send more than a hundred thousand a second.
"""

import asyncio
import http
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from breadboard.sim.truth import Sent

log = logging.getLogger(__name__)

PROVENANCE_HEADER = "X-Breadboard-Provenance"
SLOW_READER_BYTES = 64 << 20
CLOSE_TIMEOUT_S = 1.0
ABNORMAL = 1006
CUT_OFF = 40
"""Bytes of a frame of twice as many that still leave before a connection is cut inside it."""
NOTICED_S = 35.0
"""How long a connection that nobody answers on still counts at the venue."""
LAST_BYTES_S = 0.05
"""What was written so long before a reset has left."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing drops what waits and sends RST."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Venue(Protocol):
    """What the server asks a fake venue, in the event loop."""

    provenance: str

    async def get(self, client: "Client", path: str, query: Mapping[str, str]) -> Answer:
        """Answer a GET request."""
        ...

    def refuses(self, path: str) -> Answer | None:
        """Return the HTTP answer that refuses a WebSocket upgrade, or None to take it."""
        ...

    def opened(self, client: "Client", path: str, query: Mapping[str, str]) -> Sent:
        """Take a WebSocket client; return where its frames are counted."""
        ...

    def said(self, client: "Client", text: str) -> None:
        """Take a text frame of a client."""
        ...

    def closed(self, client: "Client") -> None:
        """Forget a WebSocket client."""
        ...


@lru_cache(maxsize=1 << 16)
def frame_header(size: int) -> bytes:
    """Return the header of an unmasked, unfragmented text frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


class Client(asyncio.Protocol):
    """One TCP connection: a GET request, or a WebSocket that stays."""

    def __init__(self, venue: Venue) -> None:
        self.gone = asyncio.Event()
        self.slow = False
        self._venue = venue
        self._protocol = ServerProtocol(max_size=1 << 20, logger=_quiet)
        self._transport: asyncio.Transport | None = None
        self._write: Callable[[bytes], None] = _nowhere
        self._frozen = self._said_all = False
        self._sent: Sent | None = None
        self._out: list[bytes] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether data frames can still be sent."""
        alive = not self._frozen and not self.gone.is_set()
        return alive and self._sent is not None and self._protocol.state is State.OPEN

    def send(self, payload: bytes) -> None:
        """Queue one text frame; ``flush`` sends it."""
        if self._sent is not None and self.is_open:
            self._sent.note(payload)
            self._out.append(frame_header(len(payload)))
            self._out.append(payload)

    def flush(self) -> None:
        """Write what is queued in one piece; cut off a client that is 64 MiB behind, as venues do."""
        if not self._out or self._transport is None:
            return
        self._write(b"".join(self._out))
        self._out.clear()
        if self._transport.get_write_buffer_size() > SLOW_READER_BYTES:
            self.slow = True
            self.abort("slow reader")

    async def writable(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        await self._writable.wait()

    def close(self, code: int | None, reason: str = "") -> None:
        """Say good-bye; cut the line a second later.

        None says it without a code. 1006 is no code that can be said: the line ends without a word.
        """
        if self.is_open:
            self.flush()
            self._end(f"closed by the venue with {'no code' if code is None else code}")
            if code == ABNORMAL and self._transport is not None:
                self._transport.close()
                return
            self._protocol.send_close(code, reason)
            self._write_protocol()
            if self._transport is not None:
                asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Cut the line without a word; what the kernel has not sent is lost."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def reset(self, reason: str) -> None:
        """Cut the line with RST."""
        self._end(reason)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def truncate(self) -> None:
        """Write the first half of a frame, then reset the line."""
        if self.is_open:
            self.flush()
            self._write(frame_header(2 * CUT_OFF) + b'{"e":"trade"'.ljust(CUT_OFF))
            self._frozen = True
            asyncio.get_running_loop().call_later(LAST_BYTES_S, self.reset, "cut inside a frame")

    def freeze(self) -> None:
        """Neither read nor write any more, and leave the socket open until even we would have noticed."""
        self._frozen = True
        self._out.clear()
        if self._transport is not None:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(NOTICED_S, self.abort, "half-open")

    def send_raw(self, payload: bytes) -> None:
        """Send one text frame that is no part of what the venue says, and is not counted."""
        if self.is_open:
            self._out += (frame_header(len(payload)), payload)
            self.flush()

    def through(self, pipe: Callable[[Callable[[bytes], None]], Callable[[bytes], None]]) -> None:
        """Let all that is written from here on go through a pipe, e.g. one that drips."""
        self._write = pipe(self._write)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by inheritance
        self._write = self._into_socket
        self._transport.set_write_buffer_limits(high=1 << 20)

    def data_received(self, data: bytes) -> None:
        """Feed the library and act on what it found (asyncio)."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._requested(event)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._venue.said(self, bytes(event.data).decode("utf-8", "replace"))
        self._write_protocol()
        self.flush()

    def eof_received(self) -> bool:
        """Let the library finish the closing handshake (asyncio)."""
        self._protocol.receive_eof()
        self._write_protocol()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client (asyncio)."""
        self._end("lost" if error is not None else "closed by the client")
        self.gone.set()
        self._writable.set()
        if self._answering is not None:
            self._answering.cancel()
        if self._sent is not None:
            self._venue.closed(self)

    def pause_writing(self) -> None:
        """Note that the client reads slower than we write (asyncio)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that it has caught up (asyncio)."""
        self._writable.set()

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer:
            query.setdefault("apiKey", bearer)  # a key in the header is as good as one in the address
        # Others offer an upgrade to HTTP/2 with a plain GET (curl).
        if "websocket" not in request.headers.get("Upgrade", "").lower():
            self._answering = asyncio.get_running_loop().create_task(self._answer(path, query))
            return
        refusal = self._venue.refuses(path)
        if refusal is not None:
            self._respond(refusal)
            return
        response = self._protocol.accept(request)
        response.headers[PROVENANCE_HEADER] = self._venue.provenance
        self._protocol.send_response(response)
        self._write_protocol()
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._sent = self._venue.opened(self, path, query)

    async def _answer(self, path: str, query: Mapping[str, str]) -> None:
        try:
            answer = await self._venue.get(self, path, query)
        except Exception:
            log.exception("GET %s broke", path)
            answer = Answer(500, b'{"msg":"the simulator broke, see its log"}')
        self._respond(answer)

    def _respond(self, answer: Answer) -> None:
        """Send an HTTP answer; the connection ends with it."""
        headers = Headers(
            {
                "Content-Type": "application/json",
                "Content-Length": str(len(answer.body)),
                "Connection": "close",
                PROVENANCE_HEADER: self._venue.provenance,
            }
        )
        headers.update(answer.headers)
        phrase = http.HTTPStatus(answer.status).phrase if answer.status in set(http.HTTPStatus) else ""
        self._protocol.send_response(Response(answer.status, phrase, headers, answer.body))
        self._write_protocol()

    def _write_protocol(self) -> None:
        """Write what the library wants said: handshakes, pongs, good-byes."""
        if self._transport is None or self._transport.is_closing() or self._frozen:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)
            elif self._transport.can_write_eof():
                self._said_all = True
                self._transport.write_eof()
        if self._protocol.close_expected() and self._protocol.state is State.CLOSED:
            self._transport.close()

    def _into_socket(self, data: bytes) -> None:
        # What a pipe brings late may come after our side of the connection has ended.
        if self._transport is not None and not self._transport.is_closing() and not self._said_all:
            self._transport.write(data)

    def _end(self, reason: str) -> None:
        if self._sent is not None and not self._sent.end:
            self._sent.end = reason


def _nowhere(_data: bytes) -> None:
    """Write before there is a connection."""


_quiet = logging.getLogger("breadboard.sim.websockets")
_quiet.setLevel(logging.CRITICAL)
