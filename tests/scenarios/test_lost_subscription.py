"""A subscription that the venue silently lost, or never heard of: found, put on record, asked for again."""

import asyncio
from importlib import import_module

import pytest

from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.kinds import GapReason
from breadboard.sim.exchange import Exchange
from breadboard.sim.server import Client
from capture_fakes import MemoryJournal, capturing, simulator, until


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "binance-coinm"])
def test_what_the_venue_lost_comes_back_and_only_that_is_asked_for(venue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.feeds.binance_session.AUDIT_EVERY_S", 2.0)
    asked: list[str] = []
    subscribe = Exchange.subscribe

    def loses_the_first(self: Exchange, client: Client, stream: str) -> None:
        asked.append(stream)
        if asked.count(stream) > 1 or not stream.endswith("@trade") or stream != asked[0]:
            subscribe(self, client, stream)

    monkeypatch.setattr(Exchange, "subscribe", loses_the_first)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(venue, rate=500, symbols=2) as sim:
            feed = FeedConfig(venue=venue, symbols=sim.symbols, url=sim.url, rest_url=sim.rest_url)
            async with capturing(plan_sources([feed], FEEDS), journal) as capture:
                name = sim.symbols[0]
                wire = b'"%s@trade"' % name.lower().encode()
                await until(lambda: capture.status().sources and capture.status().sources[0].missing)
                assert capture.status().sources[0].missing == [f"{name} trade"]
                await until(lambda: any(wire in frame[:60] for frame in journal.frames()))
                await until(lambda: not capture.status().sources[0].missing)
                assert capture.status().sources[0].missing_told == 2
                assert capture.status().sources[0].connects == 1, "the connection was kept"
        heard = next(
            at for at, record in enumerate(journal.records) if any(wire in each[:60] for each in record.frames)
        )
        told = next(at for at, record in enumerate(journal.records) if b"not in the venue" in record.frames[0])
        assert told < heard, "the gap is on record before what comes after it"
        gaps = [gap for gap in journal.gaps() if gap.reason == GapReason.SUBSCRIPTION]
        assert {(gap.symbol, gap.channel) for gap in gaps} == {(name, "trade")}
        lost, back = gaps
        assert lost.ts_from <= lost.ts_to
        assert -1_000_000_000 < back.ts_from - lost.ts_to < 1_000_000, "one gap goes on where the other ends, no later"
        assert [stream for stream in asked if asked.count(stream) > 1] == [asked[0]] * 2

    asyncio.run(scenario())


@pytest.mark.parametrize(("venue", "wrong"), [("coinbase", "NO-SUCH"), ("binance", "NOSUCH")])
def test_a_symbol_that_the_venue_does_not_have_is_named_and_the_others_are_recorded(
    venue: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breadboard.feeds.binance_session.NEVER_HEARD_S", 1.0)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(venue, rate=500, symbols=2) as sim:
            feed = FeedConfig(venue=venue, symbols=(*sim.symbols, wrong), url=sim.url, rest_url=sim.rest_url)
            async with capturing(plan_sources([feed], FEEDS), journal) as capture:
                await until(lambda: capture.status().sources and capture.status().sources[0].refused)
                await until(lambda: len(journal.frames()) > 200)
                told = capture.status().sources[0]
        assert (told.refused, told.refusals, told.connects) == ([wrong], 1, 1)
        assert all(any(name.lower().encode() in frame.lower() for frame in journal.frames()) for name in sim.symbols)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("venue", "simulated"),
    [
        ("kraken", "kraken_v1.KrakenV1"),
        ("kraken-v2", "kraken.KrakenV2"),
        ("okx", "okx.Okx"),
        ("bybit", "bybit.Bybit"),
        ("bitstamp", "bitstamp.Bitstamp"),
        ("coinbase-advanced", "coinbase_advanced.CoinbaseAdvanced"),
    ],
)
def test_what_the_venue_did_not_hear_is_asked_for_again_and_nothing_else(
    venue: str, simulated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breadboard.feeds.watching.ACKNOWLEDGED_WITHIN_S", 3.0)
    path, _, name = simulated.rpartition(".")
    kind = getattr(import_module(f"breadboard.sim.{path}"), name)
    unheard: list[str] = []
    said = kind.said

    def is_deaf_once(self: object, client: Client, text: str) -> None:
        if "trade" in text.lower() and not unheard:
            unheard.append(text)
        else:
            said(self, client, text)

    monkeypatch.setattr(kind, "said", is_deaf_once)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(venue, rate=200, symbols=2) as sim:
            feed = FeedConfig(
                venue=venue, symbols=sim.symbols, channels=("trade", "book"), url=sim.url, rest_url=sim.rest_url
            )
            async with capturing(plan_sources([feed], FEEDS), journal) as capture:
                await until(lambda: capture.status().sources and capture.status().sources[0].missing)
                lost = capture.status().sources[0].missing
                await until(lambda: not capture.status().sources[0].missing)
                told = capture.status().sources[0].missing_told
                seen = len(journal.frames())
                await until(lambda: len(journal.frames()) > seen + 500)
                source = capture.status().sources[0]
                assert (source.missing, source.missing_told, source.connects) == ([], told, 1)
        assert {each for each in lost if each.endswith(" trade")} == {
            f"{symbol} trade" for symbol in sim.symbols if symbol in unheard[0]
        }
        assert {gap.reason for gap in journal.gaps()} == {GapReason.SUBSCRIPTION}

    asyncio.run(scenario())
