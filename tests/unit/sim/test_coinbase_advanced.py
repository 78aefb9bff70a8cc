"""The simulated Coinbase Advanced Trade, held against an independent reading of what it says."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from capture_fakes import simulator


async def say(socket: ClientConnection, method: str, channel: str, *products: str) -> None:
    await socket.send(json.dumps({"type": method, "channel": channel, "product_ids": products}))


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


def test_every_channel_shares_one_count_and_each_begins_with_a_snapshot() -> None:
    async def scenario() -> None:
        async with simulator("coinbase-advanced", rate=500, symbols=2) as sim:
            await asyncio.sleep(0.5)
            async with connect(sim.url, max_queue=None, max_size=None) as socket:
                channels = ("heartbeats", "level2", "market_trades", "ticker")
                for channel in channels:
                    await say(socket, "subscribe", channel, *(sim.symbols if channel != "heartbeats" else ()))
                messages = [await heard(socket) for _ in range(300)]
        assert [message["sequence_num"] for message in messages] == list(range(300))
        assert {m["channel"] for m in messages} == {
            *("subscriptions", "heartbeats", "l2_data", "market_trades", "ticker")
        }
        last = [m for m in messages if m["channel"] == "subscriptions"][-1]["events"][0]["subscriptions"]
        assert set(last) == set(channels)
        for channel in ("l2_data", "market_trades", "ticker"):
            kinds = [event["type"] for m in messages if m["channel"] == channel for event in m["events"]]
            assert kinds == ["snapshot"] * 2 + ["update"] * (len(kinds) - 2)

    asyncio.run(scenario())


def test_a_book_is_what_the_ticker_of_the_same_moment_says_and_trades_are_contiguous() -> None:
    async def scenario() -> None:
        sides: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "offer": {}}
        ids: list[int] = []
        async with simulator("coinbase-advanced", rate=500, symbols=1) as sim:
            await asyncio.sleep(0.5)
            async with connect(sim.url, max_queue=None, max_size=None) as socket:
                for channel in ("level2", "market_trades"):
                    await say(socket, "subscribe", channel, "BTC-USD")
                while len(ids) < 100:
                    message = await heard(socket)
                    for event in message["events"]:
                        for update in event.get("updates", ()):
                            price, size = Decimal(update["price_level"]), Decimal(update["new_quantity"])
                            sides[update["side"]][price] = size
                            if not size:
                                del sides[update["side"]][price]
                        made = [int(trade["trade_id"]) for trade in event.get("trades", ())]
                        assert made == sorted(made, reverse=True), "the newest first"
                        ids += reversed(made)
                    if message["channel"] == "l2_data":
                        assert max(sides["bid"]) < min(sides["offer"])
        assert ids == list(range(ids[0], ids[0] + len(ids)))

    asyncio.run(scenario())


def test_a_trade_names_the_maker() -> None:
    async def scenario() -> None:
        async with simulator("coinbase-advanced", rate=500, symbols=1) as sim, connect(sim.url) as socket:
            await say(socket, "subscribe", "market_trades", "BTC-USD")
            sides: list[tuple[str, Decimal]] = []
            while len(sides) < 60:
                for event in (await heard(socket))["events"]:
                    sides += [(t["side"], Decimal(t["price"])) for t in reversed(event.get("trades", ()))]
            resting = {word: [price for side, price in sides if side == word] for word in ("BUY", "SELL")}
            assert sum(resting["BUY"]) / len(resting["BUY"]) < sum(resting["SELL"]) / len(resting["SELL"]), (
                "bids rest lower"
            )

    asyncio.run(scenario())


def test_what_a_fault_withholds_has_its_number_all_the_same() -> None:
    async def scenario() -> None:
        async with (
            simulator("coinbase-advanced", rate=500, symbols=1, faults="drop-depth:5") as sim,
            connect(sim.url, max_queue=None, max_size=None) as socket,
        ):
            await say(socket, "subscribe", "level2", "BTC-USD")
            numbers = [(await heard(socket))["sequence_num"] for _ in range(50)]
            missing = sorted(set(range(numbers[-1])) - set(numbers))
            assert len(missing) >= 9
            assert len(missing) <= len(sim.truth.stream("level2:BTC-USD").dropped)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"type": "subscribe", "channel": "gossip", "product_ids": []}, "channel not supported"),
        ({"type": "subscribe", "channel": "level2", "product_ids": ["NO-PE"]}, "product_ids invalid: NO-PE"),
        ({"type": "dance", "channel": "level2"}, "unknown type dance"),
        ([], "malformed message: list indices must be integers or slices, not str"),
    ],
)
def test_a_wrong_request_is_an_error_message_without_a_number(said: object, message: str) -> None:
    async def scenario() -> None:
        async with simulator("coinbase-advanced", rate=10) as sim, connect(sim.url) as socket:
            await socket.send(json.dumps(said))
            assert await heard(socket) == {"type": "error", "message": message}

    asyncio.run(scenario())
