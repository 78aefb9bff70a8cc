"""``WS /ws/realtime``: prices as they change. See docs/api.md for the messages."""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from breadboard.api.fanout import Fanout
from breadboard.api.services import Limits
from breadboard.api.subscriber import Request, Subscriber
from breadboard.telemetry.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW, TOO_MANY, POLICY = 4408, 1013, 1008
CUT: Final = "breadboard.cut"
"""The ASGI extension by which our server ends a connection whose socket is full."""
PUSH: Final = "breadboard.push"
"""The ASGI extension by which our server takes a message that is bytes already, while the socket has room."""
_HINT: Final = '{"op":"sub","symbols":["*"],"hz":10,"channels":["quote","trade","status"]}'
_DECODE: Final[dict[str, Any]] = {
    "json": msgspec.json.Decoder(Request),
    "msgpack": msgspec.msgpack.Decoder(Request),
}
_log = Log("ws")


def router(fanout: Fanout, limits: Limits) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.websocket("/ws/realtime")
    async def realtime(socket: WebSocket) -> None:
        form = "msgpack" if "msgpack" in socket.scope["subprotocols"] else "json"
        await socket.accept("msgpack" if form == "msgpack" else None)
        if len(fanout.clients) >= limits.ws_clients:
            await socket.close(TOO_MANY, "too many clients; try again later")
            return
        client = Subscriber(fanout, form)
        fanout.clients.add(client)
        fanout.services.metrics.ws_clients.set(len(fanout.clients))
        tasks = [asyncio.create_task(work) for work in (_read(socket, client, limits), _write(socket, client, limits))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            fanout.clients.discard(client)
            fanout.services.metrics.ws_clients.set(len(fanout.clients))
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                    _log.error("a WebSocket client's task failed", outcome)

    return routes


async def _read(socket: WebSocket, client: Subscriber, limits: Limits) -> None:
    """Take the client's messages; bad ones are answered, too many end the conversation."""
    budget, refilled = float(limits.ws_messages_per_s), time.monotonic()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        now = time.monotonic()
        budget = min(budget + (now - refilled) * limits.ws_messages_per_s, limits.ws_messages_per_s) - 1
        refilled = now
        if budget < 0 or client.waiting_replies > limits.ws_messages_per_s:
            with suppress(RuntimeError):  # the other task may have closed it
                await socket.close(POLICY, f"more than {limits.ws_messages_per_s} messages a second")
            return
        text, data = message.get("text"), message.get("bytes")
        _take(client, data if data is not None else (text or "").encode(), limits)


def _take(client: Subscriber, data: bytes, limits: Limits) -> None:
    try:
        request = _DECODE[client.form].decode(data)
    except msgspec.DecodeError as error:
        client.reply({"type": "error", "error": str(error), "hint": _HINT})
        return
    if len(getattr(request, "symbols", None) or ()) > limits.ws_symbols:
        wrong = f"more than {limits.ws_symbols} symbols; '*' means all"
        client.reply({"type": "error", "error": wrong, "hint": _HINT})
        return
    client.ask(request)


async def _write(socket: WebSocket, client: Subscriber, limits: Limits) -> None:
    """Send what is due, one message at a time; while one is under way, newer state overwrites older.

    A socket that stays full for ``ws_stall_s`` is cut: its close code is 4408 if it reads on within a second.
    """
    loop = asyncio.get_running_loop()
    sent, text = client.metrics.ws_frames, client.form == "json"
    push: Callable[..., bool] = socket.scope.get("extensions", {}).get(PUSH, _nowhere)
    while True:
        await client.wake.wait()
        client.wake.clear()
        for message in client.messages():
            if push(message, text=text):
                sent.inc()
                continue
            client.sending_since = loop.time()
            try:
                async with asyncio.timeout(limits.ws_stall_s):
                    await (socket.send_text(message.decode()) if text else socket.send_bytes(message))
            except TimeoutError:
                client.metrics.ws_slow.inc()
                await _cut(socket)
                return
            client.sending_since = None
            sent.inc()
        client.sent()


def _nowhere(_: bytes, *, text: bool) -> bool:  # noqa: ARG001 - the name is part of the extension
    """Take nothing: on other servers than ours, messages go the usual way."""
    return False


async def _cut(socket: WebSocket) -> None:
    reason = "this client does not read"
    cut = socket.scope.get("extensions", {}).get(CUT)
    if cut is not None:
        cut(SLOW, reason)
        return
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(1.0):
            await socket.close(SLOW, reason)
