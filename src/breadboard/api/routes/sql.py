"""``POST /api/v1/sql``: one read-only question; how ``breadboard sql`` asks while ``up`` holds the store."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from breadboard.api import documents, export
from breadboard.api.concurrency import Turns, client_of
from breadboard.api.pool import StorePool
from breadboard.api.services import Services


class Question(BaseModel):
    """What is asked, and the form of the answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field(min_length=1, max_length=32_768)
    format: export.Format = "json"


def router(services: Services, pool: StorePool, turns: Turns) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1", tags=["sql"])

    @routes.post("/sql", summary="Ask the store, read-only and bounded", responses=documents.SQL)
    async def sql(request: Request, question: Question) -> Response:
        turn = ExitStack()
        turn.enter_context(turns.one(client_of(request)))
        with turn:
            batches = pool.iterate(await pool.run(lambda: iter(services.store.ask(question.query))))
            first = await anext(batches, None)  # a refusal comes now, while the answer can still be a problem document
            if first is not None:
                export.refuse_doubles(first, question.format)
            headers = {"Cache-Control": "no-store"}
            if question.format != "json":
                headers["Content-Disposition"] = f'attachment; filename="answer.{question.format}"'
            if first is not None and request.scope["http_version"] == "1.0":
                rest = [batch async for batch in batches]
                length = await pool.run(lambda: export.length([first, *rest], question.format))
                headers["Content-Length"] = str(length)
                batches = pool.iterate(iter(rest))
            stream = export.stream(_held(turn.pop_all(), first, batches), question.format)
        return StreamingResponse(stream, headers=headers, media_type=export.MEDIA_TYPES[question.format])

    return routes


async def _held(turn: ExitStack, first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: ANN401 - Arrow has no types
    """Yield all batches, and give the turn back when they are over or nobody wants them any more."""
    with turn:
        if first is not None:
            yield first
            async for batch in rest:
                yield batch
