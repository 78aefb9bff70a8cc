"""The head of a request ends, or the connection does: at the real server, before anybody is asked for a key."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from websockets.sync.client import connect

import patient
from breadboard.api.heads import LONGEST
from breadboard.api.server import running

ENDLESS = 64 << 20
"""Bytes that no kernel keeps for two sockets: who has sent them was read."""
START = b"GET /some HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how long the body was, and the size of the headers when it was at its end."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "open"})
        return
    size, message = 0, dict[str, Any](more_body=True)
    while message.get("more_body"):
        message = dict(await receive())
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
    said = f"{size} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(app) as started:
        yield started


@pytest.fixture
def line(address: str) -> Iterator[socket.socket]:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as opened:
        yield opened


def answer(line: socket.socket) -> tuple[bytes, bytes]:
    """Return the status line of one answer, and its body; what is behind it stays unread."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = line.recv(1)
        assert more, got
        got += more
    size = int(got.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return got.partition(b"\r\n")[0], line.recv(size, socket.MSG_WAITALL)


def head(size: int, start: bytes = START) -> bytes:
    """Return a head of so many bytes, of many headers and a long one."""
    start += b"".join(b"X-%d: some\r\n" % number for number in range(500))
    return start + b"X-Long: " + b"a" * (size - len(start) - 12) + b"\r\n\r\n"


def pour(line: socket.socket, more: bytes) -> None:
    """Send the same for as long as anybody can be expected to."""
    for _ in range(ENDLESS // len(more)):
        line.sendall(more)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (START, b"X-Some: " + b"a" * 8_000 + b"\r\n"),
        (START + b"X-Long: ", b"a" * 8_000),
        (b"GET /", b"a" * 8_000),
        (START + b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"X-Some: " + b"a" * 8_000 + b"\r\n"),
        (POST + b"1\r\na\r\n0\r\n", b"X-Trailer: " + b"a" * 8_000 + b"\r\n"),
        (POST + b"1\r\na\r\n0\r\nX-Trailer: ", b"a" * 8_000),
        (POST + b"1;some=", b"a" * 8_000),
        (head(1_000 + 500 * 16) + START, b"X-Some: " + b"a" * 8_000 + b"\r\n"),
    ],
    ids=["headers", "header", "target", "upgrade", "trailers", "trailer", "extension", "pipelined"],
)
def test_what_never_ends_is_cut(line: socket.socket, start: bytes, more: bytes) -> None:
    line.sendall(start)
    with pytest.raises(ConnectionError):
        pour(line, more)


@pytest.mark.parametrize("start", [START, b"GET /" + b"a" * 40_000 + START.removeprefix(b"GET /some")])
def test_a_head_has_64_kib(line: socket.socket, start: bytes) -> None:
    for _ in range(3):
        line.sendall(head(LONGEST, start))
        assert answer(line)[0] == b"HTTP/1.1 200 OK"
    line.sendall(head(LONGEST + 1, start))
    status, body = answer(line)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert b"the head of a request has 65,536 bytes at most" in body
    assert line.recv(1) == b""


def test_a_head_may_come_in_small_parts(line: socket.socket) -> None:
    whole = head(LONGEST)
    for begin in range(0, len(whole), 1_000):
        line.sendall(whole[begin : begin + 1_000])
    assert answer(line) == (b"HTTP/1.1 200 OK", b"0 /some")


def test_requests_of_one_connection_are_counted_by_themselves(line: socket.socket) -> None:
    each = head(20_000)
    for _ in range(10):
        line.sendall(each)
        assert answer(line) == (b"HTTP/1.1 200 OK", b"0 /some")
    line.sendall(each * 10)
    got = b""
    while got.count(b"0 /some") < 10:
        got += line.recv(65_536)
    assert got.count(b"HTTP/1.1 200 OK") == 10


def test_a_connection_that_rests_for_some_seconds_is_still_there(line: socket.socket) -> None:
    for _ in range(2):
        line.sendall(head(1_000))
        assert answer(line) == (b"HTTP/1.1 200 OK", b"0 /some")
        time.sleep(7)
    line.sendall(head(1_000))
    assert answer(line) == (b"HTTP/1.1 200 OK", b"0 /some")


def test_bodies_are_not_counted(address: str, line: socket.socket) -> None:
    large = b"a" * 5_000_000
    with patient.Client(base_url=address, trust_env=False) as asks:
        assert asks.post("/one", content=large).text == "5000000 /one"
        assert asks.post("/two", content=iter([large[:100_000]] * 50)).text == "5000000 /two"
    line.sendall(POST + b"1\r\na\r\n" * 50_000 + b"0\r\nX-Trailer: some\r\n\r\n" + head(LONGEST))
    assert answer(line) == (b"HTTP/1.1 200 OK", b"50000 /")
    assert answer(line) == (b"HTTP/1.1 200 OK", b"0 /some")


def test_a_socket_is_opened_through_it(address: str) -> None:
    with connect(address.replace("http", "ws"), additional_headers={"X-Some": "a" * 8_000}) as socket_:
        assert socket_.recv() == "open"
