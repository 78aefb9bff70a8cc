"""The composition: one fake venue on one loopback port."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakSet

from breadboard.clock import Clock, SystemClock
from breadboard.errors import UsageError
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import Faults, parse_faults
from breadboard.sim.lineserver import Address, Wish
from breadboard.sim.market import PROFILES, Market, symbol_names
from breadboard.sim.recording import Player, Recorded
from breadboard.sim.server import Client
from breadboard.sim.truth import Truth
from breadboard.sim.venues import GATEWAYS, VENUES

YEAR_2020_S: Final = 1_577_836_800
NUMBERS_PER_S: Final = 200_000
"""A market begun later begins with higher numbers, unless the one before made more than these in each second."""
_NAME: Final = re.compile(r"\^?[\w./=&-]{1,64}")


@dataclass(frozen=True, slots=True)
class Serving:
    """A simulator that listens."""

    venue: str
    port: int
    symbols: tuple[str, ...]
    """As the venue spells them; empty when a recording is played."""
    provenance: str
    truth: Truth
    address: Address | None = None
    """Of a gateway, which has more ports than one."""

    @property
    def url(self) -> str:
        """The WebSocket address, without a path; of a gateway that of its ports."""
        return self.address.url if self.address is not None else f"ws://127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        """The HTTP address, without a path."""
        return self.address.rest_url if self.address is not None else f"http://127.0.0.1:{self.port}"


async def serve(
    venue: str,
    *,
    port: int | None = 0,
    symbols: Sequence[str] | int | None = None,
    profile: str = "breadboard",
    rate: float | None = None,
    seed: int = 1,
    faults: str = "",
    recording: Iterable[Recorded] | None = None,
    speed: float = 1.0,
    loop: bool = False,
    keep: bool = False,
    witness: bool = False,
    clock: Clock | None = None,
    options: Mapping[str, str | int] | None = None,
    ready: Callable[[Serving], None] | None = None,
) -> None:
    """Serve a fake venue on 127.0.0.1 until cancelled, or until the recording is over.

    ``port`` 0 takes a free one; ``ready`` is called once it listens. ``symbols`` are names, a number of them, or the
    profile's own. ``rate`` is messages a second over all streams (None: the profile's own; 0: as fast as clients read).
    ``recording`` is played instead of a market, at ``speed`` (0: as fast as the client reads), once or in a ``loop``
    (then it must be iterable again). ``keep`` keeps every payload sent in the truth, ``witness`` every message made,
    for tests. ``port`` None is the venue's usual one, and ``options`` (``activity``, ``at``, ``symbol_limit``) are for
    gateways. Raises UsageError.
    """
    if venue not in VENUES and venue not in GATEWAYS:
        known = ", ".join((*VENUES, *GATEWAYS))
        raise UsageError(f"there is no simulated venue {venue!r}; there are {known}", hint="breadboard sim binance")
    if profile not in PROFILES:
        raise UsageError(
            f"there is no market profile {profile!r}; there are {', '.join(PROFILES)}", hint="breadboard sim binance"
        )
    if rate is not None and not math.isfinite(rate):
        raise UsageError(f"--rate takes messages a second, not {rate}", hint=f"breadboard sim {venue} --rate 100")
    truth = Truth(keep=keep, witness=witness)
    if venue in GATEWAYS:
        if recording is not None:
            raise UsageError(f"{venue} plays no recordings", hint="breadboard sim binance --from-recording FILE")
        wish = Wish(
            symbols, port, profile, rate, seed, faults, truth, clock or SystemClock(), _told(venue, truth, ready),
            options or {},
        )  # fmt: skip
        await GATEWAYS[venue](wish)
        return
    if options:
        given = ", ".join("--" + name.replace("_", "-") for name in options)
        raise UsageError(
            f"{venue} does not take {given}; {', '.join(GATEWAYS)} does", hint=f"breadboard sim {venue} --port 0"
        )
    port = port or 0
    if recording is not None:
        player = Player(recording, speed, truth, loop=loop)
        await _listen(player, player.run, Serving(venue, port, (), player.provenance, truth), ready)
        return
    names = _names(venue, symbols, profile)
    wrong = parse_faults(faults)
    clock = clock or SystemClock()
    market = Market(names, seed, profile, (clock.wall() // 1_000_000_000 - YEAR_2020_S) * NUMBERS_PER_S)
    exchange = _exchange(venue, market, truth, wrong, clock, seed)
    pace = (PROFILES[profile].messages_per_s if rate is None else rate) * (wrong["flood"] or 1)
    await _listen(
        exchange, partial(exchange.run, pace), Serving(venue, port, tuple(names), exchange.provenance, truth), ready
    )


def _told(venue: str, truth: Truth, ready: Callable[[Serving], None] | None) -> Callable[[Address], None]:
    def tell(address: Address) -> None:
        if ready is not None:
            ready(Serving(venue, address.port, address.symbols, address.provenance, truth, address))

    return tell


def _names(venue: str, symbols: Sequence[str] | int | None, profile: str) -> list[str]:
    wanted = PROFILES[profile].symbols if symbols is None else symbols
    if isinstance(wanted, int):
        if not 0 < wanted <= 10_000:
            raise UsageError(
                f"a simulated market has 1 to 10,000 symbols, not {wanted}", hint=f"breadboard sim {venue}"
            )
        return symbol_names(VENUES[venue].spell, wanted, profile)
    if not wanted or not all(_NAME.fullmatch(name) for name in wanted):
        raise UsageError(
            f"a simulated market needs symbols of letters, digits and ./-=^&, not {','.join(wanted)!r}",
            hint="breadboard sim binance --symbols BTCUSDT,ETHUSDT",
        )
    return list(dict.fromkeys(map(VENUES[venue].cased, wanted)))


def _exchange(venue: str, market: Market, truth: Truth, faults: Faults, clock: Clock, seed: int) -> Exchange:
    exchange = Exchange(market, truth, faults, clock, seed)
    exchange.dialect = VENUES[venue].dialect(exchange)
    return exchange


async def _listen(
    venue: Exchange | Player,
    work: Callable[[], Awaitable[None]],
    serving: Serving,
    ready: Callable[[Serving], None] | None,
) -> None:
    clients: WeakSet[Client] = WeakSet()

    def client() -> Client:
        made = Client(venue)
        clients.add(made)
        return made

    try:
        server = await asyncio.get_running_loop().create_server(client, "127.0.0.1", serving.port)
    except OSError as error:
        raise UsageError(
            f"port {serving.port} on 127.0.0.1 cannot be had: {error.strerror}",
            hint=f"breadboard sim {serving.venue} --port 0",
        ) from None
    async with server:
        port = server.sockets[0].getsockname()[1]
        if isinstance(venue, Exchange):
            venue.address = f"http://127.0.0.1:{port}"
        if ready is not None:
            ready(Serving(serving.venue, port, serving.symbols, serving.provenance, serving.truth))
        try:
            await work()
        finally:
            for each in list(clients):
                each.close(1001, "the simulator ends")
                each.abort("the simulator ended")
