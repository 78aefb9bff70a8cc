"""``/api/v1/feeds``: every source as its own rows describe it."""

from fastapi import APIRouter
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.routes.answers import json
from breadboard.api.services import Services


def router(services: Services) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1", tags=["feeds"])

    @routes.get("/feeds", summary="Every feed: state, age, gaps, provenance", responses=documents.FEEDS)
    async def feeds() -> Response:
        return json({"data": services.live.feeds()})

    return routes
