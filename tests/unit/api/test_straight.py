"""A crowd is told past the interpreter: frames go from compiled code into sockets, and nothing else does."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from breadboard.api import fanout as fanout_module
from breadboard.api.app import create_app
from breadboard.api.crowd import FEW
from breadboard.api.fanout import Fanout
from breadboard.api.requests import Subscribe
from breadboard.api.server import running
from breadboard.api.socket_kernel import HEAD_BYTES, put_head, send
from breadboard.api.sockets import Sockets, frame_head
from breadboard.api.subscriber import Subscriber
from breadboard.clock import ManualClock
from breadboard.model.kernels import kernel
from breadboard.model.pointers import pointer
from unit.api.market import Market, services
from unit.api.test_crowd import NAMES, Lonely

ROOM = 1 << 12


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    """However slow the machine is, everybody has a turn in each step."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fanout_module, "TURNS_S", math.inf)
        yield


@kernel
def _head(out: np.ndarray[Any, Any], end: int) -> int:
    return put_head(pointer(out), HEAD_BYTES, end)


@kernel
def _give(to: int, data: np.ndarray[Any, Any], begin: int, end: int) -> int:
    return send(to, data, begin, end)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1_000_000])
def test_the_head_of_a_frame_is_what_websockets_writes(size: int) -> None:
    out = np.full(HEAD_BYTES + size, ord("x"), np.uint8)
    begin = _head(out, HEAD_BYTES + size)
    assert out[begin:].tobytes() == Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)


def test_a_socket_takes_what_it_has_room_for_and_a_broken_one_nothing() -> None:
    ours, theirs = socket.socketpair()
    data = np.arange(1 << 22, dtype=np.int64).view(np.uint8)
    with ours, theirs:
        ours.setblocking(False)
        taken = _give(ours.fileno(), data, 3, len(data))
        assert 0 < taken < len(data) - 3
        assert _give(ours.fileno(), data, 0, 8) == 0
        assert _received(theirs, taken) == data[3 : 3 + taken].tobytes()
        theirs.close()
        assert _give(ours.fileno(), data, 0, 8) == 0
    assert _give(-1, data, 0, 8) == 0


