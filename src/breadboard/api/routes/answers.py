"""Answers as JSON, without a detour through models."""

from typing import Annotated, Any

import msgspec
from fastapi import Header
from starlette.responses import Response

IfMatch = Annotated[str | None, Header(max_length=512, description="ETags: else it has changed meanwhile, and is 412")]


def json(value: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return ``value`` as a JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def edition(value: dict[str, Any], number: int | None) -> Response:
    """Return ``value`` as a JSON answer whose entity tag is the number of its edition; None: it has no editions."""
    answer = json(value)
    if number is not None:
        answer.headers["ETag"] = f'"{number}"'
    return answer


def seen(if_match: str | None) -> frozenset[str] | None:
    """Return the editions that a header names, ``*`` for any. A proxy that compresses makes tags weak ones."""
    if if_match is None:
        return None
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(","))
