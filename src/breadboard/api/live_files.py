"""The terminal at ``/live/``: the files that the build of the package made of ``web/``."""

import mimetypes
from importlib import resources
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from breadboard.api.problems import Problem

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Its own code, its own server. Styles are also set by the chart's library, inline; ``'self'`` covers the WebSocket.

Our own pages may have it in a frame (``embed.js``), nobody else's.
"""
_FOR_EVER: Final = "public, max-age=31536000, immutable"
"""Of files under ``assets/``: their names hold a digest of what is in them."""

_UNBUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Breadboard: not built</title>
<style>body{font:15px/1.6 system-ui,sans-serif;max-width:42em;margin:12vh auto;padding:0 1.5em}
body{color:#e8ecf3;background:#0b0e14}
code{background:#181d28;border:1px solid #262d3b;border-radius:6px;padding:2px 7px}a{color:#7aa2ff}</style>
<body><h1>The terminal is not built</h1>
<p>This package was made without it (<code>BREADBOARD_SKIP_UI=1</code>, or from sources without Node). In a clone,
<code>make setup</code> builds it; Node comes from PyPI for the build, nothing else is needed.</p>
<p>Prices are at <a href="/">/</a>, the API at <a href="/docs">/docs</a>.</p></body></html>
"""


def built() -> Path:
    """Return the directory of the built terminal, whether or not it is there."""
    return Path(str(resources.files("breadboard").joinpath("_ui")))


def router(root: Path | None = None) -> APIRouter:
    """Return the routes; ``root`` is where the terminal was built."""
    home = (root or built()).resolve()
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/live", methods=["GET", "HEAD"])
    async def slash() -> Response:
        return RedirectResponse("/live/", 308)

    @routes.api_route("/live/{name:path}", methods=["GET", "HEAD"])
    def file(name: str) -> Response:
        if not (home / "index.html").is_file():
            return HTMLResponse(_UNBUILT, 503, _headers("no-store"))
        path = _inside(home, name or "index.html")
        if path is None:
            raise Problem(404, f"the terminal has no file {name[:100]!r}", hint="GET /live/")
        kept = _FOR_EVER if path.parent == home / "assets" else "no-cache"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return FileResponse(
            path, headers=_headers(kept), media_type="text/javascript" if path.suffix == ".js" else kind
        )

    return routes


def _inside(home: Path, name: str) -> Path | None:
    """Return the file of this name under ``home``, if there is one."""
    try:
        path = (home / name).resolve()
        return path if path.is_relative_to(home) and path.is_file() else None
    except (OSError, ValueError):  # longer than a name can be, or a zero byte in it
        return None


def _headers(kept: str) -> dict[str, str]:
    return {"Cache-Control": kept, "Content-Security-Policy": _POLICY, "X-Frame-Options": "SAMEORIGIN"}
