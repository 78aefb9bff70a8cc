"""The simulated Bitstamp, held against an independent reading of what it says."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from capture_fakes import simulator


async def say(socket: ClientConnection, event: str, channel: str | None = None) -> None:
    data = {} if channel is None else {"data": {"channel": channel}}
    await socket.send(json.dumps({"event": event, **data}))


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


def apply(sides: dict[str, dict[Decimal, Decimal]], data: dict[str, Any]) -> None:
    for side, levels in sides.items():
        for price, size in data[side]:
            levels[Decimal(price)] = Decimal(size)
            if not Decimal(size):
                del levels[Decimal(price)]


def test_the_answer_over_http_and_the_changes_after_it_make_the_top_of_the_book_that_is_streamed() -> None:
    async def scenario() -> None:
        sides: dict[str, dict[Decimal, Decimal]] = {}
        begun, last, equal = 0, 0, 0
        async with simulator("bitstamp", rate=1000, symbols=2) as sim, connect(sim.url, max_queue=None) as socket:
            assert sim.symbols == ("btcusd", "ethusd")
            for channel in ("diff_order_book_btcusd", "order_book_btcusd"):
                await say(socket, "bts:subscribe", channel)
                assert await heard(socket) == {"event": "bts:subscription_succeeded", "channel": channel, "data": {}}
            while equal < 20:
                message = await heard(socket)
                data, number = message["data"], int(message["data"]["microtimestamp"])
                assert data["timestamp"] == str(number // 1_000_000)
                if message["channel"] == "diff_order_book_btcusd":
                    assert number > last
                    last = number
                    if not sides:
                        async with httpx.AsyncClient() as client:
                            answer = (await client.get(f"{sim.rest_url}/api/v2/order_book/btcusd/")).json()
                        begun = int(answer["microtimestamp"])
                        sides = {side: {Decimal(p): Decimal(s) for p, s in answer[side]} for side in ("bids", "asks")}
                        continue
                    if number > begun:
                        apply(sides, data)
                elif last > begun > 0 and number == last:
                    for side, best in (("bids", max), ("asks", min)):
                        top = {Decimal(price): Decimal(size) for price, size in data[side]}
                        assert len(top) == 100
                        assert best(top) == best(sides[side])
                        assert top.items() <= sides[side].items()
                    equal += 1

    asyncio.run(scenario())


def test_a_trade_names_the_taker_and_writes_its_numbers_twice() -> None:
    async def scenario() -> None:
        ids: list[int] = []
        async with simulator("bitstamp", rate=1000, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await say(socket, "bts:subscribe", "live_trades_btcusd")
            await heard(socket)
            while len(ids) < 50:
                message = await heard(socket)
                trade = message["data"]
                assert (message["event"], message["channel"]) == ("trade", "live_trades_btcusd")
                ids.append(trade["id"])
                assert Decimal(str(trade["price"])) == Decimal(trade["price_str"])
                assert Decimal(trade["amount_str"]) > 0
                newer = "sell_order_id" if trade["type"] else "buy_order_id"
                assert trade[newer] == max(trade["buy_order_id"], trade["sell_order_id"]), "who came last crossed"
        assert ids == list(range(ids[0], ids[0] + 50))

    asyncio.run(scenario())


def test_a_book_answer_may_be_a_second_old_and_an_unknown_pair_is_404() -> None:
    async def scenario() -> None:
        async with simulator("bitstamp", rate=1000, symbols=1) as sim, httpx.AsyncClient() as client:
            base = f"{sim.rest_url}/api/v2"
            first = (await client.get(f"{base}/order_book/btcusd/")).json()
            assert (await client.get(f"{base}/order_book/btcusd")).json() == first
            await asyncio.sleep(1.1)
            assert (await client.get(f"{base}/order_book/btcusd/")).json() != first
            assert (await client.get(f"{base}/order_book/nopeusd/")).status_code == 404
            (pair,) = (await client.get(f"{base}/trading-pairs-info/")).json()
            assert (pair["url_symbol"], pair["trading"]) == ("btcusd", "Enabled")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ('{"event":"bts:heartbeat"}', {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}),
        ('{"event":"bts:subscribe","data":{"channel":"gossip_btcusd"}}', "Bad subscription string."),
        ('{"event":"dance"}', "Bad subscription string."),
        ("[]", "Incorrect JSON format."),
        ("{", "Incorrect JSON format."),
    ],
)
def test_heartbeats_are_answered_and_mistakes_are_told(said: str, answer: object) -> None:
    async def scenario() -> None:
        async with simulator("bitstamp", rate=10) as sim, connect(sim.url) as socket:
            await socket.send(said)
            message = await heard(socket)
            assert message == answer or (message["event"], message["data"]["message"]) == ("bts:error", answer)

    asyncio.run(scenario())


def test_any_pair_is_acknowledged_and_who_unsubscribes_hears_no_more() -> None:
    async def scenario() -> None:
        async with simulator("bitstamp", rate=1000, symbols=1) as sim, connect(sim.url, max_queue=None) as socket:
            await say(socket, "bts:subscribe", "live_trades_nopeusd")
            assert (await heard(socket))["event"] == "bts:subscription_succeeded"
            await say(socket, "bts:subscribe", "live_trades_btcusd")
            await say(socket, "bts:unsubscribe", "live_trades_btcusd")
            while (await heard(socket))["event"] != "bts:unsubscription_succeeded":
                pass
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.5)

    asyncio.run(scenario())
