"""A connection of text lines against real sockets: a server that writes what a test says, byte for byte."""

import asyncio
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from breadboard.capture.source import Source
from breadboard.capture.textline import LineConnection
from breadboard.capture.wire import Batch
from breadboard.clock import ManualClock
from breadboard.conversations import Send
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.ports import Keepalive
from capture_fakes import MemoryJournal, PlainSession, capabilities, capturing, until

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        running.close()


def source(url: str, session: PlainSession | None = None, **rules: Any) -> Source:  # noqa: ANN401 - any capability
    return Source(0, ("AAPL",), capabilities(**rules), session or PlainSession(url))


async def wait_for_ever(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


class Heard:
    """A Handler that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.batches: list[int] = []
        self.broken: list[tuple[bytes, str]] = []
        self.ended: list[str] = []

    def on_open(self, connection: object) -> None:
        pass

    def on_batch(self, batch: Batch) -> None:
        assert len(batch.frames) == len(batch.ts_recv) > 0
        self.frames += batch.frames
        self.batches.append(len(batch.frames))

    def on_control(self) -> None:
        pass

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        self.broken.append((head, reason))

    def on_end(self, reason: str) -> None:
        self.ended.append(reason)


def fed(chunks: list[bytes], cap: int = 1000) -> Heard:
    heard = Heard()
    connection = LineConnection(heard, ManualClock(), cap, "")
    for chunk in chunks:
        connection.data_received(chunk)
    connection.connection_lost(None)
    return heard


SCRIPT = b"S,SERVER CONNECTED\r\nQ,AAPL,1.5,\n\r\n\nT,20240808 09:30:00\r\nbare\rreturn\n\xff\xfe\x00,\r\n"
LINES = [b"S,SERVER CONNECTED", b"Q,AAPL,1.5,", b"T,20240808 09:30:00", b"bare\rreturn", b"\xff\xfe\x00,"]


@pytest.mark.parametrize("cut", range(len(SCRIPT) + 1))
def test_a_read_that_ends_anywhere_changes_no_line(cut: int) -> None:
    heard = fed([SCRIPT[:cut], SCRIPT[cut:]])
    assert heard.frames == LINES
    assert heard.broken == []


def test_lines_that_come_byte_by_byte_are_the_same_lines_and_those_of_one_read_are_one_batch() -> None:
    assert fed([bytes([byte]) for byte in SCRIPT]).frames == LINES
    assert fed([SCRIPT]).batches == [len(LINES)]


@pytest.mark.parametrize("cut", range(1, len(SCRIPT)))
def test_a_stream_that_ends_anywhere_gives_whole_lines_only_and_quarantines_the_rest(cut: int) -> None:
    heard = fed([SCRIPT[:cut]])
    assert heard.frames == LINES[: len(heard.frames)]
    rest = SCRIPT[:cut].rpartition(b"\n")[2]
    assert [head for head, _ in heard.broken] == ([rest] if rest else [])
    assert len(heard.ended) == 1


@pytest.mark.parametrize("whole", [True, False], ids=["one read", "byte by byte"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_of_the_cap_is_taken_and_one_byte_more_is_not(end: bytes, whole: bool) -> None:
    for size, taken in ((20, True), (21, False)):
        sent = b"good" + end + b"x" * size + end + b"after" + end
        heard = fed([sent] if whole else [bytes([byte]) for byte in sent], cap=20)
        assert heard.frames == ([b"good", b"x" * 20, b"after"] if taken else [b"good"])
        assert bool(heard.broken) is not taken
        assert taken or "more than 20 bytes" in heard.broken[0][1]


def test_after_a_line_that_is_too_long_nothing_is_taken_not_even_its_rest() -> None:
    heard = fed([b"good\n" + b"x" * 30 + b"\nlost\nhalf", b"more\n"], cap=20)
    assert heard.frames == [b"good"]
    assert [head for head, _ in heard.broken] == [b"x" * 30]


def test_a_line_without_an_end_is_given_up_at_the_cap_and_its_memory_let_go() -> None:
    heard = fed([b"x" * 7] * 100, cap=50)
    assert [len(head) for head, _ in heard.broken] == [56]
    assert heard.frames == []


def test_what_the_gateway_says_is_in_the_journal_line_by_line() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SCRIPT)
        await wait_for_ever(reader, writer)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url)], journal):
            await until(lambda: len(journal.frames()) == len(LINES))
        assert journal.frames() == LINES
        assert journal.epochs()[0].provenance == Provenance.LIVE
        assert [record.kind for record in journal.records if record.source == 0][-1] == RecordKind.EPOCH

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("first", "provenance"),
    [
        (b"S,PROVENANCE,synthetic,\r\n", Provenance.SYNTHETIC),
        (b"S,PROVENANCE,replay\n", Provenance.REPLAY),
        (b"S,PROVENANCE,nonsense,\r\n", Provenance.LIVE),
        (b"S,CURRENT PROTOCOL,6.2,\r\nS,PROVENANCE,synthetic,\r\n", Provenance.LIVE),
    ],
)
def test_the_first_line_may_say_where_the_data_comes_from(first: bytes, provenance: Provenance) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first + b"Q,1\r\n")
        await wait_for_ever(reader, writer)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url)], journal) as capture:
            await until(lambda: b"Q,1" in journal.frames())
            assert capture.status().sources[0].provenance == provenance.value
        assert journal.epochs()[0].provenance == provenance
        assert journal.frames()[0] == first.split(b"\r")[0].rstrip(b"\n"), "and is a line like any other"

    asyncio.run(scenario())


@pytest.mark.parametrize("reset", [False, True], ids=["end of file", "reset"])
def test_a_connection_that_ends_within_a_line_leaves_it_in_quarantine_and_a_gap(reset: bool) -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"one\r\ntwo\r\n" + (b"thr" if asked == 1 else b"three\r\n"))
        await writer.drain()
        await asyncio.sleep(0.1)
        if asked > 1:
            await wait_for_ever(reader, writer)
        if reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url)], journal) as capture:
            await until(lambda: b"three" in journal.frames())
            assert capture.status().sources[0].quarantined == 1
        assert journal.frames() == [b"one", b"two", b"one", b"two", b"three"]
        assert journal.frames(RecordKind.QUARANTINE) == [b"thr"]
        assert [gap.reason for gap in journal.gaps()] == [GapReason.QUARANTINE, GapReason.DISCONNECT]
        reason = next(epoch.reason for epoch in journal.epochs() if not epoch.open)
        assert reason.startswith("connection lost" if reset else "closed by the other side")

    asyncio.run(scenario())


def test_a_line_that_is_too_long_is_quarantined_and_the_connection_renewed() -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"good\r\n" + (b"x" * 5000 + b"\r\nlost\r\n" if asked == 1 else b""))
        await wait_for_ever(reader, writer)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url, frame_cap=1000)], journal):
            await until(lambda: len(journal.frames()) == 2)
        assert journal.frames() == [b"good", b"good"]
        (head,) = journal.frames(RecordKind.QUARANTINE)
        assert set(head) == {ord("x")}
        assert next(epoch.reason for epoch in journal.epochs() if not epoch.open) == "line too long"

    asyncio.run(scenario())


def test_hanging_up_in_the_middle_of_a_line_writes_nothing_after_the_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"one\r\nhalf")
        await wait_for_ever(reader, writer)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url)], journal):
            await until(lambda: journal.frames() == [b"one"])
        await asyncio.sleep(0.1)
        assert journal.kinds()[-1] == RecordKind.EPOCH

    asyncio.run(scenario())


def test_what_is_said_ends_with_a_line_end_and_keepalives_go_before_what_waits() -> None:
    async def scenario() -> None:
        said: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            del writer
            while line := await reader.readline():
                said.append(line)

        session = PlainSession("", [Send(f"w{number}") for number in range(4)])
        async with server(serve) as url:
            session.url = url
            keepalive = Keepalive("HEARTBEAT", 1.5)
            line = source(url, session, keepalive=keepalive, client_messages_per_s=1)
            async with capturing([line], MemoryJournal()):
                await until(lambda: b"w3\r\n" in said)
        assert said[0] == b"w0\r\n"
        assert said.index(b"HEARTBEAT\r\n") < said.index(b"w3\r\n")
        assert [line for line in said if line.startswith(b"w")] == [b"w0\r\n", b"w1\r\n", b"w2\r\n", b"w3\r\n"]

    asyncio.run(scenario())


def test_a_silent_gateway_that_answers_the_ping_line_is_kept() -> None:
    pings = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pings
        writer.write(b"hello\r\n")
        while await reader.readline():
            pings += 1
            writer.write(b"T\r\n")

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(serve) as url, capturing([source(url, ping="T")], journal):
            await until(lambda: pings == 2)
        assert len(journal.epochs()) == 2, "opened once, closed by us"

    asyncio.run(scenario())


FROZEN = """
import asyncio
async def serve(reader, writer):
    writer.write(b"hello\\r\\n")
    while await reader.readline():
        writer.write(b"T\\r\\n")
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_a_frozen_gateway_is_noticed_within_eight_seconds(tmp_path: Path) -> None:
    script = tmp_path / "gateway.py"
    script.write_text(FROZEN)

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        journal = MemoryJournal()
        try:
            async with capturing([source(f"tcp://127.0.0.1:{port}", ping="T")], journal):
                await until(journal.frames)
                os.kill(process.pid, signal.SIGSTOP)
                frozen = time.monotonic()
                await until(lambda: len(journal.epochs()) == 2)
                assert time.monotonic() - frozen <= 8.0
                assert "half-open" in journal.epochs()[1].reason
        finally:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
            await process.wait()

    asyncio.run(scenario())
