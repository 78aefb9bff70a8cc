"""Browsers that come for a page: those who are not signed in are shown where to, and brought back afterwards."""

from typing import Final
from urllib.parse import quote, urlsplit

from starlette.types import Scope as Asked

from breadboard.api.security_scopes import FORMS, LOGIN, SAFE

_NO_PAGES: Final = ("/api/", "/ws/")
_START: Final = frozenset({"/live", "/live/"})
_LONGEST: Final = 2_000
"""Characters of an address to come back to."""


def is_by_browser(asked: Asked) -> bool:
    """Tell whether what asks wants a page to show. Programs take anything, or JSON."""
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in asked["headers"])


def is_start(asked: Asked) -> bool:
    """Tell whether a browser opens the terminal. Its files are anybody's, but without a key it would stay empty."""
    return asked["method"] in SAFE and asked["path"] in _START and is_by_browser(asked)


def way_in(asked: Asked) -> str | None:
    """Return where a browser can sign in that was refused a page; None for whoever cannot be helped so.

    Who shows a key that does not hold would be as far afterwards as before: a key goes before a session.
    """
    if asked["type"] != "http" or not is_by_browser(asked) or asked["path"].startswith(_NO_PAGES):
        return None
    if any(name == b"authorization" for name, _ in asked["headers"]):
        return None
    if asked["method"] not in SAFE or asked["path"] in FORMS:
        return LOGIN
    raw: bytes = asked.get("raw_path") or quote(asked["path"]).encode()
    place = raw.decode("latin-1") + ("?" + asked["query_string"].decode("latin-1") if asked["query_string"] else "")
    return f"{LOGIN}?next={quote(inward(place), safe='/')}"


def inward(place: str) -> str:
    """Return a place on this server to go to, which is ``/`` for whatever may lead anywhere else.

    A browser takes a backslash for a slash, two slashes for another host, and leaves out tabs and line ends. What may
    not be: anything but printable ASCII that begins with one slash.
    """
    odd = not place.startswith("/") or place.startswith("//") or "\\" in place or " " in place
    if odd or not place.isascii() or not place.isprintable() or len(place) > _LONGEST:
        return "/"
    try:
        parts = urlsplit(place)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path in FORMS else place
