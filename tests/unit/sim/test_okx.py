"""An independent client of the simulated OKX."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from zlib import crc32

from websockets.asyncio.client import ClientConnection, connect

from capture_fakes import simulator


def say(operation: str, *channels: str, symbol: str = "BTC-USDT") -> str:
    return json.dumps({"op": operation, "args": [{"channel": channel, "instId": symbol} for channel in channels]})


async def hear(socket: ClientConnection) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(await socket.recv())


def signed(sides: dict[str, dict[Decimal, tuple[str, str]]]) -> int:
    bids = [sides["bids"][price] for price in sorted(sides["bids"], reverse=True)][:25]
    asks = [sides["asks"][price] for price in sorted(sides["asks"])][:25]
    words: list[str] = []
    for place in range(25):
        for side in (bids, asks):
            words += side[place] if place < len(side) else ()
    found = crc32(":".join(words).encode())
    return found - 2**32 if found >= 2**31 else found


def test_books_link_and_every_checksum_is_right_at_400_levels() -> None:
    async def scenario() -> None:
        sides: dict[str, dict[Decimal, tuple[str, str]]] = {"asks": {}, "bids": {}}
        last, right, trades, tickers = None, 0, [], 0
        async with simulator("okx", rate=2000, symbols=2) as sim, connect(sim.url, max_queue=None) as socket:
            await socket.send(say("subscribe", "books", "trades", "tickers"))
            ack = await hear(socket)
            assert (ack["event"], ack["arg"]) == ("subscribe", {"channel": "books", "instId": "BTC-USDT"})
            while right < 25:
                message = await hear(socket)
                channel = message["arg"]["channel"]
                if channel == "trades":
                    trades += [int(row["tradeId"]) for row in message.get("data", [])]
                tickers += channel == "tickers" and "data" in message
                if channel != "books" or "data" not in message:
                    continue
                (data,) = message["data"]
                assert message["action"] == ("snapshot" if last is None else "update")
                assert data["prevSeqId"] == (-1 if last is None else last)
                last = data["seqId"]
                for name, side in sides.items():
                    for price, size, _, _ in data[name]:
                        side.pop(Decimal(price), None)
                        side.update({Decimal(price): (price, size)} if Decimal(size) else {})
                    assert len(side) <= 400
                assert signed(sides) == data["checksum"]
                right += 1
        assert tickers
        assert trades == list(range(trades[0], trades[0] + len(trades)))

    asyncio.run(scenario())


def test_pings_errors_and_a_second_listener_who_leaves_and_comes_back() -> None:
    async def scenario() -> None:
        async with (
            simulator("okx", rate=500, symbols=1) as sim,
            connect(sim.url, max_queue=None) as one,
            connect(sim.url, max_queue=None) as two,
        ):
            await one.send("ping")
            assert await one.recv() == "pong"
            for text, code in (("nonsense", "60012"), (say("subscribe", "books", symbol="BTC-NIX"), "60018")):
                await one.send(text)
                answer = await hear(one)
                assert (answer["event"], answer["code"]) == ("error", code)
            await one.send(say("subscribe", "books"))
            for _ in range(3):
                await two.send(say("subscribe", "books"))
                await two.send(say("unsubscribe", "books"))
            numbers: list[tuple[int, int]] = []
            while len(numbers) < 20:
                message = await hear(one)
                numbers += [(row["prevSeqId"], row["seqId"]) for row in message.get("data", [])]
            assert [before for before, _ in numbers[1:]] == [number for _, number in numbers[:-1]]

    asyncio.run(scenario())
