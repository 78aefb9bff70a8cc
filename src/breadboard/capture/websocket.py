"""One WebSocket connection, client side: bytes in, stamped batches out. The only file that knows picows."""

import asyncio
import logging
from contextlib import suppress

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from breadboard.capture.tls import trusted
from breadboard.capture.wire import (
    CLOSE_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    PROVENANCE_HEADER,
    QUARANTINE_HEAD,
    Batch,
    Handler,
    Refused,
    tune,
)
from breadboard.clock import Clock
from breadboard.model.addresses import public
from breadboard.model.kinds import Provenance

_DATA, _CONTINUATION = (WSMsgType.TEXT, WSMsgType.BINARY), WSMsgType.CONTINUATION
_PING, _CLOSE = WSMsgType.PING, WSMsgType.CLOSE


class WebSocketConnection(WSListener):
    """A live connection. Frames of one read go to the handler together; control frames are answered here."""

    def __init__(self, handler: Handler, clock: Clock, frame_cap: int) -> None:
        self._handler = handler
        self._wall = clock.wall
        self._mono = clock.mono
        self._cap = frame_cap
        self._frames: list[bytes] = []
        self._stamps: list[int] = []
        self._first_mono = 0
        self._parts: list[bytes] = []
        self._reason = ""
        self._broken = False
        self.dismissed = False
        self._retrieval: asyncio.Task[None] | None = None
        self._transport: WSTransport | None = None

    @property
    def never_opened(self) -> bool:
        """Whether the handshake was never completed."""
        return self._transport is None

    @property
    def provenance(self) -> Provenance:
        """Say where the data comes from, in the words of the other side's handshake."""
        assert self._transport is not None
        said = self._transport.response.headers.get(PROVENANCE_HEADER, Provenance.LIVE)
        return Provenance(said) if said in set(Provenance) else Provenance.LIVE

    def send(self, text: str) -> None:
        """Send one text frame; on a connection that is over, nothing happens."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, text.encode())

    def ping(self) -> bool:
        """Ask for a sign of life."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_ping(b"breadboard")
        return True

    def close(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Say good-bye, and cut the line a second later if the other side has not."""
        self._reason = self._reason or reason
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(code)
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.disconnect, False)

    def abort(self, reason: str) -> None:
        """Cut the line: the other side no longer listens."""
        self._reason = self._reason or reason
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Tune the socket and open the conversation: frames may follow in the same read as the handshake (picows)."""
        self._transport = transport
        tune(transport.underlying_transport.get_extra_info("socket"))
        self._handler.on_open(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Stamp and collect one frame; hand the batch on with the last frame of a read (picows)."""
        kind = frame.msg_type
        if self._broken:
            pass  # the gap that was told of lasts until the next connection
        elif kind in _DATA:
            if frame.fin and frame.payload_size <= self._cap:
                self._collect(frame.get_payload_as_bytes())
            else:
                self._fragment(frame)
        elif kind == _CONTINUATION:
            self._fragment(frame)
        else:
            self._control(transport, frame, kind)
        if frame.last_in_buffer:
            self._flush()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Hand on what is left, then the reason (picows)."""
        self._retrieval = asyncio.get_running_loop().create_task(_retrieve(transport))
        self._flush()
        if self._parts:
            self._handler.on_broken_frame(b"".join(self._parts)[:QUARANTINE_HEAD], "a message cut off by the end")
            self._parts = []
        self._handler.on_end(self._reason or _end_reason(transport))

    def _collect(self, payload: bytes) -> None:
        if not self._frames:
            self._first_mono = self._mono()
        self._frames.append(payload)
        self._stamps.append(self._wall())

    def _flush(self) -> None:
        if self._frames:
            batch = Batch(self._frames, self._stamps, self._first_mono)
            self._frames, self._stamps = [], []
            self._handler.on_batch(batch)

    def _fragment(self, frame: WSFrame) -> None:
        self._parts.append(frame.get_payload_as_bytes())
        size = sum(map(len, self._parts))
        if size > self._cap:
            head = b"".join(self._parts)[:QUARANTINE_HEAD]
            self._parts, self._broken = [], True
            self._flush()
            self._handler.on_broken_frame(head, f"a message of more than {self._cap} bytes ({size} so far)")
            self.close("message too big", WSCloseCode.MESSAGE_TOO_BIG)
        elif frame.fin:
            whole = b"".join(self._parts)
            self._parts = []
            self._collect(whole)

    def _control(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        self._flush()
        if kind == _PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            self.dismissed = True
            self._reason = self._reason or _close_reason(frame)
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        self._handler.on_control()


async def connect(
    url: str, handler: Handler, clock: Clock, frame_cap: int, timeout_s: float = CONNECT_TIMEOUT_S
) -> None:
    """Open a connection, TLS verified; the handler has it when this returns.

    Raises Refused for an HTTP answer or an address that is none, OSError or TimeoutError for no answer at all.

    A redirect is not followed, but an answer like others: it points to a page about a maintenance far more often than
    to a WebSocket, and what is asked for may have a key in it.

    picows gets four times the cap as its own limit, so that a message a little too long can still be quarantined here.
    """
    connection = WebSocketConnection(handler, clock, frame_cap)
    try:
        async with asyncio.timeout(timeout_s):
            await ws_connect(
                lambda: connection,
                url,
                ssl_context=trusted() if url.startswith("wss:") else None,
                websocket_handshake_timeout=timeout_s,
                enable_auto_pong=False,
                max_frame_size=4 * frame_cap,
                max_redirects=0,
                read_buffer_init_size=256 << 10,
                logger_name=_quiet,
                # Its own reader on uvloop is not told of a reset between two reads (libuv ends the poll with EBADF):
                # the line would then hear of it only when its next ping cannot be sent, three seconds later.
                use_aiofastnet=False,
            )
    except WSHandshakeError as error:
        raise _refused(error) from None
    except WSInvalidURL as error:
        raise Refused(f"{public(error.url)} is no address of a WebSocket", 0, 0.0) from None
    except WSError as error:
        raise Refused(f"no WebSocket could be opened: {error}", 0, 0.0) from None
    if connection.never_opened:
        raise ConnectionError("the connection was closed during the handshake")


def _refused(error: WSHandshakeError) -> Refused:
    """Return what the other side answered, in words."""
    if error.response is None:
        return Refused(f"the server's answer is no WebSocket upgrade: {error}", 0, 0.0)
    status, headers = int(error.response.status), error.response.headers
    place = public(str(headers.get("Location", "")))[:200]
    after = headers.get("Retry-After", "")
    sentence = f"the server answered HTTP {status}" + (f" and points to {place}" if place else "")
    return Refused(sentence, status, float(after) if after.isdecimal() else 0.0)


async def _retrieve(transport: WSTransport) -> None:
    """Take the exception that picows keeps for somebody who waits; its reason was handed on with the end."""
    with suppress(WSError):
        await transport.wait_disconnected()


def _close_reason(frame: WSFrame) -> str:
    text = (frame.get_close_message() or b"").decode("utf-8", "replace")
    return f"closed by the venue with code {int(frame.get_close_code().value)}" + (f": {text}" if text else "")


def _end_reason(transport: WSTransport) -> str:
    sent = getattr(transport.close_handshake, "sent", None)  # no handshake at all when the line was cut
    if sent is not None:
        return f"closed by us with code {int(sent.code.value)}: {sent.reason or 'the bytes are no WebSocket'}"
    return "connection lost"


_quiet = logging.getLogger("breadboard.capture.picows")
_quiet.setLevel(logging.CRITICAL)
