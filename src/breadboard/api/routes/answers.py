"""Answers as JSON, without a detour through models."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Header
from starlette.responses import Response

IfMatch = Annotated[str | None, Header(max_length=512, description="ETags: else it has changed meanwhile, and is 412")]
IfNoneMatch = Annotated[Literal["*"] | None, Header(description="`*`: it is to be new; else 412")]


def json(value: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return ``value`` as a JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def edition(value: dict[str, Any], number: int | None) -> Response:
    """Return ``value`` as a JSON answer whose entity tag is the number of its edition; None: it has no editions."""
    answer = json(value)
    if number is not None:
        answer.headers["ETag"] = f'"{number}"'
    return answer


def seen(if_match: str | None, if_none_match: str | None = None) -> frozenset[str] | None:
    """Return the editions that ``If-Match`` names, ``*`` for any; none at all where there is to be none.

    A proxy that compresses makes tags weak ones.
    """
    if if_none_match is not None:
        return frozenset()
    if if_match is None:
        return None
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(","))
