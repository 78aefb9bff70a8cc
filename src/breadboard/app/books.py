"""A book of the engine as JSON, for other threads."""

from collections.abc import Mapping, Sequence
from typing import Any

from breadboard.api.services import Busy
from breadboard.app.house import House
from breadboard.model.decimals import price_decimals, price_text, size_text


def book_of(house: House, venue: str, symbol: str, depth: int, *, wait: bool = True) -> Mapping[str, Any] | None:
    """Return the best ``depth`` levels of each side, exact; None for an instrument that was never seen.

    A book that is not live has no levels: what may be wrong is not served. While the engine moves, this waits, or
    raises Busy without ``wait``.
    """
    index = house.engine.instruments.find(venue, symbol)
    if index is None:
        return None
    if not house.lock.acquire(blocking=wait):
        raise Busy
    try:
        view = house.engine.books.view(index, depth=depth)  # so few that the engine does not wait
    finally:
        house.lock.release()
    decimals = max((price_decimals(level[0]) for side in (view.bids, view.asks) for level in side), default=0)
    return {
        "state": view.state.label,
        "sequence": view.sequence,
        "levels": [*view.counts],
        "crossed": view.crossed,
        "ts_event": view.ts_event,
        "bids": _levels(view.bids, decimals),
        "asks": _levels(view.asks, decimals),
    }


def _levels(levels: Sequence[tuple[int, int, int]], decimals: int) -> list[list[str]]:
    return [[price_text(price, decimals), size_text(size, size_exp)] for price, size, size_exp in levels]
