"""IQFeed's admin port: registration, login, statistics each second."""

from breadboard.sim.activity import eastern
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.lineserver import LineClient

KINDS = {"admin": 0, "level1": 1, "depth": 2, "lookup": 3, "bars": 4}


class Admin:
    """The service."""

    name = "admin"
    streams = False
    number = 0

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._clients: dict[LineClient, bool] = {}
        """Whether a client wants the statistics of all clients."""

    def opened(self, client: LineClient) -> None:
        """Greet as the gateway does."""
        self._clients[client] = False
        client.say(b"S,PROVENANCE,synthetic")
        client.say(self._gateway.stats())

    def closed(self, client: LineClient) -> None:
        """Forget the client."""
        self._clients.pop(client, None)

    def watched(self, client: LineClient) -> list[str]:
        """Nothing is watched here."""
        del client
        return []

    def second(self, stamp: bytes) -> None:
        """Send the statistics of the gateway, and of its clients to whom asked for them."""
        del stamp
        for client, wants_all in self._clients.items():
            client.say(self._gateway.stats())
            if wants_all:
                for each in self._gateway.clients:
                    client.say(self._client_stats(each))

    def said(self, client: LineClient, text: str) -> None:
        """Answer a command. A password is never repeated."""
        kind, _, rest = text.partition(",")
        if kind == "S" and self._gateway.common(client, rest):
            return
        name, _, value = rest.partition(",") if kind == "S" else ("", "", "")
        answer = self._answer(client, name.upper(), value.strip(","))
        if answer is None:
            answer = f"E,Unrecognized command: {text[:40]}"
        if answer:
            client.say(answer.encode("latin-1", "replace"))

    def _answer(self, client: LineClient, name: str, value: str) -> str | None:
        """Return the answer to a system command, empty where there is none; None for an unknown one."""
        if name in {"CLIENTSTATS ON", "CLIENTSTATS OFF"}:
            self._clients[client] = name.endswith("ON")
        if name == "SET LOGINID":
            self._gateway.login = value
        on = value.upper() == "ON"
        return {
            "REGISTER CLIENT APP": "S,REGISTER CLIENT APP COMPLETED",
            "REMOVE CLIENT APP": "S,REMOVE CLIENT APP COMPLETED",
            "SET LOGINID": f"S,CURRENT LOGINID,{value}",
            "SET PASSWORD": f"S,CURRENT PASSWORD,{'*' * len(value)}",
            "SET AUTOCONNECT": f"S,AUTOCONNECT {'ON' if on else 'OFF'}",
            "SET SAVE LOGIN INFO": f"S,LOGIN INFO {'SAVED' if on else 'NOT SAVED'}",
            "CONNECT": "S,SERVER CONNECTED" if self._gateway.connected else "S,SERVER RECONNECT FAILED",
            "DISCONNECT": "",
            "CLIENTSTATS ON": "",
            "CLIENTSTATS OFF": "",
        }.get(name)

    def _client_stats(self, client: LineClient) -> bytes:
        """Return the statistics of one client; a queue that grows is a client that reads too slowly."""
        began = eastern(client.began_ns + self._gateway.time.shift_ns).strftime("%Y%m%d %H%M%S")
        values = (
            KINDS[client.service.name], client.number, client.name, began, len(client.service.watched(client)), 0,
            f"{client.sent.payload_bytes / 1024:.2f}", f"{client.received / 1024:.2f}", f"{client.queued / 1024:.2f}",
        )  # fmt: skip
        return ("S,CLIENTSTATS," + ",".join(map(str, values)) + ",").encode("latin-1", "replace")
