"""A simulated market that can be brought to rest, a capture of it, and an engine that follows the capture."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from breadboard import feeds, journal
from breadboard.capture.driver import Capture
from breadboard.capture.planning import plan_sources
from breadboard.clock import SystemClock
from breadboard.config import EngineConfig, FeedConfig
from breadboard.engine import Engine
from breadboard.engine.book_view import BookView
from breadboard.feeds import FEEDS
from breadboard.model.kinds import BookState, EventKind, Flag
from breadboard.sim import serve as sim
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import parse_faults
from breadboard.sim.market import BUY, SELL, Book, Market
from breadboard.sim.truth import Truth
from capture_fakes import capturing, until

if TYPE_CHECKING:
    from breadboard.model.gaps import Gap
    from breadboard.model.tape import Tape

DEPTH = {"bybit": 200, "bybit-linear": 200, "bybit-inverse": 200}
"""Levels a side that the venue tells of; the others tell of all."""
SEED = 20240808


@dataclass
class Running:
    """A simulated venue whose market can be brought to rest while it goes on talking."""

    serving: sim.Serving
    exchange: Exchange
    rest: asyncio.Event

    @property
    def truth(self) -> Truth:
        return self.exchange.truth

    def withheld(self, prefix: str = "") -> int:
        return sum(len(told.dropped) for name, told in self.truth.streams.items() if name.startswith(prefix))


@asynccontextmanager
async def running(venue: str, *, rate: float = 1500.0, faults: str = "") -> AsyncIterator[Running]:
    names = sim._names(venue, 3, "breadboard")
    exchange = sim._exchange(
        venue, Market(names, SEED, numbers_from=10**6), Truth(keep=True), parse_faults(faults), SystemClock(), SEED
    )
    rest, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def work() -> None:
        market = asyncio.create_task(exchange.run(rate))
        await rest.wait()
        market.cancel()
        while True:
            exchange._finish(asyncio.get_running_loop().time())
            await asyncio.sleep(0.02)

    serving = sim.Serving(venue, 0, tuple(names), exchange.provenance, exchange.truth)
    task = asyncio.create_task(sim._listen(exchange, work, serving, ready.set_result))
    try:
        yield Running(await ready, exchange, rest)
    finally:
        task.cancel()
        await asyncio.wait({task})


class Follower:
    """An engine that follows a journal."""

    def __init__(self, directory: Path) -> None:
        self.engine = Engine(feeds.by_venue, EngineConfig())
        self.gaps: list[Gap] = []
        self.tapes: list[Tape] = []
        self.new_trades: list[tuple[str, int]] = []
        self._reader = journal.Reader.open(directory)

    def catch_up(self) -> None:
        while (frames := self._reader.read(10_000)) is not None:
            out = self.engine.process(frames)
            self.gaps += [gap for _, _, gap in out.gaps]
            self.tapes.append(out.tape)
            first = (out.tape.kind == EventKind.TRADE) & (out.tape.flags & Flag.DUPLICATE == 0)
            new = zip(out.tape.instrument[first].tolist(), out.tape.trade_id[first].tolist(), strict=True)
            self.new_trades += [(self.engine.instruments[which].symbol, number) for which, number in new]

    def is_at(self, books: list[Book], depth: int) -> bool:
        self.catch_up()
        return all(self.differs(book, depth) is None for book in books)

    def view(self, symbol: str) -> BookView:
        return self.engine.books.view(
            next((at for at, each in enumerate(self.engine.instruments) if each.symbol == symbol), -1)
        )

    def differs(self, book: Book, depth: int) -> str | None:
        view = self.view(book.symbol)
        if view.state is not BookState.LIVE:
            return f"{book.symbol} is {view.state.label}"
        for side, levels in ((BUY, view.bids), (SELL, view.asks)):
            unit = 10 ** (9 - book.tick_decimals)
            told = [(price, size * 10 ** (8 - book.lot_decimals)) for price, size in book.levels(side, depth)]
            if [(price // unit, size) for price, size, _ in levels] != told:
                return f"{book.symbol} differs on side {side}"
        return None

    def close(self) -> None:
        self._reader.close()


@asynccontextmanager
async def followed(market: Running, tmp_path: Path) -> AsyncIterator[tuple[Capture, Follower]]:
    config = FeedConfig(
        venue=market.serving.venue,
        symbols=market.serving.symbols,
        url=market.serving.url,
        rest_url=market.serving.rest_url,
    )
    writer = journal.Writer.open(tmp_path / "journal")
    async with capturing(plan_sources([config], FEEDS), writer) as capture:
        follower = Follower(tmp_path / "journal")
        try:
            yield capture, follower
        finally:
            follower.close()


async def comes_to(market: Running, follower: Follower, timeout_s: float = 30.0) -> None:
    """Wait until the engine's books are the market's; say which is not where that never happens."""
    depth = DEPTH.get(market.serving.venue, 10**6)
    books = market.exchange.market.books
    try:
        await until(lambda: follower.is_at(books, depth), timeout_s)
    except TimeoutError:
        pytest.fail(str([follower.differs(book, depth) for book in books]))


async def honest(market: Running) -> int:
    """Let nothing more be withheld, let every book change once more, then rest; return how much was withheld."""
    for listener in market.exchange.listeners.values():
        listener.steps.clear()
    await asyncio.sleep(0.7)
    market.rest.set()
    return market.withheld()


def said(market: Running) -> list[dict[str, Any]]:
    """Every message that the venue sent on its connections."""
    return [msgspec.json.decode(payload) for sent in market.truth.connections for payload in sent.payloads]
