"""What the ports of the simulated IQFeed gateway share: the market, its time, the account, the truth."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from breadboard.clock import Clock
from breadboard.sim.activity import NS, MarketTime, eastern
from breadboard.sim.equities import Equities
from breadboard.sim.iqfeed_fields import Watch
from breadboard.sim.line_faults import DELAYED_NS, LineFaults
from breadboard.sim.lineserver import LineClient
from breadboard.sim.truth import Made, Truth

PROTOCOLS: Final = ("4.9", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2")
VERSION: Final = "6.2.0.25"
SYMBOL_LIMIT: Final = 500
"""Symbols that a basic account may watch at once."""


class Gateway:
    """The state behind all ports. The runner sets ``now_ns`` before each turn."""

    def __init__(
        self, market: Equities, time: MarketTime, truth: Truth, clock: Clock, faults: LineFaults, symbol_limit: int
    ) -> None:
        self.market = market
        self.time = time
        self.truth = truth
        self.clock = clock
        self.faults = faults
        self.symbol_limit = faults.count("symbol-limit") or symbol_limit
        self.now_ns = clock.wall()
        self.begun_ns = self.now_ns
        self.connected = True
        """Whether the gateway has its own server."""
        self.watching = 0
        """Level 1 watches of all clients; the account's limit is over all of them."""
        self.reconnections = 0
        self.login = ""
        """As a client gave it; a simulated account needs none."""
        self.clients: list[LineClient] = []
        """Those that are connected."""
        self.ever: list[LineClient] = []
        self.protocols: dict[LineClient, str] = {}
        self._watches: list[Watch] = []
        truth.more = self.told
        time.told_ns = int(faults["clock-skew"] * NS) - (DELAYED_NS if faults["delayed"] else 0)

    @property
    def market_ns(self) -> int:
        """The market's time, by which prints are stamped."""
        return self.now_ns + self.time.shift_ns

    def protocol(self, client: LineClient) -> str:
        """Return the protocol that a client has asked for."""
        return self.protocols.get(client, "6.2")

    def stamp(self) -> bytes:
        """Return ``YYYYMMDD HH:MM:SS`` Eastern: the gateway's own clock, which is not late when data are delayed."""
        return self._moment().strftime("%Y%m%d %H:%M:%S").encode()

    def keep(self, watch: Watch) -> None:
        """Keep the record of a subscription for the truth."""
        self._watches.append(watch)

    def open_clients(self) -> list[LineClient]:
        """Return who is connected, and forget who is no more."""
        if any(client.gone.is_set() for client in self.clients):
            self.clients = [client for client in self.clients if not client.gone.is_set()]
        return self.clients

    def flush(self) -> None:
        """Write to every client what is queued for it."""
        for client in self.open_clients():
            client.flush()

    def announce(self, line: bytes) -> None:
        """Say something on every streaming port."""
        for client in self.open_clients():
            if client.service.streams and not client.muted:
                client.say(line)

    def did(self, fault: str, connection: int = 0, stream: str = "") -> None:
        """Tell the truth of a fault."""
        self.truth.did(fault, self.clock.wall(), connection, stream)

    def makes(self, stream: str, number: int, watches: Sequence[Watch]) -> Made | None:
        """Let the truth, where it is a witness, keep a message that is watched for or ever was."""
        return self.truth.makes(stream, (number, number), self.clock.wall(), heard=bool(watches))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen later."""
        asyncio.get_running_loop().call_later(seconds, act)

    def common(self, client: LineClient, text: str) -> bool:
        """Answer the system commands that every port knows; say whether it was one."""
        name, _, rest = text.partition(",")
        match name.upper():
            case "SET PROTOCOL":
                wanted = rest.strip(",")
                if wanted in PROTOCOLS:
                    self.protocols[client] = wanted
                    client.say(b"S,CURRENT PROTOCOL," + wanted.encode() + b",")
                else:
                    client.say(b"E,Invalid protocol: %b," % wanted[:20].encode("latin-1", "replace"))
            case "SET CLIENT NAME":
                client.name = rest.strip(",")[:64]
            case "REQUEST STATS":
                client.say(self.stats())
            case _:
                return False
        return True

    def stats(self) -> bytes:
        """Return the ``S,STATS`` line."""
        sent = sum(client.sent.payload_bytes for client in self.clients) / 1024
        age = max(1.0, (self.now_ns - self.begun_ns) / NS)
        began = eastern(self.begun_ns + self.time.shift_ns).strftime("%b %d %I:%M%p")
        values = (
            "127.0.0.1", 60010, self.symbol_limit, self.watching, len(self.clients), 0 if self.connected else 1,
            self.reconnections, self.reconnections, began, self._moment().strftime("%b %d %I:%M%p"),
            "Connected" if self.connected else "Not Connected", VERSION, self.login,
            f"{sent:.2f}", f"{sent / age:.2f}", f"{sent / age:.2f}", f"{sent:.2f}", f"{sent / age:.2f}",
            f"{sent / age:.2f}",
        )  # fmt: skip
        return ("S,STATS," + ",".join(map(str, values)) + ",").encode()

    def told(self) -> Mapping[str, Any]:
        """Return the market's own counts, and what each subscription was sent, as JSON values."""
        return {
            "services": [
                {"connection": client.sent.number, "service": client.service.name, "name": client.name}
                for client in self.ever
            ],
            "symbols": {
                stock.symbol: {
                    "trades": stock.trades,
                    "volume": stock.volume,
                    "tick_ids": stock.tick_ids,
                    "open": stock.open,
                    "high": stock.high,
                    "low": stock.low,
                    "last": stock.last,
                }
                for stock in self.market.stocks
            },
            "subscriptions": [
                {
                    "connection": watch.client.sent.number,
                    "service": watch.client.service.name,
                    "symbol": watch.symbol,
                    **watch.told(),
                }
                for watch in self._watches
            ],
            "halts": self.market.halts,
            "corrections": self.market.corrected,
        }

    def _moment(self) -> datetime:
        return eastern(self.now_ns + self.time.shift_ns + int(self.faults["clock-skew"] * NS))
