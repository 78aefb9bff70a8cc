"""A simulated IQFeed gateway: five TCP ports of text lines around one market of US equities, and its truth over HTTP.

Reading order: ``activity``, ``stocks`` and ``equities`` (what happens), ``iqfeed_gateway`` (what the ports share),
``iqfeed_level1``, ``iqfeed_depth``, ``iqfeed_lookup``, ``iqfeed_bars`` and ``iqfeed_admin`` (one port each),
``lineserver`` (the sockets), ``line_faults`` and ``iqfeed_mischief`` (what goes wrong).
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from typing import Final

from breadboard.errors import UsageError
from breadboard.model.kinds import Provenance
from breadboard.sim.activity import CLOSE_S, NS, OPEN_S, MarketTime, Phase, intensity, phase_at, tiers_of
from breadboard.sim.equities import Equities, Update
from breadboard.sim.iqfeed_admin import Admin
from breadboard.sim.iqfeed_bars import Bars
from breadboard.sim.iqfeed_depth import Depth
from breadboard.sim.iqfeed_gateway import SYMBOL_LIMIT, Gateway
from breadboard.sim.iqfeed_level1 import Level1
from breadboard.sim.iqfeed_lookup import Lookup
from breadboard.sim.iqfeed_mischief import Mischief
from breadboard.sim.line_faults import parse_line_faults
from breadboard.sim.lineserver import Address, LineClient, Refused, Service, Wish, listen
from breadboard.sim.market import symbol_names
from breadboard.sim.server import Answer, Client
from breadboard.sim.truth import Sent

LEVEL1_PORT: Final = 5009
OFFSETS: Final = {"level1": 0, "lookup": 4091, "depth": 4191, "admin": 4291, "bars": 4391, "truth": 4491}
"""The real gateway's ports, from that of Level 1 (5009, 9100, 9200, 9300, 9400); the truth is ours."""
FLOOD_UPDATES: Final = 500
TICKS_PER_S: Final = 200
"""A market begun later in the day begins with higher TickIDs, unless a stock had more than these in each second."""
PAUSE_S: Final = 0.05
HINT: Final = "breadboard sim iqfeed --port 0"
_NAME: Final = re.compile(r"[A-Za-z0-9.]{1,16}", re.ASCII)


