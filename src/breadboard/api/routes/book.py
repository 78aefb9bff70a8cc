"""``/api/v1/book/{id}``: an order book as the engine holds it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.pool import StorePool
from breadboard.api.problems import Problem
from breadboard.api.questions import InPath
from breadboard.api.routes.answers import json
from breadboard.api.routes.stocks import resolved
from breadboard.api.services import Services


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1/book", tags=["book"])

    @routes.get(
        "/{symbol:path}", summary="Bids and asks, best first, with the state of the book", responses=documents.BOOK
    )
    async def book(symbol: InPath, depth: Annotated[int, Query(ge=1, le=1000)] = 20) -> Response:
        instrument = services.live.instrument(await resolved(services.live, pool, symbol))
        levels = await run_in_threadpool(services.book, instrument.venue, instrument.symbol, depth)
        if levels is None:
            raise Problem(404, f"{instrument.id} has no book: its feed sends none", hint="GET /api/v1/status")
        return json({"id": instrument.id, "symbol": instrument.symbol, "venue": instrument.venue, **levels})

    return routes
