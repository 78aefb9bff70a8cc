"""One TCP connection that carries text lines: bytes in, stamped batches of lines out."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, cast

from breadboard.capture.wire import CLOSE_TIMEOUT_S, CONNECT_TIMEOUT_S, QUARANTINE_HEAD, Batch, Handler, tune
from breadboard.clock import Clock
from breadboard.model.kinds import Provenance

PROVENANCE_LINE: Final = b"S,PROVENANCE,"
"""How a simulator says what it is, in its first line; a real gateway says no such thing."""


class LineConnection(asyncio.Protocol):
    """A live connection. A frame is one line without its end; the lines of one read go to the handler together.

    ``ping`` is the line that makes the other side answer, empty where there is none. An end of file is an end of the
    connection, and a line that it cut off goes to quarantine.
    """

    def __init__(self, handler: Handler, clock: Clock, frame_cap: int, ping: str) -> None:
        self.provenance = Provenance.LIVE
        self.dismissed = False
        self._handler = handler
        self._wall = clock.wall
        self._mono = clock.mono
        self._cap = frame_cap
        self._ping = ping
        self._parts: list[bytes] = []
        """What came of a line that has no end yet."""
        self._held = 0
        self._reason = ""
        self._begun = False
        self._broken = False
        self._transport: asyncio.Transport | None = None

    def send(self, text: str) -> None:
        """Send one line; its end is ours to write."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode("latin-1", "replace") + b"\r\n")

    def ping(self) -> bool:
        """Ask for a sign of life, where the protocol has a way to."""
        if self._ping:
            self.send(self._ping)
        return bool(self._ping)

    def close(self, reason: str) -> None:
        """Write what is still to be written and end; cut the line a second later if that did not help."""
        self._reason = self._reason or reason
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Cut the line."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tune the socket and open the conversation (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by inheritance
        tune(transport.get_extra_info("socket"))
        self._handler.on_open(self)

    def data_received(self, data: bytes) -> None:
        """Stamp a read, cut it into lines and hand those on together (asyncio)."""
        wall, mono = self._wall(), self._mono()
        if self._broken:
            return  # the gap that was told of lasts until the next connection
        head, end, rest = data.rpartition(b"\n")
        if end:
            lines = b"".join((*self._parts, head)).split(b"\n")
            self._parts, self._held = [], 0
            if not self._take(lines, wall, mono):
                return
        if rest:
            self._hold(rest)

    def _take(self, lines: Sequence[bytes], wall: int, mono: int) -> bool:
        """Hand on whole lines, up to the first that is too long; return whether there is none."""
        frames = [line.removesuffix(b"\r") for line in lines]
        too_long = next((at for at, frame in enumerate(frames) if len(frame) > self._cap), None)
        sound = [frame for frame in frames[:too_long] if frame]
        if sound:
            self._begin(sound[0])
            self._handler.on_batch(Batch(sound, [wall] * len(sound), mono))
        if too_long is not None:
            self._break_off(frames[too_long])
        return too_long is None

    def _hold(self, part: bytes) -> None:
        """Keep the beginning of a line. Parts are joined once: a long line may come in many small pieces."""
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._cap + 1:  # one more, for a carriage return that has no line feed yet
            self._break_off(b"".join(self._parts))

    def eof_received(self) -> bool:
        """Let an end of file be the end of the connection (asyncio)."""
        self.dismissed = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on what is left, then the reason (asyncio)."""
        if self._parts:
            head = b"".join(self._parts)[:QUARANTINE_HEAD]
            self._handler.on_broken_frame(head, "a line cut off by the end of the connection")
        self._handler.on_end(self._reason or (f"connection lost: {error}" if error else "closed by the other side"))

    def _begin(self, first: bytes) -> None:
        """Let the first line say where the data comes from, if it says so."""
        if self._begun:
            return
        self._begun = True
        if first.startswith(PROVENANCE_LINE):
            with suppress(ValueError):
                self.provenance = Provenance(first.removeprefix(PROVENANCE_LINE).rstrip(b",").decode("latin-1"))

    def _break_off(self, line: bytes) -> None:
        """Quarantine a line that is too long, and leave: what comes after it is not taken for data."""
        self._broken, self._parts = True, []
        reason = f"a line of more than {self._cap} bytes ({len(line)} so far)"
        self._handler.on_broken_frame(line[:QUARANTINE_HEAD], reason)
        self.close("line too long")


async def connect(
    host: str,
    port: int,
    handler: Handler,
    clock: Clock,
    frame_cap: int,
    ping: str,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> None:
    """Open a connection; the handler has it when this returns. Raises OSError or TimeoutError."""
    async with asyncio.timeout(timeout_s):
        await asyncio.get_running_loop().create_connection(
            lambda: LineConnection(handler, clock, frame_cap, ping), host, port
        )
