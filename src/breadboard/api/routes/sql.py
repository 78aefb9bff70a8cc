"""``POST /api/v1/sql``: one read-only question; how ``breadboard sql`` asks while ``up`` holds the store."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from breadboard.api import export
from breadboard.api.pool import StorePool
from breadboard.api.services import Services


class Question(BaseModel):
    """What is asked, and the form of the answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field(min_length=1, max_length=32_768)
    format: export.Format = "json"


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1", tags=["sql"])

    @routes.post("/sql", summary="Ask the store, read-only and bounded")
    async def sql(question: Question) -> Response:
        batches = pool.iterate(await pool.run(lambda: iter(services.store.ask(question.query))))
        first = await anext(batches, None)  # a refusal comes now, while the answer can still be a problem document
        stream = export.stream(_chain(first, batches), question.format)
        return StreamingResponse(stream, media_type=export.MEDIA_TYPES[question.format])

    return routes


async def _chain(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: ANN401 - Arrow has no types
    if first is None:
        return
    yield first
    async for batch in rest:
        yield batch
