"""The way from ``/`` where no pages are installed, and a list of the operations at ``/docs``."""

import html
import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from breadboard.api import problems
from breadboard.api.problems import Problem

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_OURS: Final = ("/api/{rest:path}", "/ws/{rest:path}", "/live/{rest:path}", "/health", "/ready", "/metrics", "/docs")
"""Places below which, or at which, all that is answered is ours."""
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1.5em;"
    "color:#e8ecf3;background:#0b0e14}a{color:#7aa2ff}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #262d3b;padding:4px 10px;text-align:left}th{color:#9aa6b8}"
)
_DOCS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Breadboard API</title>{style}
<body><h1>Breadboard API</h1>
<p>The full description is an OpenAPI document: <a href="/openapi.json">/openapi.json</a>.
Prices in real time come over a WebSocket: <code>/ws/realtime</code>.</p>
<table><thead><tr><th>Method<th>Path<th>What<th>Parameters</thead><tbody>{rows}</tbody></table></body></html>
"""


def router(app: FastAPI, *, front: bool) -> APIRouter:
    """Return the routes of the pages. ``front``: the page at ``/`` is somebody else's."""
    routes = APIRouter(include_in_schema=False)

    if not front:

        @routes.get("/")
        async def index() -> Response:
            return RedirectResponse("/live/")

    @routes.get("/docs")
    async def docs() -> Response:
        return page(_operations(app))

    return routes


def nowhere(app: FastAPI) -> APIRouter:
    """Return what answers where no route that ``app`` has by now does: there the pages at ``/`` are not asked."""
    known = tuple(app.routes)
    routes = APIRouter(include_in_schema=False)

    async def none(request: Request) -> Response:
        path = request.url.path[:100]
        taken = [method for method in _METHODS if _takes(known, request.scope, method)]
        if not taken:
            raise Problem(404, f"there is nothing at {path!r}", hint="GET /openapi.json names every path")
        told = problems.response(405, f"{path!r} is not for {request.method}", f"{taken[0]} {path}")
        told.headers["Allow"] = ", ".join(taken)
        return told

    for path in _OURS:
        asked = ["OPTIONS"] if path.startswith("/api/") else []  # of who is no browser: Guard answers those
        routes.add_api_route(path, none, methods=[*_METHODS, *asked])
    return routes


def _takes(routes: Iterable[BaseRoute], scope: Scope, method: str) -> bool:
    """Return whether one of these routes answers what is asked, asked by this method."""
    asked = {**scope, "method": "GET" if method == "HEAD" else method}
    return any(route.matches(asked)[0] is Match.FULL for route in routes)


class HeadAsGet:
    """ASGI middleware: what may be got may be asked for its head, which is the same; the server leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server goes on knowing what it was
        await self._app(scope, receive, send)


def page(text: str, status: int = 200, *, forms: bool = False) -> Response:
    """Return a page that may run its own inline code and nothing else, and talk to this server and no other.

    ``forms``: it may also post to this server. Such a page has to say where it is, or its browser calls it ``null``.
    """
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for tag, code in _INLINE.findall(text):
        hashes[tag].append(f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'")
    sources = {tag: " ".join(found) or "'none'" for tag, found in hashes.items()}
    target = "'self'" if forms else "'none'"
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        f"img-src data:; base-uri 'none'; form-action {target}; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store" if forms else "no-cache"}
    return HTMLResponse(text, status, headers | ({"Referrer-Policy": "same-origin"} if forms else {}))


def _operations(app: FastAPI) -> str:
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            names = ", ".join(parameter["name"] for parameter in operation.get("parameters", ()))
            cells = (method.upper(), path, operation.get("summary", ""), names)
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return _DOCS.format(style=f"<style>{_STYLE}</style>", rows="".join(rows))
