"""ccxt, which others wrote, speaks to our simulated Binance, and our adapter records what it says."""

import asyncio

import msgspec
import pytest

from breadboard.capture.ccxt_source import connect
from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import by_name
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Provenance, RecordKind
from capture_fakes import MemoryJournal, capturing, simulator, until
from clients import needs

needs("ccxt")


def test_what_ccxt_saw_of_the_simulated_market_is_what_happened_in_it() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator("binance", rate=300, symbols=["BTCUSDT", "ETHUSDT"]) as sim:
            wanted = FeedConfig(
                venue="ccxt-binance", symbols=("BTC/USDT", "ETH/USDT"), url=sim.url, rest_url=sim.rest_url
            )
            sources = plan_sources([wanted], {"ccxt-binance": by_name("ccxt-binance")})
            async with capturing(sources, journal):
                await until(lambda: len(journal.frames()) > 300, 60)
            sent = [msgspec.json.decode(raw) for sent in sim.truth.connections for raw in sent.payloads]
        assert journal.epochs()[0].provenance is Provenance.SYNTHETIC
        frames = journal.frames()
        names = Instruments()
        decoded = (
            by_name("ccxt-binance").decoder(names).decode(Frames.of(frames, [0] * len(frames), kind=RecordKind.DATA))
        )
        assert decoded.quarantined == ()
        tape = decoded.tape
        trades = tape.take(tape.kind == EventKind.TRADE)
        told = {(each["s"], each["t"]): each for each in sent if each.get("e") == "trade"}
        assert len(trades) > 20
        for row in range(len(trades)):
            symbol = names[int(trades.instrument[row])].symbol.replace("/", "")
            each = told[symbol, int(trades.trade_id[row])]
            assert int(trades.price[row]) == round(float(each["p"]) * 1e9)
            assert int(trades.size[row]) == round(float(each["q"]) * 1e8)
            assert int(trades.ts_event[row]) == each["T"] * 1_000_000
        assert set(tape.kind.tolist()) == {EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_SNAPSHOT}

    asyncio.run(scenario())


def test_a_symbol_that_the_exchange_does_not_have_is_refused_by_name() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator("binance", rate=50, symbols=["BTCUSDT"]) as sim:
            wanted = FeedConfig(venue="ccxt-binance", symbols=("NO/SUCH",), url=sim.url, rest_url=sim.rest_url)
            sources = plan_sources([wanted], {"ccxt-binance": by_name("ccxt-binance")})
            async with capturing(sources, journal):
                await until(lambda: len(journal.frames()) > 2, 60)
        errors = [msgspec.json.decode(frame) for frame in journal.frames() if b'"error"' in frame]
        assert {error["symbol"] for error in errors} == {"NO/SUCH"}

    asyncio.run(scenario())


def test_an_exchange_that_ccxt_does_not_have_is_told_of_and_tried_again() -> None:
    with pytest.raises(ValueError, match="no streaming exchange"):
        asyncio.run(connect("ccxt://nosuch", None, None))  # type: ignore[arg-type]  # nothing is asked of them
