"""API keys: 256 random bits, told once, kept as a hash; each with a user, a scope, and a day on which it ends."""

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Final

import msgspec

PREFIX: Final = "bb_"
MOST_DAYS: Final = 3650
DAY_NS: Final = 86_400 * 10**9


class Scope(StrEnum):
    """What a key is good for. Each includes those before it."""

    READ = "read"
    WRITE = "write"
    """Also makes rules and watchlists, and changes its user's own."""
    ADMIN = "admin"
    """Also changes those of the house and of others, and makes and revokes keys."""

    def allows(self, wanted: "Scope") -> bool:
        """Tell whether this scope includes another."""
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is kept. Nobody can make the key itself of it again."""

    id: str
    user: int
    name: str
    """Of the user."""
    scope: Scope
    hash: str
    created_ns: int
    expires_ns: int
    revoked_ns: int | None = None

    def holds(self, now_ns: int) -> bool:
        """Tell whether it is neither over nor revoked."""
        return self.revoked_ns is None and now_ns < self.expires_ns

    def is_of(self, secret: str) -> bool:
        """Tell, in a time that says nothing of how near it came, whether this is the secret."""
        return hmac.compare_digest(self.hash, hashed(secret))


class NewKey(msgspec.Struct, frozen=True):
    """A key at the one moment at which it is told."""

    key: ApiKey
    text: str


def generated(user: int, name: str, scope: Scope, now_ns: int, expires_ns: int) -> NewKey:
    """Return a new key. Times are wall ns."""
    number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(number, user, name, scope, hashed(secret), now_ns, expires_ns)
    return NewKey(key, f"{PREFIX}{number}_{secret}")


def parted(text: str) -> tuple[str, str] | None:
    """Return id and secret of a key's text; None for what is none."""
    number, mark, secret = text.removeprefix(PREFIX).partition("_")
    return (number, secret) if text.startswith(PREFIX) and mark and number and secret else None


def hashed(secret: str) -> str:
    """Return what is kept of a secret: one round is enough for 256 random bits, which nobody can guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
