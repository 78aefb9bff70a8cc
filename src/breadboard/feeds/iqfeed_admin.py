"""What the gateway reports of itself and of its clients on the admin port (``S,STATS``, ``S,CLIENTSTATS``)."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

STATE: Final = 12
"""The place of ``Connected`` in the fields of a STATS line."""
LOGIN: Final = 14
"""The place of the account's name."""
STATES: Final = {"Connected": True, "Not Connected": False}
_LONGEST: Final = 18
"""Digits that fit 64 bits."""
KINDS: Final = ("admin", "level1", "level2", "lookup")
"""Of clients, by the gateway's number of the kind."""


@dataclass(frozen=True, slots=True)
class Stats:
    """The gateway's report of itself, each second."""

    server: str
    most_symbols: int
    symbols: int
    clients: int
    silent_s: int
    """Seconds since the servers last said anything."""
    reconnections: int
    attempts: int
    """To reconnect."""
    connected: bool
    """Whether the gateway has the vendor's servers."""
    version: str
    kb_received: float
    kb_per_s_received: float
    kb_sent: float
    kb_per_s_sent: float


@dataclass(frozen=True, slots=True)
class Client:
    """The gateway's report of one of its clients."""

    kind: int
    """See ``KINDS``."""
    number: int
    name: str
    symbols: int
    kb_sent: float
    kb_queued: float
    """Waits for the client to read it."""


def stats_of(line: str) -> Stats | None:
    """Return what a STATS line says; None for one that is none, or cut, or of a state that nobody knows."""
    parts = line.split(",")
    if parts[:2] != ["S", "STATS"] or len(parts) < 20 or parts[STATE] not in STATES:
        return None
    try:
        return Stats(
            server=f"{parts[2]}:{parts[3]}",
            most_symbols=_whole(parts[4]),
            symbols=_whole(parts[5]),
            clients=_whole(parts[6]),
            silent_s=_whole(parts[7]),
            reconnections=_whole(parts[8]),
            attempts=_whole(parts[9]),
            connected=STATES[parts[STATE]],
            version=parts[13],
            kb_received=_kb(parts[15]),
            kb_per_s_received=_kb(parts[16]),
            kb_sent=_kb(parts[18]),
            kb_per_s_sent=_kb(parts[19]),
        )
    except ValueError:
        return None


def client_of(line: str) -> Client | None:
    """Return what a CLIENTSTATS line says; None for one that is none, or cut."""
    parts = line.split(",")
    if parts[:2] != ["S", "CLIENTSTATS"] or len(parts) < 11:
        return None
    try:
        return Client(
            kind=_whole(parts[2]),
            number=_whole(parts[3]),
            name=parts[4],
            symbols=_whole(parts[6]),
            kb_sent=_kb(parts[8]),
            kb_queued=_kb(parts[10]),
        )
    except ValueError:
        return None


def facts_of(stats: Stats) -> dict[str, Any]:
    """Return a report by the names that people and metrics know; ``kb`` are the gateway's kilobytes."""
    return {
        "server_connected": stats.connected,
        "server_silent_s": stats.silent_s,
        "reconnections": stats.reconnections,
        "attempted_reconnections": stats.attempts,
        "symbols_watched": stats.symbols,
        "symbol_limit": stats.most_symbols,
        "clients": stats.clients,
        "kb_per_s_received": stats.kb_per_s_received,
        "kb_per_s_sent": stats.kb_per_s_sent,
        "version": stats.version,
    }


def port_of(client: Client) -> str:
    """Return the port that a client is at, by name, or by number where that is a new one."""
    return KINDS[client.kind] if 0 <= client.kind < len(KINDS) else f"port {client.kind}"


def _whole(text: str) -> int:
    """Return a count, 0 for an empty field. Raises ValueError for what is none, or too long to be one."""
    if len(text) > _LONGEST:
        raise ValueError(text[:_LONGEST])
    return int(text or 0)


def _kb(text: str) -> float:
    """Return kilobytes, 0 for an empty field. Raises ValueError for what is no number."""
    value = float(text or 0)
    if not isfinite(value):
        raise ValueError(text[:_LONGEST])
    return value
