"""uvicorn's WebSocket protocol, with a short way into a socket, and a way out of a full one."""

import asyncio
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Opcode
from websockets.protocol import State

from breadboard.api.heads import LAST_WORDS_S
from breadboard.api.routes.realtime import CUT, POLICY, PUSH, STRAIGHT, Budget, retry_hint

AGAIN = 1012
SEND_BUFFER = 128 << 10
"""Bytes that the kernel keeps for a WebSocket client (and as much again for its own accounts). Left alone it takes
megabytes for one that does not read: they are in no figure of ours, 2,000 such clients have all sockets of the machine
squeezed, and a client that reads again is told an old story first, where it could have had the newest state."""
FRAMES_PER_S = 200
"""Frames of one WebSocket client, pings and pieces of messages with them. Each takes the loop 20 µs from all others."""
_BITE = 1 << 10
"""Bytes of which the frames are counted before more are looked at: a socket gives 40,000 small ones at once."""
_TEXT, _BINARY = 0x80 | Opcode.TEXT, 0x80 | Opcode.BINARY
_HEAD_16, _HEAD_64 = struct.Struct("!BBH").pack, struct.Struct("!BBQ").pack


class Sockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, with a short way into a socket, and a way out of a full one.

    Sending goes through five coroutines, which copy a message five times, and decode it to encode it again; ``push``
    puts a frame's head before it, and no more, and ``descriptor`` is for who does that without the interpreter. Closing
    politely queues a close frame behind what the client does not read, and then waits for it without end; ``cut`` says
    why, waits a second, and drops the connection with all of it.

    Frames that are no message (pings, pieces without end) would be counted by nobody, and read without a pause.
    """

    _descriptor = -1
    _flooded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with a full budget of frames."""
        super().connection_made(transport)
        self._frames = Budget(FRAMES_PER_S)

    def data_received(self, data: bytes) -> None:
        """Take what came in small bites, until there are too many frames in it."""
        for at in range(0, len(data), _BITE):
            if self._flooded or self.transport.is_closing():
                return
            super().data_received(data[at : at + _BITE])

    def handle_events(self) -> None:
        """Take the frames of a bite; where they are too many, end, also where a polite end is under way."""
        if self._frames.take(len(self.conn.events)):
            super().handle_events()
            return
        self._flooded = True
        self.transport.pause_reading()
        if self.close_sent or self.conn.state is not State.OPEN:  # an end is under way, or nothing has begun
            self.transport.abort()
        else:
            self.cut(POLICY, f"more than {FRAMES_PER_S} frames a second")

    async def run_asgi(self) -> None:
        """Offer ``push``, ``cut`` and the socket to the application."""
        line = self.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if self.transport.get_extra_info("sslcontext") is None:  # else what goes to the socket is not what we say
            self._descriptor = line.fileno()
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[PUSH], extensions[CUT], extensions[STRAIGHT] = self.push, self.cut, self
        await super().run_asgi()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        """Send as uvicorn does; a refusal that is told whole is an end like others, and no error of the application.

        Else each of them would be a line in the log, for whoever likes to fill it.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def push(self, message: bytes, *, text: bool) -> bool:
        """Send a whole message, and return True; False, with nothing sent, where the socket is full or closing."""
        if not self._open():
            return False
        self.transport.write(frame_head(len(message), text=text) + message)
        return True

    @property
    def descriptor(self) -> int:
        """The socket, where a frame may be written to it: nothing is left that has to go before. Else, -1."""
        return -1 if not self._open() or self.transport.get_write_buffer_size() else self._descriptor

    def finish(self, rest: bytes) -> None:
        """Send the end of a frame of which ``descriptor`` took the beginning."""
        self.transport.write(rest)

    def _open(self) -> bool:
        if not self.writable.is_set() or self.close_sent or self.conn.state is not State.OPEN:
            return False
        return not self.disconnected and not self.transport.is_closing()  # the long way tells the client's task

    def shutdown(self) -> None:
        """Say that the server begins anew (1012), and when to come back: not all clients at once.

        What it was told before, a client can go on from: the heartbeat's ``next`` and ``stream``.
        """
        if self.handshake_complete and not self.close_sent and self.conn.state is State.OPEN:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": AGAIN})
            self.conn.send_close(AGAIN, retry_hint())
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
            self.loop.call_later(LAST_WORDS_S, self.transport.abort)
        else:
            super().shutdown()

    def cut(self, code: int, reason: str) -> None:
        """End the connection, even if its socket is full."""
        if self.disconnected or self.close_sent:
            return
        if self.conn.state is not State.OPEN:  # the client has ended it, and nothing may be said any more
            self.transport.abort()
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.loop.call_later(LAST_WORDS_S, self.transport.abort)


def frame_head(size: int, *, text: bool) -> bytes:
    """Return what comes before an unfragmented message of so many bytes (RFC 6455, 5.2)."""
    first = _TEXT if text else _BINARY
    if size < 126:
        return bytes((first, size))
    return _HEAD_16(first, 126, size) if size < 1 << 16 else _HEAD_64(first, 127, size)
