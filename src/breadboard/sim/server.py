"""HTTP and WebSocket on one loopback port. The only file that knows websockets.

The library does handshakes and reads what clients say; data frames are framed here and joined per write, because that
is what lets one core send more than a hundred thousand a second.
"""

import asyncio
import http
import logging
from collections.abc import Mapping
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
        self._sent: Sent | None = None
        self._out: list[bytes] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether data frames can still be sent."""
        return self._sent is not None and self._protocol.state is State.OPEN and not self.gone.is_set()

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
        self._transport.write(b"".join(self._out))
        self._out.clear()
        if self._transport.get_write_buffer_size() > SLOW_READER_BYTES:
            self.slow = True
            self.abort("slow reader")

    async def writable(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        await self._writable.wait()

    def close(self, code: int | None, reason: str = "") -> None:
        """Say good-bye, in a close frame without a code where that is None; cut the line a second later."""
        if self.is_open:
            self.flush()
            self._end(f"closed by the venue with {code or 'no code'}")
            self._protocol.send_close(code, reason)
            self._write_protocol()
            if self._transport is not None:
                asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Cut the line without a word; what the kernel has not sent is lost."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by inheritance
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
        if self._transport is None or self._transport.is_closing():
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._protocol.close_expected() and self._protocol.state is State.CLOSED:
            self._transport.close()

    def _end(self, reason: str) -> None:
        if self._sent is not None and not self._sent.end:
            self._sent.end = reason


_quiet = logging.getLogger("breadboard.sim.websockets")
_quiet.setLevel(logging.CRITICAL)
