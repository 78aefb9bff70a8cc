"""Where a gateway lives: one host, a port for each kind of conversation, and how gently it is spoken to."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from breadboard.errors import UsageError
from breadboard.model.addresses import public

DEFAULT_URL: Final = "tcp://127.0.0.1:5009"
_HINT: Final = "tcp://127.0.0.1:5009?depth=9200&lookup=9100&admin=9300&bars=9400"
_PORTS: Final = {"depth": 9200, "lookup": 9100, "admin": 9300, "bars": 9400}
COMMANDS_A_SECOND: Final = 50
"""The vendor names no limit for the streaming ports; its lookups allow as many."""
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Address:
    """A gateway's ports."""

    host: str
    level1: int
    depth: int
    lookup: int
    admin: int
    bars: int
    rate: int
    """Commands a second."""

    def url(self, port: int) -> str:
        """Return the address of one port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{port}"


def address(url: str) -> Address:
    """Return the ports of ``tcp://HOST:PORT?depth=…&lookup=…&admin=…&bars=…&rate=…``; what is left out is the vendor's.

    Raises UsageError.
    """
    try:
        parts = urlsplit(url or DEFAULT_URL)
        given = {name: int(text) for name, text in parse_qsl(parts.query, strict_parsing=bool(parts.query))}
        port = 5009 if parts.port is None else parts.port
    except ValueError as error:
        raise UsageError(f"{public(url)!r} is not the address of an IQFeed gateway: {error}", hint=_HINT) from None
    rate = given.pop("rate", COMMANDS_A_SECOND)
    ports = _PORTS | given
    wrong = set(given) - set(_PORTS) or [each for each in (port, *ports.values()) if not 0 < each < 65_536]
    if parts.scheme != "tcp" or not parts.hostname or wrong or not 0 < rate <= _MOST:
        raise UsageError(f"{public(url)!r} is not the address of an IQFeed gateway", hint=_HINT)
    return Address(parts.hostname, port, rate=rate, **ports)
