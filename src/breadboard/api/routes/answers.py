"""Answers as JSON, without a detour through models."""

from typing import Any

import msgspec
from starlette.responses import Response


def json(value: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return ``value`` as a JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
