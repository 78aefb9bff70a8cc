"""Who may talk to us: names of ours only, no foreign page, no oversized request, and off loopback nobody without a key.

A browser on this machine also shows pages of strangers. Such a page can open a WebSocket to 127.0.0.1 or post a form
to it, and by DNS rebinding even read answers under its own name. So the Host header must be a name of ours, and a
WebSocket or a changing request that names an Origin must name ours, or one that the configuration allows.

Every route is behind this one door: what it asks for is decided by method and path, and not by each route for itself.
"""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Asked

from breadboard.api import problems, sign_in_page
from breadboard.api.access import Access, host_of
from breadboard.api.security_keys import KeyRing
from breadboard.api.security_lines import Lines
from breadboard.api.security_origins import Headers, Origins, named
from breadboard.api.security_pages import is_by_browser, way_in
from breadboard.api.security_scopes import FORMS, LOGIN, SAFE, changes_keys, is_long
from breadboard.api.security_turnstile import PERSON, Refusal, Turnstile, person_of
from breadboard.api.services import Limits

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
LONG_BODY: Final = 1536 * 1024
"""Bytes of a watchlist, or a rule: 10,000 symbols of 128 characters, with what is around each."""
CLOSED: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The content security policy of everything that is not a page."""


class Guard:
    """ASGI middleware: refuses what may not talk to us, and puts security headers on every answer."""

    def __init__(self, app: ASGIApp, limits: Limits, access: Access, ring: KeyRing) -> None:
        self._app = app
        self._limits = limits
        self._access = access
        self._origins = Origins(access)
        self._ring = ring
        self._turnstile = Turnstile(access, ring)
        self._lines = Lines(access.lines)

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Serve, or refuse with a problem document (a WebSocket: with 403 before it is accepted)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope) or await self._who(scope)
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, refusal)
            return
        sending = _with_headers(send, self._origins.headers(scope))
        if refusal is not None:
            await _answer(scope, refusal)(scope, receive, sending)
        elif (preflight := self._origins.preflight(scope)) is not None:
            await send({"type": "http.response.start", "status": 204, "headers": [*preflight, *HEADERS]})
            await send({"type": "http.response.body"})
        else:
            await self._serve(scope, _Body(receive, self._most(scope)), sending)

    async def _serve(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Serve, and answer a defect of ours here, where answers get their headers and connections stay."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            if changes_keys(scope["method"], scope["path"]):
                self._ring.changed()  # before whoever did it hears of it, and goes on with the new key
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if begun:
                raise
            await problems.defect(scope["method"], scope["path"], error)(scope, receive, send)

    def _refusal(self, scope: Asked) -> Refusal | None:
        """Return what is wrong with a request, whoever sends it."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._access.is_ours(host):
            name = host_of(host) or host
            hint = f'[api] hosts = ["{name[:100]}"]   # or: curl http://127.0.0.1:8080/'
            return Refusal(403, f"this server is not for {host[:100]!r}", hint)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.url:
            return Refusal(
                414, f"an address of more than {self._limits.url} bytes", "POST /api/v1/sql takes long questions"
            )
        preflight = scope["type"] == "http" and self._origins.preflight(scope) is not None
        if scope["type"] == "http" and scope["method"] in SAFE and not preflight:
            return None
        foreign = self._origins.foreign(scope, host)
        if foreign is not None:
            return Refusal(
                403, f"a page of {foreign[:100]!r} may not use this server", "open the page at its own address"
            )
        return self._wrong_body(scope, headers) if scope["type"] == "http" and not preflight else None

    def _most(self, scope: Asked) -> int:
        """Return how many bytes a body may have."""
        return LONG_BODY if is_long(scope["method"], scope["path"]) else self._limits.body

    def _wrong_body(self, scope: Asked, headers: dict[bytes, str]) -> Refusal | None:
        path, most = scope["path"], self._most(scope)
        length = headers.get(b"content-length", "0")
        if not length.isdecimal() or int(length) > most:
            return Refusal(413, f"a body of more than {most} bytes", "breadboard sql reads longer questions")
        kind = headers.get(b"content-type")
        empty = length == "0" and b"transfer-encoding" not in headers
        form = path in FORMS and (kind or "").startswith("application/x-www-form-urlencoded")
        if not form and not (kind or "").startswith("application/json") and not (kind is None and empty):
            return Refusal(415, "a body here is application/json", "curl -H 'Content-Type: application/json' …")
        return None

    async def _who(self, scope: Asked) -> Refusal | None:
        """Find out who asks; a browser that asks whether it may ask is nobody yet."""
        if scope["type"] == "http" and self._origins.preflight(scope) is not None:
            return None
        refusal = await self._turnstile.refusal(scope)
        return self._by_cookie(scope) if refusal is None else refusal

    def _by_cookie(self, scope: Asked) -> Refusal | None:
        """Refuse what a page of others has a browser do that is signed in here, or have signed in as somebody else."""
        if scope["type"] == "http" and scope["method"] in SAFE:
            return None
        person = scope.get(PERSON)
        if person is not None and person.session:
            goes_by_cookie = True
        else:
            goes_by_cookie = scope["path"] == LOGIN and bool(named(scope))
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        if not goes_by_cookie or self._origins.own(scope, host):
            return None
        hint = "open the page at its own address; a proxy in front has to pass on the Host header as it is"
        return Refusal(403, "a session is good for this server's own pages alone", hint)

    async def _websocket(self, scope: Asked, receive: Receive, send: Send, refusal: Refusal | None) -> None:
        if refusal is None:
            with self._lines.one(person_of(scope)) as fits:
                if fits:
                    await self._app(scope, self._turnstile.staying(scope, receive, send), send)
                else:
                    await self._lines.refuse(scope, receive, send)
            return
        await receive()
        if "websocket.http.response" in scope.get("extensions", {}):
            head = [(b"content-type", problems.CONTENT_TYPE.encode())]
            if refusal.retry_after_s:
                head.append((b"retry-after", str(refusal.retry_after_s).encode()))
            body = problems.body(refusal.status, refusal.sentence, refusal.hint)
            await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": head})
            await send({"type": "websocket.http.response.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _answer(scope: Asked, refusal: Refusal) -> Response:
    """Return what a refused request is told; a browser that is not signed in, where it can be."""
    if refusal.status == 401 and (place := way_in(scope)) is not None:
        return RedirectResponse(place, 303)
    if scope["path"] == LOGIN and is_by_browser(scope):
        return sign_in_page.form(refusal.sentence, refusal.hint, refusal.status, refusal.retry_after_s)
    answer = problems.response(refusal.status, refusal.sentence, refusal.hint, retry_after_s=refusal.retry_after_s)
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


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


def _with_headers(send: Send, more: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name for name, _ in given}
            extra = [*HEADERS, (b"content-security-policy", CLOSED), (b"cache-control", b"no-store")]
            message = {**message, "headers": given + [pair for pair in extra if pair[0] not in names] + more}
        await send(message)

    return sending
