"""Errors as RFC 9457 problem documents: what is wrong, with the value, and a hint that can be pasted."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from breadboard.errors import (
    BreadboardError,
    Forbidden,
    Outdated,
    QueryRefused,
    SettingsError,
    StoreError,
    Taken,
    TookTooLong,
    Unknown,
    UsageError,
)
from breadboard.telemetry.logs import Log

CONTENT_TYPE = "application/problem+json"
AWAY_RETRY_S: Final = 5
"""When to try again while the settings' database is away."""
_log = Log("api")
_STATUS: Final = (
    (Unknown, 404),
    (Forbidden, 403),
    (Taken, 409),
    (Outdated, 412),
    (UsageError, 400),
    (QueryRefused, 400),
    (TookTooLong, 504),
)
"""The first that an error is."""


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


def whole(status: int, detail: str, hint: str = "", *, retry_after_s: int = 0) -> bytes:
    """Return an answer as it goes over the line, which is closed then: for who does not get to the application."""
    told = body(status, detail, hint)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"content-type: {CONTENT_TYPE}",
        f"content-length: {len(told)}",
        *([f"retry-after: {retry_after_s}"] if retry_after_s else []),
        "connection: close",
    ]
    return "\r\n".join((*lines, "", "")).encode() + told


def status_of(error: BreadboardError) -> int:
    """Return the HTTP status that an error means."""
    if isinstance(error, Problem):
        return error.status
    otherwise = 503 if error.transient else 500
    return next((status for kind, status in _STATUS if isinstance(error, kind)), otherwise)


def defect(method: str, path: str, error: Exception) -> Response:
    """Log an error of ours, and return an answer that says nothing of it but where in the log it is."""
    number = secrets.token_hex(4)
    _log.error("request failed", error, id=number, method=method, path=path)
    told = f"a defect of ours; the log of the serving process has it under {number}"
    return response(500, told, "breadboard status", id=number)


@contextmanager
def sensible() -> Iterator[None]:
    """Have what makes no sense in a document answered with 422, as what makes none in its form is."""
    try:
        yield
    except (Unknown, Forbidden, Taken, Outdated):
        raise
    except UsageError as error:
        raise Problem(422, error.sentence, hint=error.hint) from None


def install(app: FastAPI) -> None:
    """Have every error answered with a problem document. A defect of ours is logged and told without its insides."""

    async def on_ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, BreadboardError):
            raise error
        if (hidden := _hidden(request, error)) is not None:
            return hidden
        if status_of(error) == 500:
            return defect(request.method, request.url.path, error)
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
        return defect(request.method, request.url.path, error)

    app.add_exception_handler(BreadboardError, on_ours)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_defect)


def _hidden(request: Request, error: BreadboardError) -> Response | None:
    """Return the answer to an error whose own sentence is not for clients; None where it is, or is a defect."""
    if isinstance(error, StoreError) and not isinstance(error, QueryRefused):
        return _of_store(request, error)
    return _of_settings(request, error) if isinstance(error, SettingsError) and error.transient else None


def _of_store(request: Request, error: StoreError) -> Response:
    """Return what a client is told of a store that fails: what the store itself says may hold paths and statements."""
    _log.error("the store failed", error, path=request.url.path)
    if error.transient:
        return response(503, "the store cannot answer now", "try again; breadboard status says more", retry_after_s=1)
    return response(500, "the store failed; the log of the serving process has it", "breadboard status")


def _of_settings(request: Request, error: SettingsError) -> Response:
    """Return what a client is told of a database of settings that is away: where that is, is not theirs to know."""
    _log.warning("the settings are away", path=request.url.path, error=error.sentence)
    told = "watchlists, rules and keys cannot be read or changed now"
    return response(503, told, "try again; breadboard status says more", retry_after_s=AWAY_RETRY_S)
