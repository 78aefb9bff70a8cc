"""Independent clients of the simulated Kraken, both dialects, and of the ordered book behind them."""

import asyncio
import json
import random
from decimal import Decimal
from typing import Any
from zlib import crc32

import pytest
from websockets.asyncio.client import ClientConnection, connect

from breadboard.sim.market import BUY, SELL, Market
from breadboard.sim.ranked import Ranked
from capture_fakes import simulator

Sides = dict[str, dict[Decimal, tuple[str, str]]]


def v2(**params: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps({"method": params.pop("method", "subscribe"), "params": params, "req_id": 7})


def v1(event: str, name: str, pairs: list[str], depth: int = 10) -> str:
    return json.dumps(
        {"event": event, "pair": pairs, "subscription": {"name": name} | ({"depth": depth} if name == "book" else {})}
    )


async def hear(socket: ClientConnection) -> Any:  # noqa: ANN401 - any JSON, numbers as they were written
    return json.loads(await socket.recv(), parse_float=str)


def apply(sides: Sides, key: str, levels: list[tuple[str, str]]) -> None:
    for price, size in levels:
        sides[key].pop(Decimal(price), None)
        if Decimal(size):
            sides[key][Decimal(price)] = (price, size)


def cut(sides: Sides, depth: int) -> None:
    for key, down in (("a", False), ("b", True)):
        for price in sorted(sides[key], reverse=down)[depth:]:
            del sides[key][price]


def checksum(sides: Sides) -> int:
    text = ""
    for key, down in (("a", False), ("b", True)):
        for price in sorted(sides[key], reverse=down)[:10]:
            text += "".join(word.replace(".", "").lstrip("0") for word in sides[key][price])
    return crc32(text.encode())


@pytest.mark.parametrize("depth", [10, 100, 1000])
def test_a_v2_client_of_any_depth_finds_every_checksum_right(depth: int) -> None:
    async def scenario() -> None:
        sides: Sides = {"a": {}, "b": {}}
        trades: list[int] = []
        right, tickers, beats = 0, 0, 0
        async with simulator("kraken-v2", rate=2000, symbols=2) as sim, connect(sim.url, max_queue=None) as socket:
            status = await hear(socket)
            assert (status["channel"], status["data"][0]["system"]) == ("status", "online")
            await socket.send(v2(channel="book", symbol=["BTC/USD"], depth=depth))
            ack = await hear(socket)
            assert ack["result"] == {"channel": "book", "symbol": "BTC/USD", "depth": depth, "snapshot": True}
            assert (ack["success"], ack["req_id"]) == (True, 7)
            await socket.send(v2(channel="trade", symbol=["BTC/USD"]))
            await socket.send(v2(channel="ticker", symbol=["BTC/USD"], event_trigger="bbo"))
            while right < 300 or len(trades) < 50 or not beats:
                message = await hear(socket)
                channel, data = message.get("channel"), message.get("data", [{}])[0]
                if channel == "book":
                    if message["type"] == "snapshot":
                        assert right == 0
                        assert all(min(depth, 890) <= len(data[name]) <= depth for name in ("asks", "bids"))
                    for key, name in (("a", "asks"), ("b", "bids")):
                        apply(sides, key, [(row["price"], row["qty"]) for row in data[name]])
                    cut(sides, depth)
                    assert checksum(sides) == data["checksum"]
                    right += 1
                trades += [row["trade_id"] for row in message.get("data", []) if channel == "trade"]
                beats += channel == "heartbeat"
                tickers += channel == "ticker"
        assert tickers
        assert trades == list(range(trades[0], trades[0] + len(trades)))

    asyncio.run(scenario())


def test_a_v1_client_finds_every_checksum_right_and_sees_what_came_back_marked() -> None:
    async def scenario() -> None:
        sides: Sides = {"a": {}, "b": {}}
        right = back = both = 0
        async with simulator("kraken", rate=2000, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            assert (await hear(socket))["event"] == "systemStatus"
            for name in ("book", "trade", "spread"):
                await socket.send(v1("subscribe", name, ["BTC/USD"]))
            ack = await hear(socket)
            assert (ack["status"], ack["channelName"], ack["pair"]) == ("subscribed", "book-10", "BTC/USD")
            seen: set[str] = set()
            while right < 400 or not back or len(seen) < 4:
                message = await hear(socket)
                if isinstance(message, dict):
                    seen.add(message["event"])
                    continue
                _, *parts, channel, pair = message
                seen.add(channel)
                assert pair == "BTC/USD"
                if channel != "book-10":
                    continue
                for part in parts:
                    for key, name in (("a", "as"), ("b", "bs"), ("a", "a"), ("b", "b")):
                        apply(sides, key, [(row[0], row[1]) for row in part.get(name, [])])
                        back += sum(row[3:] == ["r"] for row in part.get(name, []))
                cut(sides, 10)
                both += len(parts) > 1
                if "c" in parts[-1]:
                    assert str(checksum(sides)) == parts[-1]["c"]
                    right += 1
        assert {"trade", "spread", "book-10"} <= seen

    asyncio.run(scenario())


def test_answers_pongs_and_errors_are_as_documented() -> None:
    async def scenario() -> None:
        async with simulator("kraken-v2", rate=1, symbols=1) as sim, connect(sim.url) as socket:
            await hear(socket)
            for text, error in (
                (v2(channel="book", symbol=["BTC/NIX"]), "Currency pair not supported BTC/NIX"),
                (v2(channel="book", symbol=["BTC/USD"], depth=11), "Subscription depth not supported"),
                (v2(channel="gossip", symbol=["BTC/USD"]), "Subscription gossip not supported"),
                (v2(channel="trade", symbol=["BTC/USD"], method="unsubscribe"), "Subscription Not Found"),
                ("nonsense", "Malformed request"),
            ):
                await socket.send(text)
                answer = await hear(socket)
                assert (answer["success"], answer["error"]) == (False, error)
            await socket.send('{"method":"ping","req_id":3}')
            assert (await hear(socket))["method"] == "pong"
        async with simulator("kraken", rate=1, symbols=1) as sim, connect(sim.url) as socket:
            await hear(socket)
            await socket.send(v1("subscribe", "book", ["BTC/NIX"]))
            answer = await hear(socket)
            assert (answer["status"], answer["errorMessage"]) == ("error", "Currency pair not supported BTC/NIX")
            for text, event in (("{}", "error"), ('{"event":"ping"}', "pong")):
                await socket.send(text)
                assert (await hear(socket))["event"] == event

    asyncio.run(scenario())


@pytest.mark.parametrize("venue", ["kraken", "kraken-v2"])
def test_unsubscribing_and_subscribing_in_one_breath_brings_a_new_snapshot(venue: str) -> None:
    async def scenario() -> None:
        def say(verb: str) -> str:
            return (
                v1(verb, "book", ["BTC/USD"])
                if venue == "kraken"
                else v2(method=verb, channel="book", symbol=["BTC/USD"])
            )

        async with simulator(venue, rate=500, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await socket.send(say("subscribe"))
            snapshots = 0
            while snapshots < 3:
                raw = await socket.recv(decode=False)
                if b'"snapshot","data"' in raw or b'"as":' in raw:
                    snapshots += 1
                    await socket.send(say("unsubscribe"))
                    await socket.send(say("subscribe"))

    asyncio.run(scenario())


@pytest.mark.parametrize("removes", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_who_is_told_of_a_depth_always_holds_the_best_levels(removes: bool, seed: int) -> None:
    chance, depths = random.Random(seed), (1, 3, 10, 800)
    market = Market(["BTC/USD"], seed)
    ranked = Ranked(market.books[0])
    held = {depth: {side: dict(ranked.top(side, depth)) for side in (BUY, SELL)} for depth in depths}
    for _ in range(700):
        update = market.step()
        changes = update.changes
        for depth, told in ranked.take(changes, depths, removes=removes).items():
            for level in told:
                held[depth][level.side].pop(level.price, None)
                if level.size:
                    held[depth][level.side][level.price] = level.size
            for side in (BUY, SELL):
                mine = sorted(held[depth][side].items(), reverse=side == BUY)
                if not removes:
                    held[depth][side] = dict(mine := mine[:depth])
                if depth < 800 or chance.random() < 0.02:
                    assert mine == market.books[0].levels(side, depth), f"seed {seed}"