class IQFeed:
    """The running simulator: lets the market go on and every service tell of it."""

    provenance = Provenance.SYNTHETIC.value

    def __init__(self, wish: Wish) -> None:
        now, options = wish.clock.wall(), wish.options
        time = MarketTime(str(options.get("at", "")), now)
        first = 1 + int(time.second_of_day(now)) * TICKS_PER_S
        tiers = tiers_of(wish.profile, str(options.get("activity", "average")))
        market = Equities(_symbols(wish), wish.seed, tiers, first)
        limit = int(options.get("symbol_limit", SYMBOL_LIMIT))
        self.gateway = Gateway(market, time, wish.truth, wish.clock, parse_line_faults(wish.faults), limit)
        self.level1, self.depth, self.bars = Level1(self.gateway), Depth(self.gateway), Bars(self.gateway)
        self.services: tuple[Service, ...] = (
            self.level1, Lookup(self.gateway), self.depth, Admin(self.gateway), self.bars,
        )  # fmt: skip
        self._second = 0
        self._mischief = Mischief(self.gateway, self.level1, self.depth, self._tell, wish.seed)
        self._paused = False
        self._connections = count(1)
        market.phase = phase_at(time.second_of_day(now)) if time.follows else Phase.REGULAR
        if market.phase is not Phase.PRE:
            self._auction()

    def address(self, ports: Mapping[str, int]) -> Address:
        """Say where this listens, and how it acts."""
        time = self.gateway.time
        query = "&".join(f"{name}={ports[name]}" for name in ("depth", "lookup", "admin", "bars"))
        if not time.follows:
            acts = "as in the regular session, at any hour; times are true"
        else:
            acts = "as the day goes on; times are " + (f"{time.shift_ns / NS:+.0f} s off" if time.shift_ns else "true")
        return Address(
            f"tcp://127.0.0.1:{ports['level1']}?{query}",
            f"http://127.0.0.1:{ports['truth']}",
            ports["level1"],
            tuple(self.gateway.market.by_symbol),
            self.provenance,
            {"ports": dict(ports), "acts": acts, "messages_per_s": self.gateway.market.rate},
        )

    def maker(self, name: str) -> Callable[[], asyncio.Protocol]:
        """Return what makes the protocol of a new connection to a port."""
        service = next((each for each in self.services if each.name == name), None)
        return partial(Client, self) if service is None else partial(self._client, service)

    def _client(self, service: Service) -> asyncio.Protocol:
        gateway = self.gateway
        streaming = sum(client.service.streams for client in self.gateway.open_clients())
        for name, refuses in (
            ("limit", streaming >= gateway.faults["limit"] > 0),
            ("refuse", next(self._connections) <= gateway.faults["refuse"] if gateway.faults["refuse"] else False),
        ):
            if refuses and service.streams:
                gateway.did(name)
                return Refused()
        made = LineClient(
            service, gateway.truth.connection(), gateway.faults, gateway.clock.wall(), gateway.did
        )  # fmt: skip
        gateway.clients.append(made)
        gateway.ever.append(made)
        return made

    async def run(self, rate: float | None) -> None:
        """Let the market go on until cancelled, with so many messages a second (0: as fast as the clients read)."""
        loop = asyncio.get_running_loop()
        wanted = (self.gateway.market.rate if rate is None else rate) * (self.gateway.faults["flood"] or 1)
        self._mischief.plan()
        due, last = 0.0, loop.time()
        while True:
            now = loop.time()
            if self._paused:
                last = now
                await asyncio.sleep(PAUSE_S)
                continue
            self._turn()
            if wanted:
                # After a pause of our own (a busy machine) at most a fifth of a second is made up for.
                pace = wanted * self._busy()
                due = min(due + (now - last) * pace, pace / 5 + 1)
                last = now
                due -= self._advance(due)
                self.gateway.flush()
                await asyncio.sleep(0.002 if wanted > 2000 else 0.005)
            else:
                for _ in range(FLOOD_UPDATES):
                    self._tell(self._step())
                self.gateway.flush()
                await asyncio.gather(*(client.writable() for client in self.gateway.open_clients()))
                await asyncio.sleep(0)

    def _advance(self, messages: float) -> int:
        """Let as much happen as makes so many messages; return how many."""
        made = 0
        while made < messages:
            update = self._step()
            made += update.messages or 1
            self._tell(update)
        return made

    def _step(self) -> Update:
        gateway = self.gateway
        gateway.now_ns = gateway.clock.wall()
        return gateway.market.step(gateway.now_ns + gateway.time.shift_ns)

    def _tell(self, update: Update) -> None:
        """Let the streaming services tell of an update; without its server the gateway hears of nothing."""
        self.level1.update(update)
        if self.gateway.connected:
            self.depth.update(update)
            self.bars.update(update)

    def _busy(self) -> float:
        time = self.gateway.time
        return intensity(time.second_of_day(self.gateway.now_ns)) if time.follows else 1.0

    def _turn(self) -> None:
        """Do what time asks for: the phases of the day, halts that end, the stamps of a second."""
        gateway = self.gateway
        gateway.now_ns = gateway.clock.wall()
        for update in gateway.market.due(gateway.market_ns):
            self._tell(update)
        self._mischief.turn()
        second = gateway.now_ns // NS
        if second == self._second:
            return
        self._second = second
        if gateway.time.follows:
            self._day(gateway.time.second_of_day(gateway.now_ns))
        stamp = gateway.stamp()
        for service in self.services:
            service.second(stamp)

    def _day(self, second: float) -> None:
        """Open and close the session with auctions, as the day goes on."""
        market = self.gateway.market
        phase = phase_at(second)
        if phase is market.phase:
            return
        before, market.phase = market.phase, phase
        if phase is Phase.PRE:
            for stock in market.stocks:
                stock.begin_day()
        elif phase is Phase.REGULAR and second - OPEN_S < 60:
            self._auction()
        elif phase is Phase.AFTER and before is Phase.REGULAR and second - CLOSE_S < 60:
            self._auction()
            for stock in market.stocks:
                self.level1.session_closed(stock)

    def _auction(self) -> None:
        market = self.gateway.market
        for stock in market.stocks:
            self._tell(market.auction(stock, self.gateway.market_ns))

    async def get(self, client: Client, path: str, query: Mapping[str, str]) -> Answer:  # noqa: ARG002 - server.Venue
        """Answer ``/_sim/truth``; ``/_sim/pause`` stops the market and the clock lines, until ``/_sim/resume``."""
        if path in {"/_sim/pause", "/_sim/resume"}:
            self._paused = path.endswith("pause")
            return Answer(200, json.dumps({"paused": self._paused}).encode())
        if path == "/_sim/truth":
            return Answer(200, json.dumps(self.gateway.truth.told()).encode())
        return Answer(404, b'{"msg":"there is only /_sim/truth"}')

    def refuses(self, path: str) -> Answer | None:  # noqa: ARG002 - server.Venue
        """Refuse WebSockets: this venue has none."""
        return Answer(400, b'{"msg":"this venue speaks text lines over TCP"}')

    def opened(self, client: Client, path: str, query: Mapping[str, str]) -> Sent:  # noqa: ARG002 - server.Venue
        """Never called: every WebSocket is refused."""
        return Sent(0, keep=False)

    def said(self, client: Client, text: str) -> None:
        """Never called: every WebSocket is refused."""

    def closed(self, client: Client) -> None:
        """Never called: every WebSocket is refused."""


async def serve(wish: Wish) -> None:
    """Listen on all ports and run until cancelled. Raises UsageError."""
    base = LEVEL1_PORT if wish.port is None else wish.port
    if base + max(OFFSETS.values()) > 65535:
        raise UsageError(
            f"the other ports lie up to {max(OFFSETS.values())} above that of Level 1: {base} is too high", hint=HINT
        )
    sim = IQFeed(wish)
    async with AsyncExitStack() as stack:
        ports: dict[str, int] = {}
        for name, offset in OFFSETS.items():
            server = await listen(sim.maker(name), base + offset if base else 0, name, HINT)
            await stack.enter_async_context(server)
            ports[name] = server.sockets[0].getsockname()[1]
        wish.ready(sim.address(ports))
        try:
            await sim.run(wish.rate)
        finally:
            for client in list(sim.gateway.open_clients()):
                client.reset("the simulator ended")


def _symbols(wish: Wish) -> list[str]:
    wanted = wish.symbols if wish.symbols is not None else tiers_of(wish.profile, "average").symbols
    if isinstance(wanted, int):
        if not 0 < wanted <= 10_000:
            raise UsageError(f"a simulated market has 1 to 10,000 symbols, not {wanted}", hint=HINT)
        return symbol_names("{}".format, wanted, "smallcaps")
    if not wanted or not all(_NAME.fullmatch(name) for name in wanted):
        raise UsageError(
            f"a simulated US market needs tickers of letters, digits and dots, not {','.join(wanted)!r}",
            hint="breadboard sim iqfeed --symbols AAPL,MSFT",
        )
    return list(dict.fromkeys(name.upper() for name in wanted))
