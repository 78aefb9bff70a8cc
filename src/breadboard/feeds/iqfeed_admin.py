"""The admin port (9300): log in, bring the gateway to its servers, and learn whether we keep up.

The gateway repeats login and password in its answers, so this conversation is never journaled, and nothing here shows
them. The gateway ends when its last client leaves: whoever starts one holds this connection.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from breadboard.ports import Request, Send

GROWING: Final = 3
"""Reports in a row with more waiting than the one before, until a client is called slow."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are, from the environment and from nowhere else."""

    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    product: str = field(default="", repr=False)
    version: str = "1.0"

    @staticmethod
    def of(environment: Mapping[str, str] = os.environ) -> "Login":
        """Return what IQFEED_LOGIN, IQFEED_PASSWORD, IQFEED_PRODUCT and IQFEED_VERSION say."""
        names = ("login", "password", "product", "version")
        given = {
            name: environment[f"IQFEED_{name.upper()}"] for name in names if environment.get(f"IQFEED_{name.upper()}")
        }
        return Login(**given)


@dataclass(frozen=True, slots=True)
class Stats:
    """The gateway's report of itself, each second (``S,STATS``)."""

    server: str
    most_symbols: int
    symbols: int
    clients: int
    silent_s: int
    """Seconds since the servers last said anything."""
    reconnections: int
    connected: bool
    version: str
    kb_received: float
    kb_sent: float


@dataclass(frozen=True, slots=True)
class Client:
    """The gateway's report of one of its clients (``S,CLIENTSTATS``)."""

    kind: int
    """0 admin, 1 Level 1, 2 Level 2, 3 lookup."""
    number: int
    name: str
    symbols: int
    kb_sent: float
    kb_queued: float
    """Waits for the client to read it."""


def stats_of(line: str) -> Stats | None:
    """Return what a STATS line says; None for one that is none, or cut."""
    parts = line.split(",")
    if parts[:2] != ["S", "STATS"] or len(parts) < 20:
        return None
    try:
        return Stats(
            server=f"{parts[2]}:{parts[3]}",
            most_symbols=int(parts[4] or 0),
            symbols=int(parts[5] or 0),
            clients=int(parts[6] or 0),
            silent_s=int(parts[7] or 0),
            reconnections=int(parts[8] or 0),
            connected=parts[12] == "Connected",
            version=parts[13],
            kb_received=float(parts[15] or 0),
            kb_sent=float(parts[18] or 0),
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
            kind=int(parts[2]),
            number=int(parts[3]),
            name=parts[4],
            symbols=int(parts[6] or 0),
            kb_sent=float(parts[8] or 0),
            kb_queued=float(parts[10] or 0),
        )
    except ValueError:
        return None


@dataclass(slots=True)
class AdminSession:
    """A conversation like ``ports.Session``: what to say, never how to send it.

    Without a login of ours the gateway is taken to have one of its own, and is only told to connect.
    """

    login: Login
    url: str = ""
    stats: Stats | None = field(init=False, default=None)
    clients: dict[int, Client] = field(init=False, default_factory=dict)
    """By the gateway's number of the client."""
    _growing: dict[int, int] = field(init=False, default_factory=dict)

    def on_connect(self) -> list[Request]:
        """Register, log in, connect, and ask for reports on clients."""
        self.stats = None
        self.clients.clear()
        self._growing.clear()
        who = self.login
        lines = ["S,SET PROTOCOL,6.2", "S,SET CLIENT NAME,breadboard-admin"]
        if who.product:
            lines.append(f"S,REGISTER CLIENT APP,{who.product},{who.version}")
        if who.login:
            lines += [f"S,SET LOGINID,{who.login}", f"S,SET PASSWORD,{who.password}", "S,SET SAVE LOGIN INFO,On"]
            lines.append("S,SET AUTOCONNECT,On")
        return [Send(line) for line in (*lines, "S,CONNECT", "S,CLIENTSTATS ON")]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Take reports; ask the gateway to connect again when it lost its servers for good. Never raises."""
        requests: list[Request] = []
        for frame in frames:
            line = frame.decode("latin-1")
            if (stats := stats_of(line)) is not None:
                self.stats = stats
            elif (client := client_of(line)) is not None:
                self._weigh(client)
            elif line.startswith("S,SERVER RECONNECT FAILED"):
                requests.append(Send("S,CONNECT"))
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, _now_s: float) -> list[Request]:
        """Return nothing: the gateway reports by itself."""
        return []

    def slow(self, name: str) -> Client | None:
        """Return a client of this name for which more and more is waiting: it reads too slowly. None for none."""
        for number, client in self.clients.items():
            if client.name == name and self._growing.get(number, 0) >= GROWING:
                return client
        return None

    def _weigh(self, client: Client) -> None:
        before = self.clients.get(client.number)
        more = before is not None and client.kb_queued > before.kb_queued
        self._growing[client.number] = self._growing.get(client.number, 0) + 1 if more else 0
        self.clients[client.number] = client
