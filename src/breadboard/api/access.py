"""Who may reach the API, and under which names: what the configuration says, made ready for each request."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from breadboard.api.desk import Sessions
from breadboard.clock import Clock, SystemClock
from breadboard.settings.credentials import ApiKey

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

Keys = Callable[[], Awaitable[Sequence[ApiKey]]]


@dataclass(frozen=True, slots=True)
class Access:
    """On loopback, which this is by default, nobody needs a key."""

    keys: Keys | None = None
    """Tells all keys that hold now; None: none is needed. Asked every two seconds at most."""
    sessions: Callable[[], Awaitable[Sessions]] | None = None
    """Leads to the sessions of browsers; None, also where keys are needed: nobody can sign in."""
    cookie: str = "breadboard"
    """What a browser keeps its session under; two servers on one host must not have the same."""
    house_key: str = field(default="", repr=False)
    """What commands on this machine show instead; empty: they need a key like everybody."""
    hosts: frozenset[str] = LOOPBACK
    """Names under which we may be asked, without a port."""
    origins: frozenset[str] = frozenset()
    """Web origins besides our own whose pages may ask us, e.g. ``http://127.0.0.1:5173``."""
    per_minute: int = 60
    """Requests of one key. Nothing is counted where none is needed."""
    burst: int = 20
    lines: int = 20
    """WebSockets that one key may have open."""
    clock: Clock = field(default_factory=SystemClock)

    def is_ours(self, netloc: str) -> bool:
        """Tell whether ``host`` or ``host:port`` is a name of ours."""
        return host_of(netloc) in self.hosts


def host_of(netloc: str) -> str | None:
    """Return the host of ``host`` or ``host:port``; None where there is none."""
    try:
        found = urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None
    return None if found is None else plain(found)


def plain(host: str) -> str:
    """Return a name or an address as names are compared here: in small letters, without a last dot, and as short."""
    try:
        return ip_address(host).compressed
    except ValueError:
        return host.lower().removesuffix(".")


def is_loopback(netloc: str) -> bool:
    """Tell whether ``host`` or ``host:port`` names this machine."""
    return host_of(netloc) in LOOPBACK
