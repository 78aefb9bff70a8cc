"""``/api/v1/rules``: what people want to be told of, with every version, and how often it would have been told."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.desk import Door, Entry
from breadboard.api.problems import sensible
from breadboard.api.routes.answers import IfMatch, IfNoneMatch, edition, json, seen
from breadboard.api.security_turnstile import person_of

_EXAMPLE = {"kind": "rise", "threshold": 2.5, "window": "5m", "symbols": ["BTCUSDT.BINANCE"]}


class Written(BaseModel):
    """A rule: the keys of a ``[[rules]]`` table in TOML."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule: dict[str, Any] = Field(examples=[_EXAMPLE])


class Tried(Written):
    """A rule, and over which time to try it: days or moments, UTC; the day of ``end`` is in it."""

    start: str | None = Field(None, max_length=40, examples=["2026-11-02"])
    end: str | None = Field(None, max_length=40, examples=["2026-11-02T16:00"])


def router(door: Door) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/rules", tags=["people"])

    @routes.get("", summary="Rules: yours, and the house's, each with its version and what it says")
    async def all_of(request: Request) -> Response:
        desk = await door.desk()
        return json({"data": await desk.rules.all_of(person_of(request.scope))})

    @routes.post("/test", summary="When and how often a rule would have fired over the journal; nothing is written")
    async def test(request: Request, body: Tried) -> Response:
        desk = await door.desk()
        with sensible():
            return json(await desk.rules.test(person_of(request.scope), body.rule, body.start, body.end))

    @routes.get("/{name:path}", summary="One rule, with all that it was before")
    async def one(request: Request, name: str) -> Response:
        desk = await door.desk()
        return _tagged(await desk.rules.one(person_of(request.scope), name))

    @routes.put(
        "/{name:path}",
        summary="Write a rule, new or as another version; it holds from the next second on",
        responses=documents.OUTDATED,
    )
    async def put(
        request: Request, name: str, body: Written, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        desk = await door.desk()
        editions = seen(if_match, if_none_match)
        with sensible():
            return _tagged(await desk.rules.put(person_of(request.scope), name, body.rule, editions))

    @routes.delete(
        "/{name:path}", summary="Take a rule away; its history stays", status_code=204, responses=documents.OUTDATED
    )
    async def remove(request: Request, name: str, if_match: IfMatch = None) -> Response:
        desk = await door.desk()
        await desk.rules.remove(person_of(request.scope), name, seen(if_match))
        return Response(status_code=204)

    return routes


def _tagged(entry: Entry) -> Response:
    return edition(entry, entry["number"])
