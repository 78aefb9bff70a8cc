"""``/api/v1/keys``: who may ask from elsewhere; for keys of scope ``admin`` alone, by ``security_scopes``."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from breadboard.api.desk import Door
from breadboard.api.problems import sensible
from breadboard.api.routes.answers import json
from breadboard.model.rules import NAME_CHARACTERS
from breadboard.settings.credentials import MOST_DAYS, Scope


class Wanted(BaseModel):
    """A key that shall be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=NAME_CHARACTERS, description="The user; made as well where it is new.")
    scope: Scope = Field(Scope.READ, strict=False)
    days: int = Field(90, ge=1, le=MOST_DAYS)


def router(door: Door) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/keys", tags=["people"])

    @routes.get("", summary="Every key that there ever was, without what makes it one")
    async def all_of() -> Response:
        desk = await door.desk()
        return json({"data": await desk.keys.described()})

    @routes.post("", summary="Make a key; its text is in this answer and nowhere else", status_code=201)
    async def add(body: Wanted) -> Response:
        desk = await door.desk()
        with sensible():
            return json(await desk.keys.add(body.name, body.scope.value, body.days), 201)

    @routes.delete("/{number}", summary="Revoke a key; it is refused after two seconds at the latest", status_code=204)
    async def revoke(number: str) -> Response:
        desk = await door.desk()
        await desk.keys.revoke(number)
        return Response(status_code=204)

    return routes
