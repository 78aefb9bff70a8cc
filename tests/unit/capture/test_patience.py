"""A venue that says no, and one that does not even say good-bye."""

import asyncio
import base64
import hashlib
import time
from http import HTTPStatus
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.line import Line
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.turns import Turnstiles
from breadboard.clock import ManualClock
from breadboard.conversations import Reconnect
from capture_fakes import MemoryJournal, PlainSession, capabilities, capturing, until


@pytest.mark.parametrize(
    ("status", "after", "least", "most"),
    [
        (401, "", 60, 60),
        (403, "", 60, 60),
        (451, "", 60, 60),
        (429, "90", 90, 90),
        (403, "300", 300, 300),
        (503, "", 0, 1),
    ],
)
def test_a_refusal_says_how_long_to_wait(status: int, after: str, least: float, most: float) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus(status), "no")
        if after:
            response.headers["Retry-After"] = after
        return response

    async def nobody(_connection: ServerConnection) -> None:
        pytest.fail("was let in")

    async def scenario() -> float:
        clock = ManualClock()
        appender = Appender(MemoryJournal(), clock)
        around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock), Turnstiles(clock))
        async with serve(nobody, "127.0.0.1", 0, process_request=refuse) as running:
            session = PlainSession(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/")
            return await Line(Source(0, ("A",), capabilities(), session), around)._once()

    assert least <= asyncio.run(scenario()) <= most


def test_a_venue_that_does_not_answer_a_good_bye_is_cut_a_second_later() -> None:
    opened: list[float] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1] for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x05hello")
        opened.append(time.monotonic())
        try:
            await asyncio.sleep(30)
        finally:
            writer.transport.abort()

    async def scenario() -> None:
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        session = PlainSession(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        session.due = [[Reconnect("enough")]]
        journal = MemoryJournal()
        async with capturing([Source(0, ("A",), capabilities(), session)], journal):
            await until(lambda: len(opened) == 2)
        assert opened[1] - opened[0] < 1.0 + 1.25 + 0.25 + 0.5 + 1.0, "asked after 1 s, cut after 1 s, backoff of half"
        assert next(each.reason for each in journal.epochs() if not each.open) == "the session asked: enough"
        server.close()

    asyncio.run(scenario())
