"""Streams that are left in the middle: their connections end, and who comes back goes on."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Services
from breadboard.client import AsyncClient, Client, Gap, Trade
from breadboard.client.stream import AsyncStream
from breadboard.client.told import StreamRow
from unit.api.market import Market, services


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is gone but what nobody refers to any more."""
    gc.disable()
    yield
    gc.enable()


@contextmanager
def house() -> Iterator[tuple[Market, str, Services]]:
    market = Market()
    market.apply(market.trade("1"))
    everything = services(market)
    with running(create_app(everything)) as address:
        yield market, address, everything


def open_sockets(everything: Services) -> float:
    for metric in everything.metrics.ws_clients.collect():
        return float(metric.samples[0].value)
    raise AssertionError


@pytest.mark.usefixtures("no_collector")
def test_an_iteration_that_is_broken_off_leaves_no_connection() -> None:
    with house() as (_, address, everything), Client(address) as client:
        for _ in client.stream("BTCUSDT"):
            break
        until = time.monotonic() + 60
        while open_sockets(everything) and time.monotonic() < until:
            time.sleep(0.01)
        assert open_sockets(everything) == 0


@pytest.mark.usefixtures("no_collector")
def test_nor_does_one_on_an_event_loop_and_nothing_fails_unseen() -> None:
    failed: list[dict[str, Any]] = []

    async def listen(address: str, everything: Services) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
        async with AsyncClient(address) as client:
            async for _ in client.stream("BTCUSDT"):
                break
            waited_for = client.stream("BTCUSDT", ["trade"])
            while waited_for.subscribed is None:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(waited_for), 0.01)
            del waited_for
            async with asyncio.timeout(60):
                while open_sockets(everything):  # noqa: ASYNC110 - it is the server's thread that counts
                    await asyncio.sleep(0.01)

    with house() as (_, address, everything):
        asyncio.run(listen(address, everything))
        gc.collect()
    assert failed == []


def test_who_waited_for_a_row_with_a_timeout_goes_on_where_the_trades_ended() -> None:
    async def trades(stream: AsyncStream, count: int) -> list[StreamRow]:
        rows: list[StreamRow] = []
        async with asyncio.timeout(60):
            while sum(isinstance(row, Trade) for row in rows) < count:
                rows.append(await anext(stream))
        return rows

    async def listen(market: Market, address: str) -> list[StreamRow]:
        async with AsyncClient(address) as client, client.stream("BTCUSDT", ["trade"], hz=0) as stream:
            async with asyncio.timeout(60):
                while stream.subscribed is None:  # no wait is as long as it takes to connect
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(anext(stream), 0.001)
            market.apply(market.trade("2"))
            found = await trades(stream, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.1)
            market.apply(market.trade("3"), market.trade("4"))
            found += await trades(stream, 2)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        return found

    with house() as (market, address, _):
        found = asyncio.run(listen(market, address))
    assert not [row for row in found if isinstance(row, Gap)]
    assert [int(row.price) for row in found if isinstance(row, Trade)] == [2, 3, 4]
