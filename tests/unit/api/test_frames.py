"""Frames that are no messages: whoever sends them without end takes nothing from others, and is told why it ends."""

import json
import logging
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.sockets import FRAMES_PER_S
from unit.api.market import Market, services

HELLO = (
    "GET /ws/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FLOODS = {
    "pings": (Opcode.PING, b"", True),
    "long pings": (Opcode.PING, b"x" * 125, True),
    "pongs": (Opcode.PONG, b"", True),
    "pieces": (Opcode.CONT, b"", False),
    "messages": (Opcode.TEXT, b"{}", True),
}


@pytest.fixture(scope="module")
def http() -> Iterator[str]:
    market = Market()
    market.apply(market.trade("1"))
    with running(create_app(services(market))) as address:
        yield address


def frame(opcode: Opcode, data: bytes, fin: bool) -> bytes:
    return Frame(opcode, data, fin=fin).serialize(mask=True)


def line(http: str) -> socket.socket:
    """Return a socket that is a WebSocket from now on."""
    host, port = http.removeprefix("http://").split(":")
    found = socket.create_connection((host, int(port)), timeout=60)
    found.sendall(HELLO.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += found.recv(1)
    return found


def last_words(data: bytes) -> tuple[int, str]:
    """Return the code and the reason of the close frame at the end of what a server sent, which is not masked."""
    at = data.rindex(b"\x88" + bytes([len(data) - data.rindex(b"\x88") - 2]))
    return struct.unpack("!H", data[at + 2 : at + 4])[0], data[at + 4 :].decode()


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_tiny_frames_ends_and_nobody_else_waits_for_it(
    http: str, flood: str, caplog: pytest.LogCaptureFixture
) -> None:
    opcode, data, fin = FLOODS[flood]
    many = frame(opcode, data, fin) * (8 * FRAMES_PER_S)
    with connect(http.replace("http", "ws") + "/ws/realtime") as other, caplog.at_level(logging.ERROR):
        other.send('{"op":"sub","symbols":["*"],"channels":["status"]}')
        while json.loads(other.recv(timeout=60))["type"] != "status":
            pass
        with closing(line(http)) as mine:
            heard = b""
            if opcode is Opcode.CONT:
                mine.sendall(frame(Opcode.TEXT, b"", False))
            with suppress(ConnectionError):
                mine.sendall(many)
            with suppress(ConnectionError):
                while part := mine.recv(1 << 16):
                    heard += part
        code, reason = last_words(heard)
        assert code == 1008
        assert reason.startswith("more than ")
        assert json.loads(other.recv(timeout=60))["type"] == "status"
    assert caplog.records == []


def test_a_flood_with_an_end_in_it_is_cut_without_a_word_in_the_log(
    http: str, caplog: pytest.LogCaptureFixture
) -> None:
    pings, end = frame(Opcode.PING, b"", True), frame(Opcode.CLOSE, struct.pack("!H", 1000), True)
    with caplog.at_level(logging.ERROR):
        with closing(line(http)) as mine, suppress(ConnectionError):
            mine.sendall(pings * 150 + (pings * 100 + end) * 2)
            while mine.recv(1 << 16):
                pass
        with connect(http.replace("http", "ws") + "/ws/realtime") as other:
            assert other.ping().wait(60)
    assert caplog.records == []


def test_who_floods_on_after_a_polite_end_is_not_read_until_it_is_over(http: str) -> None:
    with closing(line(http)) as mine:
        mine.sendall(frame(Opcode.TEXT, b"{}", True) * 25)
        time.sleep(0.3)  # the server has ended this, and waits for our word
        began = time.monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012 - the system takes some of it before the server is asked
            while time.monotonic() < began + 30:
                mine.sendall(frame(Opcode.PONG, b"", True) * 1_000)


def test_a_message_in_many_pieces_with_pings_between_is_taken(http: str) -> None:
    with connect(http.replace("http", "ws") + "/ws/realtime") as one:
        text = json.dumps({"op": "sub", "symbols": [f"S{number:05}" for number in range(5000)], "channels": []})
        one.send(text[at : at + 512] for at in range(0, len(text), 512))
        for _ in range(20):
            assert one.ping(b"p").wait(60)
        told = json.loads(one.recv(timeout=60))
        assert (told["type"], len(told["unknown"])) == ("subscribed", 5000)
        one.send(b"\x00" * 60_000)
        assert json.loads(one.recv(timeout=60))["type"] == "error"
        one.close()
    with pytest.raises(ConnectionClosed):
        one.recv()


@pytest.mark.parametrize(
    "sent",
    [b"some rubbish\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
    ids=["rubbish", "upgrade"],
)
def test_no_line_of_the_log_is_to_be_had_for_a_request(
    http: str, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = http.removeprefix("http://").split(":")
    with caplog.at_level(logging.WARNING), socket.create_connection((host, int(port)), timeout=60) as mine:
        mine.sendall(sent)
        assert mine.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 307", b"HTTP/1.1 200")
    assert [record.getMessage() for record in caplog.records] == []


def test_no_line_of_the_log_is_to_be_had_for_text_that_is_none(http: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), closing(line(http)) as mine:
        mine.settimeout(60)
        mine.sendall(frame(Opcode.TEXT, b"\xff\xfe", True))
        heard = b""
        with suppress(ConnectionError):
            while more := mine.recv(65_536):
                heard += more
    assert last_words(heard)[0] == 1007
    assert [record.getMessage() for record in caplog.records] == []


def test_errors_of_our_own_are_still_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    assert [record.getMessage() for record in caplog.records] == ["Exception in ASGI application\n"]
