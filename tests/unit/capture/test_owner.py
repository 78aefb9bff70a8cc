"""One connection a key, over all sources and processes; and how a kicked line finds back."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from breadboard.capture.owner import Owner
from breadboard.capture.source import Source
from breadboard.capture.turns import Turnstiles
from breadboard.conversations import Reconnect
from capture_fakes import MemoryJournal, PlainSession, capabilities, capturing, until


def source(session: PlainSession, owner: Owner | None = None, **rules: Any) -> Source:  # noqa: ANN401 - any capability
    return Source(0, ("AAPL",), capabilities(single_connection=True, venue="MASSIVE", **rules), session, owner=owner)


def test_the_second_owner_of_a_key_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = Owner(tmp_path / "run", "MASSIVE", "sesame"), Owner(tmp_path / "run", "MASSIVE", "sesame")
    other = Owner(tmp_path / "run", "MASSIVE", "other")
    assert first.take()
    assert first.take(), "it has it already"
    assert not second.take()
    assert other.take()
    first.release()
    assert second.take()
    for owner in (first, second, other):
        owner.release()


def test_no_file_and_no_name_holds_the_key(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "run", "MASSIVE", "sesame")
    assert owner.take()
    (path,) = (tmp_path / "run").iterdir()
    assert "sesame" not in path.name
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o077 == 0
    owner.release()


def test_another_process_has_it_for_as_long_as_it_lives(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\nfrom breadboard.capture.owner import Owner\n"
        "owner = Owner(pathlib.Path(sys.argv[1]), 'MASSIVE', 'sesame')\n"
        "print(owner.take(), flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        mine = Owner(tmp_path, "MASSIVE", "sesame")
        assert not mine.take()
        process.kill()
        process.wait()
        assert mine.take(), "the kernel lets go when a process dies"
        mine.release()


def test_a_line_whose_key_is_taken_does_not_connect_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_connection: ServerConnection) -> None:
        pytest.fail("connected although the key is taken")

    async def scenario() -> None:
        taken = Owner(tmp_path, "MASSIVE", "sesame")
        assert taken.take()
        async with serve(handler, "127.0.0.1", 0) as running:
            url = f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"
            mine = source(PlainSession(url), Owner(tmp_path, "MASSIVE", "sesame"))
            async with capturing([mine], MemoryJournal()) as capture:
                await until(lambda: capture.status().sources and capture.status().sources[0].failures)
                told = capture.status().sources[0].last_error
        assert told == "another breadboard on this machine holds the one connection that MASSIVE allows a key"
        assert "sesame" not in caplog.text
        taken.release()

    asyncio.run(scenario())


class OnlyOne:
    """A venue that counts connections and throws out the older; a frozen one is counted until ``forgets_s``."""

    def __init__(self, forgets_s: float) -> None:
        self.forgets_s = forgets_s
        self.counted: list[ServerConnection] = []
        self.kicks = 0

    async def handle(self, connection: ServerConnection) -> None:
        if self.counted:
            self.kicks += 1
            await connection.close(1008, "Maximum number of websocket connections exceeded")
            return
        self.counted.append(connection)
        await connection.send("hello")
        await connection.wait_closed()
        await asyncio.sleep(self.forgets_s)
        self.counted.remove(connection)


def waits(lived_s: float, *, dismissed: bool, single: bool = True) -> float:
    """Return how long a line waits after a connection, on a clock that needs no time to pass."""
    from random import Random

    from breadboard.capture.appender import Appender
    from breadboard.capture.backoff import Pacer
    from breadboard.capture.clockwatch import ClockWatch
    from breadboard.capture.line import Line
    from breadboard.capture.source import Surroundings
    from breadboard.clock import ManualClock

    async def scenario() -> float:
        clock = ManualClock()
        appender = Appender(MemoryJournal(), clock)
        around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock), Turnstiles(clock))
        held: list[ServerConnection] = []

        async def handler(connection: ServerConnection) -> None:
            held.append(connection)
            await connection.send("hello")
            await until(lambda: line.counters.frames)
            clock.advance(int(lived_s * 1e9))
            if dismissed:
                await connection.close(1001, "good-bye")
            else:
                connection.transport.abort()

        async with serve(handler, "127.0.0.1", 0) as running:
            session = PlainSession(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/")
            rules = capabilities(single_connection=single)
            line = Line(Source(0, ("AAPL",), rules, session), around)
            return await line._once()

    return asyncio.run(scenario())


def test_a_line_that_was_cut_or_kicked_waits_until_the_venue_no_longer_counts_it() -> None:
    assert waits(500.0, dismissed=False) == 35.0
    assert waits(5.0, dismissed=True) == 35.0, "thrown out at once: the venue still counts another"
    assert waits(500.0, dismissed=True) < 1.0, "closed in form: nothing is counted"
    assert waits(500.0, dismissed=False, single=False) < 1.0


@pytest.mark.parametrize("forgets_s", [0.2, 1.5])
def test_a_venue_with_a_limit_of_one_and_a_dead_connection_that_it_still_counts_is_won_back(
    forgets_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule of 35 s against a venue that forgets after up to 30 s, ten times as fast."""
    monkeypatch.setattr("breadboard.capture.line.KICKED_WAIT_S", 1.75)
    venue = OnlyOne(forgets_s)

    async def scenario() -> None:
        journal = MemoryJournal()
        async with serve(venue.handle, "127.0.0.1", 0) as running:
            session = PlainSession(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/")
            async with capturing([source(session)], journal):
                await until(lambda: len(journal.frames()) == 1)
                began = time.monotonic()
                venue.counted[0].transport.abort()
                await until(lambda: len(journal.frames()) == 2)
                assert time.monotonic() - began < 3.0, "a minute, ten (twenty) times as fast"
        assert venue.kicks <= 1

    asyncio.run(scenario())


def test_a_session_that_asks_for_a_pause_gets_it() -> None:
    times: list[float] = []

    async def handler(connection: ServerConnection) -> None:
        times.append(time.monotonic())
        await connection.send("max_connections")
        await connection.wait_closed()

    class Asking(PlainSession):
        def on_frames(self, frames: Any) -> Any:  # noqa: ANN401 - as the Session's
            del frames
            return [Reconnect("too many connections", 2.0)] if len(times) == 1 else []

    async def scenario() -> None:
        async with serve(handler, "127.0.0.1", 0) as running:
            session = Asking(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/")
            async with capturing([Source(0, ("A",), capabilities(), session)], MemoryJournal()):
                await until(lambda: len(times) == 2)
        assert 2.0 <= times[1] - times[0] < 3.5

    asyncio.run(scenario())
