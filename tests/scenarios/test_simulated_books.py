"""The book that the engine has in the end is the simulated market's own, also when messages were withheld on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breadboard import feeds, journal
from breadboard.capture.driver import plan_sources
from breadboard.clock import SystemClock
from breadboard.config import EngineConfig, FeedConfig
from breadboard.engine import Engine
from breadboard.feeds import FEEDS
from breadboard.model.gaps import Gap
from breadboard.model.kinds import BookState, EventKind, Flag, GapReason
from breadboard.sim import serve as sim
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import Faults, parse_faults
from breadboard.sim.market import BUY, SELL, Book, Market
from breadboard.sim.truth import Truth
from capture_fakes import capturing, until

VENUES = ("bitstamp", "bybit", "bybit-linear", "bybit-inverse", "coinbase-advanced")
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
        self.kinds: list[int] = []
        self.new_trades: list[tuple[str, int]] = []
        self._reader = journal.Reader.open(directory)

    def catch_up(self) -> None:
        while (frames := self._reader.read(10_000)) is not None:
            out = self.engine.process(frames)
            self.gaps += [gap for _, _, gap in out.gaps]
            self.kinds += out.tape.kind.tolist()
            first = (out.tape.kind == EventKind.TRADE) & (out.tape.flags & Flag.DUPLICATE == 0)
            new = zip(out.tape.instrument[first].tolist(), out.tape.trade_id[first].tolist(), strict=True)
            self.new_trades += [(self.engine.instruments[which].symbol, number) for which, number in new]

    def is_at(self, books: list[Book], depth: int) -> bool:
        self.catch_up()
        return all(self.differs(book, depth) is None for book in books)

    def differs(self, book: Book, depth: int) -> str | None:
        which = next((at for at, each in enumerate(self.engine.instruments) if each.symbol == book.symbol), -1)
        view = self.engine.books.view(which)
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
async def followed(market: Running, tmp_path: Path) -> AsyncIterator[tuple[Any, Follower]]:
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


@pytest.mark.parametrize("venue", VENUES)
def test_the_engines_books_end_live_and_equal_to_the_markets(venue: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(venue) as market, followed(market, tmp_path) as (_, follower):
            await asyncio.sleep(3.0)
            market.rest.set()
            await comes_to(market, follower)
            summary = follower.engine.summary()
            assert (summary["quarantined"], follower.gaps) == (0, [])
            assert summary["events"]["trade"] > 100
            assert summary["events"]["book_delta"] > 50
            assert set(FEEDS[venue].capabilities.channels) <= {"trade", "quote", "book"}
            assert ("quote" in FEEDS[venue].capabilities.channels) == (summary["events"]["quote"] > 0)
            assert len(market.truth.connections) == 1

    asyncio.run(scenario())


async def honest(market: Running) -> int:
    """Let nothing more be withheld, let every book change once more, then rest; return how much was withheld."""
    market.exchange._faults = Faults()
    await asyncio.sleep(0.7)
    market.rest.set()
    return market.withheld()


def said(market: Running) -> list[dict[str, Any]]:
    """Every message that the venue sent on its connections."""
    return [msgspec.json.decode(payload) for sent in market.truth.connections for payload in sent.payloads]


@pytest.mark.parametrize("venue", ["bybit", "bybit-linear", "coinbase-advanced"])
def test_a_withheld_book_message_is_noticed_and_mended_on_the_same_connection(venue: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(venue, faults="drop-depth:37") as market, followed(market, tmp_path) as (capture, follower):
            await until(lambda: market.withheld() >= 3)
            withheld = await honest(market)
            await comes_to(market, follower)
            found = [gap for gap in follower.gaps if gap.reason == GapReason.SEQUENCE]
            assert 0 < len(found) <= withheld
            assert {gap.reason for gap in follower.gaps} == {GapReason.SEQUENCE}
            assert len(market.truth.connections) == 1, "nothing else of the connection was given up"
            assert [line.reconnects for line in capture.status().sources] == [0]
            if venue != "bybit-linear":  # whose trades have names, not numbers
                assert len(set(follower.new_trades)) == len(follower.new_trades) > 100, "no trade twice"

    asyncio.run(scenario())


def test_bybit_subscribes_anew_only_to_the_book_that_lost_a_message(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running("bybit", faults="drop-depth:97") as market, followed(market, tmp_path) as (_, follower):
            await until(lambda: market.withheld() >= 1)
            await honest(market)
            await comes_to(market, follower)
            harmed = [name for name, told in market.truth.streams.items() if told.dropped]
            answers = [message for message in said(market) if message.get("op") in ("subscribe", "unsubscribe")]
            anew = [message for message in answers if message["op"] == "unsubscribe"]
            assert len(anew) == len(found := [g for g in follower.gaps if g.reason == GapReason.SEQUENCE]) >= 1
            assert {f"orderbook.200.{gap.symbol}" for gap in found} <= set(harmed)
            whole = [m["topic"] for m in said(market) if m.get("type") == "snapshot" and "orderbook.200" in m["topic"]]
            assert sorted(whole) == sorted(
                [f"orderbook.200.{symbol}" for symbol in market.serving.symbols]
                + [f"orderbook.200.{gap.symbol}" for gap in found]
            )

    asyncio.run(scenario())


@pytest.mark.parametrize("venue", ["bybit", "coinbase-advanced"])
def test_a_connection_that_is_cut_is_taken_up_again_and_ends_at_the_markets_book(venue: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(venue) as market, followed(market, tmp_path) as (_, follower):
            await until(lambda: len(market.truth.connections) == 1)
            await asyncio.sleep(1.0)
            for client in list(market.exchange.listeners):
                client.abort("cut by the test")
            await until(lambda: len(market.truth.connections) == 2)
            await asyncio.sleep(1.0)
            market.rest.set()
            await comes_to(market, follower)
            assert GapReason.DISCONNECT in {gap.reason for gap in follower.gaps}

    asyncio.run(scenario())


def test_advanced_trade_mends_the_trades_that_fell_into_a_hole(tmp_path: Path) -> None:
    """A message of trades is withheld: the snapshot that a new subscription brings fills the hole in the numbers."""

    async def scenario() -> None:
        async with (
            running("coinbase-advanced", rate=300.0) as market,  # fewer than a snapshot has in a quarter of a second
            followed(market, tmp_path) as (_, follower),
        ):
            await until(lambda: market.exchange.listening("market_trades:BTC-USD"))
            await asyncio.sleep(1.0)
            (listener,) = market.exchange.listeners.values()
            before = market.truth.stream("market_trades:BTC-USD").count
            listener.muted = True  # for one message of trades
            await until(lambda: market.truth.stream("market_trades:BTC-USD").count > before)
            listener.muted = False
            await asyncio.sleep(1.5)
            market.rest.set()
            await comes_to(market, follower)
            lost = market.truth.stream("market_trades:BTC-USD").dropped
            assert lost
            trades = set(follower.new_trades)
            told = {("BTC-USD", number) for first, last in lost for number in range(first, last + 1)}
            assert told - trades == set()
            assert len(trades) == len(follower.new_trades), "and none twice"
            assert {gap.reason for gap in follower.gaps} == {GapReason.SEQUENCE}
            assert len(market.truth.connections) == 1

    asyncio.run(scenario())
