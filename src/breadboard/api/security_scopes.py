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
_KEYS: Final = "/api/v1/keys"


def wanted(method: str, path: str) -> Scope | None:
    """Return the scope that a request wants; None: anybody's. ``path`` is the one by which it will be routed."""
    if path == LOGIN or (method in SAFE and (path in PUBLIC or path.startswith(PUBLIC_UNDER))):
        return None
    if path.startswith(_KEYS):
        return Scope.ADMIN
    return Scope.READ if method in SAFE or path in _ASKING else Scope.WRITE
