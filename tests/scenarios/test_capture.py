"""Capture with the real sessions and the real journal, against simulated venues on real sockets."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import uvloop

from breadboard import journal
from breadboard.app.past import history
from breadboard.capture.driver import Capture
from breadboard.capture.planning import History, plan_sources
from breadboard.capture.status import Counters
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead, Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.recordings import Batch, open_recording
from breadboard.sim.serve import Serving
from capture_fakes import capturing, simulator, until
from feed_samples import SAMPLES
from recordings import recording

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run(loop: str, scenario: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario)


def written(directory: Path) -> Frames:
    reader = journal.Reader.open(directory)
    parts = []
    while (frames := reader.read(10_000)) is not None:
        parts.append(frames)
    reader.close()
    return Frames.join(parts)


def of_kind(frames: Frames, kind: RecordKind, epoch: int | None = None) -> list[bytes]:
    rows = frames.kind == kind
    return frames.take(rows if epoch is None else rows & (frames.epoch == epoch)).frames()


def config(sim: Serving, symbols: Sequence[str]) -> FeedConfig:
    key = SAMPLES[sim.venue].key
    return FeedConfig(venue=sim.venue, symbols=tuple(symbols), url=sim.url, rest_url=sim.rest_url, key=key)


def has_frames(capture: Capture, count: int) -> bool:
    return sum(counters.frames for counters in capture.status().sources) >= count


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("venue", list(FEEDS))
def test_what_the_simulator_sent_is_what_the_journal_holds(venue: str, loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulator(venue, rate=2000, symbols=3) as sim:
            sources = plan_sources([config(sim, sim.symbols)], FEEDS)
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(sources, writer, tmp_path / "capture.json") as capture:
                await until(partial(has_frames, capture, SAMPLES[venue].enough))
            sent = [connection.payloads for connection in sim.truth.connections]
            frames = written(tmp_path / "journal")
            can = sources[0].capabilities
            groups = sum(not set(group).isdisjoint(can.channels) for group in can.channel_groups)
            assert len(sent) == len(sources) == max(1, groups)
            for source in sources:
                got = of_kind(frames.take(frames.source == source.source), RecordKind.DATA)
                assert got
                sent.remove(next(payloads for payloads in sent if got == payloads[: len(got)]))
            assert len(of_kind(frames, RecordKind.DATA)) >= SAMPLES[venue].enough
        assert np.array_equal(frames.offset, np.arange(len(frames)))
        for source in sources:
            own = of_kind(frames.take(frames.source == source.source), RecordKind.EPOCH)
            opened, closed = (msgspec.json.decode(f, type=Epoch) for f in own)
            assert (opened.venue, opened.provenance) == (source.capabilities.venue, Provenance.SYNTHETIC)
            assert closed.reason == "capture was stopped"
        heads = [
            msgspec.json.decode(f.partition(b"\n")[0], type=DocumentHead) for f in of_kind(frames, RecordKind.DOCUMENT)
        ]
        assert {head.tag for head in heads} == {tag.format(s) for tag in SAMPLES[venue].documents for s in sim.symbols}
        assert {head.status for head in heads} <= {200}

    run(loop, scenario())


def test_a_second_run_tells_of_the_restart_and_counts_the_connections_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulator(rate=1000, symbols=1) as sim:
            known: dict[int, History] = {}
            for number in (1, 2, 3):
                writer = journal.Writer.open(tmp_path / "journal")
                async with capturing(plan_sources([config(sim, sim.symbols)], FEEDS, known), writer) as capture:
                    await until(partial(has_frames, capture, 100))
                known = history(tmp_path / "journal")
                assert known[0].epoch == number

    asyncio.run(scenario())
    frames = written(tmp_path / "journal")
    gaps = [msgspec.json.decode(f, type=Gap) for f in of_kind(frames, RecordKind.GAP)]
    assert [gap.reason for gap in gaps] == [GapReason.RESTART, GapReason.DISCONNECT] * 2
    stamps = frames.ts_recv[frames.kind == RecordKind.DATA]
    for restart, waiting in zip(gaps[::2], gaps[1::2], strict=True):
        assert restart.ts_to == waiting.ts_from
        assert not ((stamps > restart.ts_from) & (stamps < waiting.ts_to)).any()


def test_the_status_file_tells_what_was_counted(tmp_path: Path) -> None:
    class Told(msgspec.Struct):
        sources: list[Counters]
        journal_refusing: bool

    async def scenario() -> None:
        path = tmp_path / "capture.json"
        async with simulator(rate=1000, symbols=2) as sim:
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(plan_sources([config(sim, sim.symbols)], FEEDS), writer, path):
                await until(lambda: path.exists() and b'"connected":true' in path.read_bytes())
        told = msgspec.json.decode(path.read_bytes(), type=Told)
        frames = written(tmp_path / "journal")
        assert told.sources[0].frames == len(of_kind(frames, RecordKind.DATA))
        assert told.sources[0].bytes == sum(map(len, of_kind(frames, RecordKind.DATA)))
        assert told.sources[0].documents == len(of_kind(frames, RecordKind.DOCUMENT))
        assert (told.sources[0].connects, told.sources[0].connected, told.journal_refusing) == (1, False, False)

    asyncio.run(scenario())


def test_the_measured_rates_are_written_and_summed_by_tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.capture.driver.TIERS_EVERY", 20)
    monkeypatch.setattr("breadboard.capture.driver.TIERS_SEEN_EVERY", 10)

    async def scenario() -> None:
        path, tiers_path = tmp_path / "capture.json", tmp_path / "tiers.json"
        async with simulator(rate=300, symbols=2) as sim:
            feed = msgspec.structs.replace(config(sim, sim.symbols), tiers={sim.symbols[0]: "liquid"})
            writer = journal.Writer.open(tmp_path / "journal")
            capture = Capture(plan_sources([feed], FEEDS), writer, status_path=path, tiers_path=tiers_path)
            task = asyncio.create_task(capture.run())
            await until(lambda: tiers_path.exists() and b'"suggested":"liquid"' in tiers_path.read_bytes())
            await until(lambda: capture.status().tiers.get("liquid") and capture.status().tiers["liquid"].msg_per_s > 1)
            capture.stop()
            await task
            told = msgspec.json.decode(tiers_path.read_bytes())
            assert [each["symbol"] for each in told["symbols"]] == sorted(sim.symbols)
            tiers = msgspec.json.decode(path.read_bytes())["tiers"]
            assert {name: each["symbols"] for name, each in tiers.items()} == {"liquid": 1, "unsaid": 1}

    asyncio.run(scenario())


class Recording:
    def __init__(self, path: Path, form: str, venue: str) -> None:
        self.arguments = ([path], form, venue)

    def __iter__(self) -> "Any":  # noqa: ANN401 - an iterator of batches
        return open_recording(*self.arguments)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_recording_played_at_full_speed_is_captured_as_it_was_recorded(loop: str, tmp_path: Path) -> None:
    path = recording("binance/btcusdt_20240808.gz")
    batches: list[Batch] = list(Recording(path, "hftbacktest", "BINANCE"))
    frames = [f for b in batches if b.kind == RecordKind.DATA for f in b.frames]
    documents = [f for b in batches if b.kind == RecordKind.DOCUMENT for f in b.frames]

    async def scenario() -> None:
        async with simulator(recording=batches, speed=0.0) as sim:
            sources = plan_sources([config(sim, ["BTCUSDT"])], FEEDS)
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(sources, writer) as capture:
                await until(partial(has_frames, capture, len(frames)), 60)

    run(loop, scenario())
    got = written(tmp_path / "journal")
    assert of_kind(got, RecordKind.DATA) == frames
    bodies = [f.partition(b"\n")[2] for f in of_kind(got, RecordKind.DOCUMENT)]
    assert bodies == [f.partition(b"\n")[2] for f in documents]
    before = next(i for i, b in enumerate(batches) if b.kind == RecordKind.DOCUMENT)
    place = sum(len(b.frames) for b in batches[:before] if b.kind == RecordKind.DATA)
    market = got.kind[(got.kind == RecordKind.DATA) | (got.kind == RecordKind.DOCUMENT)].tolist()
    # In its place, or one write of the player later: the answer comes by another socket.
    assert place <= market.index(RecordKind.DOCUMENT) <= place + 256
    epochs = [msgspec.json.decode(f, type=Epoch) for f in of_kind(got, RecordKind.EPOCH)]
    assert epochs[0].provenance == Provenance.REPLAY
    assert [gap for gap in of_kind(got, RecordKind.GAP) if b'"reason":3' in gap] == []
