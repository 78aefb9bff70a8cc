"""One line against real sockets: an independent server (the websockets library) and the house's simulator."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from breadboard.capture.source import Source
from breadboard.conversations import Denied, Fetch, Missing, Reconnect, Send
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from capture_fakes import MemoryJournal, PlainSession, capabilities, capturing, simulator, streams, until

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler, **options: object) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as running:  # type: ignore[arg-type]  # of several types
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"


def source(session: PlainSession, **rules: object) -> Source:
    return Source(0, ("BTCUSDT",), capabilities(**rules), session)


def test_every_frame_the_venue_sent_is_in_the_journal_in_order_and_unaltered() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=5000, seed=3) as venue:
            url = streams(venue, "trade", "bookTicker", "depth@100ms")
            session = PlainSession(url, [Fetch("depth:BTCUSDT", venue.rest_url + "/api/v3/depth?symbol=BTCUSDT")])
            async with capturing([source(session)], journal):
                await until(lambda: len(journal.frames()) > 3000)
            (sent,) = venue.truth.connections
            got = journal.frames()
            assert got == sent.payloads[: len(got)]
            assert len(sent.payloads) - len(got) < 500
            assert session.seen == got
        assert journal.closed
        assert journal.epochs()[0].provenance == Provenance.SYNTHETIC
        assert [(e.open, e.reason) for e in journal.epochs()] == [(True, ""), (False, "capture was stopped")]
        head, _, body = journal.frames(RecordKind.DOCUMENT)[0].partition(b"\n")
        assert msgspec.json.decode(head)["status"] == 200
        assert session.documents == [("depth:BTCUSDT", 200, body)]
        for record in journal.records:
            assert record.ts_recv == sorted(record.ts_recv)

    asyncio.run(scenario())


def test_a_cut_connection_is_told_before_the_next_data_and_every_connection_is_a_prefix_of_the_truth() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500, faults="disconnect:0.4") as venue:
            session = PlainSession(streams(venue, "trade", "bookTicker"))
            async with capturing([source(session)], journal):
                await until(lambda: len(journal.epochs()) >= 7)
            for sent in venue.truth.connections:
                got = journal.frames(epoch=sent.number)
                assert got == sent.payloads[: len(got)]
        kinds = journal.kinds()
        for at, kind in enumerate(kinds):
            if kind == RecordKind.GAP:
                assert kinds[at - 1] == RecordKind.EPOCH
                assert kinds[at + 1] == RecordKind.EPOCH
        epochs = [e for e in journal.epochs() if e.open]
        assert [e.epoch for e in epochs] == list(range(1, len(epochs) + 1))
        assert len(journal.gaps()) == len(epochs) - 1
        data = [r for r in journal.records if r.kind == RecordKind.DATA]
        for gap in journal.gaps():
            assert gap.reason == GapReason.DISCONNECT
            assert not [ts for r in data for ts in r.ts_recv if gap.ts_from < ts < gap.ts_to]

    asyncio.run(scenario())


class Napping:
    """The machine's clocks, which go on while it sleeps."""

    nap_ns = 0

    def wall(self) -> int:
        return time.time_ns() + self.nap_ns

    def mono(self) -> int:
        return time.monotonic_ns() + self.nap_ns


def test_the_gap_of_a_connection_that_broke_in_a_sleep_begins_before_it_whatever_was_still_in_the_kernel() -> None:
    async def scenario() -> None:
        clock, slept = Napping(), asyncio.Event()

        async def handler(connection: ServerConnection) -> None:
            await connection.send("hello")
            await slept.wait()
            await connection.send("sent before the sleep")

        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url))], journal, clock=clock):
            await until(lambda: len(journal.frames()) == 1)
            clock.nap_ns = 3600 * 10**9
            slept.set()
            await until(lambda: len(journal.gaps()) == 1)
        before, lain, *_ = (record.ts_recv[0] for record in journal.records if record.kind == RecordKind.DATA)
        gap = journal.gaps()[0]
        assert (gap.reason, gap.ts_from) == (GapReason.DISCONNECT, before)
        assert gap.ts_to > lain > before + clock.nap_ns

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [1000, 1001, 1012, 4000])
def test_every_close_code_is_recorded_and_answered_with_a_new_connection(code: int) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.close(code, "because")

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url))], journal):
            await until(lambda: len(journal.frames()) >= 2)
        ended = [e.reason for e in journal.epochs() if not e.open]
        assert ended[0] == f"closed by the venue with code {code}: because"

    asyncio.run(scenario())


