"""An independent client of the simulated Yahoo streamer and charts."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Coroutine
from random import Random
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from breadboard.capture.documents import Documents
from breadboard.clock import SystemClock
from breadboard.conversations import Fetch
from breadboard.feeds.yahoo_chart import read_chart
from breadboard.feeds.yahoo_history import Hosts, YahooChart, windows
from breadboard.feeds.yahoo_protobuf import Fields, decode
from breadboard.model.gaps import DocumentHead
from capture_fakes import simulator

V2 = "/?version=2"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def subscribe(socket: ClientConnection, *symbols: str) -> None:
    await socket.send(json.dumps({"subscribe": symbols}))


async def pricing(socket: ClientConnection) -> Fields:
    message = json.loads(await asyncio.wait_for(socket.recv(), 60))
    assert message.keys() == {"type", "message"}
    assert message["type"] == "pricing"
    return decode(b64decode(message["message"], validate=True))


async def silence(socket: ClientConnection) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(socket.recv(), 0.5)


def test_the_last_price_comes_at_once_and_then_at_most_one_a_second() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=500, symbols=["AAPL"]) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, "AAPL")
            loop, stamps, found = asyncio.get_running_loop(), [], []
            for _ in range(4):
                found.append(await pricing(socket))
                stamps.append(loop.time())
        assert {f["id"] for f in found} == {"AAPL"}
        assert stamps[3] - stamps[1] > 1.5  # two seconds less what a busy machine delays the first of them
        times, volumes = ([int(str(f[name])) for f in found] for name in ("time", "day_volume"))
        assert times == sorted(times)
        assert all(time % 1000 == 0 for time in times)
        assert volumes[1:] == sorted(set(volumes[1:]))  # each second something traded
        assert found[0].keys() <= found[1].keys()
        assert "bid" not in found[1]

    run(scenario())


def test_a_last_known_price_may_be_old() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=0.001, symbols=["AAPL"]) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, "AAPL")
            assert int(str((await pricing(socket))["time"])) < SystemClock().wall() // 1_000_000 - 3_000_000

    run(scenario())


def test_version_1_has_no_json_around_it() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=500, symbols=["AAPL"]) as sim, connect(sim.url) as socket:
            await subscribe(socket, "AAPL")
            for _ in range(2):
                text = await asyncio.wait_for(socket.recv(), 60)
                assert isinstance(text, str)
                assert decode(b64decode(text, validate=True))["id"] == "AAPL"

    run(scenario())


def test_what_is_quoted_decides_what_is_told() -> None:
    async def scenario() -> None:
        names = ["AAPL", "^GSPC", "EURUSD=X", "ES=F", "BTC-USD"]
        async with simulator("yahoo", rate=500, symbols=names) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, *names)
            found = [await pricing(socket) for _ in names]
        assert [f["id"] for f in found] == names
        assert [f["quote_type"] for f in found] == [8, 9, 14, 18, 41]
        assert ["day_volume" in f for f in found] == [True, False, False, True, True]
        assert ["vol_24hr" in f for f in found] == [False, False, False, False, True]

    run(scenario())


def test_a_connection_has_a_hundred_places_and_an_unknown_symbol_takes_one() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=0.001, symbols=["AAPL", "MSFT"]) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, *(f"NOPE{number}" for number in range(99)), "AAPL", "MSFT")
            assert (await pricing(socket))["id"] == "AAPL"
            await silence(socket)  # MSFT was the 101st
            await socket.send(json.dumps({"unsubscribe": ["NOPE7"]}))
            await subscribe(socket, "MSFT")
            assert (await pricing(socket))["id"] == "MSFT"
            await subscribe(socket, "MSFT")
            await silence(socket)

    run(scenario())


def test_unsubscribing_ends_it() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=500, symbols=["AAPL", "MSFT"]) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, "AAPL", "MSFT")
            await socket.send(json.dumps({"unsubscribe": ["AAPL"]}))
            heard = [(await pricing(socket))["id"] for _ in range(5)]
            assert heard[2:] == ["MSFT"] * 3

    run(scenario())


@pytest.mark.parametrize("harmless", ["{}", "[]", '{"unsubscribe":["NOPE"]}'])
def test_what_does_no_harm_is_passed_over(harmless: str) -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=0.001, symbols=["AAPL"]) as sim, connect(sim.url + V2) as socket:
            await socket.send(harmless)
            await subscribe(socket, "AAPL")
            assert (await pricing(socket))["id"] == "AAPL"

    run(scenario())


@pytest.mark.parametrize(
    "malformed",
    ['{"subscribe":"AAPL"}', "hello", '{"dance":["AAPL"]}', '{"subscribe":[null]}', "[1]", "7", '{"subscribe":null}'],
)
def test_what_is_no_request_closes_the_connection_without_a_code(malformed: str) -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=1, symbols=["AAPL"]) as sim, connect(sim.url + V2) as socket:
            await socket.send(malformed)
            with pytest.raises(ConnectionClosed) as ended:
                await asyncio.wait_for(socket.recv(), 60)
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1005

    run(scenario())


async def charts(chart: YahooChart) -> list[tuple[str, int, bytes]]:
    """Carry a chart's requests over HTTP, as capture would."""
    answers: list[tuple[str, int, bytes]] = []
    over = asyncio.Event()

    def deliver(head: DocumentHead, body: bytes) -> None:
        answers.append((head.tag, head.status, body))
        for request in chart.on_document(head.tag, head.status, body):
            assert isinstance(request, Fetch)
            documents.fetch(request)
        if chart.done:
            over.set()

    client = httpx.AsyncClient(trust_env=False)
    documents = Documents(deliver, SystemClock(), Random(1), client)
    for request in chart.requests():
        assert isinstance(request, Fetch)
        documents.fetch(request)
    await asyncio.wait_for(over.wait(), 60)
    await documents.close()
    return answers


