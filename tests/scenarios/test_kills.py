"""Processes are killed at random moments while a market runs; afterwards nothing is missing, doubled or different."""

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.house import (
    House,
    Watcher,
    ask,
    breadboard,
    engine_at_rest,
    journal_hashes,
    replayed,
    say,
    stored,
    wait_for,
)

KILLS = int(os.environ.get("BREADBOARD_SOAK_KILLS", "8"))
SEED = int(os.environ.get("BREADBOARD_SEED", "20241120"))
VICTIMS = [["serve"], ["capture"], ["serve", "capture"], ["sim-binance"], ["sim-coinbase"], ["up"], ["ALL"]]
TABLES = ("trades", "quotes", "book_deltas", "bars", "gaps", "instruments")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path / "data")
    yield found
    found.stop_anyhow()


@pytest.mark.timeout(max(300, KILLS * 60))
def test_a_hundred_kills_lose_nothing_double_nothing_and_change_nothing(house: House, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    say(f"seed {SEED}, {KILLS} kills")
    house.start()
    wait_for("the first stored rows", lambda: (house.status()["server"] or {}).get("store_written", 0) > 100)
    watcher = Watcher(house.places.journal)
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.1, 3.0))
        victims = chance.choice(VICTIMS)
        names = list(house.processes()) if victims == ["ALL"] else victims
        say(f"kill {kill + 1}: {' '.join(names)} at offset {len(watcher.seen)}")
        house.kill([name for name in names if name in house.processes()])
        if "up" in names:
            house.start()
            wait_for("a new supervisor", house.processes)
    known = len(watcher.seen)
    wait_for("recording after the last kill", lambda: len(watcher.seen) > known + 200)
    wait_for("the house to be whole again", lambda: house.status()["state"] == "ok")
    house.down()
    watcher.stop()

    durable = journal_hashes(house.places.journal)
    assert watcher.problems == []
    assert durable[: len(watcher.seen)] == watcher.seen, "a visible record was lost or altered"
    assert json.loads(breadboard("journal", "verify", "--data-dir", str(house.data_dir), "--json").stdout)["ok"]

    again = replayed(house.data_dir, tmp_path / "replayed")
    engine = engine_at_rest(house.data_dir)
    assert engine.position == len(durable)
    assert engine.digest() == again["digest"]
    for table in TABLES:
        assert stored(house.data_dir, table) == stored(tmp_path / "replayed", table), table
    for table in ("trades", "quotes", "book_deltas"):
        (row,) = ask(house.data_dir, f"select count() n, uniqExact(offset, index) rows from {table}")
        assert row["n"] == row["rows"] > 0
    restarts = ask(house.data_dir, "select reason, count() n from gaps group by reason order by reason")
    say(f"{len(durable)} frames, gaps: {restarts}")
