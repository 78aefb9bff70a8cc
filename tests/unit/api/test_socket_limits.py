"""What a WebSocket client may not do, and what it is told when it, or the server, has to go."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from breadboard.api.app import create_app
from breadboard.api.fanout import Fanout
from breadboard.api.requests import Subscribe
from breadboard.api.routes.realtime import Budget
from breadboard.api.server import running
from breadboard.api.services import Limits
from breadboard.api.subscriber import Subscriber
from unit.api.market import Market, services


def ending(socket: ClientConnection) -> Close:
    """Read to the end, and return what the server said last."""
    try:
        while True:
            socket.recv(timeout=60)
    except ConnectionClosed as closed:
        said = closed.rcvd
    assert said is not None
    return said


HINT = re.compile(r'\{"retry_after_ms":(\d+)\}')


def address_of(http: str) -> str:
    return http.replace("http", "ws") + "/ws/realtime"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    market = Market()
    market.apply(market.trade("1"))
    with running(create_app(services(market))) as http:
        yield address_of(http)


def test_a_server_that_ends_says_so_and_when_to_come_back_and_not_to_all_the_same() -> None:
    market = Market()
    market.apply(market.trade("1"))
    open_sockets = ExitStack()
    with running(create_app(services(market))) as http:
        sockets = [open_sockets.enter_context(connect(address_of(http))) for _ in range(12)]
        for socket in sockets:
            socket.send('{"op":"sub","symbols":["*"],"channels":["quote","status"]}')
            while json.loads(socket.recv())["type"] != "status":
                pass
    moments = set()
    for socket in sockets:
        said = ending(socket)
        assert said.code == 1012
        hint = HINT.fullmatch(said.reason)
        assert hint is not None
        moments.add(int(hint[1]))
    assert all(1000 <= moment <= 2000 for moment in moments)
    assert len(moments) > 6
    open_sockets.close()


def test_of_a_storm_of_clients_only_so_many_a_second_are_taken_and_the_others_are_told_when_to_come() -> None:
    market = Market()
    with running(create_app(services(market, limits=Limits(ws_joins_per_s=5)))) as http:
        taken, refused = 0, list[Close | None]()
        for _ in range(12):
            with connect(address_of(http)) as socket:
                try:
                    socket.send("{}")
                    socket.recv()
                    taken += 1
                except ConnectionClosed as closed:
                    refused.append(closed.rcvd)
        assert taken >= 5
        assert refused
        assert all(close is not None and close.code == 1013 and HINT.fullmatch(close.reason) for close in refused)


def test_a_budget_is_full_at_first_and_refills_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget(3)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    now[0] += 0.4
    assert [budget.take(), budget.take()] == [True, False]
    now[0] += 60
    assert [budget.take() for _ in range(4)] == [True, True, True, False]


def test_5000_symbols_are_taken_one_more_is_told_so_and_a_longer_message_is_refused(address: str) -> None:
    names = [f"{f'SYMBOL{number:04d}':A<40}.BINANCE" for number in range(5_001)]
    with connect(address) as socket:
        socket.send(json.dumps({"op": "sub", "symbols": names[:-1]}))
        told = json.loads(socket.recv(timeout=60))
        assert (told["type"], len(told["unknown"])) == ("subscribed", 5_000)
        socket.send(json.dumps({"op": "sub", "symbols": names}, separators=(",", ":")))
        while (told := json.loads(socket.recv(timeout=60)))["type"] != "error":
            pass
        assert told["error"] == "more than 5000 symbols; '*' means all"
        socket.send("x" * (256 * 1024 + 1))
        assert ending(socket).code == 1009


HUGE = b"\xff\xff\xff\xff"
BOMBS = [
    *(kind + HUGE for kind in (b"\xdf", b"\xdd", b"\xdb", b"\xc6", b"\xc9")),  # map, array, text, bytes, extension
    *(b"\x82\xa2op\xa3sub\xa7symbols" + kind + HUGE for kind in (b"\xdd", b"\xdf", b"\xdb")),
    b"\x91" * 60_000,
    b"\x81\xa1x" * 20_000,
    b"\x82\xa2op\xa3sub\xa7symbols" + b"\x91" * 50_000,
    b"\xdc\xff\xff" + b"\xc0" * 60_000,
    b"\xc1",
    b"",
]


def rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_messagepack_that_promises_more_than_it_has_is_answered_and_costs_nothing(address: str) -> None:
    before = rss()
    with connect(address, subprotocols=[Subprotocol("msgpack")]) as socket:
        for bomb in BOMBS:
            socket.send(bomb)
            assert b"error" in bytes(socket.recv(timeout=60, decode=False)), bomb[:20]
    with connect(address) as socket:
        for text in ("[" * 60_000, '{"a":' * 12_000, "9" * 60_000, '"' + "\\u0000" * 10_000 + '"'):
            socket.send(text)
            assert json.loads(socket.recv(timeout=60))["type"] == "error"
    assert rss() - before < 64 << 20


def test_nothing_is_inflated(address: str) -> None:
    with connect(address, compression="deflate") as socket:
        assert socket.protocol.extensions == []


def test_a_client_that_was_slow_is_told_so_when_it_reads_again() -> None:
    market = Market()
    fanout, now, heard, room = Fanout(services(market)), [1000.0], list[bytes](), [True]

    def push(message: bytes) -> bool:
        if room[0]:
            heard.append(message)
        return room[0]

    fanout.clock = lambda: now[0]
    client = Subscriber(fanout, "json", push)
    fanout.add(client)
    client.ask(Subscribe(("*",), channels=("quote", "status")))
    room[0] = False
    client.beat()
    assert client.stuck is not None
    now[0] += 2.5
    heard.clear()
    room[0] = True
    client.sent()
    assert [json.loads(message).get("slow") for message in heard] == [{"stalled_ms": 2500}]
    heard.clear()
    client.beat()
    assert "slow" not in json.loads(heard[0])
