"""Which scope a request wants. What is not named here wants one by its method: nothing is open by being forgotten."""

from typing import Final

from breadboard.settings.credentials import Scope

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC: Final = frozenset({"/health", "/live", "/login"})
PUBLIC_UNDER: Final = ("/live/",)
"""The terminal's own files, which hold no data: a browser asks for a page before anybody could give it a key."""
LOGIN, LOGOUT = "/login", "/logout"
FORMS: Final = frozenset({LOGIN, LOGOUT})
"""What a page posts to without a script."""
_ASKING: Final = frozenset({"/api/v1/sql", "/api/v1/rules/test", "/api/v1/tickets", LOGOUT})
"""Posted, and yet they change nothing."""
_TRIAL: Final = "/api/v1/rules/test"
_LONG: Final = ("/api/v1/watchlists/", "/api/v1/rules/")
_KEYS: Final = "/api/v1/keys"


def changes_keys(method: str, path: str) -> bool:
    """Tell whether a request makes or revokes a key."""
    return path.startswith(_KEYS) and method not in SAFE


def is_long(method: str, path: str) -> bool:
    """Tell whether what a request writes may be long: it may hold as many symbols as a watchlist may."""
    return path == _TRIAL or (method == "PUT" and path.startswith(_LONG))


def wanted(method: str, path: str) -> Scope | None:
    """Return the scope that a request wants; None: anybody's. ``path`` is the one by which it will be routed."""
    if path == LOGIN or (method in SAFE and (path in PUBLIC or path.startswith(PUBLIC_UNDER))):
        return None
    if path.startswith(_KEYS):
        return Scope.ADMIN
    return Scope.READ if method in SAFE or path in _ASKING else Scope.WRITE