def test_frames_of_one_read_are_one_append_and_fragments_and_binary_frames_are_whole_messages() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send([b"frag", b"men", b"ted"])
        await connection.ping()
        connection.transport.write(b"".join(b"\x82\x02%02d" % n for n in range(50)))
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url))], journal):
            await until(lambda: len(journal.frames()) == 51)
        assert journal.frames() == [b"fragmented", *(b"%02d" % n for n in range(50))]
        assert max(len(r.frames) for r in journal.records) >= 50
        for record in journal.records:
            assert len(record.frames) == len(record.ts_recv)

    asyncio.run(scenario())


@pytest.mark.parametrize("pieces", [["x" * 5000], ["x" * 600, "x" * 600]])
def test_a_message_over_the_cap_is_quarantined_and_the_connection_renewed(pieces: list[str]) -> None:
    asked = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal asked
        asked += 1
        await connection.send("good")
        if asked == 1:
            await connection.send(pieces if len(pieces) > 1 else pieces[0])
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url), frame_cap=1000)], journal) as capture:
            await until(lambda: len(journal.frames()) == 2)
            assert capture.status().sources[0].quarantined == 1
        assert journal.frames() == [b"good", b"good"]
        (head,) = journal.frames(RecordKind.QUARANTINE)
        assert head == "".join(pieces).encode()
        assert journal.gaps()[0].reason == GapReason.QUARANTINE
        assert next(e.reason for e in journal.epochs() if not e.open) == "message too big"

    asyncio.run(scenario())


@pytest.mark.parametrize("cut", [1, 2, 5, 9, 13, 17, 20])
def test_a_line_cut_anywhere_gives_whole_messages_only_and_keeps_what_a_fragmented_one_had(cut: int) -> None:
    stream = b"\x81\x03one" + b"\x81\x03two" + b"\x01\x04frag" + b"\x80\x04ment"
    asked = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal asked
        asked += 1
        connection.transport.write(stream[:cut] if asked == 1 else stream)
        await asyncio.sleep(0.05)
        if asked == 1:
            connection.transport.close()
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url))], journal):
            await until(lambda: b"fragment" in journal.frames())
        whole = [b"one", b"two"][: cut // 5]
        assert journal.frames() == [*whole, b"one", b"two", b"fragment"]
        assert journal.frames(RecordKind.QUARANTINE) == ([b"frag"] if cut >= 16 else [])

    asyncio.run(scenario())


def test_a_message_far_over_the_cap_ends_the_connection_and_is_no_data(caplog: pytest.LogCaptureFixture) -> None:
    asked = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal asked
        asked += 1
        await connection.send("x" * 100_000 if asked == 1 else "good")
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url), frame_cap=1000)], journal):
            await until(lambda: journal.frames() == [b"good"])
        gc.collect()
        assert "never retrieved" not in caplog.text
        assert "too big" in journal.epochs()[1].reason or "1009" in journal.epochs()[1].reason

    asyncio.run(scenario())


def test_a_session_that_raises_is_counted_and_recording_goes_on() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500) as venue:
            session = PlainSession(streams(venue, "trade", "bookTicker"), breaks=True)
            async with capturing([source(session)], journal) as capture:
                await until(lambda: len(journal.frames()) > 50)
                assert capture.status().sources[0].session_errors > 0
            got = journal.frames()
            assert got == venue.truth.connections[0].payloads[: len(got)]

    asyncio.run(scenario())


def test_a_session_that_asks_for_it_gets_a_new_connection() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500) as venue:
            session = PlainSession(streams(venue, "trade"))
            fetch = Fetch("depth:BTCUSDT", venue.rest_url + "/api/v3/depth?symbol=BTCUSDT")
            session.first = [fetch]
            session.replies = [[Reconnect("the book is beyond repair")]]
            async with capturing([source(session)], journal):
                await until(lambda: len([e for e in journal.epochs() if e.open]) == 2)
        assert journal.epochs()[1].reason == "the session asked: the book is beyond repair"

    asyncio.run(scenario())


