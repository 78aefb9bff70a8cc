"""What the web server needs from the rest of the house, handed over in one piece."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from breadboard.api.live import LiveMarket
from breadboard.ports import Store
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

Book = Callable[[str, str, int], Mapping[str, Any] | None]
"""``(venue, symbol, depth)`` to a JSON-ready book, or None for an instrument without one.

``{"state", "sequence", "bids": [[price, size], …], "asks": …}``, prices and sizes as strings. Any thread may call it.
"""


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
    ws_stall_s: float = 5.0
    """A client that takes longer to read one message is cut with close code 4408."""
    store_threads: int = 4
    store_waiting: int = 16
    store_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes use. Nothing here is optional in a running house but the book and the status."""

    live: LiveMarket
    store: Store
    lag: LagBoard
    metrics: Metrics
    book: Book = lambda _venue, _symbol, _depth: None
    status: Callable[[], Mapping[str, Any]] = _no_status
    """More for ``/api/v1/status``. ``reasons`` (list of sentences) says why the house is degraded."""
    audit: Callable[[bool], Mapping[str, Any]] = _no_audit
    """Compares the store with its ledger, ``deep`` or not; blocking. ``ok`` and ``findings`` (sentences) at least."""
    origins: frozenset[str] = frozenset()
    """Web origins besides our own that may open the WebSocket or post, e.g. ``http://127.0.0.1:5173``."""
    limits: Limits = field(default_factory=Limits)
