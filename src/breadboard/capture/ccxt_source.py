"""A connection that is really ccxt: what it hands us, as JSON lines. The only file that knows ccxt.

``send`` takes ``{"watch":"trades","symbol":"BTC/USDT"}``; each watch is a task that asks for what is new, for ever.
The first error that is not about one symbol ends the connection: the line then starts anew, with its backoff.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from breadboard.capture.wire import PROVENANCE_HEADER, Batch, Handler
from breadboard.clock import Clock
from breadboard.errors import UsageError
from breadboard.model.kinds import Provenance

log = logging.getLogger(__name__)

BOOK_LEVELS: Final = 100
_METHODS: Final = {"trades": "watch_trades", "ticker": "watch_ticker", "orderbook": "watch_order_book"}


class CcxtConnection:
    """A ``wire.Connection``. ``exchange`` is a ``ccxt.pro`` exchange, ready to be asked."""

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt has no types
        refused: tuple[type[Exception], ...],
        provenance: Provenance,
        handler: Handler,
        clock: Clock,
    ) -> None:
        self.provenance = provenance
        self.dismissed = False
        self._exchange = exchange
        self._refused = refused
        self._handler = handler
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def send(self, text: str) -> None:
        """Begin to watch something."""
        asked = json.loads(text)
        task = asyncio.get_running_loop().create_task(self._watch(asked["watch"], asked["symbol"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ping(self) -> bool:
        """Say that there is no way to: ccxt pings by itself and ends when nobody answers."""
        return False

    def close(self, reason: str) -> None:
        """End every watch and let ccxt close its sockets."""
        if self._over:
            return
        self._over = True
        for task in self._tasks:
            task.cancel()
        self._closing = asyncio.get_running_loop().create_task(self._exchange.close())
        self._handler.on_end(reason)

    def abort(self, reason: str) -> None:
        """Do the same: there is no line of our own to cut."""
        self.close(reason)

    async def _watch(self, channel: str, symbol: str) -> None:
        ask: Callable[[], Any] = self._question(channel, symbol)
        try:
            while True:
                self._tell(channel, symbol, await ask())
        except self._refused as error:
            self._tell("error", symbol, f"{channel}: {error}"[:500])
        except Exception as error:  # noqa: BLE001 - whatever ccxt trips over, the line begins anew
            self.close(f"ccxt: {type(error).__name__}: {error}"[:200])

    def _question(self, channel: str, symbol: str) -> Callable[[], Any]:
        exchange = self._exchange
        if channel == "ticker" and exchange.has.get("watchBidsAsks"):

            async def best() -> Any:  # noqa: ANN401 - ccxt has no types
                return (await exchange.watch_bids_asks([symbol]))[symbol]

            return best
        method = getattr(exchange, _METHODS[channel])
        return (lambda: method(symbol, BOOK_LEVELS)) if channel == "orderbook" else (lambda: method(symbol))

    def _tell(self, channel: str, symbol: str, data: object) -> None:
        if not self._over:
            frame = json.dumps({"channel": channel, "symbol": symbol, "data": data}, separators=(",", ":")).encode()
            self._handler.on_batch(Batch([frame], [self._clock.wall()], self._clock.mono()))


async def connect(url: str, handler: Handler, clock: Clock, timeout_s: float = 30.0) -> None:
    """Load an exchange's markets; the handler has the connection when this returns.

    ``url`` is ``ccxt://<exchange>[?ws=…&rest=…]``, the latter to replace the venue's hosts. Raises OSError or
    TimeoutError where the venue cannot be reached, ValueError for an exchange that ccxt does not have, or where ccxt is
    not there: neither may end the other lines.
    """
    parts = urlsplit(url)
    places = dict(parse_qsl(parts.query))
    name = parts.hostname or ""
    try:
        # Loading ccxt takes seconds, in which other sockets want to be read.
        await asyncio.get_running_loop().run_in_executor(None, refuse_unknown, name)
    except UsageError as error:
        raise ValueError(error.sentence) from None
    exchange, refused, version = _exchange(name, places)
    try:
        async with asyncio.timeout(timeout_s):
            await exchange.load_markets()
            provenance = await _provenance(places.get("rest", ""))
    except BaseException as error:
        with suppress(Exception):
            await exchange.close()
        if isinstance(error, Exception) and not isinstance(error, OSError | TimeoutError):
            raise ConnectionError(f"ccxt: {type(error).__name__}: {error}"[:300]) from None
        raise
    connection = CcxtConnection(exchange, refused, provenance, handler, clock)
    handler.on_open(connection)
    hello = json.dumps({"channel": "hello", "exchange": exchange.id, "ccxt": version}).encode()
    handler.on_batch(Batch([hello], [clock.wall()], clock.mono()))


async def _provenance(place: str) -> Provenance:
    """Ask the place that stands in for a venue whether it is a simulator: ccxt keeps its handshakes to itself."""
    if not place:
        return Provenance.LIVE
    async with httpx.AsyncClient() as client:
        said = (await client.get(place)).headers.get(PROVENANCE_HEADER, Provenance.LIVE)
    return Provenance(said) if said in set(Provenance) else Provenance.LIVE


def refuse_unknown(name: str) -> None:
    """Raise UsageError where ccxt is not installed, or has no such exchange that streams."""
    try:
        import ccxt.pro
    except ImportError:
        raise UsageError(
            f"ccxt-{name} needs the package ccxt, which is not installed", hint="pip install 'breadboard[ccxt]'"
        ) from None
    if name not in ccxt.pro.exchanges:
        raise UsageError(
            f"ccxt has no streaming exchange {name!r}", hint="python -c 'import ccxt.pro; print(ccxt.pro.exchanges)'"
        )


def _exchange(name: str, places: Mapping[str, str]) -> tuple[Any, tuple[type[Exception], ...], str]:
    import ccxt
    import ccxt.pro

    exchange = getattr(ccxt.pro, name)({"enableRateLimit": True, "newUpdates": True})
    exchange.urls["api"] = _moved(exchange.urls["api"], places)
    return exchange, (ccxt.BadSymbol, ccxt.NotSupported, ccxt.ArgumentsRequired), ccxt.__version__


def _moved(urls: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401 - nested, as ccxt has it
    """Return ccxt's addresses with the hosts replaced by ``ws`` and ``rest``, where those are given."""
    if isinstance(urls, dict):
        return {key: _moved(value, places) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    parts = urlsplit(urls)
    base = places.get("ws" if parts.scheme.startswith("ws") else "rest")
    return base.rstrip("/") + parts.path if base else urls
