"""Errors as RFC 9457 problem documents: what is wrong, with the value, and a hint that can be pasted."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from breadboard.errors import BreadboardError, QueryRefused, StoreError, UsageError
from breadboard.telemetry.logs import Log

CONTENT_TYPE = "application/problem+json"
_log = Log("api")


class Problem(BreadboardError):
    """An answer other than 200: ``status``, a sentence, a hint, and members of its own."""

    def __init__(
        self, status: int, sentence: str, *, hint: str = "", retry_after_s: int = 0, **members: object
    ) -> None:
        super().__init__(sentence, hint=hint, transient=retry_after_s > 0)
        self.status = status
        self.retry_after_s = retry_after_s
        self.members = members


def body(status: int, detail: str, hint: str = "", **members: object) -> bytes:
    """Return a problem document."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return msgspec.json.encode({**document, "hint": hint, **members})


def response(status: int, detail: str, hint: str = "", *, retry_after_s: int = 0, **members: object) -> Response:
    """Return an answer with a problem document."""
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else None
    return Response(body(status, detail, hint, **members), status, headers, CONTENT_TYPE)


def status_of(error: BreadboardError) -> int:
    """Return the HTTP status that an error means."""
    match error:
        case Problem():
            return error.status
        case UsageError() | QueryRefused():
            return 400
        case StoreError():
            return 503 if error.transient else 500
        case _:
            return 500


def install(app: FastAPI) -> None:
    """Have every error answered with a problem document. A defect of ours is logged and told without its insides."""

    async def on_ours(_: Request, error: Exception) -> Response:
        if not isinstance(error, BreadboardError):
            raise error
        members: dict[str, Any] = error.members if isinstance(error, Problem) else {}
        retry = error.retry_after_s if isinstance(error, Problem) else int(error.transient)
        return response(status_of(error), error.sentence, error.hint, retry_after_s=retry, **members)

    async def on_invalid(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return response(422, f"{place}: {first['msg']}", "GET /openapi.json names every parameter")

    async def on_http(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        answer = response(error.status_code, str(error.detail), "GET /openapi.json names every path")
        answer.headers.update(error.headers or {})
        return answer

    async def on_defect(request: Request, error: Exception) -> Response:
        _log.error("request failed", error, path=request.url.path)
        return response(500, "a defect of ours; the log of the serving process has it", "breadboard status")

    app.add_exception_handler(BreadboardError, on_ours)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_defect)
