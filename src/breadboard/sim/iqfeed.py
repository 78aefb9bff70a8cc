"""A simulated IQFeed gateway: five TCP ports of text lines around one market of US equities, and its truth over HTTP.

Reading order: ``activity``, ``stocks`` and ``equities`` (what happens), ``iqfeed_gateway`` (what the ports share),
``iqfeed_level1``, ``iqfeed_depth``, ``iqfeed_lookup``, ``iqfeed_bars`` and ``iqfeed_admin`` (one port each),
``lineserver`` and ``line_faults`` (the sockets and what goes wrong).
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from random import Random
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
OUTAGE_S: Final = 3.0
PAUSE_S: Final = 0.05
HALT_NS: Final = 10 * NS
BURST_CORRECTIONS: Final = 20
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
        self._random = Random(wish.seed ^ 0xFA17)  # noqa: S311 - what a fault befalls, no secret
        self._second = 0
        self._loses = {name for name in ("lose", "lose-watch") if self.gateway.faults[name]}
        self._watched_since = 0.0
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
        streaming = sum(client.service.streams for client in self.open_clients())
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
        self._plan()
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
                self._flush()
                await asyncio.sleep(0.002 if wanted > 2000 else 0.005)
            else:
                for _ in range(FLOOD_UPDATES):
                    self._tell(self._step())
                self._flush()
                await asyncio.gather(*(client.writable() for client in self.open_clients()))
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
        if self.gateway.connected:
            self.level1.update(update)
            self.depth.update(update)
            self.bars.update(update)

    def _busy(self) -> float:
        time = self.gateway.time
        return intensity(time.second_of_day(self.gateway.now_ns)) if time.follows else 1.0

    def _flush(self) -> None:
        for client in self.open_clients():
            client.flush()

    def open_clients(self) -> list[LineClient]:
        """Return who is connected, and forget who is no more."""
        if any(client.gone.is_set() for client in self.gateway.clients):
            self.gateway.clients = [client for client in self.gateway.clients if not client.gone.is_set()]
        return self.gateway.clients

    def _turn(self) -> None:
        """Do what time asks for: the phases of the day, halts that end, the stamps of a second."""
        gateway = self.gateway
        gateway.now_ns = gateway.clock.wall()
        for update in gateway.market.due(gateway.market_ns):
            self._tell(update)
        if self._loses:
            self._lose()
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

    def _plan(self) -> None:
        """Let the faults of the gateway as a whole come with time."""
        faults = self.gateway.faults
        for name, act in (
            ("server-disconnected", self._outage),
            ("halt", self._halt),
            ("correction-burst", self._burst),
            ("clear-depth", self._clear),
        ):
            if faults[name]:
                self._every(faults[name], act)
        if faults["sequence-reset"]:
            self.gateway.later(faults["sequence-reset"], self._renumber)

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        def again() -> None:
            act()
            self._flush()
            self.gateway.later(seconds, again)

        self.gateway.later(seconds, again)

    def _outage(self) -> None:
        """Lose the gateway's own server for a while; afterwards summaries and books are told anew."""
        self.gateway.connected = False
        self.gateway.did("server-disconnected")
        self._announce(b"S,SERVER DISCONNECTED")
        self.gateway.later(OUTAGE_S, self._recover)

    def _recover(self) -> None:
        self.gateway.connected = True
        self.gateway.reconnections += 1
        self._announce(b"S,SERVER CONNECTED")
        self.level1.retell()
        self.depth.retell()
        self._flush()

    def _announce(self, line: bytes) -> None:
        for client in self.open_clients():
            if client.service.streams and not client.muted:
                client.say(line)

    def _favourite(self, service: Service) -> str:
        """Return a symbol that somebody watches, else any."""
        watched = sorted({symbol for client in self.open_clients() for symbol in service.watched(client)})
        return self._random.choice(watched or list(self.gateway.market.by_symbol))

    def _halt(self) -> None:
        stock = self.gateway.market.by_symbol[self._favourite(self.level1)]
        if not stock.halted:
            self.gateway.did("halt", 0, f"level1:{stock.symbol}")
            self._tell(self.gateway.market.halt(stock, self.gateway.market_ns, HALT_NS))

    def _burst(self) -> None:
        stock = self.gateway.market.by_symbol[self._favourite(self.level1)]
        self.gateway.did("correction-burst", 0, f"level1:{stock.symbol}")
        for _ in range(BURST_CORRECTIONS):
            update = self.gateway.market.correct(stock)
            if update is not None:
                self._tell(update)

    def _clear(self) -> None:
        watched = [
            s for client in self.open_clients() if client.service is self.depth for s in self.depth.watched(client)
        ]
        if watched:
            self.depth.clear(self._random.choice(sorted(set(watched))))

    def _lose(self) -> None:
        """Let one subscription die, a while after the first was made."""
        now = asyncio.get_running_loop().time()
        if self.gateway.watching and not self._watched_since:
            self._watched_since = now
        for name in sorted(self._loses):
            if not self._watched_since or now < self._watched_since + self.gateway.faults[name]:
                continue
            symbol = self.gateway.faults.words[name].upper()
            chosen = self._favourite(self.level1) if symbol in {"", "RANDOM"} else symbol
            if self.level1.lose(chosen, named=name == "lose"):
                self.gateway.did(name, 0, f"level1:{chosen}")
                self._loses.discard(name)

    def _renumber(self) -> None:
        """Let the TickIDs and counters of the day fall back, as on a new one."""
        self.gateway.did("sequence-reset")
        for stock in self.gateway.market.stocks:
            stock.begin_day()

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
            for client in list(sim.open_clients()):
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