def test_what_a_session_finds_refused_or_missing_is_named_in_the_status_and_on_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500) as venue:
            session = PlainSession(streams(venue, "trade"))
            denied = Denied("NOSUCH", None, "no such symbol")
            lost = Missing("BTCUSDT", "book", GapReason.SUBSCRIPTION, time.monotonic() - 5, "not in the list")
            session.due = [[denied, denied, Denied("BTCUSDT", "quote", "not today")], [lost]]
            async with capturing([source(session)], journal) as capture:
                await until(lambda: capture.status().sources and capture.status().sources[0].missing_told)
                told = capture.status().sources[0]
        assert (told.refused, told.refusals) == (["NOSUCH", "BTCUSDT quote"], 2)
        (gap,) = [gap for gap in journal.gaps() if gap.reason == GapReason.SUBSCRIPTION]
        assert (gap.symbol, gap.channel, gap.detail) == ("BTCUSDT", "book", "not in the list")
        assert 5e9 < gap.ts_to - gap.ts_from < 15e9

    asyncio.run(scenario())
    assert caplog.text.count("the venue refuses NOSUCH: no such symbol") == 1
    assert "BTCUSDT book: not in the list" in caplog.text


def test_after_the_disk_refused_the_connection_is_renewed_because_books_need_snapshots() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with (
            simulator(rate=500) as venue,
            capturing([source(PlainSession(streams(venue, "trade")))], journal),
        ):
            await until(lambda: len(journal.frames()) > 50)
            journal.refuse = True
            await asyncio.sleep(0.2)
            journal.refuse = False
            await until(lambda: len(journal.frames(epoch=2)) > 50)
            await asyncio.sleep(1.5)
        assert [gap.reason for gap in journal.gaps()] == [GapReason.STORAGE, GapReason.DISCONNECT]
        ends = [epoch.reason for epoch in journal.epochs() if not epoch.open]
        assert ends == ["the disk had refused: the books begin anew", "capture was stopped"]

    asyncio.run(scenario())


def test_more_messages_than_the_venue_allows_wait_their_turn() -> None:
    arrived: list[tuple[float, str]] = []

    async def handler(connection: ServerConnection) -> None:
        async for text in connection:
            stamped = time.monotonic(), str(text)
            arrived.append(stamped)

    async def scenario() -> None:
        session = PlainSession("", [Send(str(n)) for n in range(5)])
        async with server(handler) as url:
            session.url = url
            async with capturing([source(session, client_messages_per_s=2)], MemoryJournal()):
                await until(lambda: len(arrived) == 5)
        assert [text for _, text in arrived] == ["0", "1", "2", "3", "4"]
        for (earlier, _), (later, _) in zip(arrived, arrived[2:], strict=False):
            assert later - earlier > 0.9

    asyncio.run(scenario())


