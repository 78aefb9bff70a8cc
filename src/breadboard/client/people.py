"""What people have set: watchlists, rules, keys; see ``rows`` for numbers and times."""

from typing import Any

import msgspec

from breadboard.client.instants import Instant
from breadboard.client.rows import Row


class Watchlist(Row, frozen=True, kw_only=True):
    """Names of instruments under a name of their own, which rules call ``@name``."""

    name: str
    symbols: tuple[str, ...] = ()
    source: str = msgspec.field(default="", name="from")
    """``configuration``, and it is changed there, or ``database``."""
    changed: Instant | None = None


class Rule(Row, frozen=True, kw_only=True):
    """What somebody wants to be told of. ``rule`` has the keys of a ``[[rules]]`` table in TOML."""

    name: str
    number: int | None = None
    version: str = ""
    sentence: str = ""
    rule: dict[str, Any] = msgspec.field(default_factory=dict)
    source: str = msgspec.field(default="", name="from")
    """``configuration``, and it is changed there, or ``database``."""
    enabled: bool = True
    changed: Instant | None = None
    left_out: str | None = None
    """Why it does not hold although it is there: the configuration has one of this name, or the engine cannot."""
    history: tuple[dict[str, Any], ...] = ()
    """Its versions, of a single rule only; ``removed`` says that it was taken away."""


class Trial(Row, frozen=True, kw_only=True):
    """What a rule would have told."""

    sentence: str = ""
    fires: int
    days: int | None = None
    """UTC days on which it would have fired."""
    by_symbol: dict[str, int] = msgspec.field(default_factory=dict)
    held: int = 0
    """How often something held it back."""
    retracted: int = 0
    """How often a trade that had fired it was taken back later."""
    first: Instant | None = None
    last: Instant | None = None
    note: str = ""
    """That nothing is recorded in the times asked for, and how far the journal reaches; empty where something is."""
    alerts: tuple[dict[str, Any], ...] = ()


class Key(Row, frozen=True, kw_only=True):
    """An API key, without its secret, which is told once, when it is made."""

    id: str
    name: str = ""
    scope: str | None = None
    scopes: tuple[str, ...] = ()
    created: Instant | None = None
    expires: Instant | None = None
    revoked: Instant | None = None
    holds: bool = True
    """Whether it opens anything: it is neither revoked nor over."""
    key: str | None = None
    """The secret, in the answer that made it."""

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, name={self.name!r}, key={'***' if self.key else None})"


class Ticket(Row, frozen=True, kw_only=True):
    """Opens one WebSocket, once, soon."""

    ticket: str
    expires: Instant | None = None

    def __repr__(self) -> str:
        return f"Ticket(expires={self.expires!r})"
