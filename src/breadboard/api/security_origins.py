"""Pages of other origins: which may ask, and what a browser is told of it (CORS).

The answer names an origin because it stands in the configuration, and never because a request does. Nothing is ever
allowed with credentials: a key goes in a header, which a page has to know.
"""

from typing import Final

from starlette.types import Scope as Asked

from breadboard.api.access import Access

Headers = list[tuple[bytes, bytes]]

_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, if-match, if-none-match"),
    (b"access-control-max-age", b"600"),
]
_EXPOSED: Final = (b"access-control-expose-headers", b"etag, retry-after, x-complete-through, x-gaps, x-next-cursor")


class Origins:
    """What the Origin header of a request means."""

    def __init__(self, access: Access) -> None:
        self._allowed = {origin: origin.encode() for origin in access.origins}

    def foreign(self, asked: Asked, host: str) -> str | None:
        """Return the origin of a page that may not ask us; None where it may, or where none is named."""
        origins = named(asked)
        ours = {f"http://{host}", f"https://{host}"}
        return next((one for one in origins if one not in ours and one not in self._allowed), None)

    @staticmethod
    def own(asked: Asked, host: str) -> bool:
        """Tell whether the page that asks is ours, and not one that is merely allowed: nothing else goes by cookie."""
        given = named(asked)
        if not given:
            return [value for name, value in asked["headers"] if name == b"sec-fetch-site"] == [b"same-origin"]
        plain = {f"http://{host}"} if asked["scheme"] in ("http", "ws") else set()
        return set(given) <= plain | {f"https://{host}"}

    def headers(self, asked: Asked) -> Headers:
        """Return what an answer tells a browser whose page is of an allowed origin; else only that it depends on it."""
        if not self._allowed:
            return []
        origins = named(asked)
        found = self._allowed.get(origins[0]) if len(origins) == 1 else None
        allowed: Headers = [(b"access-control-allow-origin", found), _EXPOSED] if found is not None else []
        return [(b"vary", b"Origin"), *allowed]

    def preflight(self, asked: Asked) -> Headers | None:
        """Return the answer to a browser that asks whether it may ask; None for any other request."""
        wants = any(name == b"access-control-request-method" for name, _ in asked["headers"])
        return [*self.headers(asked), *_PREFLIGHT] if wants and asked["method"] == "OPTIONS" else None


def named(asked: Asked) -> list[str]:
    """Return the values of the Origin header; a browser sends one."""
    return [value.decode("latin-1") for name, value in asked["headers"] if name == b"origin"]
