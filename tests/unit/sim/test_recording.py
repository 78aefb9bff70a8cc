"""A recording played through a socket to an independent client."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import RecordKind
from breadboard.sim import recording as module
from breadboard.sim.recording import Recorded
from breadboard.sim.serve import Serving, serve

MS = 1_000_000


@dataclass
class Batch:
    kind: int
    frames: list[bytes]
    ts_recv: list[int]


def data(*frames: bytes, at: int = 0) -> Batch:
    return Batch(RecordKind.DATA, list(frames), [at + n * MS for n in range(len(frames))])


def document(symbol: str, body: bytes) -> Batch:
    head = msgspec.json.encode(DocumentHead(f"depth:{symbol}", "http://recorded/", 200))
    return Batch(RecordKind.DOCUMENT, [head + b"\n" + body], [0])


@asynccontextmanager
async def playing(recording: Iterable[Recorded], speed: float = 0.0, *, loop: bool = False) -> AsyncIterator[Serving]:
    ready: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve("binance", recording=recording, speed=speed, loop=loop, keep=True, ready=ready.set_result)
    )
    try:
        yield await ready
    finally:
        task.cancel()
        await asyncio.wait({task})


async def heard(socket: ClientConnection) -> list[bytes]:
    """Return every frame until the venue says good-bye, which it does with code 1000."""
    frames: list[bytes] = []
    with suppress(ConnectionClosedOK):
        while True:
            frames.append(await socket.recv(decode=False))
    assert socket.close_code == 1000
    return frames


def test_exactly_the_recorded_bytes_come_in_order_and_then_a_clean_end() -> None:
    frames = [b'{"n":%d,"pad":"%b"}' % (n, b"x" * (n * 37 % 70_000)) for n in range(600)]

    async def scenario() -> None:
        async with playing([data(*frames[:400]), data(*frames[400:])]) as sim:
            async with connect(sim.url + "/stream?streams=a@trade", max_queue=None) as socket:
                assert socket.response is not None
                assert socket.response.headers["X-Breadboard-Provenance"] == "replay"
                assert await heard(socket) == frames
            assert sim.truth.connections[0].payloads == frames

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/stream", "/ws", "/public/stream", "/public/ws"])
def test_the_play_waits_for_the_subscription_where_the_address_names_no_stream(path: str) -> None:
    async def scenario() -> None:
        async with playing([data(b"1")]) as sim, connect(sim.url + path) as socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await socket.recv()
            await socket.send('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}')
            assert await heard(socket) == [b"1"]

    asyncio.run(scenario())


def test_the_play_waits_at_a_snapshot_until_it_was_fetched() -> None:
    parts: list[Recorded] = [data(b"1", b"2"), document("BTCUSDT", b'{"lastUpdateId":\n7}'), data(b"3")]

    async def scenario() -> None:
        async with playing(parts) as sim, connect(sim.url + "/ws/btcusdt@trade") as socket:
            assert [await socket.recv() for _ in range(2)] == ["1", "2"]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await socket.recv()
            async with httpx.AsyncClient() as client:
                answer = await client.get(sim.rest_url + "/api/v3/depth?symbol=BTCUSDT&limit=1000")
            assert answer.content == b'{"lastUpdateId":\n7}'
            assert answer.headers["X-Breadboard-Provenance"] == "replay"
            assert await heard(socket) == [b"3"]

    asyncio.run(scenario())


def test_a_request_that_comes_early_waits_for_the_snapshots_place_and_others_are_not_held_up() -> None:
    parts: list[Recorded] = [data(b"1"), document("A", b"a"), data(b"2"), document("B", b"b"), data(b"3")]

    async def scenario() -> None:
        async with playing(parts) as sim, httpx.AsyncClient() as client:
            asked = [asyncio.create_task(client.get(f"{sim.rest_url}/api/v3/depth?symbol={s}")) for s in ("B", "A")]
            await asyncio.sleep(0.1)
            async with connect(sim.url + "/ws/a@trade") as socket:
                started = time.monotonic()
                assert await heard(socket) == [b"1", b"2", b"3"]
                assert time.monotonic() - started < 5
            assert [(await task).content for task in asked] == [b"b", b"a"]

    asyncio.run(scenario())


def test_a_snapshot_that_nobody_wants_holds_the_play_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)

    async def scenario() -> None:
        parts: list[Recorded] = [document("A", b"a"), data(b"1")]
        async with playing(parts) as sim, connect(sim.url + "/ws/a@trade") as socket:
            assert await heard(socket) == [b"1"]

    asyncio.run(scenario())


def test_a_symbol_without_a_recorded_document_is_404(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)

    async def scenario() -> None:
        async with playing([data(b"1")]) as sim, httpx.AsyncClient() as client:
            assert (await client.get(sim.rest_url + "/api/v3/depth?symbol=NOPE")).status_code == 404

    asyncio.run(scenario())


def test_the_recorded_pace_is_kept_at_speed_1_and_divided_at_speed_10() -> None:
    frames = [b"%d" % n for n in range(5)]
    batch = Batch(RecordKind.DATA, frames, [n * 100 * MS for n in range(5)])

    async def taken(speed: float) -> float:
        async with playing([batch], speed) as sim:
            started = time.monotonic()
            async with connect(sim.url + "/ws/a@trade") as socket:
                assert await heard(socket) == frames
                return time.monotonic() - started

    assert asyncio.run(taken(1.0)) >= 0.4
    assert asyncio.run(taken(10.0)) >= 0.04


def test_a_client_without_streams_in_its_address_begins_the_play_with_its_subscription() -> None:
    async def scenario() -> None:
        async with playing([data(b"1")]) as sim, connect(sim.url) as socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await socket.recv()
            await socket.send('{"type":"subscribe"}')
            assert await heard(socket) == [b"1"]

    asyncio.run(scenario())


def test_one_client_at_a_time_and_a_loop_begins_again() -> None:
    async def scenario() -> None:
        async with playing([data(b"1", b"2")], loop=True) as sim:
            for _ in range(3):
                async with connect(sim.url) as socket:
                    with pytest.raises(InvalidStatus) as refused:
                        await connect(sim.url)
                    assert refused.value.response.status_code == 429
                    await socket.send("go")
                    assert await heard(socket) == [b"1", b"2"]

    asyncio.run(scenario())
