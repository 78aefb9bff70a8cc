"""The first page at ``/``: one self-contained file, and a list of the operations at ``/docs``."""

import html
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib import resources

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, Response

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)

_DOCS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Breadboard API</title>{style}
<body class="plain"><h1>Breadboard API</h1>
<p>The full description is an OpenAPI document: <a href="/openapi.json">/openapi.json</a>.
Prices in real time come over a WebSocket: <code>/ws/realtime</code>.</p>
<table><thead><tr><th>Method<th>Path<th>What<th>Parameters</thead><tbody>{rows}</tbody></table></body></html>
"""


def router(app: FastAPI) -> APIRouter:
    """Return the routes of the pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def index() -> Response:
        return _page(_index())

    @routes.get("/docs")
    async def docs() -> Response:
        return _page(_operations(app))

    return routes


@cache
def _index() -> str:
    return resources.files("breadboard.api").joinpath("static/index.html").read_text(encoding="utf-8")


def _page(text: str) -> Response:
    """Return a page that may run its own inline code and nothing else, and talk to this server and no other."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for tag, code in _INLINE.findall(text):
        hashes[tag].append(f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'")
    sources = {tag: " ".join(found) or "'none'" for tag, found in hashes.items()}
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})


def _operations(app: FastAPI) -> str:
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            names = ", ".join(parameter["name"] for parameter in operation.get("parameters", ()))
            cells = (method.upper(), path, operation.get("summary", ""), names)
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    style = re.search(r"<style>.*?</style>", _index(), re.DOTALL)
    return _DOCS.format(style=style.group() if style else "", rows="".join(rows))
