"""``/api/v1/watchlists``: symbols that belong together, which rules call ``@name``."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.desk import Door, Entry
from breadboard.api.instants import instant
from breadboard.api.problems import sensible
from breadboard.api.routes.answers import IfMatch, IfNoneMatch, edition, json, seen
from breadboard.api.security_turnstile import person_of
from breadboard.model.rules import MOST_NAMES


class Symbols(BaseModel):
    """What a watchlist holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    symbols: list[str] = Field(min_length=1, max_length=MOST_NAMES, examples=[["BTCUSDT.BINANCE", "*.KRAKEN"]])


def router(door: Door) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/watchlists", tags=["people"])

    @routes.get("", summary="Watchlists: yours, and the house's")
    async def all_of(request: Request) -> Response:
        desk = await door.desk()
        return json({"data": await desk.watchlists.all_of(person_of(request.scope))})

    @routes.get("/{name:path}", summary="One watchlist")
    async def one(request: Request, name: str) -> Response:
        desk = await door.desk()
        return _tagged(await desk.watchlists.one(person_of(request.scope), name))

    @routes.put(
        "/{name:path}", summary="Write a watchlist, new or in the place of the one before", responses=documents.OUTDATED
    )
    async def put(
        request: Request, name: str, body: Symbols, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        desk = await door.desk()
        editions = seen(if_match, if_none_match)
        with sensible():
            return _tagged(await desk.watchlists.put(person_of(request.scope), name, body.symbols, editions))

    @routes.delete("/{name:path}", summary="Forget a watchlist", status_code=204, responses=documents.OUTDATED)
    async def remove(request: Request, name: str, if_match: IfMatch = None) -> Response:
        desk = await door.desk()
        await desk.watchlists.remove(person_of(request.scope), name, seen(if_match))
        return Response(status_code=204)

    return routes


def _tagged(entry: Entry) -> Response:
    return edition(entry, None if entry["changed"] is None else instant(entry["changed"]))
