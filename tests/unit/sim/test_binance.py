"""An independent client (the websockets library, decimals, a dict) believes what the simulated venue says."""

import asyncio
import json
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from breadboard.sim.serve import Serving
from capture_fakes import simulator

REST = {"binance": "/api/v3/", "binance-usdm": "/fapi/v1/", "binance-coinm": "/dapi/v1/"}


async def get(url: str) -> Any:  # noqa: ANN401 - any JSON
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).json()


async def listen(socket: ClientConnection, seconds: float) -> list[dict[str, Any]]:
    messages = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                messages.append(json.loads(await socket.recv()))
    return messages


def check_book(messages: list[dict[str, Any]], snapshot: dict[str, Any], kind: str, *, futures: bool) -> int:
    """Build the book from snapshot and updates by the venue's rules; compare it with every bookTicker at its number."""
    tickers = {m["data"]["u"]: m["data"] for m in messages if m["stream"].endswith("@bookTicker")}
    sides: dict[str, dict[Decimal, Decimal]] = {
        key: {Decimal(p): Decimal(s) for p, s in snapshot[name]} for key, name in (("b", "bids"), ("a", "asks"))
    }
    last, previous, equal = snapshot["lastUpdateId"], None, 0
    for data in (m["data"] for m in messages if m["stream"].endswith(kind)):
        if previous is not None:
            assert data["U"] == previous + 1
            assert data.get("pu", previous) == previous
        previous = data["u"]
        if data["u"] <= last if not futures else data["u"] < last:
            continue
        assert data["U"] <= last + 1
        for key in ("b", "a"):
            for price, size in data[key]:
                sides[key][Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del sides[key][Decimal(price)]
        last = data["u"]
        if last in tickers:
            ticker = tickers[last]
            bid, ask = max(sides["b"]), min(sides["a"])
            assert (bid, sides["b"][bid]) == (Decimal(ticker["b"]), Decimal(ticker["B"]))
            assert (ask, sides["a"][ask]) == (Decimal(ticker["a"]), Decimal(ticker["A"]))
            equal += 1
    return equal


@pytest.mark.parametrize("kind", ["depth@100ms", "depth@0ms"])
@pytest.mark.parametrize("venue", list(REST))
def test_a_book_built_from_snapshot_and_updates_equals_the_book_ticker_at_its_number(venue: str, kind: str) -> None:
    async def scenario() -> tuple[list[dict[str, Any]], dict[str, Any], str]:
        async with simulator(venue, rate=3000, symbols=1, seed=11) as sim:
            name = sim.symbols[0].lower()
            url = f"{sim.url}/stream?streams={name}@{kind}/{name}@bookTicker/{name}@trade"
            async with connect(url, max_queue=None) as socket:
                assert socket.response is not None
                assert socket.response.headers["X-Breadboard-Provenance"] == "synthetic"
                early = await listen(socket, 0.2)
                snapshot = await get(f"{sim.rest_url}{REST[venue]}depth?symbol={sim.symbols[0]}&limit=5000")
                return early + await listen(socket, 1.2 if kind == "depth@100ms" else 0.6), snapshot, name

    messages, snapshot, name = asyncio.run(scenario())
    equal = check_book(messages, snapshot, kind, futures=venue != "binance")
    assert equal >= (2 if kind == "depth@100ms" else 200)
    trades = [m["data"]["t"] for m in messages if m["stream"] == name + "@trade"]
    assert len(trades) > 50
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert ("pu" in next(m["data"] for m in messages if m["stream"].endswith(kind))) == (venue != "binance")


@pytest.mark.parametrize("entry", ["", "/public", "/market"])
def test_usdm_is_served_behind_its_old_path_and_its_new_ones(entry: str) -> None:
    async def scenario() -> tuple[dict[str, Any], dict[str, Any]]:
        async with simulator("binance-usdm", rate=200, symbols=1) as sim:
            name = sim.symbols[0].lower()
            async with connect(f"{sim.url}{entry}/stream?streams={name}@trade") as socket:
                wrapped = json.loads(await socket.recv())
            async with connect(f"{sim.url}{entry}/ws/{name}@aggTrade") as socket:
                return wrapped, json.loads(await socket.recv())

    wrapped, raw = asyncio.run(scenario())
    assert (wrapped["stream"].partition("@")[2], wrapped["data"]["e"]) == ("trade", "trade")
    assert raw["e"] == "aggTrade"


def test_a_limited_snapshot_has_the_best_levels_best_first() -> None:
    async def scenario() -> dict[str, Any]:
        async with simulator(rate=100) as sim:
            told: dict[str, Any] = await get(sim.rest_url + "/api/v3/depth?symbol=BTCUSDT&limit=10")
            return told

    told = asyncio.run(scenario())
    bids, asks = ([Decimal(p) for p, _ in told[key]] for key in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert len(bids) == len(asks) == 10
    assert bids[0] < asks[0]


async def _ask(socket: ClientConnection, message: object) -> Any:  # noqa: ANN401 - any JSON
    await socket.send(message if isinstance(message, str) else json.dumps(message))
    while True:
        answer = json.loads(await socket.recv())
        if not {"e", "u"} & set(answer):
            return answer


def test_subscriptions_are_acknowledged_listed_and_taken_back_and_nonsense_is_an_error_answer() -> None:
    async def scenario() -> None:
        async with simulator(rate=200) as sim, connect(sim.url + "/ws") as socket:
            wanted = ["btcusdt@trade", "btcusdt@bookTicker"]
            assert await _ask(socket, {"method": "SUBSCRIBE", "params": wanted, "id": 1}) == {"result": None, "id": 1}
            assert await _ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": wanted, "id": 2}
            assert set(json.loads(await socket.recv())) & {"e", "u"}  # raw, without an envelope
            taken = {"method": "UNSUBSCRIBE", "params": wanted[:1], "id": 3}
            assert await _ask(socket, taken) == {"result": None, "id": 3}
            assert await _ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 4}) == {"result": wanted[1:], "id": 4}
            assert (await _ask(socket, "no json"))["code"] == 3
            assert (await _ask(socket, {"method": "DANCE", "id": 5}))["code"] == 2
            assert (await _ask(socket, {"method": "SUBSCRIBE", "params": "x", "id": 6}))["code"] == 2
            assert (await _ask(socket, "[1]"))["code"] == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v3/depth?symbol=NOPE", 400),
        ("/api/v3/depth?symbol=BTCUSDT&limit=abc", 400),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", 400),
        ("/api/v3/nothing", 404),
        ("/api/v3/exchangeInfo", 200),
    ],
)
def test_rest_answers_have_the_venues_status(path: str, status: int) -> None:
    async def scenario() -> httpx.Response:
        async with simulator(rate=10) as sim, httpx.AsyncClient() as client:
            return await client.get(sim.rest_url + path)

    answer = asyncio.run(scenario())
    assert answer.status_code == status
    assert answer.headers["X-Breadboard-Provenance"] == "synthetic"


