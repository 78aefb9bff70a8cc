"""Who says nothing is closed, and leaves room for others: at the real server, on real sockets."""

import asyncio
import logging
import os
import resource
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import patient
from breadboard.api.doorway import MOST, Bounds, Doorway, room
from breadboard.api.heads import Deadlines, Heads
from breadboard.api.server import running
from breadboard.api.sockets import Sockets
from certificates import Pair, signed

HURRY = Deadlines(head_s=0.5, pause_s=0.5, body_s=1.5)
LONG = Deadlines(head_s=600, pause_s=600, body_s=600)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
LONG_ANSWER = 24_000_000
"""Bytes that no kernel keeps for two sockets."""
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"


class Served:
    """An application that answers with what it was sent; an answer at ``/slow`` ends when ``release`` is set.

    At ``/long`` nothing comes before ``release`` is set, then ``LONG_ANSWER`` bytes in two parts; at ``/big`` in one.
    """

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
        if scope["path"] in ("/long", "/big"):
            await self._answer_long(scope["path"] == "/long", send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d;" % size, "more_body": True})
        if scope["path"] == "/slow":
            self.began.set()
            await asyncio.to_thread(self.release.wait, patient.PATIENCE_S)
        await send({"type": "http.response.body", "body": b"end"})

    async def _answer_long(self, waits: bool, send: Send) -> None:
        if waits:
            self.began.set()
            await asyncio.to_thread(self.release.wait, patient.PATIENCE_S)
        headers = [(b"content-length", b"%d" % LONG_ANSWER)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if waits:
            await send({"type": "http.response.body", "body": b"z" * (LONG_ANSWER - 1), "more_body": True})
        await send({"type": "http.response.body", "body": b"z" * (1 if waits else LONG_ANSWER)})


@contextmanager
def served(bounds: Bounds, tls: tuple[str, str] | None = None) -> Iterator[Served]:
    here = Served()
    with running(here, bounds=bounds, tls=tls) as here.address:
        yield here


@pytest.fixture(scope="module")
def hurried() -> Iterator[Served]:
    with served(Bounds(most=1_000, deadlines=HURRY, look_s=0.05)) as here:
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


def test_who_says_nothing_is_closed_without_a_word() -> None:
    how: list[str] = []
    with served(Bounds(most=9, deadlines=HURRY, look_s=0.05, shown_out=how.append)) as here, here.line() as line:
        assert rest(line) == b""
    assert how == ["late"]


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
    how = Counter[str]()
    bounds = Bounds(most=40, deadlines=LONG, look_s=0.05, shown_out=lambda each: how.update([each]))
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
    assert set(how) == {"for_others"}
    assert how["for_others"] >= 1_900


def test_where_all_are_in_use_one_more_is_told_to_come_later() -> None:
    how: list[str] = []
    with served(Bounds(most=5, deadlines=LONG, shown_out=how.append)) as here, ExitStack() as kept:
        sockets = [kept.enter_context(here.socket()) for _ in range(5)]
        refused = patient.get(here.address, trust_env=False)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["detail"] == "too many connections are open"
        with pytest.raises((InvalidStatus, ConnectionClosed)):  # the latter, where it had not asked yet
            here.socket()
        assert how == ["refused"] * 2
        for number, socket_ in enumerate(sockets):
            says(socket_, str(number))
        sockets.pop().close()
        assert patient.get(here.address, trust_env=False).status_code in (200, 503)


def test_lines_that_rest_make_room_where_nobody_is_silent() -> None:
    with served(Bounds(most=3, deadlines=LONG)) as here, here.line() as first, here.line() as second:
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


def long_answer(line: socket.socket) -> int:
    """Return how many bytes of a long answer come: its whole body, or what does before the end."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = line.recv(65_536)
        if not more:
            return -1
        got += more
    size = len(got.partition(b"\r\n\r\n")[2])
    with suppress(ConnectionError):
        while size < LONG_ANSWER and (more := line.recv(1 << 20)):
            size += len(more)
    return size


def test_who_just_came_counts_once() -> None:
    full: list[bool] = []

    async def come() -> None:
        state = uvicorn.server.ServerState()
        lines = state.connections
        make = partial(Heads, uvicorn.Config(Served(), http=Heads, ws=Sockets, log_config=None), state, {})
        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as kept:
            door = Doorway(listener, make, lines, None, Bounds(most=2, deadlines=LONG))
            listener.setblocking(False)
            for number in range(2):
                kept.enter_context(socket.create_connection(listener.getsockname()))
                door._come()
                while len(lines) == number:  # noqa: ASYNC110 - each pass counts
                    await asyncio.sleep(0)
                full.append(door._is_full())  # in the pass in which it came, before its task is done
            door.close()
            for line in list(lines):
                line.transport.abort()
            while lines:  # noqa: ASYNC110 - a turn of the loop is what it waits for
                await asyncio.sleep(0)
            assert not door._is_full()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(come())
    assert full == [False, True]


def test_an_answer_that_took_long_to_compute_and_is_read_stays() -> None:
    bounds = Bounds(most=2, deadlines=Deadlines(head_s=600, pause_s=0.2, body_s=600), look_s=600)
    with served(bounds) as here, here.socket() as socket_, here.line() as asking:
        asking.sendall(GET.replace(b"/ ", b"/long ") + b"\r\n")
        assert here.began.wait(patient.PATIENCE_S)
        time.sleep(0.3)  # longer than a reader may take nothing
        here.release.set()
        assert asking.recv(1, socket.MSG_PEEK) == b"H"
        assert patient.get(here.address, trust_env=False).status_code == 503
        assert long_answer(asking) == LONG_ANSWER
        says(socket_, "still")


def test_a_line_rests_since_its_answer_was_told() -> None:
    with served(Bounds(most=2, deadlines=LONG)) as here, here.line() as asking, here.line() as resting:
        asking.sendall(GET.replace(b"/ ", b"/slow ") + b"\r\n")
        assert here.began.wait(patient.PATIENCE_S)
        for line in (resting, asking):
            time.sleep(0.02)  # the loop's clock counts milliseconds
            if line is resting:
                line.sendall(GET + b"\r\n")
            else:
                here.release.set()
            got = b""
            while not got.endswith(b"end\r\n0\r\n\r\n"):
                got += line.recv(65_536)
        with here.socket() as socket_:
            says(socket_, "one")
            assert closed(resting), "which has rested for longer"
            asking.sendall(GET + b"Connection: close\r\n\r\n")
            assert rest(asking).startswith(b"HTTP/1.1 200 OK")


def test_a_reader_that_takes_nothing_makes_room() -> None:
    bounds = Bounds(most=2, deadlines=Deadlines(head_s=600, pause_s=0.2, body_s=600), look_s=0.05)
    with served(bounds) as here, here.socket() as socket_, here.line() as asking:
        asking.sendall(GET.replace(b"/ ", b"/big ") + b"\r\n")
        assert asking.recv(1, socket.MSG_PEEK) == b"H"
        status = 503
        until = time.monotonic() + patient.PATIENCE_S
        while status == 503 and time.monotonic() < until:
            status = patient.get(here.address, trust_env=False).status_code
            time.sleep(0.1)
        assert status == 200
        assert long_answer(asking) < LONG_ANSWER
        says(socket_, "still")


def test_over_tls_an_answer_that_is_read_slowly_makes_no_room(tmp_path: Path) -> None:
    pair = signed(tmp_path, "desk.example.com")
    believes = trusting(pair)
    with served(Bounds(most=2, deadlines=LONG), tls=pair.tls) as here, ExitStack() as kept:
        address = here.address.replace("https", "wss")
        socket_ = kept.enter_context(connect(address, ssl=believes, open_timeout=patient.PATIENCE_S))
        asking = kept.enter_context(believes.wrap_socket(here.line()))
        asking.sendall(GET.replace(b"/ ", b"/big ") + b"\r\n")
        assert asking.recv(1) == b"H"
        with here.line() as another, pytest.raises(OSError):  # noqa: PT011 - it is closed, one way or the other
            believes.wrap_socket(another)
        assert long_answer(asking) == LONG_ANSWER
        says(socket_, "still")


@pytest.mark.parametrize(("breath_s", "status"), [(600.0, 503), (0.0, 200)])
def test_a_body_that_comes_makes_no_room_and_one_that_does_not_makes_some(breath_s: float, status: int) -> None:
    deadlines = Deadlines(head_s=600, pause_s=600, body_s=600, breath_s=breath_s)
    with served(Bounds(most=2, deadlines=deadlines)) as here, here.socket() as socket_, here.line() as sending:
        sending.sendall(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"))
        assert sending.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert patient.get(here.address, trust_env=False).status_code == status
        if status == 503:
            sending.sendall(b"a" * 5_000)
            assert rest(sending).count(b"5000;") == 1
        else:
            assert closed(sending)
        says(socket_, "still")


def test_who_is_given_up_is_not_waited_for_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = uvloop.Loop.connect_accepted_socket

    async def patiently(*args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the loop has it
        return await take(*args, ssl_shutdown_timeout=600.0, **more)

    monkeypatch.setattr(uvloop.Loop, "connect_accepted_socket", patiently)
    pair = signed(tmp_path, "desk.example.com")
    with served(Bounds(most=20, deadlines=HURRY, look_s=0.05), tls=pair.tls) as here:
        line = here.line()
        with socket.socket(fileno=os.dup(line.fileno())) as below, trusting(pair).wrap_socket(line):
            below.settimeout(patient.PATIENCE_S)
            assert not rest(below).startswith(b"HTTP/"), "all to the end is of TLS"


def trusting(pair: Pair) -> ssl.SSLContext:
    """Return what believes the authority, by whatever name."""
    believes = ssl.create_default_context(cafile=pair.authority)
    believes.check_hostname = False
    return believes


def closed(line: socket.socket) -> bool:
    try:
        return rest(line) == b""
    except ConnectionError:
        return True


def test_hands_that_are_not_shaken_count(tmp_path: Path) -> None:
    pair = signed(tmp_path, "desk.example.com")
    believes = ssl.create_default_context(cafile=pair.authority)
    believes.check_hostname = False
    with served(Bounds(most=20, deadlines=LONG), tls=pair.tls) as here, ExitStack() as kept:
        lines = [kept.enter_context(here.line()) for _ in range(200)]
        for _ in range(3):
            assert patient.get(here.address, verify=believes, trust_env=False).text == "0;end"
        assert all(closed(line) for line in lines[:150])


def test_who_shakes_no_hands_is_closed(tmp_path: Path) -> None:
    pair = signed(tmp_path, "desk.example.com")
    with served(Bounds(most=20, deadlines=HURRY, look_s=0.05), tls=pair.tls) as here, here.line() as line:
        assert closed(line)


@pytest.mark.parametrize(
    ("limit", "most"), [(256, 128), (1_024, 512), (4_096, 3_072), (1 << 20, MOST), (resource.RLIM_INFINITY, MOST)]
)
def test_room_is_left_for_the_store(limit: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert room() == most
    assert Bounds().most == most
