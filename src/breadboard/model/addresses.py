"""Addresses as they may be written down: in a log, in an error, in the journal."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRETS: Final = frozenset({"apikey", "api_key", "crumb", "key", "token"})
"""Parameters by which venues let somebody in, in small letters."""


def public(url: str) -> str:
    """Return an address without user, password, and the parameters that let somebody in. Never raises."""
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]
    kept = [(name, value) for name, value in asked if name.lower() not in _SECRETS]
    if len(kept) == len(asked) and "@" not in parts.netloc:
        return url  # as it was asked, to the letter
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(kept, safe=",:/")))
