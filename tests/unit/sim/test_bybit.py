"""The simulated Bybit, held against an independent reading of what it says."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from capture_fakes import simulator


async def ask(socket: ClientConnection, op: str, *args: str) -> dict[str, Any]:
    await socket.send(json.dumps({"op": op, "req_id": "r", "args": args}))
    while "success" not in (message := await heard(socket)):
        pass
    return message


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


@pytest.mark.parametrize(("venue", "symbol"), [("bybit", "BTCUSDT"), ("bybit-inverse", "BTCUSD")])
@pytest.mark.parametrize("depth", [50, 200])
def test_deltas_keep_the_levels_of_their_depth_and_best_prices_agree_with_depth_one(
    venue: str, symbol: str, depth: int
) -> None:
    async def scenario() -> None:
        sides: dict[str, dict[str, str]] = {}
        best: dict[int, tuple[str, str]] = {}
        number, deltas, equal = 0, 0, 0
        async with simulator(venue, rate=60, symbols=2) as sim, connect(sim.url, max_queue=None) as socket:
            await ask(socket, "subscribe", f"orderbook.{depth}.{symbol}", f"orderbook.1.{symbol}")
            while deltas < 30 or equal < 5:
                message = await heard(socket)
                data = message["data"]
                if message["topic"] == f"orderbook.1.{symbol}":
                    assert message["type"] == "snapshot"
                    assert (len(data["b"]), len(data["a"])) == (1, 1)
                    best[data["seq"]] = (data["b"][0][0], data["a"][0][0])
                    continue
                if message["type"] == "snapshot":
                    sides, number = {side: dict(data[side]) for side in "ba"}, data["u"]
                else:
                    number += 1
                    deltas += 1
                    assert data["u"] == number
                    for side in "ba":
                        for price, size in data[side]:
                            sides[side][price] = size
                            if size == "0":
                                del sides[side][price]
                assert {len(levels) for levels in sides.values()} == {depth}
                assert message["cts"] <= message["ts"]
                if data["seq"] in best:
                    equal += 1
                    assert best[data["seq"]] == (max(sides["b"], key=float), min(sides["a"], key=float))

    asyncio.run(scenario())


def test_depth_one_is_sent_again_after_three_seconds_of_quiet() -> None:
    async def scenario() -> None:
        async with simulator("bybit", rate=0.001, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await ask(socket, "subscribe", "orderbook.1.BTCUSDT")
            first, second, third = [await heard(socket) for _ in range(3)]
            assert first["data"] == second["data"] == third["data"], "and u is the same"
            assert 2900 <= third["ts"] - second["ts"] <= 3500

    asyncio.run(scenario())


@pytest.mark.parametrize("venue", ["bybit", "bybit-linear"])
def test_spot_numbers_its_trades_and_derivatives_name_them(venue: str) -> None:
    async def scenario() -> None:
        async with simulator(venue, rate=1000, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await ask(socket, "subscribe", "publicTrade.BTCUSDT")
            trades: list[dict[str, Any]] = []
            while len(trades) < 50:
                trades += (await heard(socket))["data"]
            assert {trade["S"] for trade in trades} == {"Buy", "Sell"}
            if venue == "bybit":
                assert [int(trade["i"]) for trade in trades] == list(
                    range(int(trades[0]["i"]), int(trades[-1]["i"]) + 1)
                )
            else:
                assert {len(trade["i"]) for trade in trades} == {36}
                assert len({trade["i"] for trade in trades}) == len(trades)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("venue", "args", "message"),
    [
        ("bybit", ["orderbook.50.NOPE"], "Invalid symbol :[orderbook.50.NOPE]"),
        ("bybit", ["orderbook.7.BTCUSDT"], "Invalid symbol :[orderbook.7.BTCUSDT]"),
        ("bybit", [f"publicTrade.{n}" for n in range(11)], "args size >10"),
        ("bybit", [], "Params Error"),
        ("bybit-linear", ["gossip.BTCUSDT"], "error:handler not found,topic:gossip.BTCUSDT"),
        ("bybit-linear", ["publicTrade.BTCUSDT"] * 1200, "args length exceeds the limit"),
    ],
)
def test_a_wrong_subscription_is_refused_as_a_whole(venue: str, args: list[str], message: str) -> None:
    async def scenario() -> None:
        async with simulator(venue, rate=10) as sim, connect(sim.url) as socket:
            answer = await ask(socket, "subscribe", *args)
            assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (False, message, "r")

    asyncio.run(scenario())


def test_ping_is_answered_twice_is_refused_and_who_unsubscribes_may_begin_anew() -> None:
    async def scenario() -> None:
        async with simulator("bybit", rate=100, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            pong = await ask(socket, "ping")
            assert (pong["success"], pong["ret_msg"], pong["op"]) == (True, "pong", "ping")
            topic = "orderbook.50.BTCUSDT"
            assert (await ask(socket, "subscribe", topic))["success"]
            assert (await ask(socket, "subscribe", topic))["ret_msg"] == f"error:already subscribed,topic:{topic}"
            assert (await ask(socket, "unsubscribe", topic))["op"] == "unsubscribe"
            assert (await ask(socket, "subscribe", topic))["success"]
            assert (await heard(socket))["type"] == "snapshot"
            assert not (await ask(socket, "dance"))["success"]

    asyncio.run(scenario())
