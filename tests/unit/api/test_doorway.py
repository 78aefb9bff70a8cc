"""Who says nothing is closed, and leaves room for others: at the real server, on real sockets."""

import asyncio
import logging
import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import patient
from breadboard.api.doorway import MOST, Bounds, room
from breadboard.api.heads import Patience
from breadboard.api.server import running
from certificates import signed

HURRY = Patience(head_s=0.5, pause_s=0.5, body_s=1.5)
LONG = Patience(head_s=600, pause_s=600, body_s=600)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"


class Served:
    """An application that answers with what it was sent; an answer at ``/slow`` ends when ``release`` is set."""

    def __init__(self) -> None:
        self.address = ""
        self.began, self.release = threading.Event(), threading.Event()

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition("/")[2].rpartition(":")
        return host, int(port)

    def line(self) -> socket.socket:
        """Return a connection that says nothing yet."""
        return socket.create_connection(self.place, timeout=patient.PATIENCE_S)

    def socket(self) -> ClientConnection:
        """Return a WebSocket, which answers what it is told."""
        return connect(self.address.replace("http", "ws"), open_timeout=patient.PATIENCE_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size, more = size + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d;" % size, "more_body": True})
        if scope["path"] == "/slow":
            self.began.set()
            await asyncio.to_thread(self.release.wait, patient.PATIENCE_S)
        await send({"type": "http.response.body", "body": b"end"})


@contextmanager
def served(bounds: Bounds, tls: tuple[str, str] | None = None) -> Iterator[Served]:
    here = Served()
    with running(here, bounds=bounds, tls=tls) as here.address:
        yield here


@pytest.fixture(scope="module")
def hurried() -> Iterator[Served]:
    with served(Bounds(most=1_000, patience=HURRY, look_s=0.05)) as here:
        yield here


def rest(line: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    got = b""
    while more := line.recv(65_536):
        got += more
    return got


def says(socket_: ClientConnection, word: str) -> None:
    socket_.send(word)
    assert socket_.recv(timeout=patient.PATIENCE_S) == word


@pytest.mark.parametrize(
    ("begins", "what"),
    [(GET + b"X-Some: ", b"head"), (b"\r\n", b"head"), (POST + b"some", b"body")],
    ids=["head", "empty", "body"],
)
def test_what_is_begun_and_never_ends_is_answered_with_408(hurried: Served, begins: bytes, what: bytes) -> None:
    with hurried.line() as line:
        line.sendall(begins)
        told = rest(line)
    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"the %s of a request did not come to an end" % what in told
    assert b"connection: close\r\n" in told


def test_who_says_nothing_is_closed_without_a_word(hurried: Served) -> None:
    with hurried.line() as line:
        assert rest(line) == b""


@pytest.mark.parametrize("begins", [GET + b"X-Some: ", POST], ids=["head", "body"])
def test_who_says_a_little_all_the_time_is_closed_too(hurried: Served, begins: bytes) -> None:
    with hurried.line() as line:
        line.sendall(begins)
        line.settimeout(0.1)
        told = b""
        for _ in range(int(patient.PATIENCE_S * 10)):
            try:
                more = line.recv(65_536)
            except TimeoutError:
                line.sendall(b"a")
            else:
                told += more
                break
        assert told.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("more", [GET, b"\r\n"], ids=["head", "empty"])
def test_a_further_request_has_as_long(hurried: Served, more: bytes) -> None:
    with hurried.line() as line:
        line.sendall(GET + b"\r\n")
        got = b""
        while not got.endswith(b"end\r\n0\r\n\r\n"):
            got += line.recv(65_536)
        line.sendall(more)
        assert rest(line).startswith(b"HTTP/1.1 408 ")


def test_a_line_that_rests_an_answer_that_takes_long_and_a_socket_stay(hurried: Served) -> None:
    hurried.began.clear()
    hurried.release.clear()
    with hurried.line() as resting, hurried.line() as asking, hurried.line() as silent, hurried.socket() as socket_:
        resting.sendall(GET + b"\r\n")
        asking.sendall(GET.replace(b"/ ", b"/slow ") + b"\r\n" + GET)  # and half of another
        assert hurried.began.wait(patient.PATIENCE_S)
        assert rest(silent) == b""
        with hurried.line() as another:  # so that twice as long has passed
            assert rest(another) == b""
        says(socket_, "still")
        resting.sendall(GET + b"Connection: close\r\n\r\n")
        assert rest(resting).count(b"HTTP/1.1 200 OK") == 2
        hurried.release.set()
        got = b""
        while not got.endswith(b"end\r\n0\r\n\r\n"):
            got += asking.recv(65_536)
        asking.sendall(b"Connection: close\r\n\r\n")
        assert rest(asking).startswith(b"HTTP/1.1 200 OK")


def test_thousands_that_say_nothing_keep_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    bounds = Bounds(most=40, patience=LONG, look_s=0.05)
    with caplog.at_level(logging.WARNING), served(bounds) as here, ExitStack() as kept:
        socket_ = kept.enter_context(here.socket())
        asks = kept.enter_context(patient.Client(base_url=here.address, trust_env=False))
        lines = list[socket.socket]()
        for number in range(2_000):
            lines.append(kept.enter_context(here.line()))
            if number % 3 == 0:
                lines[-1].sendall(GET)
            if number % 200 == 0:
                says(socket_, str(number))
                assert asks.get("/").text == "0;end"
                assert patient.get(here.address, trust_env=False).text == "0;end"
        says(socket_, "last")
        assert all(closed(line) for line in lines[:1_900])
    said = [record for record in caplog.records if record.name == "breadboard.doorway"]
    assert [record.getMessage() for record in said] == ["more connections than there is room for"]


def test_where_all_are_in_use_one_more_is_told_to_come_later() -> None:
    with served(Bounds(most=5, patience=LONG)) as here, ExitStack() as kept:
        sockets = [kept.enter_context(here.socket()) for _ in range(5)]
        refused = patient.get(here.address, trust_env=False)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["detail"] == "too many connections are open"
        with pytest.raises((InvalidStatus, ConnectionClosed)):  # the latter, where it had not asked yet
            here.socket()
        for number, socket_ in enumerate(sockets):
            says(socket_, str(number))
        sockets.pop().close()
        assert patient.get(here.address, trust_env=False).status_code in (200, 503)


def test_lines_that_rest_make_room_where_nobody_is_silent() -> None:
    with served(Bounds(most=3, patience=LONG)) as here, here.line() as first, here.line() as second:
        for line in (first, second):
            line.sendall(GET + b"\r\n")
            got = b""
            while not got.endswith(b"end\r\n0\r\n\r\n"):
                got += line.recv(65_536)
            time.sleep(0.02)  # the loop's clock counts milliseconds
        with here.socket() as one, here.socket() as two:
            says(one, "one")
            says(two, "two")
            assert closed(first), "which has rested for longer"
            second.sendall(GET + b"Connection: close\r\n\r\n")
            assert rest(second).startswith(b"HTTP/1.1 200 OK")


def closed(line: socket.socket) -> bool:
    try:
        return rest(line) == b""
    except ConnectionError:
        return True


def test_hands_that_are_not_shaken_count(tmp_path: Path) -> None:
    pair = signed(tmp_path, "desk.example.com")
    believes = ssl.create_default_context(cafile=pair.authority)
    believes.check_hostname = False
    with served(Bounds(most=20, patience=LONG), tls=pair.tls) as here, ExitStack() as kept:
        lines = [kept.enter_context(here.line()) for _ in range(200)]
        for _ in range(3):
            assert patient.get(here.address, verify=believes, trust_env=False).text == "0;end"
        assert all(closed(line) for line in lines[:150])


def test_who_shakes_no_hands_is_closed(tmp_path: Path) -> None:
    pair = signed(tmp_path, "desk.example.com")
    with served(Bounds(most=20, patience=HURRY, look_s=0.05), tls=pair.tls) as here, here.line() as line:
        assert closed(line)


@pytest.mark.parametrize(
    ("limit", "most"), [(256, 128), (1_024, 512), (4_096, 3_072), (1 << 20, MOST), (resource.RLIM_INFINITY, MOST)]
)
def test_room_is_left_for_the_store(limit: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert room() == most
    assert Bounds().most == most
