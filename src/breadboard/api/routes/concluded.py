"""``/api/v1/gaps``, ``alerts``, ``features``, ``anomalies``, ``opportunities``: pages of what was concluded."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.pages import Pages
from breadboard.api.paging import Wanted
from breadboard.api.questions import (
    AlertQuestion,
    AnomalyQuestion,
    FeatureQuestion,
    GapQuestion,
    OpportunityQuestion,
    PageQuestion,
)
from breadboard.api.routes.history import names_of
from breadboard.api.services import Services


def router(services: Services, pages: Pages) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["concluded"])

    async def answer(request: Request, kind: str, asked: PageQuestion, *only: str) -> Response:
        symbol, venue, wide = _names(services, asked)
        wanted = Wanted.of(
            kind,
            symbol=symbol,
            venue=venue,
            wide=wide if kind == "gaps" else None,
            start=asked.start,
            end=asked.end,
            limit=asked.limit,
            cursor=asked.cursor,
            only={name: getattr(asked, name) for name in only},
        )
        return await pages.answer(request, wanted, asked.format)

    @routes.get(
        "/gaps",
        summary="Intervals in which something may be missing, those of whole sources too, oldest first",
        responses=documents.listed("gaps"),
    )
    async def gaps(request: Request, asked: Annotated[GapQuestion, Query()]) -> Response:
        return await answer(request, "gaps", asked, "reason")

    @routes.get("/alerts", summary="Alerts, oldest first", responses=documents.listed("alerts"))
    async def alerts(request: Request, asked: Annotated[AlertQuestion, Query()]) -> Response:
        return await answer(request, "alerts", asked, "rule")

    @routes.get("/features", summary="Features of windows that are over", responses=documents.listed("features"))
    async def features(request: Request, asked: Annotated[FeatureQuestion, Query()]) -> Response:
        return await answer(request, "features", asked, "name", "interval")

    @routes.get("/anomalies", summary="Findings with their evidence", responses=documents.listed("anomalies"))
    async def anomalies(request: Request, asked: Annotated[AnomalyQuestion, Query()]) -> Response:
        return await answer(request, "anomalies", asked, "kind", "severity")

    @routes.get(
        "/opportunities",
        summary="Opportunities that opened, changed or closed; the symbol is the first leg's",
        responses=documents.listed("opportunities"),
    )
    async def opportunities(request: Request, asked: Annotated[OpportunityQuestion, Query()]) -> Response:
        return await answer(request, "opportunities", asked, "kind", "state")

    return routes


def _names(services: Services, asked: PageQuestion) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return symbol and venue as they are stored, and the venues where the symbol is traded."""
    if asked.symbol is None:
        return None, asked.venue.upper() if asked.venue else None, ()
    symbol, venue = names_of(services.live, asked.symbol, asked.venue)
    known = {services.live.instrument(index).venue for index in services.live.find(symbol)}
    return symbol, venue, (venue,) if venue else tuple(sorted(known))
