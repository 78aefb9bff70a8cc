"""Massive from the simulator through capture, journal, engine and store: repeats, gaps, keys, refused logins."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.asyncio.client import connect

from breadboard import journal
from breadboard.capture.planning import plan_sources
from breadboard.cli import run
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.feeds.massive import MASSIVE
from breadboard.feeds.massive_calls import trades
from breadboard.model.frames import Frames
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, RecordKind, StatusCode, Uncounted
from capture_fakes import capturing, simulator, until
from feed_samples import document
from samples.massive import ADMITTED, CONNECTED, frame

KEY = "k3y-that-nobody-may-read"
START_MS = 1_767_366_000_000  # 2026-01-02 15:00 UTC, a Friday morning in New York


def config(url: str, symbols: tuple[str, ...], key: str = KEY) -> FeedConfig:
    return FeedConfig(venue="massive", symbols=symbols, channels=("trade", "quote"), url=url, key=key)


def written(directory: Path) -> Frames:
    reader = journal.Reader.open(directory)
    parts = []
    while (frames := reader.read(10_000)) is not None:
        parts.append(frames)
    reader.close()
    return Frames.join(parts)


def trade(number: int) -> bytes:
    return b'{"ev":"T","sym":"MSFT","x":%d,"i":"%d","z":3,"p":%d.25,"s":10,"t":%d,"q":%d}' % (
        11 + number % 2,
        number // 2,
        100 + number % 7,
        START_MS + number * 10,
        3 * number,
    )


def test_the_last_thousand_trades_again_at_each_of_a_hundred_reconnects_leave_no_duplicate_in_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = list(range(1, 1201))
    lines = [frame(*map(trade, numbers[i : i + 40])) for i in range(0, len(numbers), 40)]
    for _ in range(100):
        lines += [CONNECTED, ADMITTED]
        lines += [frame(*map(trade, numbers[-1000:][i : i + 250])) for i in range(0, 1000, 250)]
        numbers += range(numbers[-1] + 1, numbers[-1] + 11)
        lines.append(frame(*map(trade, numbers[-10:])))
    path = tmp_path / "recorded"
    stamps = range(START_MS * 1_000_000, START_MS * 1_000_000 + len(lines))
    path.write_bytes(b"".join(b"%d %b\n" % pair for pair in zip(stamps, lines, strict=True)))
    data = tmp_path / "data"
    words = ["replay", str(path), "--venue", "massive", "--format", "hftbacktest", "--data-dir", str(data), "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["quarantined"], told["gaps"], told["control"]) == (0, 0, 200)

    def ask(query: str) -> Any:  # noqa: ANN401 - rows of any columns
        assert run(["sql", query, "--data-dir", str(data), "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)["data"]

    (row,) = ask("select count() n, uniqExact(sequence) q, sum(size) s from trades where venue = 'MASSIVE'")
    assert (row["n"], row["q"], float(row["s"])) == (2200, 2200, 22_000.0)
    (bar,) = ask("select sum(volume) v, sum(trades) n from bars where interval = '1s'")
    assert (float(bar["v"]), bar["n"]) == (22_000.0, 2200)


def test_the_table_of_conditions_is_on_record_before_the_trades_that_it_decides(tmp_path: Path) -> None:
    async def scenario() -> Frames:
        async with simulator("massive", rate=400, symbols=["AAPL"]) as sim:
            writer = journal.Writer.open(tmp_path / "journal")
            wanted = msgspec.structs.replace(config(sim.url, ("AAPL",)), rest_url=sim.rest_url)
            async with capturing(plan_sources([wanted], FEEDS), writer) as capture:
                await until(lambda: sum(s.frames for s in capture.status().sources) >= 100, 30)
        return written(tmp_path / "journal")

    frames = asyncio.run(scenario())
    documents = [frame for frame in frames.take(frames.kind == RecordKind.DOCUMENT).frames() if b"conditions" in frame]
    assert len(documents) == 1
    assert KEY.encode() not in documents[0]
    venues = frames.take((frames.kind == RecordKind.DATA) | (frames.kind == RecordKind.DOCUMENT))
    whole = FEEDS["massive"].decoder(Instruments()).decode(venues)
    assert whole.quarantined == ()
    told = whole.tape.kind == EventKind.TRADE
    after = told & (whole.tape.offset > int(frames.offset[frames.kind == RecordKind.DOCUMENT][0]))
    odd = whole.tape.size < 100 * 10**8
    assert 0 < np.count_nonzero(after & odd) < np.count_nonzero(after)
    assert np.array_equal(whole.tape.code[after], np.where(odd[after], Uncounted.PRICES.everywhere, 0))
    singly, pieces = FEEDS["massive"].decoder(Instruments()), []
    for at in range(len(venues)):
        state, piece = singly.snapshot(), venues.take(slice(at, at + 1))
        singly = FEEDS["massive"].decoder(Instruments())
        singly.restore(state)
        pieces.append(singly.decode(piece).tape.code)
    assert np.array_equal(np.concatenate(pieces), whole.tape.code)


def test_what_an_outage_took_is_refilled_from_rest_without_a_duplicate(tmp_path: Path) -> None:
    async def scenario() -> tuple[Frames, list[tuple[int, bytes]], list[int]]:
        async with simulator("massive", rate=400, symbols=["AAPL"], faults="disconnect:2") as sim:
            writer = journal.Writer.open(tmp_path / "journal")
            # Capture waits half a minute before it uses such a key again; here that would be a long outage.
            feed = replace(MASSIVE, capabilities=replace(MASSIVE.capabilities, single_connection=False))
            async with capturing(plan_sources([config(sim.url, ("AAPL",))], {"massive": feed}), writer) as capture:
                await until(lambda: sum(s.connects for s in capture.status().sources) >= 4, 60)
                await asyncio.sleep(1.0)
            frames = written(tmp_path / "journal")
            gaps = [msgspec.json.decode(f, type=Gap) for f in frames.take(frames.kind == RecordKind.GAP).frames()]
            assert {gap.reason for gap in gaps} >= {GapReason.DISCONNECT}
            documents = []
            async with httpx.AsyncClient() as client:
                for gap in gaps:
                    # A second around it: our clock and the venue's need not agree, and repeats do no harm.
                    call = trades("AAPL", gap.ts_from - 10**9, gap.ts_to + 10**9)
                    answer = await client.get(call.url(sim.rest_url))
                    documents.append((gap.ts_to + 10**9, document("trades:AAPL", answer.content)))
                everything = (await client.get(f"{sim.rest_url}/v3/trades/AAPL?order=asc&limit=50000")).json()
            return frames, documents, [result["sequence_number"] for result in everything["results"]]

    frames, documents, made = asyncio.run(scenario())
    data = frames.take(frames.kind == RecordKind.DATA)
    told = [(ts, RecordKind.DATA, raw) for ts, raw in zip(data.ts_recv.tolist(), data.frames(), strict=True)]
    told = sorted(told + [(ts, RecordKind.DOCUMENT, raw) for ts, raw in documents], key=lambda one: one[0])
    mixed = Frames.of([raw for _, _, raw in told], [ts for ts, _, _ in told], kind=RecordKind.DATA)
    mixed.kind[:] = [kind for _, kind, _ in told]
    decoded = FEEDS["massive"].decoder(Instruments()).decode(mixed)
    assert decoded.quarantined == ()
    tape = decoded.tape
    new = (tape.kind == EventKind.TRADE) & ((tape.flags & Flag.DUPLICATE) == 0)
    fetched = (tape.flags & Flag.HISTORY) != 0
    heard, refilled = ([int(q) for q in tape.sequence[new & rows]] for rows in (~fetched, fetched))
    assert Counter(heard + refilled).most_common(1)[0][1] == 1, "no trade counts twice"
    between = [q for q in made if min(heard) <= q <= max(heard)]
    lost = set(between) - set(heard)
    assert lost, "the outages took something"
    assert lost <= set(refilled)


def test_the_key_is_nowhere_on_disk_and_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    async def scenario() -> None:
        async with simulator("massive", rate=500, symbols=["AAPL"]) as sim:
            writer = journal.Writer.open(tmp_path / "journal")
            sources = plan_sources([config(sim.url, ("AAPL",))], FEEDS)
            async with capturing(sources, writer, tmp_path / "capture.json") as capture:
                await until(lambda: sum(source.frames for source in capture.status().sources) > 100)
            assert KEY not in repr(sources[0].session)

    asyncio.run(scenario())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in caplog.text
    assert not [f for f in written(tmp_path / "journal").frames() if KEY.encode() in f]


@pytest.mark.parametrize("why", ["crowded", "denied"])
def test_a_refused_login_is_on_the_tape_and_not_tried_again_at_once(why: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=100, symbols=["AAPL"]) as sim, connect(sim.url) as other:
            if why == "crowded":
                await other.recv()
                await other.send(json.dumps({"action": "auth", "params": KEY}))
                await other.recv()
            writer = journal.Writer.open(tmp_path / "journal")
            key = KEY if why == "crowded" else "bad"
            async with capturing(plan_sources([config(sim.url, ("AAPL",), key)], FEEDS), writer):
                await asyncio.sleep(4.0)
            assert len(sim.truth.connections) == 2, "the other one, and one of ours"

    asyncio.run(scenario())
    frames = written(tmp_path / "journal")
    decoded = FEEDS["massive"].decoder(Instruments()).decode(frames.take(frames.kind == RecordKind.DATA))
    codes = {"crowded": [StatusCode.LOGGED_IN, StatusCode.VENUE_ERROR], "denied": [StatusCode.NOT_ENTITLED]}[why]
    assert decoded.tape.code.tolist() == codes


def test_a_delayed_feed_says_so_on_every_row(tmp_path: Path) -> None:
    from breadboard.config import EngineConfig
    from breadboard.engine.core import Engine
    from breadboard.feeds import by_venue

    async def scenario() -> None:
        async with simulator("massive-delayed", rate=500, symbols=["AAPL"]) as sim:
            feed = FeedConfig(venue="massive-delayed", symbols=("AAPL",), url=sim.url, key=KEY)
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(plan_sources([feed], FEEDS), writer) as capture:
                await until(lambda: sum(source.frames for source in capture.status().sources) > 100)

    asyncio.run(scenario())
    tape = Engine(by_venue, EngineConfig()).process(written(tmp_path / "journal")).tape
    is_trade = tape.kind == EventKind.TRADE
    assert is_trade.sum() > 50
    assert (tape.flags[is_trade] & Flag.DELAYED).all()