def test_the_truth_knows_every_message_and_what_a_fault_withheld() -> None:
    async def scenario() -> tuple[list[dict[str, Any]], Serving, Any]:
        async with simulator(rate=3000, symbols=1, faults="drop-depth:5") as sim:
            url = sim.url + "/stream?streams=btcusdt@depth@0ms/btcusdt@trade"
            async with connect(url, max_queue=None) as socket:
                messages = await listen(socket, 1.0)
                told = await get(sim.rest_url + "/_sim/truth")
                return messages, sim, told

    messages, sim, told = asyncio.run(scenario())
    got = [json.dumps(m, separators=(",", ":")).encode() for m in messages]
    assert got == sim.truth.connections[0].payloads[: len(got)]
    assert told["connections"][0]["frames"] >= len(got)
    depth = [m["data"] for m in messages if m["stream"] == "btcusdt@depth@0ms"]
    dropped = {tuple(ids) for ids in sim.truth.streams["btcusdt@depth@0ms"].dropped}
    holes = {(a["u"] + 1, b["U"] - 1) for a, b in pairwise(depth) if b["U"] != a["u"] + 1}
    assert len(holes) > 50
    assert holes <= dropped
    trades = [m["data"]["t"] for m in messages if m["stream"] == "btcusdt@trade"]
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert told["streams"]["btcusdt@trade"]["first_id"] == trades[0]