def test_the_chart_of_a_minute_is_what_was_told_of_it() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=500, symbols=["AAPL"]) as sim, connect(sim.url + V2) as socket:
            await subscribe(socket, "AAPL")
            told = [await pricing(socket) for _ in range(4)][1:]
            await asyncio.sleep(1.0)  # a chart is asked for whole seconds, and what was told last is in none yet
            now = SystemClock().wall() // 10**9
            chart = YahooChart("AAPL", "1m", windows("1m", now - 3600, now, now), Hosts.at(sim.rest_url))
            answers = await charts(chart)
        ((tag, status, body),) = answers
        assert (tag, status, chart.error) == ("chart:AAPL", 200, None)
        bars = read_chart("AAPL", status, body).bars
        assert 1 <= len(bars) <= 2
        prices = [round(float(str(f["price"])) * 1e9) for f in told]
        assert min(bar.low for bar in bars) <= min(prices)
        assert max(bar.high for bar in bars) >= max(prices)
        assert sum(bar.volume for bar in bars) > 0

    run(scenario())


def test_a_crumb_that_is_no_longer_good_is_renewed_over_http() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=10, symbols=["AAPL"]) as sim:
            chart = YahooChart("AAPL", "1d", ["5d"], Hosts.at(sim.rest_url), crumb="of yesterday")
            answers = await charts(chart)
        assert [(tag, status) for tag, status, _ in answers] == [
            ("chart:AAPL", 401),
            ("cookie", 404),
            ("crumb", 200),
            ("chart:AAPL", 200),
        ]
        assert (chart.error, chart.crumb) == (None, "simulated.1")

    run(scenario())


def test_charts_are_refused_as_the_venue_does() -> None:
    async def scenario() -> None:
        now = SystemClock().wall() // 10**9
        day = 86_400
        async with simulator("yahoo", rate=10, symbols=["AAPL"]) as sim, httpx.AsyncClient(trust_env=False) as client:

            async def said(symbol: str, **query: object) -> tuple[int, str]:
                url = f"{sim.rest_url}/v8/finance/chart/{symbol}"
                answer = await client.get(url, params={name: str(value) for name, value in query.items()})
                return answer.status_code, answer.json()["chart"]["error"]["description"]

            assert await said("NOPE") == (404, "No data found, symbol may be delisted")
            status, words = await said("AAPL", interval="1m", period1=now - 9 * day, period2=now)
            assert status == 422
            assert words.endswith("Only 8 days worth of 1m granularity data are allowed to be fetched per request.")
            status, words = await said("AAPL", interval="5m", period1=now - 61 * day, period2=now)
            assert status == 422
            assert words.endswith("must be within the last 60 days.")
            assert (await said("AAPL", interval="7m"))[0] == 422
            assert (await said("AAPL", period1="x"))[0] == 400

    run(scenario())
