"""An inquiry over loopback always comes to an end: whatever breaks is raised where somebody waits for it."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from breadboard.capture import inquiring
from breadboard.capture.inquiring import Keep, Part
from breadboard.clock import SystemClock
from breadboard.errors import FeedError
from breadboard.feeds.iqfeed_inquiry import IqfeedInquiry, ticks_of
from breadboard.feeds.massive_calls import trades
from breadboard.feeds.massive_history import MassiveHistory

DAY_NS = 86_400 * 10**9


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def fetched(answer: bytes, keep: Keep, key: str = "k") -> MassiveHistory:
    async def scenario() -> MassiveHistory:
        async with answering(answer) as port, asyncio.timeout(60):
            inquiry = MassiveHistory("trades:X", trades("X", 0, 10), key, f"http://127.0.0.1:{port}")
            await inquiring.fetch(inquiry, keep, SystemClock())
        return inquiry

    return asyncio.run(scenario())


def full(_part: Part) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_answers_that_cannot_be_kept_end_an_inquiry() -> None:
    with pytest.raises(OSError, match="No space left"):
        fetched(http(b'{"status":"OK","results":[{}]}'), full)


def test_lines_that_cannot_be_kept_end_an_inquiry() -> None:
    async def scenario() -> None:
        async with answering(b"BB1,LH,2026-11-24 09:30:00,1,2,3,4,5,6,C,1,1,\r\n") as port, asyncio.timeout(60):
            inquiry = IqfeedInquiry("X", *ticks_of("X", 0, DAY_NS))
            await inquiring.speak(inquiry, f"tcp://127.0.0.1:{port}", 50.0, full, SystemClock())

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(scenario())


@pytest.mark.parametrize("key", ["SESAME-Ж", "SESAME "])
def test_a_key_that_no_request_can_carry_ends_an_inquiry_and_is_not_in_the_log(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        inquiry = fetched(http(b"{}", "401 Unauthorized"), lambda _: None, key)
    assert inquiry.error is not None
    assert "SESAME" not in caplog.text + inquiry.error


def test_a_source_that_asks_for_more_patience_than_a_person_has_is_told_and_not_obeyed() -> None:
    with pytest.raises(FeedError, match=r"answered 429 and asks to wait [0-9]{4} s: nothing was imported") as told:
        fetched(http(b"{}", "429 Too Many Requests", "Retry-After: 3000\r\n"), lambda _: None)
    assert told.value.hint == "run it again in 50 minutes"
