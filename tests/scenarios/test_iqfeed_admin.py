"""The admin port beside Level 1 and Level 2: what it says is on record, and where it fails nothing else does."""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breadboard import journal
from breadboard.app import client, status
from breadboard.app.places import Places, RunState
from breadboard.capture.driver import Capture
from breadboard.capture.planning import plan_sources
from breadboard.capture.status import Counters
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import EventKind, GapReason, RecordKind, StatusCode
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics
from capture_fakes import capturing, simulator, until
from simulated import Follower

LEVEL1, DEPTH, ADMIN = 0, 1, 2
CUT_OFF = "the gateway is without the vendor's servers"


def with_gateway(play: Callable[[str], Awaitable[None]], faults: str = "") -> None:
    async def scenario() -> None:
        async with simulator("iqfeed", symbols=("ABCD", "EFGH"), rate=400, faults=faults) as sim:
            await play(sim.url)

    asyncio.run(scenario())


@asynccontextmanager
async def recording(directory: Path, url: str) -> AsyncIterator[Capture]:
    config = FeedConfig(venue="iqfeed", symbols=("ABCD", "EFGH"), url=url)
    writer = journal.Writer.open(directory / "journal")
    async with capturing(plan_sources([config], FEEDS), writer, directory / "capture.json") as capture:
        yield capture


def sources(capture: Capture) -> list[Counters]:
    return list(capture.status().sources) or [Counters(each, "IQFEED", 0) for each in (LEVEL1, DEPTH, ADMIN)]


def records(directory: Path, source: int, kind: RecordKind) -> list[bytes]:
    reader, found = journal.Reader.open(directory / "journal"), []
    while (frames := reader.read(50_000)) is not None:
        found += list(frames.take((frames.source == source) & (frames.kind == kind)).frames())
    reader.close()
    return found


def rows(directory: Path, source: int) -> tuple[list[tuple[EventKind, int]], list[Gap], Mapping[str, Any]]:
    """What the engine makes of a source but heartbeats, its gaps, and the summary of all."""
    follower = Follower(directory / "journal")
    follower.catch_up()
    told = [
        (EventKind(kind), code)
        for tape in follower.tapes
        for kind, code, which in zip(tape.kind.tolist(), tape.code.tolist(), tape.source.tolist(), strict=True)
        if which == source and (kind, code) != (EventKind.STATUS, StatusCode.HEARTBEAT)
    ]
    gaps = [gap for gap in follower.gaps if gap.source == source]
    summary = follower.engine.summary()
    follower.close()
    return told, gaps, summary


def metrics_of(capture: Capture) -> str:
    told = msgspec.to_builtins(capture.status())
    return Metrics(LagBoard(), lambda: told).exposition().decode()


def test_a_gateway_that_loses_its_servers_says_so_on_the_admin_port_and_that_it_found_them(tmp_path: Path) -> None:
    async def play(url: str) -> None:
        async with recording(tmp_path, url) as capture:
            await until(lambda: sources(capture)[ADMIN].facts.get("server_connected") is True)
            assert sources(capture)[LEVEL1].facts == {"delayed": False}
            await until(lambda: sources(capture)[ADMIN].troubles == [CUT_OFF])
            assert 'gateway_server_connected{source="2",venue="IQFEED"} 0.0' in metrics_of(capture)
            await until(lambda: sources(capture)[ADMIN].facts.get("reconnections") == 1)
            assert sources(capture)[ADMIN].troubles == []
            text = metrics_of(capture)
            assert 'gateway_server_connected{source="2",venue="IQFEED"} 1.0' in text
            assert 'gateway_reconnections{source="2",venue="IQFEED"} 1.0' in text
            assert 'gateway_clients{source="2",venue="IQFEED"} 3.0' in text
            assert 'gateway_symbols_watched{source="2",venue="IQFEED"} 2.0' in text

    with_gateway(play, "server-disconnected:2")
    said = [line.split(b",")[12] for line in records(tmp_path, ADMIN, RecordKind.DATA) if line[:8] == b"S,STATS,"]
    changes = [one for one, before in zip(said, [b"", *said], strict=False) if one != before]
    assert changes[:3] == [b"Connected", b"Not Connected", b"Connected"]
    told, gaps, summary = rows(tmp_path, ADMIN)
    assert told[:5] == [
        (EventKind.STATUS, StatusCode.FEED_UP),
        (EventKind.GAP, GapReason.DISCONNECT),
        (EventKind.STATUS, StatusCode.STALE),
        (EventKind.GAP, GapReason.DISCONNECT),
        (EventKind.STATUS, StatusCode.FEED_UP),
    ]
    lost, found = gaps[:2]
    assert (lost.detail, found.detail) == (
        "the gateway has lost the servers",
        "the gateway was without its servers",
    )
    assert lost.ts_to == found.ts_from
    assert 2.0 <= (found.ts_to - found.ts_from) / 1e9 <= 4.5, "three seconds, seen once a second"
    assert summary["quarantined"] == 0


def test_level_1_and_admin_tell_of_the_same_outage_in_the_same_words(tmp_path: Path) -> None:
    async def play(url: str) -> None:
        async with recording(tmp_path, url) as capture:
            await until(lambda: sources(capture)[ADMIN].facts.get("reconnections") == 1)

    with_gateway(play, "server-disconnected:2")
    (one, first, _), (other, second, _) = (rows(tmp_path, source) for source in (LEVEL1, ADMIN))
    of_venue = {EventKind.STATUS, EventKind.GAP}
    assert [row for row in one if row[0] in of_venue][:5] == other[:5]
    assert [gap.detail for gap in first[:2]] == [gap.detail for gap in second[:2]]
    assert abs(first[0].ts_to - second[0].ts_to) < 1.5e9


