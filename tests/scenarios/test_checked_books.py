"""Books with checksums, from simulated venues over real sockets and the journal into the engine."""

import asyncio
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from breadboard import journal
from breadboard.capture.driver import Capture
from breadboard.capture.planning import plan_sources
from breadboard.config import EngineConfig, FeedConfig
from breadboard.engine import Engine
from breadboard.feeds import FEEDS, by_venue
from breadboard.model.frames import Frames
from breadboard.model.kinds import BookState, RecordKind
from breadboard.sim import serve
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import Faults, parse_faults
from breadboard.sim.market import BUY, SELL, Market
from breadboard.sim.server import Client
from capture_fakes import capturing, simulator, until

DEPTHS = {"kraken": 1000, "kraken-v2": 1000, "okx": 400}
CHECKED = {"kraken": 10, "kraken-v2": 10, "okx": 400}
"""How deep a book is right for sure although messages were withheld: a checksum sees its top, a chain everything."""

DROPS = {"kraken": 211, "kraken-v2": 211, "okx": 41}
"""Seldom enough that a book stands between two losses: twice in a row straight after a snapshot, it is given up."""


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """The exchanges that simulators run on, so that a test can stop their markets."""
    made: list[Exchange] = []
    make = serve._exchange

    def kept(*parts: object) -> Exchange:
        made.append(make(*parts))  # type: ignore[arg-type]  # of several types
        return made[-1]

    monkeypatch.setattr(serve, "_exchange", kept)
    return made


def freeze(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time go on and nothing happen."""

    def advance(messages: float, now_s: float) -> int:
        exchange._finish(now_s)
        return int(messages)

    monkeypatch.setattr(exchange, "_advance", advance)


def frames_of(capture: Capture) -> int:
    return sum(counters.frames for counters in capture.status().sources)


def asked(exchange: Exchange, said: list[str]) -> None:
    """Keep what clients say."""
    answer = exchange.dialect.said

    def heard(client: Client, text: str) -> None:
        said.append(text)
        answer(client, text)

    exchange.dialect.said = heard  # type: ignore[method-assign]  # an ear on it


def processed(directory: Path) -> Engine:
    """Return an engine that has read the journal up to its last frame: the end of capture makes books stale."""
    reader = journal.Reader.open(directory)
    parts = []
    while (frames := reader.read(10_000)) is not None:
        parts.append(frames)
    reader.close()
    engine, whole = Engine(by_venue, EngineConfig()), Frames.join(parts)
    engine.process(whole.take(slice(0, int(np.flatnonzero(whole.kind == RecordKind.DATA)[-1]) + 1)))
    return engine


def levels(market: Market, symbol: str, depth: int) -> list[list[tuple[int, int]]]:
    """Return the market's own best levels, prices in 1e-9 and sizes in 1e-8."""
    book = market.by_symbol[symbol]
    tick, lot = 10 ** (9 - book.tick_decimals), 10 ** (8 - book.lot_decimals)
    return [[(price * tick, size * lot) for price, size in book.levels(side, depth)] for side in (BUY, SELL)]


def held(engine: Engine, symbol: str, depth: int) -> tuple[BookState, list[list[tuple[int, int]]], int]:
    which = next(i for i, one in enumerate(engine.instruments) if one.symbol == symbol)
    view = engine.books.view(which)
    sides = [[(price, size) for price, size, _ in side[:depth]] for side in (view.bids, view.asks)]
    return view.state, sides, max(len(view.bids), len(view.asks))


@pytest.mark.parametrize("venue", DEPTHS)
def test_the_books_end_live_and_are_the_markets_own(
    venue: str, exchanges: list[Exchange], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    asyncio.run(captured(venue, 2500, Faults(), exchanges, monkeypatch, tmp_path, said))
    market, engine = exchanges[0].market, processed(tmp_path)
    summary = engine.summary()
    assert summary["checksums"]["failed"] == 0
    assert summary["checksums"]["checked"] > 30
    assert (summary["quarantined"], summary["gaps"]) == (0, 0)
    for symbol in market.by_symbol:
        state, sides, deepest = held(engine, symbol, DEPTHS[venue])
        assert state == BookState.LIVE
        assert sides == levels(market, symbol, DEPTHS[venue])
        assert deepest <= DEPTHS[venue]
    assert not [text for text in said if "unsubscribe" in text]


@pytest.mark.parametrize("venue", DEPTHS)
def test_a_withheld_message_is_noticed_and_that_symbol_alone_is_asked_for_anew(
    venue: str, exchanges: list[Exchange], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    asyncio.run(
        captured(venue, 4000, parse_faults(f"drop-depth:{DROPS[venue]}"), exchanges, monkeypatch, tmp_path, said)
    )
    market, engine = exchanges[0].market, processed(tmp_path)
    summary = engine.summary()
    again = [text for text in said if "unsubscribe" in text]
    assert again
    assert all(sum(symbol in text for symbol in market.by_symbol) == 1 for text in again)
    if venue != "okx":
        assert 1 <= summary["checksums"]["failed"] <= len(again) + len(market.books)
    for symbol in market.by_symbol:
        state, sides, _ = held(engine, symbol, CHECKED[venue])
        assert state == BookState.LIVE
        assert sides == levels(market, symbol, CHECKED[venue])


async def captured(
    venue: str,
    frames: int,
    faults: Faults,
    exchanges: list[Exchange],
    monkeypatch: pytest.MonkeyPatch,
    directory: Path,
    said: list[str],
) -> None:
    """Capture so many frames with faults, some more without, then let the market stand still until all has come."""
    async with simulator(venue, rate=2000, symbols=3) as sim:
        (exchange,) = exchanges
        exchange.faults = faults
        asked(exchange, said)
        config = FeedConfig(venue=venue, symbols=sim.symbols, url=sim.url, rest_url=sim.rest_url)
        async with capturing(plan_sources([config], FEEDS), journal.Writer.open(directory)) as capture:
            await until(lambda: frames_of(capture) > frames)
            for listener in exchange.listeners.values():
                listener.steps.clear()
            await until(partial(lambda least: frames_of(capture) > least, frames_of(capture) + 3000))
            freeze(exchange, monkeypatch)
            await asyncio.sleep(0.8)
