"""The faults of the simulated gateway as a whole: lost watches, outages, halts, corrections, cleared books."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from breadboard.sim.activity import NS
from breadboard.sim.equities import Update
from breadboard.sim.iqfeed_depth import Depth
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.iqfeed_level1 import Level1
from breadboard.sim.lineserver import Service

OUTAGE_S: Final = 3.0
HALT_NS: Final = 10 * NS
BURST_CORRECTIONS: Final = 20


class Mischief:
    """Plans faults in time and carries them out; ``tell`` takes what happens to the market."""

    def __init__(
        self, gateway: Gateway, level1: Level1, depth: Depth, tell: Callable[[Update], None], seed: int
    ) -> None:
        self._gateway = gateway
        self._level1, self._depth = level1, depth
        self._tell = tell
        self._random = Random(seed ^ 0xFA17)  # noqa: S311 - what a fault befalls, no secret
        self._loses = {name for name in ("lose", "lose-watch") if gateway.faults[name]}
        self._watched_since = 0.0

    def plan(self) -> None:
        """Let what comes with time come; needs a running loop."""
        faults = self._gateway.faults
        self._every("server-disconnected", self._outage, OUTAGE_S)
        self._every("halt", self._halt)
        self._every("correction-burst", self._burst)
        self._every("clear-depth", self._clear)
        if faults["sequence-reset"]:
            self._gateway.later(faults["sequence-reset"], self._renumber)

    def turn(self) -> None:
        """Let watches die whose time has come: a while after the first was made."""
        if not self._loses:
            return
        now = asyncio.get_running_loop().time()
        if self._gateway.watching and not self._watched_since:
            self._watched_since = now
        for name in sorted(self._loses):
            if not self._watched_since or now < self._watched_since + self._gateway.faults[name]:
                continue
            symbol = self._gateway.faults.words[name].upper()
            chosen = self._favourite(self._level1) if symbol in {"", "RANDOM"} else symbol
            if self._level1.lose(chosen, named=name == "lose"):
                self._gateway.did(name, 0, f"level1:{chosen}")
                self._loses.discard(name)

    def _every(self, name: str, act: Callable[[], None], lasts_s: float = 0.0) -> None:
        """Act again and again; the next time is counted from the end of the last."""
        seconds = self._gateway.faults[name]

        def again() -> None:
            act()
            self._gateway.flush()
            self._gateway.later(seconds + lasts_s, again)

        if seconds:
            self._gateway.later(seconds, again)

    def _favourite(self, service: Service) -> str:
        """Return a symbol that somebody watches, else any."""
        watched = {symbol for client in self._gateway.open_clients() for symbol in service.watched(client)}
        return self._random.choice(sorted(watched) or list(self._gateway.market.by_symbol))

    def _outage(self) -> None:
        """Lose the gateway's own server for a while; afterwards summaries and books are told anew."""
        self._gateway.connected = False
        self._gateway.did("server-disconnected")
        self._gateway.announce(b"S,SERVER DISCONNECTED")
        self._gateway.later(OUTAGE_S, self._recover)

    def _recover(self) -> None:
        self._gateway.connected = True
        self._gateway.reconnections += 1
        self._gateway.announce(b"S,SERVER CONNECTED")
        self._level1.retell()
        self._depth.retell()
        self._gateway.flush()

    def _halt(self) -> None:
        stock = self._gateway.market.by_symbol[self._favourite(self._level1)]
        if not stock.halted:
            self._gateway.did("halt", 0, f"level1:{stock.symbol}")
            self._tell(self._gateway.market.halt(stock, self._gateway.market_ns, HALT_NS))

    def _burst(self) -> None:
        stock = self._gateway.market.by_symbol[self._favourite(self._level1)]
        self._gateway.did("correction-burst", 0, f"level1:{stock.symbol}")
        for _ in range(BURST_CORRECTIONS):
            update = self._gateway.market.correct(stock)
            if update is not None:
                self._tell(update)

    def _clear(self) -> None:
        symbol = self._favourite(self._depth)
        self._gateway.did("clear-depth", 0, f"depth:{symbol}")
        self._depth.clear(symbol)

    def _renumber(self) -> None:
        """Let the TickIDs and counters of the day fall back, as on a new one."""
        self._gateway.did("sequence-reset")
        for stock in self._gateway.market.stocks:
            stock.begin_day()
