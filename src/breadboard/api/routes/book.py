"""``/api/v1/book/{id}``: an order book as the engine holds it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.problems import Problem
from breadboard.api.questions import InPath
from breadboard.api.routes.answers import json
from breadboard.api.routes.stocks import resolve
from breadboard.api.services import Services


def router(services: Services) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1/book", tags=["book"])

    @routes.get(
        "/{symbol:path}", summary="Bids and asks, best first, with the state of the book", responses=documents.BOOK
    )
    def book(symbol: InPath, depth: Annotated[int, Query(ge=1, le=1000)] = 20) -> Response:
        instrument = services.live.instrument(resolve(services.live, symbol))
        levels = services.book(instrument.venue, instrument.symbol, depth)
        if levels is None:
            raise Problem(404, f"{instrument.id} has no book: its feed sends none", hint="GET /api/v1/status")
        return json({"id": instrument.id, "symbol": instrument.symbol, "venue": instrument.venue, **levels})

    return routes
