"""Who may talk to us: loopback names only, no foreign page, no oversized request.

A browser on this machine also shows pages of strangers. Such a page can open a WebSocket to 127.0.0.1 or post a form
to it, and by DNS rebinding even read answers under its own name. So the Host header must be a loopback name, and a
WebSocket or a changing request that names an Origin must name ours.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breadboard.api import problems
from breadboard.api.services import Limits

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
CLOSED: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The content security policy of everything that is not a page."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(netloc: str) -> bool:
    """Return whether ``host`` or ``host:port`` names this machine."""
    try:
        return urlsplit(f"//{netloc}").hostname in LOOPBACK
    except ValueError:
        return False


class Guard:
    """ASGI middleware: refuses what may not talk to us, and puts security headers on every answer."""

    def __init__(self, app: ASGIApp, limits: Limits, origins: frozenset[str]) -> None:
        self._app = app
        self._limits = limits
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse with a problem document (a WebSocket: with 403 before it is accepted)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, refusal)
        elif refusal:
            status, sentence, hint = refusal
            await problems.response(status, sentence, hint)(scope, receive, _with_headers(send))
        else:
            await self._app(scope, _Body(receive, self._limits.body), _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not is_loopback(host):
            return 403, f"this server is for this machine and not for {host[:100]!r}", "curl http://127.0.0.1:8080/"
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.url:
            return 414, f"an address of more than {self._limits.url} bytes", "POST /api/v1/sql takes long questions"
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        return self._foreign(host, headers) or (self._wrong_body(headers) if scope["type"] == "http" else None)

    def _foreign(self, host: str, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._origins and origin not in (f"http://{host}", f"https://{host}"):
            return 403, f"a page of {origin[:100]!r} may not use this server", "open the page at its own address"
        return None

    def _wrong_body(self, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        if not headers.get(b"content-type", "").startswith("application/json"):
            return 415, "a body here is application/json", "curl -H 'Content-Type: application/json' …"
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > self._limits.body:
            return 413, f"a body of more than {self._limits.body} bytes", "breadboard sql reads longer questions"
        return None

    async def _websocket(
        self, scope: Scope, receive: Receive, send: Send, refusal: tuple[int, str, str] | None
    ) -> None:
        if refusal is None:
            await self._app(scope, receive, send)
            return
        await receive()
        status, sentence, hint = refusal
        if "websocket.http.response" in scope.get("extensions", {}):
            head = [(b"content-type", problems.CONTENT_TYPE.encode())]
            await send({"type": "websocket.http.response.start", "status": status, "headers": head})
            await send({"type": "websocket.http.response.body", "body": problems.body(status, sentence, hint)})
        else:
            await send({"type": "websocket.close", "code": 1008})


class _Body:
    """Counts what arrives, for clients that do not say how long their body is."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            # FastAPI turns any other error of a body into a 400.
            raise HTTPException(413, "the body is longer than this server takes")
        return message


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name for name, _ in given}
            extra = [*HEADERS, (b"content-security-policy", CLOSED), (b"cache-control", b"no-store")]
            message = {**message, "headers": given + [pair for pair in extra if pair[0] not in names]}
        await send(message)

    return sending
