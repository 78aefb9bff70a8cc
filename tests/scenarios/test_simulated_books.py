"""The book that the engine has in the end is the simulated market's own, also where messages were withheld."""

import asyncio
from pathlib import Path

import pytest

from breadboard.feeds import FEEDS
from breadboard.model.kinds import GapReason
from capture_fakes import until
from simulated import comes_to, followed, honest, running, said

VENUES = ("bitstamp", "bybit", "bybit-linear", "bybit-inverse", "coinbase-advanced")


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


@pytest.mark.parametrize("venue", ["bybit", "bybit-linear", "coinbase-advanced"])
def test_a_withheld_book_message_is_noticed_and_mended_on_the_same_connection(venue: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(venue, faults="drop-depth:37") as market, followed(market, tmp_path) as (capture, follower):
            await until(lambda: market.withheld() >= 3)
            withheld = await honest(market)
            await comes_to(market, follower)
            found = [gap for gap in follower.gaps if gap.reason == GapReason.SEQUENCE]
            assert 0 < len(found) <= withheld
            # What is asked for anew is missing until it begins, and told so.
            assert {gap.reason for gap in follower.gaps} <= {GapReason.SEQUENCE, GapReason.SUBSCRIPTION}
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


@pytest.mark.parametrize("fault", ["duplicate:20", "reorder:20", "garbage:50", "drift:1"])
@pytest.mark.parametrize("venue", ["bitstamp", "bybit", "coinbase-advanced"])
def test_whatever_comes_twice_late_or_in_pieces_the_books_end_right(venue: str, fault: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(venue, rate=500, faults=fault) as market, followed(market, tmp_path) as (capture, follower):
            await asyncio.sleep(3.0)
            await honest(market)
            await comes_to(market, follower)
            assert [line.session_errors for line in capture.status().sources] == [0]
            summary = follower.engine.summary()
            assert (summary["quarantined"] > 0) == (fault[:5] in ("garba", "drift"))

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
            listener.muted = "mute"  # for one message of trades
            await until(lambda: market.truth.stream("market_trades:BTC-USD").count > before)
            listener.muted = ""
            await asyncio.sleep(1.5)
            market.rest.set()
            await comes_to(market, follower)
            lost = market.truth.stream("market_trades:BTC-USD").dropped
            assert lost
            trades = set(follower.new_trades)
            told = {("BTC-USD", number) for first, last in lost for number in range(first, last + 1)}
            assert told - trades == set()
            assert len(trades) == len(follower.new_trades), "and none twice"
            reasons = {gap.reason for gap in follower.gaps}
            assert GapReason.SEQUENCE in reasons <= {GapReason.SEQUENCE, GapReason.SUBSCRIPTION}
            assert len(market.truth.connections) == 1

    asyncio.run(scenario())
