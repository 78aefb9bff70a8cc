"""What a question may name: a parameter that is not known, or given twice, is refused, not passed over.

A slip of the pen would otherwise be a larger question, with an answer that looks like the one that was wanted.
"""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel
from starlette.requests import HTTPConnection

from breadboard.api.problems import Problem


async def once_and_known(asking: HTTPConnection) -> None:
    """Refuse, for a route of ``/api/``, what it does not take. Raises Problem 422. For every router, as a dependency.

    Where a parameter is given twice the last would hold and the others be passed over; no route takes lists in that
    way.
    """
    if not asking.scope["query_string"] or not asking.scope["path"].startswith("/api/"):
        return
    given = Counter(name for name, _ in parse_qsl(asking.scope["query_string"].decode("latin-1"), True))
    known = list(_names(asking.scope["route"].dependant))
    for name, times in given.items():
        if name not in known:
            raise Problem(422, f"{name[:64]}: there is no such parameter here", hint=_hint(name, known))
        if times > 1:
            hint = "one request for each; /api/v1/stocks takes symbols=a,b"
            raise Problem(422, f"{name[:64]}: given {times} times", hint=hint)


def _names(dependant: Any) -> Iterator[str]:  # noqa: ANN401 - of FastAPI, which does not export its type
    """Yield the names of the parameters in the query that a route takes, one by one or as the fields of a model."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        else:
            yield field.alias


def _hint(name: str, known: list[str]) -> str:
    """Return the names that are known, those that may be meant first."""
    near = get_close_matches(name[:64].lower(), known, n=3)
    return f"known: {', '.join(dict.fromkeys((*near, *known)))}" if known else "it takes none"
