"""``WS /ws/realtime``: prices as they change. See docs/api.md for the messages."""

import asyncio
import random
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from fastapi import APIRouter, Request, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from breadboard.api.fanout import Fanout
from breadboard.api.problems import response
from breadboard.api.requests import DECODE, HINT, refusal
from breadboard.api.services import Limits
from breadboard.api.subscriber import Subscriber
from breadboard.telemetry.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW, TOO_MANY, POLICY = 4408, 1013, 1008
CUT: Final = "breadboard.cut"
"""The ASGI extension by which our server ends a connection whose socket is full."""
PUSH: Final = "breadboard.push"
"""The ASGI extension by which our server takes a message that is bytes already, while the socket has room."""
STRAIGHT: Final = "breadboard.straight"
"""The ASGI extension by which our server tells where its socket is (``subscriber.Straight``)."""
RETRY_S: Final = 1.0
_log = Log("ws")


def router(fanout: Fanout, limits: Limits) -> APIRouter:
    """Return the route."""
    routes, joins = APIRouter(), Budget(limits.ws_joins_per_s)

    @routes.get("/ws/realtime", include_in_schema=False)
    async def asked_without_upgrade(request: Request) -> Response:
        address = request.url.replace(scheme="wss" if request.url.scheme == "https" else "ws", query="")
        hint = f"python -m websockets {address}   # and then {HINT}"
        answer = response(426, "/ws/realtime is a WebSocket: this request does not ask for one", hint)
        answer.headers["Upgrade"], answer.headers["Connection"] = "websocket", "Upgrade"
        return answer

    @routes.websocket("/ws/realtime")
    async def realtime(socket: WebSocket) -> None:
        form = "msgpack" if "msgpack" in socket.scope["subprotocols"] else "json"
        await socket.accept("msgpack" if form == "msgpack" else None)
        if len(fanout.clients) >= limits.ws_clients or not joins.take():
            await socket.close(TOO_MANY, retry_hint())
            return
        ways = socket.scope.get("extensions", {})
        push: Callable[..., bool] = ways.get(PUSH, _nowhere)
        client = Subscriber(fanout, form, partial(push, text=form == "json"), ways.get(STRAIGHT))
        fanout.add(client)
        tasks = [asyncio.create_task(work) for work in (_read(socket, client, limits), _write(socket, client, limits))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            fanout.remove(client)
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                    _log.error("a WebSocket client's task failed", outcome)

    return routes


class Budget:
    """So many a second, and as many at once."""

    def __init__(self, per_s: int) -> None:
        self._per_s = self._left = float(per_s)
        self._refilled = time.monotonic()

    def take(self, count: int = 1) -> bool:
        """Spend so many; False, and none is spent, where there are not as many left."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._refilled) * self._per_s, self._per_s)
        self._refilled = now
        if self._left < count:
            return False
        self._left -= count
        return True


def retry_hint() -> str:
    """Return the reason of a close that is no fault of the client's: when to come back, for each another moment."""
    seconds = RETRY_S * (1 + random.random())  # noqa: S311 - spreads clients, and keeps no secret
    return f'{{"retry_after_ms":{round(seconds * 1000)}}}'


async def _read(socket: WebSocket, client: Subscriber, limits: Limits) -> None:
    """Take the client's messages; bad ones are answered, too many end the conversation."""
    budget = Budget(limits.ws_messages_per_s)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if not budget.take() or client.waiting_replies > limits.ws_messages_per_s:
            with suppress(RuntimeError):  # the other task may have closed it
                await socket.close(POLICY, f"more than {limits.ws_messages_per_s} messages a second")
            return
        text, data = message.get("text"), message.get("bytes")
        _take(client, data if data is not None else (text or "").encode(), limits)


def _take(client: Subscriber, data: bytes, limits: Limits) -> None:
    try:
        request = DECODE[client.form].decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        client.reply({"type": "error", "error": str(error), "hint": HINT})
        return
    wrong = refusal(request, limits.ws_symbols)
    if wrong is None:
        client.ask(request)
    else:
        client.reply({"type": "error", "error": wrong[0], "hint": wrong[1]})


async def _write(socket: WebSocket, client: Subscriber, limits: Limits) -> None:
    """Send what a full socket did not take, one message at a time; meanwhile newer state overwrites older.

    A socket that stays full for ``ws_stall_s`` is cut: its close code is 4408 if it reads on within a second.
    """
    while True:
        await client.wake.wait()
        client.wake.clear()
        while (message := client.stuck) is not None:
            try:
                async with asyncio.timeout(limits.ws_stall_s):
                    await (socket.send_text(message.decode()) if client.form == "json" else socket.send_bytes(message))
            except TimeoutError:
                client.fanout.services.metrics.ws_slow.inc()
                await _cut(socket)
                return
            except RuntimeError:  # the other task has closed it, or the server itself
                return
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
