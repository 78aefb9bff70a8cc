"""What the web server needs from the rest of the house, handed over in one piece."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from breadboard.api.access import Access
from breadboard.api.desk import Door
from breadboard.api.live import LiveMarket
from breadboard.ports import Store
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics


class Busy(Exception):
    """Somebody else has the books now."""


class Book(Protocol):
    """Where books are read."""

    def __call__(self, venue: str, symbol: str, depth: int, /, *, wait: bool = True) -> Mapping[str, Any] | None:
        """Return a JSON-ready book, or None for an instrument without one. Any thread may call it.

        ``{"state", "sequence", "bids": [[price, size], …], "asks": …}``, prices and sizes as strings. While the engine
        moves books it waits, or, where the caller will not ``wait``, raises Busy.
        """
        ...


class Front(Protocol):
    """The pages for people at ``/``: an ASGI application that lives as long as the server."""

    def life(self) -> AbstractAsyncContextManager[None]:
        """Return what surrounds the server's life."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve whatever no route of ours does."""
        ...


def _no_book(_venue: str, _symbol: str, _depth: int, /, *, wait: bool = True) -> None:
    del wait


def _no_status() -> Mapping[str, Any]:
    return {}


def _no_audit(_deep: bool) -> Mapping[str, Any]:
    return {"ok": True, "findings": []}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask for."""

    body: int = 64 * 1024
    url: int = 4 * 1024
    ws_messages_per_s: int = 20
    ws_symbols: int = 5_000
    ws_clients: int = 5_000
    ws_joins_per_s: int = 200
    """After a restart all clients come back at once; who is too many then is told when to try again."""
    ws_stall_s: float = 5.0
    """A client that takes longer to read one message is cut with close code 4408."""
    heavy_at_once: int = 2
    """Questions in SQL, and exports, that one client may have under way."""
    store_threads: int = 4
    store_waiting: int = 60
    """Questions that may wait for one of these threads, in all: under a second's worth."""
    of_one_key: int = 3
    """Its questions that are answered at once: of pages, which take a thread each, one thread is left to the others."""
    of_one_key_waiting: int = 5
    store_query_s: float = 10.0
    """After so long the store ends a query by itself."""
    store_timeout_s: float = 12.0
    """With its time in the queue; whoever asks is told by then that it takes too long."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes use. Nothing here is optional in a running house but the book and the status."""

    live: LiveMarket
    store: Store
    lag: LagBoard
    metrics: Metrics
    book: Book = _no_book
    status: Callable[[], Mapping[str, Any]] = _no_status
    """More for ``/api/v1/status``. ``reasons`` (list of sentences) says why the house is degraded."""
    audit: Callable[[bool], Mapping[str, Any]] = _no_audit
    """Compares the store with its ledger, ``deep`` or not; blocking. ``ok`` and ``findings`` (sentences) at least."""
    access: Access = field(default_factory=Access)
    """Who may reach us; by default whoever is on this machine."""
    desk: Door | None = None
    """The way to people's settings; None: there are no routes for them."""
    limits: Limits = field(default_factory=Limits)
    front: Front | None = None
    """None: ``/`` leads to ``/live/``."""
