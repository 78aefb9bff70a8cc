"""The conversation on the admin port (9300): bring the gateway to its servers, and hear how it is.

The gateway ends when its last client leaves; whoever holds this connection keeps it. It repeats the account's name and
password in its answers: ``masked`` takes them out before anything is recorded.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from breadboard.conversations import Report, Request, Send
from breadboard.feeds.iqfeed_admin import LOGIN, Client, Stats, client_of, facts_of, port_of, stats_of
from breadboard.feeds.iqfeed_pulse import Pulse
from breadboard.feeds.iqfeed_words import CLIENT_NAME, CUT_OFF, PROTOCOL, account_of

GROWING: Final = 3
"""Reports in a row with more waiting than the one before, until a client is called slow."""
CONNECT_EVERY_S: Final = 10.0
"""How often a gateway that gave up its servers is asked to connect again."""
MASK: Final = b"***"
VARIABLES: Final = ("IQFEED_LOGIN", "IQFEED_PASSWORD", "IQFEED_PRODUCT", "IQFEED_VERSION")
_SECRETS: Final = (b"LOGINID,", b"PASSWORD,")
"""Words of a command, or of its echo, behind which a secret stands."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are, from the environment and from nowhere else."""

    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    product: str = field(default="", repr=False)
    version: str = "1.0"

    @staticmethod
    def of(environment: Mapping[str, str]) -> "Login":
        """Return what IQFEED_LOGIN, IQFEED_PASSWORD, IQFEED_PRODUCT and IQFEED_VERSION say, where they are set."""
        given = {name.removeprefix("IQFEED_").lower(): environment[name] for name in VARIABLES if environment.get(name)}
        return Login(**given)


@dataclass(slots=True)
class AdminSession:
    """A ``conversations.Session`` with the admin port, with a ``report`` and ``masked``.

    Without a login of ours the gateway is taken to have one of its own, and is only told to connect.
    """

    login: Login
    url: str = ""
    symbols: Sequence[str] = ()
    """None, ever."""
    stats: Stats | None = field(init=False, default=None)
    clients: dict[int, Client] = field(init=False, default_factory=dict)
    """By the gateway's number of the client."""
    _round: int = field(init=False, default=0)
    """Reports of the gateway itself that came: each is followed by those of its clients."""
    _heard: dict[int, int] = field(init=False, default_factory=dict)
    """The round in which a client was last reported."""
    _growing: dict[int, int] = field(init=False, default_factory=dict)
    _delayed: bool | None = field(init=False, default=None)
    _given_up: bool = field(init=False, default=False)
    _asked_s: float = field(init=False, default=-math.inf)
    _pulse: Pulse = field(init=False, default_factory=Pulse)

    def on_connect(self) -> list[Request]:
        """Register, log in, connect, and ask for reports on clients."""
        self.stats = self._delayed = None
        self._round, self._given_up, self._asked_s = 0, False, -math.inf
        for known in (self.clients, self._heard, self._growing):
            known.clear()
        self._pulse.begin()
        who = self.login
        lines = [f"S,SET PROTOCOL,{PROTOCOL}", f"S,SET CLIENT NAME,{CLIENT_NAME}-admin"]
        if who.product:
            lines.append(f"S,REGISTER CLIENT APP,{who.product},{who.version}")
        if who.login:
            lines += [f"S,SET LOGINID,{who.login}", f"S,SET PASSWORD,{who.password}", "S,SET SAVE LOGIN INFO,On"]
            lines.append("S,SET AUTOCONNECT,On")
        return [Send(line) for line in (*lines, "S,CONNECT", "S,CLIENTSTATS ON")]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Take reports, and what the gateway says of its servers. Never raises."""
        self._pulse.heard = True
        for frame in frames:
            line = frame.decode("latin-1")
            if (stats := stats_of(line)) is not None:
                self.stats = stats
                self._given_up &= not stats.connected
                self._begin_round()
            elif (client := client_of(line)) is not None:
                self._weigh(client)
            elif frame.startswith(b"S,SERVER RECONNECT FAILED"):
                self._given_up = True
            elif frame.startswith(b"S,CUST,"):
                self._delayed = account_of(frame)
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Ask a gateway that gave up its servers to connect again; leave one that only answers."""
        requests = self._pulse.on_time(now_s)
        if self._given_up and now_s - self._asked_s >= CONNECT_EVERY_S:
            self._asked_s = now_s
            requests.append(Send("S,CONNECT"))
        return requests

    def report(self) -> Report:
        """Return how the gateway is, and who reads too slowly of those that have our name."""
        facts = {} if self.stats is None else facts_of(self.stats)
        if self._delayed is not None:
            facts["delayed"] = self._delayed
        ours = {number: client for number, client in self.clients.items() if client.name == CLIENT_NAME}
        if ours:
            facts["kb_queued"] = max(client.kb_queued for client in ours.values())
        troubles = [CUT_OFF] if self.stats is not None and not self.stats.connected else []
        troubles += [
            f"{port_of(client)} is read too slowly: {client.kb_queued:.0f} kB wait in the gateway, and become more"
            for number, client in ours.items()
            if self._growing[number] >= GROWING
        ]
        return Report(facts, troubles)

    def masked(self, frame: bytes) -> bytes:
        """Return a line without the account's name and password, wherever the gateway repeats them."""
        places = [place + len(word) for word in _SECRETS if (place := frame.upper().find(word)) >= 0]
        if places and len(frame) > min(places):
            return frame[: min(places)] + MASK
        if frame.startswith(b"S,STATS,"):
            parts = frame.split(b",")
            if len(parts) > LOGIN and parts[LOGIN]:
                parts[LOGIN] = MASK
                return b",".join(parts)
        return frame

    def _begin_round(self) -> None:
        """Forget clients that have left: the gateway no longer reports them."""
        self._round += 1
        for number in [number for number, heard in self._heard.items() if heard < self._round - GROWING]:
            for known in (self.clients, self._heard, self._growing):
                known.pop(number, None)

    def _weigh(self, client: Client) -> None:
        before = self.clients.get(client.number)
        more = before is not None and client.kb_queued > before.kb_queued
        self._growing[client.number] = self._growing.get(client.number, 0) + 1 if more else 0
        self._heard[client.number] = self._round
        self.clients[client.number] = client