def test_a_refusal_with_retry_after_is_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[float] = []

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        del request
        asked.append(time.monotonic())
        if len(asked) == 1:
            response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down")
            response.headers["Retry-After"] = "2"
            return response
        return None

    async def handler(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler, process_request=refuse) as url, capturing([source(PlainSession(url))], journal):
            await until(journal.frames)
        assert asked[1] - asked[0] > 1.9
        assert "HTTP 429" in caplog.text
        assert "breadboard up" in caplog.text

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "place", ["https://status.example.com/maintenance", "ws://127.0.0.1:9/#top", "ws://x:abc/", ""]
)
def test_a_redirect_ends_neither_its_own_line_nor_the_others(place: str, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(1)
        location = f"Location: {place}\r\n" if place else ""
        writer.write(f"HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def handler(connection: ServerConnection) -> None:
        while True:
            await connection.send("hello")
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as good, await asyncio.start_server(redirect, "127.0.0.1", 0) as moved:
            bad = f"ws://127.0.0.1:{moved.sockets[0].getsockname()[1]}/"
            other = Source(1, ("BTCUSDT",), capabilities(), PlainSession(good))
            async with capturing([source(PlainSession(bad)), other], journal) as capture:
                await until(lambda: len(asked) >= 3)
                told = len(journal.frames())
                await until(lambda: len(journal.frames()) > told + 10)
                moved_away = capture.status().sources[0]
                assert (moved_away.connects, moved_away.connected) == (0, False)
                assert moved_away.last_error.startswith("the server answered HTTP 302")
                assert moved_away.last_error.endswith(f" and points to {place}" if place else "302")
            assert not capture.broken

    asyncio.run(scenario())
    assert "broke; capture stops" not in caplog.text


def test_a_venue_that_cannot_be_reached_is_told_once_in_words(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with capturing([source(PlainSession("ws://me:hunter2@127.0.0.1:9/x"))], MemoryJournal()) as capture:
            await until(lambda: sum(s.failures for s in capture.status().sources) >= 3)

    asyncio.run(scenario())
    told = [record.getMessage() for record in caplog.records if "cannot be reached" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("BINANCE (source 0) cannot be reached at 127.0.0.1:9: ")
    assert "hunter2" not in caplog.text
    assert "Errno" not in told[0]
    assert "hint: breadboard up" in told[0]


def test_a_mute_venue_is_left_after_its_heartbeat_and_patience_doubles_for_thin_symbols() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def scenario() -> None:
        journal = MemoryJournal()
        async with server(handler) as url, capturing([source(PlainSession(url), heartbeat_s=0.5)], journal):
            await until(lambda: len([e for e in journal.epochs() if not e.open]) == 3)
        ended = [e.reason for e in journal.epochs() if not e.open]
        assert ended == ["mute: no data for 0.5 s", "mute: no data for 0.5 s", "mute: no data for 1 s"]

    asyncio.run(scenario())


def test_the_simulators_mute_fault_is_noticed() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500, faults="mute:0.5") as venue:
            session = PlainSession(streams(venue, "trade", "bookTicker"))
            async with capturing([source(session, heartbeat_s=1.0)], journal):
                await until(lambda: len(journal.epochs()) >= 3)
        assert journal.epochs()[1].reason == "mute: no data for 1 s"
        assert journal.gaps()[0].ts_from < journal.gaps()[0].ts_to - 1_000_000_000

    asyncio.run(scenario())


def test_an_old_connection_is_renewed_before_the_venue_ends_it() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        async with simulator(rate=500) as venue:
            session = PlainSession(streams(venue, "trade", "bookTicker"))
            async with capturing([source(session, connection_lifetime_s=1.0)], journal):
                await until(lambda: len(journal.epochs()) >= 3)
        assert journal.epochs()[1].reason.startswith("planned")

    asyncio.run(scenario())


def test_a_frozen_venue_is_noticed_within_eight_seconds(tmp_path: Path) -> None:
    script = tmp_path / "venue.py"
    script.write_text(
        "import asyncio\nfrom breadboard.sim.serve import serve\n"
        "asyncio.run(serve('binance', rate=200, ready=lambda s: print(s.port, flush=True)))\n"
    )

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        journal = MemoryJournal()
        try:
            session = PlainSession(f"ws://127.0.0.1:{port}/stream?streams=btcusdt@trade/btcusdt@bookTicker")
            async with capturing([source(session)], journal):
                await until(lambda: len(journal.frames()) > 5)
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


def test_a_step_of_the_wall_clock_ends_no_connection() -> None:
    from breadboard.capture.driver import Capture
    from breadboard.clock import SystemClock

    class Stepping(SystemClock):
        shift = 0

        def wall(self) -> int:
            return super().wall() + self.shift

    async def scenario() -> None:
        clock, journal = Stepping(), MemoryJournal()
        async with simulator(rate=500) as venue:
            session = PlainSession(streams(venue, "trade", "bookTicker"))
            capture = Capture([source(session, heartbeat_s=2.0)], journal, clock=clock)
            task = asyncio.create_task(capture.run())
            for shift in (3_600_000_000_000, -86_400_000_000_000, 6_000_000):
                count = len(journal.frames())
                await until(lambda count=count: len(journal.frames()) > count + 20)  # type: ignore[misc]  # a default binds it
                clock.shift = shift
            await until(lambda: len([c for c in journal.clocks() if c["step_ns"]]) == 3)
            capture.stop()
            await task
            got = journal.frames()
            assert got == venue.truth.connections[0].payloads[: len(got)]
        assert len(journal.epochs()) == 2
        steps = [round(c["step_ns"] / 1e9, 3) for c in journal.clocks() if c["step_ns"]]
        assert steps == pytest.approx([3600, -90_000, 86_400.006], abs=0.005)

    asyncio.run(scenario())
