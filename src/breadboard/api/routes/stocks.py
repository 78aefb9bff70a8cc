"""``/api/v1/stocks``: instruments as they are now. The name is the documented one; any instrument is meant."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from breadboard.api import wire
from breadboard.api.live import LiveMarket
from breadboard.api.problems import Problem
from breadboard.api.routes.answers import json
from breadboard.api.services import Services


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/stocks", tags=["stocks"])

    @routes.get("", summary="Every instrument as it is now, or those named")
    def many(
        symbols: Annotated[str | None, Query(max_length=4096, description="BTCUSDT,BTC-USD.COINBASE")] = None,
    ) -> Response:
        live = services.live
        if symbols is None:
            return json({"data": described(live, list(range(len(live)))), "unknown": []})
        names = [name for part in symbols.split(",") if (name := part.strip())]
        ids = list(dict.fromkeys(index for name in names for index in live.find(name)))
        return json({"data": described(live, ids), "unknown": [name for name in names if not live.find(name)]})

    @routes.get("/{symbol:path}", summary="One instrument, with the top of its book")
    def one(symbol: str) -> Response:
        index = resolve(services.live, symbol)
        instrument = services.live.instrument(index)
        (stock,) = described(services.live, [index])
        return json({**stock, "book": services.book(instrument.venue, instrument.symbol, 1)})

    return routes


def resolve(live: LiveMarket, name: str) -> int:
    """Return the dense id of ``BTCUSDT.BINANCE`` or of a symbol that one venue has.

    Raises Problem 404 for a name never seen, 409 with the ``ids`` to choose from for one that several venues have.
    """
    found = live.find(name)
    if not found:
        raise Problem(404, f"no instrument {name[:64]!r} has been seen", hint="GET /api/v1/stocks names all")
    if len(found) > 1:
        ids = [live.instrument(index).id for index in found]
        raise Problem(409, f"{name!r} is traded on {len(ids)} venues", hint=f"GET /api/v1/stocks/{ids[0]}", ids=ids)
    return found[0]


def described(live: LiveMarket, ids: list[int]) -> list[dict[str, Any]]:
    """Return these instruments in full."""
    now = live.now()
    feeds = {feed["source"]: feed for feed in live.feeds()}
    records = wire.unpack(live.records(ids))
    return [
        wire.stock(live.instrument(index), record, feeds.get(record.source, {}), now)
        for index, record in zip(ids, records, strict=True)
    ]