def test_an_account_that_is_delayed_is_shown(tmp_path: Path) -> None:
    async def play(url: str) -> None:
        async with recording(tmp_path, url) as capture:
            await until(lambda: sources(capture)[LEVEL1].facts == {"delayed": True})
            assert 'gateway_delayed{source="0",venue="IQFEED"} 1.0' in metrics_of(capture)

    with_gateway(play, "delayed")


def test_a_refused_admin_port_costs_level_1_and_level_2_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(url: str) -> None:
        async with recording(tmp_path, re.sub(r"admin=\d+", "admin=1", url)) as capture:
            await until(lambda: sources(capture)[ADMIN].failures >= 3)
            assert [(each.connected, each.reconnects, each.gaps) for each in sources(capture)[:ADMIN]] == [
                (True, 0, 0)
            ] * 2
            assert not sources(capture)[ADMIN].connected
            text = metrics_of(capture)
            assert 'breadboard_aside_connected{source="2",venue="IQFEED"} 0.0' in text
            assert 'breadboard_source_connected{source="2",venue="IQFEED"}' not in text
            monkeypatch.setattr(client, "get_json", lambda *_arguments, **_options: {"reasons": []})
            places = Places(tmp_path).made()
            places.write_state(RunState(os.getpid(), "http://127.0.0.1:1", 0, {"capture": 1, "serve": 2}, "live"))
            (places.run / "capture.json").write_bytes(msgspec.json.encode(capture.status()))
            found = status.read(tmp_path)
            assert (found["state"], found["reasons"]) == (status.OK, [])
            (remark,) = found["remarks"]
            assert remark.startswith("IQFEED admin (source 2) is not connected: ")
            assert remark.endswith("no data is lost without it")

    with caplog.at_level(logging.WARNING):
        with_gateway(play)
    told = [record.getMessage() for record in caplog.records if "cannot be reached" in record.getMessage()]
    assert len(told) == 1
    assert re.match(
        r"IQFEED admin \(source 2\) cannot be reached at 127\.0\.0\.1:1: .*; no IQFEED data is lost", told[0]
    )
    assert told[0].endswith('channels = ["trade", "quote", "book"]   # under [[feeds]], to do without it')
    assert all(records(tmp_path, ADMIN, kind) == [] for kind in RecordKind)
    assert records(tmp_path, LEVEL1, RecordKind.DATA)
    assert records(tmp_path, DEPTH, RecordKind.DATA)
    assert [records(tmp_path, source, RecordKind.GAP) for source in (LEVEL1, DEPTH)] == [[], []]


def test_an_admin_connection_that_is_cut_comes_back_by_itself_and_nobody_else_notices(tmp_path: Path) -> None:
    async def play(url: str) -> None:
        port = int(re.search(r"admin=(\d+)", url)[1])  # type: ignore[index]  # the simulator's address names it
        async with (
            between(port) as (place, cut),
            recording(tmp_path, url.replace(f"admin={port}", f"admin={place}")) as capture,
        ):
            await until(lambda: "server_connected" in sources(capture)[ADMIN].facts)
            cut()
            await until(lambda: not sources(capture)[ADMIN].connected)
            assert sources(capture)[ADMIN].facts == {}
            await until(lambda: "server_connected" in sources(capture)[ADMIN].facts)
            assert [each.reconnects for each in sources(capture)] == [0, 0, 1]

    with_gateway(play)
    (gap,) = (msgspec.json.decode(each, type=Gap) for each in records(tmp_path, ADMIN, RecordKind.GAP))
    assert (gap.source, gap.reason) == (ADMIN, GapReason.DISCONNECT)
    assert [records(tmp_path, source, RecordKind.GAP) for source in (LEVEL1, DEPTH)] == [[], []]
    epochs = [msgspec.json.decode(each, type=Epoch) for each in records(tmp_path, ADMIN, RecordKind.EPOCH)]
    assert [(epoch.epoch, epoch.open, epoch.aside) for epoch in epochs] == [
        (1, True, "admin"),
        (1, False, "admin"),
        (2, True, "admin"),
        (2, False, "admin"),
    ]


@asynccontextmanager
async def between(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A place that hands bytes on to a port and back, and what cuts its connections."""
    writers: list[asyncio.StreamWriter] = []

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, there[1]))
        await asyncio.gather(hand_on(reader, there[1]), hand_on(there[0], writer))

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], cut
        cut()


def test_a_password_that_the_gateway_repeats_is_in_no_file_also_where_its_line_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQFEED_LOGIN", "someone")
    monkeypatch.setenv("IQFEED_PASSWORD", "hunter2-and-more")

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith((b"S,SET LOGINID", b"S,SET PASSWORD")):
                writer.write(line.replace(b"SET", b"CURRENT"))
            if line.startswith(b"S,CLIENTSTATS"):
                writer.write(b"S,CURRENT PASSWORD,hunter2-and")
                break
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(repeat, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            config = FeedConfig(
                venue="iqfeed", symbols=("A",), channels=("admin",), url=f"tcp://127.0.0.1:1?admin={port}"
            )
            writer = journal.Writer.open(tmp_path / "journal", compress=False)
            async with capturing(plan_sources([config], FEEDS), writer, tmp_path / "capture.json") as capture:
                await until(lambda: sources(capture)[0].reconnects >= 1)

    asyncio.run(scenario())
    assert records(tmp_path, 0, RecordKind.DATA)[:2] == [b"S,CURRENT LOGINID,***", b"S,CURRENT PASSWORD,***"]
    assert records(tmp_path, 0, RecordKind.QUARANTINE)[0] == b"S,CURRENT PASSWORD,***"
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"CURRENT PASSWORD,***" in written
    assert b"hunter2" not in written
    assert b"someone" not in written
