"""Streamlit inside our own web server: started by the first visitor, under a policy of its own."""

import asyncio
import gc
import logging
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breadboard.dashboard.place import PLACE

_HOME = Path(__file__).parent
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def front(address: str | None = None, certificate: str = "") -> "Front | None":
    """Return the pages; None where Streamlit is not installed (the extra ``dashboard``).

    ``address`` is where this machine reaches the server that they ask; without it, where the first visitor did.
    ``certificate`` is its own, PEM, where it speaks TLS.
    """
    return Front(address, certificate) if find_spec("streamlit") else None


class Front:
    """The ASGI application at ``/``. One a process: Streamlit has one runtime.

    Streamlit takes a second to load, so that happens when somebody first opens a page, in a thread, and never delays
    the market.
    """

    def __init__(self, address: str | None = None, certificate: str = "") -> None:
        self._address = address
        self._certificate = certificate
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._inside: ASGIApp | None = None
        self._policy = b""

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """End what was started."""
        try:
            yield
        finally:
            await self._stack.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a page, one of its files, or its socket."""
        async with self._starting:
            if self._inside is None:
                await self._start(scope)
        assert self._inside is not None
        await self._inside(scope, receive, self._under_policy(send))

    async def _start(self, scope: Scope) -> None:
        # The socket that was asked, not the name in the request: that is the visitor's to choose.
        host, port = scope["server"]
        scheme = "https" if self._certificate else "http"
        PLACE.address = self._address or f"{scheme}://" + (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        PLACE.certificate = self._certificate
        app, self._policy = await asyncio.to_thread(_made)
        gc.freeze()  # Streamlit is here to stay: a full collection that looks at it stops every thread for 100 ms
        await self._stack.enter_async_context(app.lifespan()(app))
        _take_logs_back()
        self._inside = app

    def _under_policy(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"content-security-policy", self._policy)]
                message = {**message, "headers": headers}
            await send(message)

        return sending


def _take_logs_back() -> None:
    """Have the server log as before: Streamlit makes it write a line for every request, with tickets in some.

    It gives the server's loggers handlers of its own, which know nothing of what is to be redacted. That uvicorn looks
    whether there is a handler before it writes of a request is why ``uvicorn.access`` has none, and passes nothing on.
    """
    for name in ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error", "websockets"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = name != "uvicorn.access"


def _made() -> tuple[Any, bytes]:
    import streamlit as st

    page = Path(st.__file__).parent / "static" / "index.html"
    return st.App(_HOME / "app.py"), policy(page.read_text(encoding="utf-8"))


def policy(page: str) -> bytes:
    """Return the content security policy of a Streamlit whose start page is ``page``.

    Its own files and the one inline script of that page, by its hash. ``blob:`` scripts are how Streamlit loads the
    code of a component (ours, which loads the terminal). Styles are set inline by its interface, pictures of charts are
    ``data:`` and ``blob:``. The terminal is in a frame. Nothing of another host, no ``eval``, no frame
    around it.
    """
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'" for code in _INLINE.findall(page)
    )
    return (
        f"default-src 'none'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
        "manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()