class Line:
    """A client's socket as the server has it: what it does not take waits, and nothing goes past what waits."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self.ours.setblocking(False)
        self.waiting = b""
        self.heard = b""
        self.straight = 0
        """How many frames compiled code may have sent."""

    @property
    def descriptor(self) -> int:
        """See ``Straight``."""
        self.straight += not self.waiting
        return -1 if self.waiting else self.ours.fileno()

    def finish(self, rest: bytes) -> None:
        """See ``Straight``."""
        assert not self.waiting
        self.waiting = rest

    def push(self, message: bytes) -> bool:
        """Take a message as the server does, where nothing waits."""
        if self.waiting:
            return False
        self.waiting = frame_head(len(message), text=True) + message
        self._flush()
        return True

    def read(self, most: int) -> None:
        """Have the other side read so many bytes, and what waits go on."""
        self.theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.heard += self.theirs.recv(most)
        self._flush()

    def empty(self) -> None:
        """Read until nothing is left."""
        before = -1
        while self.waiting or len(self.heard) != before:
            before = len(self.heard)
            self.read(1 << 20)
        self.ours.close()
        self.theirs.close()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.waiting = self.waiting[self.ours.send(self.waiting) :] if self.waiting else b""


def _received(other: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += other.recv(count - len(found))
    return found


_STEP = st.tuples(
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 99)), max_size=12),
    st.integers(0, 9),
    st.integers(0, 3 * ROOM),
)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.lists(_STEP, min_size=1, max_size=40))
def test_whoever_reads_how_much_hears_whole_frames_in_order(
    count: int, steps: list[tuple[list[tuple[str, int]], int, int]]
) -> None:
    market = Market(ManualClock())
    market.apply(*(market.quote("1", "2", symbol=name) for name in NAMES))
    now = 3.0
    fanouts = [Fanout(services(market)) for _ in range(2)]
    for each in fanouts:
        each.clock = lambda: now
    sides: list[list[tuple[Subscriber, Line]]] = [[], []]
    for fanout, of, clients in zip(fanouts, (Subscriber, Lonely), sides, strict=True):
        for number in range(count):
            line = Line()
            client = of(fanout, "json", line.push, line)
            fanout.add(client)
            client.ask(Subscribe(tuple(NAMES[number:]), channels=("quote",), hz=0))
            clients.append((client, line))
    for changes, reader, most in steps:
        if changes:
            market.apply(*(market.quote(str(price), str(price + 1), symbol=name) for name, price in changes))
        now += 0.1
        for fanout, side in zip(fanouts, sides, strict=True):
            fanout.tick(now)
            client, line = side[reader % count]
            line.read(most)
            if client.stuck is not None and line.push(client.stuck):
                client.sent()
    for number in range(count):
        heard = []
        for side in sides:
            client, line = side[number]
            line.empty()
            heard.append(line.heard)
        assert heard[0] == heard[1]
    assert sum(line.straight for _, line in sides[1]) == 0
    assert fanouts[0].frames == fanouts[1].frames
    assert fanouts[0].conflated == fanouts[1].conflated


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 40])
def test_a_frame_that_fits_never_passes_through_the_interpreter(count: int) -> None:
    market, now = Market(ManualClock()), 3.0
    market.apply(*(market.quote("1", "2", symbol=name) for name in NAMES))
    fanout = Fanout(services(market))
    fanout.clock = lambda: now
    lines = [Line() for _ in range(count)]

    def refused(_: bytes) -> bool:
        raise AssertionError("handed over")

    clients = [Subscriber(fanout, "json", line.push, line) for line in lines]
    for client in clients:
        fanout.add(client)
        client.ask(Subscribe(("A00",), channels=("quote",), hz=0))
        client._push = refused
    for line in lines:
        line.read(1 << 20)
        line.heard = b""
    market.apply(market.quote("5", "6", symbol="A00"))
    fanout.tick(now)
    for line in lines:
        line.empty()
        assert line.heard[:1] == b"\x81"
        assert line.heard.endswith(b"]}")
        assert b'"bid":"5.00"' in line.heard
    assert [client.behind for client in clients] == [False] * count


@pytest.mark.parametrize(
    "wrong",
    [
        {"full": True},
        {"close_sent": True},
        {"state": State.CLOSING},
        {"disconnected": True},
        {"closing": True},
        {"waiting": 1},
    ],
)
def test_no_descriptor_is_told_of_a_socket_that_is_busy_or_gone(wrong: dict[str, Any]) -> None:
    def descriptor(
        *,
        full: bool = False,
        close_sent: bool = False,
        state: State = State.OPEN,
        disconnected: bool = False,
        closing: bool = False,
        waiting: int = 0,
    ) -> int:
        line: Any = object.__new__(Sockets)
        line.writable, line.close_sent, line.disconnected = asyncio.Event(), close_sent, disconnected
        line.conn = SimpleNamespace(state=state)
        line.transport = SimpleNamespace(is_closing=lambda: closing, get_write_buffer_size=lambda: waiting)
        line._descriptor = 17
        if not full:
            line.writable.set()
        return int(line.descriptor)

    assert descriptor() == 17
    assert descriptor(**wrong) == -1


def test_what_was_written_before_goes_before() -> None:
    """The real server: where a socket is full, what waits for it is not passed, also while more would be taken."""
    seen: list[tuple[bool, int, int]] = []
    real = Sockets.run_asgi

    async def watched(self: Sockets) -> None:
        task = asyncio.create_task(real(self))
        while not self.handshake_complete:  # noqa: ASYNC110 - it is the protocol's own mark
            await asyncio.sleep(0)
        while not self.transport.get_write_buffer_size():
            seen.append((True, self._descriptor, self.descriptor))
            self.push(b"x" * 1000, text=True)
        seen.append((self.writable.is_set(), self._descriptor, self.descriptor))
        self.transport.abort()
        await task

    async def scenario(address: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            async with connect(address.replace("http", "ws") + "/ws/realtime") as one:
                await one.wait_closed()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sockets, "run_asgi", watched)
        with running(create_app(services(Market()))) as address:
            asyncio.run(scenario(address))
    *before, (writable, descriptor, told) = seen
    assert all(descriptor == told > 0 for _, descriptor, told in before)
    assert (writable, told) == (True, -1)
    assert descriptor > 0
