"""Running the application: uvicorn on uvloop, on loopback."""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from breadboard.api.access import is_loopback
from breadboard.api.doorway import Bounds, Doorway
from breadboard.api.heads import Heads
from breadboard.api.pieces import Pieces
from breadboard.api.sockets import Sockets
from breadboard.errors import UsageError

_DRAIN_S = 5
MESSAGE: Final = 256 << 10
"""Bytes of a WebSocket client's message: 5,000 names of 48 characters, with what is around each. Whoever sends names a
longer list than that is told by the list, and not by the end of the connection."""
_BY_CLIENTS: Final = frozenset(
    {
        "Invalid HTTP request received.",
        "Unsupported upgrade request.",
        "Invalid UTF-8 sequence received from client.",
    }
)
"""What uvicorn logs of clients, some of it with a traceback: the client is answered, and needs no key to fill a log."""


def bind(host: str, port: int, *, keyed: bool = False) -> socket.socket:
    """Return a listening socket. Raises UsageError for a port that is taken, or an address that others can reach.

    Port 0 takes any free one. ``keyed`` says that nobody is served without a key: then others may reach the address.
    """
    if not keyed and not is_loopback(f"[{host}]" if ":" in host else host):
        raise UsageError(
            f"{host!r} is not a loopback address, and nobody would need a key there",
            hint="breadboard up   # without `host` under [api] it listens on 127.0.0.1",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} on {host} is in use", hint=f"breadboard up --port {port + 1}") from None
        raise UsageError(
            f"{host} port {port} cannot be had: {error.strerror}", hint="breadboard up --port 8081"
        ) from None
    return listener


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    ready: Callable[[str], None],
    stop: threading.Event | None = None,
    *,
    keyed: bool = False,
    tls: tuple[str, str] | None = None,
    bounds: Bounds | None = None,
) -> None:
    """Serve until ``stop`` is set (or for ever), then let requests end for up to five seconds.

    Runs its own event loop in the calling thread and installs no signal handlers. ``ready`` is called once, with the
    address, when connections are accepted. ``tls``: certificate and key, PEM files. Without ``bounds``, those of the
    process count as it is now. Raises UsageError as ``bind`` does.
    """
    listener = bind(host, port, keyed=keyed)
    name, number = listener.getsockname()[:2]
    address = f"http{'s' * bool(tls)}://" + (f"[{name}]:{number}" if ":" in name else f"{name}:{number}")
    server = _Server(_config(app, tls), lambda: ready(address), stop, bounds or Bounds())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([listener]))


@contextmanager
def running(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    keyed: bool = False,
    tls: tuple[str, str] | None = None,
    bounds: Bounds | None = None,
) -> Iterator[str]:
    """Serve in a thread for the length of a ``with`` block; gives the address."""
    started, stop = threading.Event(), threading.Event()
    outcome: list[Any] = []

    def ready(address: str) -> None:
        outcome.append(address)
        started.set()

    def work() -> None:
        try:
            serve(app, host, port, ready, stop, keyed=keyed, tls=tls, bounds=bounds)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for it
            outcome.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=work, name="api-server")
    thread.start()
    started.wait()
    if isinstance(outcome[0], BaseException):
        thread.join()
        raise outcome[0]
    try:
        yield outcome[0]
    finally:
        stop.set()
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: who calls decides what a signal means; and with a doorway of our own."""

    _doorway: Doorway | None = None

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], stop: threading.Event | None, bounds: Bounds
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop = stop
        self._bounds = bounds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        if self.started and sockets:
            make = partial(Heads, self.config, self.server_state, self.lifespan.state)
            lines = self.server_state.connections
            self._doorway = Doorway(sockets[0], make, lines, self.config.ssl, self._bounds)
            self._doorway.open()
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        if self._doorway is not None:
            self._doorway.look()
        return await super().on_tick(counter) or (self._stop is not None and self._stop.is_set())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._doorway is not None:
            self._doorway.close()
        await super().shutdown(sockets)


def _config(app: ASGIApp, tls: tuple[str, str] | None) -> uvicorn.Config:
    cert, key = tls or (None, None)
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    return uvicorn.Config(
        Pieces(app) if tls else app,
        http=Heads,
        ws=Sockets,
        ssl_certfile=cert,
        ssl_keyfile=key,
        timeout_keep_alive=30,  # uvicorn shuts a line after 5 s; a busy browser asks on it just then, and gives up
        ws_max_size=MESSAGE,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,  # costs more CPU than a loopback saves
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    return record.msg not in _BY_CLIENTS
