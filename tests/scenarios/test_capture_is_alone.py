"""The serving process is frozen and killed while markets run; capture does not notice, and serving catches up."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from breadboard import journal
from breadboard.model.frames import Frames
from breadboard.model.kinds import RecordKind
from scenarios.house import House, Simulator, ask, engine_at_rest, replayed, say, wait_for

SEED = int(os.environ.get("BREADBOARD_SEED", "20241121"))
FROZEN_S = 8.0
KILLS = 4
RATE = 2000
MARKETS = {"binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT"), "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD")}


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[list[Simulator]]:
    started: list[Simulator] = []
    try:
        for venue, symbols in MARKETS.items():
            options = ("--symbols", ",".join(symbols), "--rate", str(RATE))
            started.append(Simulator(tmp_path / f"sim-{venue}.log", venue, *options))
        yield started
    finally:
        for each in started:
            each.stop()


@pytest.fixture
def house(tmp_path: Path, simulators: list[Simulator]) -> Iterator[House]:
    configuration = tmp_path / "breadboard.toml"
    configuration.write_text("\n".join(each.feed(MARKETS[each.venue]) for each in simulators))
    found = House(tmp_path / "data", "--config", str(configuration))
    yield found
    found.stop_anyhow()


def durable(house: House) -> int:
    return journal.info(house.places.journal).durable


def taken(house: House) -> list[int]:
    return [source["frames"] for source in house.capture()["sources"]]


def recorded(house: House) -> Frames:
    reader = journal.Reader.open(house.places.journal)
    parts = []
    while (frames := reader.read(65_536)) is not None:
        parts.append(frames)
    return Frames.join(parts)


def beginning(frames: Frames, source: int, count: int) -> dict[str, int]:
    """Number, bytes and checksum of the first ``count`` DATA frames of a source, as a simulator tells them."""
    ours = np.flatnonzero((frames.kind == RecordKind.DATA) & (frames.source == source))[:count]
    payloads = [frames.frame(row) for row in ours.tolist()]
    return {"frames": len(payloads), "bytes": sum(map(len, payloads)), "crc32": crc32(b"".join(payloads))}


def one_connection(simulator: Simulator) -> dict[str, Any]:
    """What was sent on the only connection there ever was; a second one would mean that capture was held up."""
    (connection,) = simulator.truth()["connections"]
    assert connection["end"] == ""
    return {name: connection[name] for name in ("frames", "bytes", "crc32")}


def test_a_frozen_and_a_killed_serving_process_cost_capture_nothing_and_are_caught_up(
    house: House, simulators: list[Simulator], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    say(f"seed {SEED}")
    house.start()
    wait_for("the first stored rows", lambda: house.position().get("store_written", 0) > 1000)
    capture, serve = house.processes()["capture"], house.processes()["serve"]

    os.kill(serve, signal.SIGSTOP)
    try:
        before, began = durable(house), time.monotonic()
        sent = sum(one_connection(each)["frames"] for each in simulators)
        time.sleep(FROZEN_S)
        wait_for("capture to record all that was sent meanwhile", lambda: durable(house) - before > FROZEN_S * RATE)
        made = sum(one_connection(each)["frames"] for each in simulators) - sent
        grown, frozen = durable(house) - before, time.monotonic() - began
        say(f"frozen for {frozen:.1f} s: {made} frames sent, the journal grew by {grown}")
    finally:
        os.kill(serve, signal.SIGCONT)
    house.caught_up()
    assert house.processes()["serve"] == serve, "a frozen process is waited for, not replaced"

    pids = {serve}
    for _ in range(KILLS):
        pids.add(wait_for("serve to be started again", lambda: house.processes().get("serve", 0)))
        house.kill(["serve"])
        wait_for("another serve", lambda: house.processes().get("serve", 0) not in pids | {0})
        time.sleep(chance.uniform(0.0, 2.5))
    house.caught_up()
    assert house.processes()["capture"] == capture, "capture was never restarted"
    assert len(pids) == KILLS

    truth = [one_connection(each) for each in simulators]
    counts = [each["frames"] for each in truth]
    wait_for("capture to record what was sent", lambda: all(map(int.__ge__, taken(house), counts)))
    house.down()
    frames = recorded(house)
    assert [beginning(frames, source, count) for source, count in enumerate(counts)] == truth
    say(f"{counts} frames compared with what was sent")
    assert not (frames.kind == RecordKind.GAP).any()
    assert ask(house.data_dir, "select count() n from gaps") == [{"n": 0}]

    engine, again = engine_at_rest(house.data_dir), replayed(house.data_dir, tmp_path / "again")
    assert engine.position == durable(house)
    assert engine.digest() == again["digest"]
    for table in ("trades", "quotes", "book_deltas"):
        (row,) = ask(house.data_dir, f"select count() n, uniqExact(offset, index) rows from {table}")
        assert row["n"] == row["rows"] > 0
