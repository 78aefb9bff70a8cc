"""An independent client of the simulated Coinbase."""

import asyncio
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from breadboard.sim import coinbase
from capture_fakes import simulator


async def subscribe(socket: ClientConnection, *channels: str, products: tuple[str, ...] = ("BTC-USD",)) -> Any:  # noqa: ANN401 - any JSON
    await socket.send(json.dumps({"type": "subscribe", "product_ids": products, "channels": channels}))
    return json.loads(await socket.recv())


@pytest.mark.parametrize(("channel", "name"), [("level2", "level2"), ("level2_batch", "level2_50")])
def test_snapshot_and_updates_make_the_book_that_the_ticker_shows(channel: str, name: str) -> None:
    async def scenario() -> None:
        sides: dict[str, dict[Decimal, Decimal]] = {"buy": {}, "sell": {}}
        trades: list[int] = []
        pending: dict[str, Any] | None = None
        equal = 0
        async with simulator("coinbase", rate=2000, symbols=2) as sim, connect(sim.url, max_queue=None) as socket:
            ack = await subscribe(socket, channel, "matches", "ticker", "heartbeat")
            assert {"name": name, "product_ids": ["BTC-USD"]} in ack["channels"]
            while equal < (100 if channel == "level2" else 0) or len(trades) < 100:
                message = json.loads(await socket.recv())
                kind = message["type"]
                if kind == "snapshot":
                    sides = {
                        "buy": {Decimal(p): Decimal(s) for p, s in message["bids"]},
                        "sell": {Decimal(p): Decimal(s) for p, s in message["asks"]},
                    }
                    assert min(map(len, sides.values())) >= 890
                elif kind == "l2update":
                    for side, price, size in message["changes"]:
                        sides[side][Decimal(price)] = Decimal(size)
                        if not Decimal(size):
                            del sides[side][Decimal(price)]
                    if pending is not None and channel == "level2":
                        assert max(sides["buy"]) == Decimal(pending["best_bid"])
                        assert min(sides["sell"]) == Decimal(pending["best_ask"])
                        assert sides["sell"][min(sides["sell"])] == Decimal(pending["best_ask_size"])
                        equal += 1
                    pending = None
                elif kind == "match":
                    trades.append(message["trade_id"])
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", message["time"])
                elif kind == "ticker":
                    pending = message
        assert trades == list(range(trades[0], trades[0] + len(trades)))

    asyncio.run(scenario())


def test_a_match_names_the_makers_side_and_the_ticker_the_takers() -> None:
    async def scenario() -> None:
        seen = 0
        async with simulator("coinbase", rate=2000, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await subscribe(socket, "matches", "ticker")
            matches: dict[int, str] = {}
            while seen < 50:
                message = json.loads(await socket.recv())
                if message["type"] == "match":
                    matches[message["trade_id"]] = message["side"]
                elif message["type"] == "ticker" and message["trade_id"] in matches:
                    assert {message["side"], matches[message["trade_id"]]} == {"buy", "sell"}
                    seen += 1

    asyncio.run(scenario())


def test_who_subscribes_late_first_hears_the_last_match_and_heartbeats_name_it() -> None:
    async def scenario() -> None:
        async with simulator("coinbase", rate=500, symbols=1) as sim:
            await asyncio.sleep(1.0)
            async with connect(sim.url) as socket:
                await subscribe(socket, "matches", "heartbeat")
                last = json.loads(await socket.recv())
                assert last["type"] == "last_match"
                newest, heard = last["trade_id"], 0
                while heard < 2:
                    message = json.loads(await socket.recv())
                    if message["type"] == "heartbeat":
                        assert message["last_trade_id"] == newest
                        heard += 1
                    elif message["type"] == "match":
                        assert message["trade_id"] == newest + 1
                        newest += 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "subscribe", "product_ids": ["NO-PE"], "channels": ["ticker"]}, "NO-PE is not a valid product"),
        ({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["gossip"]}, "gossip is not a valid channel"),
        ({"type": "dance", "product_ids": ["BTC-USD"], "channels": ["ticker"]}, "dance is not a valid type"),
        ({"type": "subscribe", "product_ids": [], "channels": []}, "channels and product_ids must not be empty"),
        ({"type": "subscribe"}, "'channels'"),
        ([], "list indices must be integers or slices, not str"),
    ],
)
def test_a_wrong_request_is_an_error_message(message: object, reason: str) -> None:
    async def scenario() -> None:
        async with simulator("coinbase", rate=10) as sim, connect(sim.url) as socket:
            await socket.send(json.dumps(message))
            answer = json.loads(await socket.recv())
            assert (answer["type"], answer["reason"]) == ("error", reason)

    asyncio.run(scenario())


def test_who_does_not_subscribe_in_time_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coinbase, "SUBSCRIBE_WITHIN_S", 0.3)

    async def scenario() -> None:
        async with simulator("coinbase", rate=10) as sim, connect(sim.url) as socket:
            with pytest.raises(ConnectionClosed) as ended:
                await socket.recv()
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1008

    asyncio.run(scenario())
