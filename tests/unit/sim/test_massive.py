"""An independent client of the simulated Massive."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from breadboard.sim import massive
from capture_fakes import simulator, until

SYMBOLS = ("AAPL", "MSFT")


async def hear(socket: ClientConnection) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(await asyncio.wait_for(socket.recv(), 60))
    assert isinstance(events, list)
    assert events
    assert all("ev" in event for event in events)
    return events


async def statuses(socket: ClientConnection, count: int = 1) -> list[tuple[str, str]]:
    """The next statuses, whatever of the market comes between them."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        found += [(e["status"], e["message"]) for e in await hear(socket) if e["ev"] == "status"]
    return found


async def say(socket: ClientConnection, action: str, params: str) -> None:
    await socket.send(json.dumps({"action": action, "params": params}))


async def login(socket: ClientConnection, key: str = "any") -> None:
    assert (await statuses(socket))[0][0] == "connected"
    await say(socket, "auth", key)
    assert await statuses(socket) == [("auth_success", "authenticated")]


def test_topics_are_confirmed_or_refused_one_by_one_and_a_star_takes_their_place() -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=500, symbols=list(SYMBOLS)) as sim, connect(sim.url + "/stocks") as socket:
            assert await statuses(socket) == [("connected", "Connected Successfully")]
            await say(socket, "subscribe", "T.AAPL")
            assert (await statuses(socket))[0][0] == "auth_required"
            await say(socket, "auth", "any")
            assert (await statuses(socket))[0][0] == "auth_success"
            await say(socket, "subscribe", "T.AAPL,X.AAPL,Q.NOSUCH,Q.MSFT")
            assert await statuses(socket, 4) == [
                ("success", "subscribed to: T.AAPL"),
                ("error", "subscription is invalid: X.AAPL"),
                ("error", "subscription is invalid: Q.NOSUCH"),
                ("success", "subscribed to: Q.MSFT"),
            ]
            await say(socket, "subscribe", "T.*")
            assert await statuses(socket) == [("success", "subscribed to: T.*")]
            seen: list[tuple[str, str, int]] = []
            while len(seen) < 300:
                seen += [(e["ev"], e["sym"], e["q"]) for e in await hear(socket) if e["ev"] != "status"]
            assert {(ev, symbol) for ev, symbol, _ in seen} == {("T", "AAPL"), ("T", "MSFT"), ("Q", "MSFT")}
            assert len(seen) == len(set(seen)), "nothing comes twice"
            for symbol in SYMBOLS:
                numbers = [q for _, name, q in seen if name == symbol]
                assert numbers == sorted(numbers)
                assert numbers != list(range(numbers[0], numbers[0] + len(numbers))), "q has holes"
            await say(socket, "unsubscribe", "T.*,Q.MSFT")
            assert [word for word, _ in await statuses(socket, 2)] == ["success", "success"]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.3)

    asyncio.run(scenario())


def test_frames_hold_several_events_of_several_kinds() -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=2000, symbols=list(SYMBOLS)) as sim, connect(sim.url) as socket:
            await login(socket)
            await say(socket, "subscribe", "T.*,Q.*,A.*,LULD.*")
            kinds: set[str] = set()
            mixed = several = 0
            while not (mixed > 20 and several > 20 and {"T", "Q", "A", "LULD"} <= kinds):
                events = await hear(socket)
                kinds |= {event["ev"] for event in events}
                several += len(events) > 1
                mixed += len({event["ev"] for event in events}) > 1

    asyncio.run(scenario())


def test_a_bar_is_what_traded_in_its_second() -> None:
    async def scenario() -> None:
        trades: list[dict[str, Any]] = []
        bars: list[dict[str, Any]] = []
        async with simulator("massive", rate=2000, symbols=["AAPL"]) as sim, connect(sim.url) as socket:
            await login(socket)
            await say(socket, "subscribe", "T.AAPL,A.AAPL")
            while len(bars) < 4:
                for event in await hear(socket):
                    trades += [event] if event["ev"] == "T" else []
                    bars += [event] if event["ev"] == "A" else []
        for bar in bars[1:]:  # we may have come in the middle of the first
            inside = [t for t in trades if bar["s"] <= t["t"] < bar["e"]]
            prices = [t["p"] for t in inside]
            assert (bar["o"], bar["h"], bar["l"], bar["c"]) == (prices[0], max(prices), min(prices), prices[-1])
            assert bar["v"] == sum(t["s"] for t in inside)
            assert bar["e"] - bar["s"] == 1000

    asyncio.run(scenario())


