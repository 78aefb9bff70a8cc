"""Starting, refusing to start, and stopping."""

import asyncio
import socket
import threading
import time

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from websockets.typing import Origin

import patient
from breadboard.api.app import create_app
from breadboard.api.pool import StorePool
from breadboard.api.problems import Problem
from breadboard.api.server import bind, running, serve
from breadboard.api.services import Limits
from breadboard.api.sockets import frame_head
from breadboard.clock import ManualClock
from breadboard.errors import UsageError
from unit.api.market import Market, services


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="not a loopback address") as refused:
        bind(host, 0)
    assert refused.value.hint.startswith("breadboard up   # without `host`")


def test_a_taken_port_is_one_sentence_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            bind("127.0.0.1", port)
    assert refused.value.sentence == f"port {port} on 127.0.0.1 is in use"
    assert refused.value.hint == f"breadboard up --port {port + 1}"


def test_the_server_listens_on_loopback_only_and_ends_when_told() -> None:
    stop = threading.Event()
    addresses: list[str] = []
    app = create_app(services(Market(ManualClock())))
    thread = threading.Thread(target=serve, args=(app, "127.0.0.1", 0, addresses.append, stop))
    thread.start()
    deadline = time.monotonic() + 60
    while not addresses and time.monotonic() < deadline:
        time.sleep(0.01)
    assert addresses[0].startswith("http://127.0.0.1:")
    assert patient.get(f"{addresses[0]}/health").json() == {"status": "ok"}
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        patient.get(f"{addresses[0]}/health")


def test_a_refused_socket_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(services(Market(ManualClock())))
    with running(app) as address, caplog.at_level("ERROR"):
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                connect(f"{address.replace('http', 'ws')}/ws/realtime", origin=Origin("https://evil.example"))
            assert refused.value.response.status_code == 403
            assert refused.value.response.body.startswith(b'{"type"')
    assert [record.getMessage() for record in caplog.records] == []


def test_an_error_at_start_reaches_who_waits_for_the_server() -> None:
    app = create_app(services(Market(ManualClock())))
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="is in use"),
        running(app, port=taken.getsockname()[1]),
    ):
        pass


def test_a_slow_store_is_given_up_on_and_a_full_one_refuses_at_once() -> None:
    release = threading.Event()
    pool = StorePool(Limits(store_threads=1, store_waiting=1, store_timeout_s=0.2))

    async def scenario() -> None:
        slow = [asyncio.create_task(pool.run(release.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Problem) as refused:
            await pool.run(lambda: 1)
        assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        for task in slow:
            with pytest.raises(Problem) as late:
                await task
            assert late.value.status == 504
        release.set()
        await asyncio.sleep(0.05)
        assert await pool.run(lambda: 42) == 42

    asyncio.run(scenario())
    pool.close()


def test_what_a_store_call_raises_is_raised_where_it_is_awaited() -> None:
    pool = StorePool(Limits())

    def broken() -> None:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        asyncio.run(pool.run(broken))
    pool.close()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_frame_heads_are_what_websockets_writes(size: int, opcode: Opcode) -> None:
    message = b"x" * size
    assert frame_head(size, text=opcode is Opcode.TEXT) + message == Frame(opcode, message).serialize(mask=False)