@pytest.mark.parametrize("key", ["bad", ""])
def test_a_bad_key_is_refused_and_shown_out(key: str) -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=10, symbols=1) as sim, connect(sim.url) as socket:
            await statuses(socket)
            await say(socket, "auth", key)
            assert (await statuses(socket))[0][0] == "auth_failed"
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008

    asyncio.run(scenario())


def test_the_second_connection_with_a_key_is_let_in_and_then_shown_out() -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=10, symbols=1) as sim, connect(sim.url) as first:
            await login(first, "mine")
            async with connect(sim.url) as other:
                await login(other, "another")
            async with connect(sim.url) as second:
                await login(second, "mine")
                assert (await statuses(second))[0][0] == "max_connections"
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(second.recv(), 60)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1008
            await first.close()
            await until(lambda: sim.truth.connections[0].end)
            async with connect(sim.url) as third:
                await login(third, "mine")
                await say(third, "subscribe", "T.*")
                assert (await statuses(third))[0][0] == "success"

    asyncio.run(scenario())


def test_who_does_not_log_in_is_shown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(massive, "LOGIN_WITHIN_S", 0.2)

    async def scenario() -> None:
        async with simulator("massive", rate=10, symbols=1) as sim, connect(sim.url) as socket:
            await statuses(socket)
            assert await statuses(socket) == [("auth_timeout", "No authentication request received.")]
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 60)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"action":"auth"}', '{"action":"dance","params":"x"}', '{"action":']
)
def test_nonsense_is_an_error_status_and_costs_nothing(text: str) -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=10, symbols=1) as sim, connect(sim.url) as socket:
            await statuses(socket)
            await socket.send(text)
            assert (await statuses(socket))[0][0] == "error"
            await say(socket, "auth", "any")
            assert (await statuses(socket))[0][0] == "auth_success"

    asyncio.run(scenario())


def test_what_was_sent_can_be_fetched_page_by_page_and_by_window() -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=2000, symbols=["AAPL"]) as sim, connect(sim.url) as socket:
            await login(socket)
            await say(socket, "subscribe", "T.AAPL")
            heard: list[dict[str, Any]] = []
            while len(heard) < 200:
                heard += [event for event in await hear(socket) if event["ev"] == "T"]
            async with httpx.AsyncClient(base_url=sim.rest_url) as client:
                window = {"timestamp.gte": f"{heard[0]['t']}000000", "timestamp.lte": f"{heard[-1]['t']}999999"}
                fetched: list[dict[str, Any]] = []
                path, query = "/v3/trades/AAPL", window | {"order": "asc", "limit": "37"}
                while True:
                    page = (await client.get(path, params=query)).json()
                    fetched += page["results"]
                    if "next_url" not in page:
                        break
                    query = dict(httpx.URL(page["next_url"]).params)
                by_number = {trade["sequence_number"]: trade for trade in fetched}
                assert len(by_number) == len(fetched)
                for told in heard:
                    trade = by_number[told["q"]]
                    assert (trade["price"], trade["size"], trade["id"], trade["exchange"]) == (
                        *(told["p"], told["s"], told["i"]),
                        told["x"],
                    )
                    assert trade["sip_timestamp"] // 1_000_000 == told["t"]
                newest = (await client.get("/v3/trades/AAPL", params=window | {"limit": "1"})).json()["results"]
                assert newest[0]["sequence_number"] == max(by_number)
                assert (await client.get("/v3/trades/NOSUCH")).status_code == 404
                assert (await client.get("/v3/trades/AAPL", params={"timestamp.gte": "yesterday"})).status_code == 400
                assert (await client.get("/v3/trades/AAPL", params={"apiKey": "bad"})).status_code == 401
                day = (await client.get("/v2/aggs/grouped/locale/us/market/stocks/2020-01-01")).json()
                assert day["results"] == []

    asyncio.run(scenario())
