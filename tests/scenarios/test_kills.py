"""Processes are killed at random moments while a market runs; afterwards nothing is missing, doubled or different."""

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breadboard import feeds
from breadboard.app.places import Places
from breadboard.config import EngineConfig
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from scenarios.house import House, Watcher, breadboard, journal_hashes, wait_for

KILLS = int(os.environ.get("BREADBOARD_SOAK_KILLS", "8"))
SEED = int(os.environ.get("BREADBOARD_SEED", "20241120"))
VICTIMS = [["serve"], ["capture"], ["serve", "capture"], ["sim-binance"], ["sim-coinbase"], ["up"], ["ALL"]]
TABLES = ("trades", "quotes", "book_deltas", "bars", "gaps", "instruments")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path / "data")
    yield found
    found.stop_anyhow()


def ask(data_dir: Path, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(breadboard("sql", query, "--data-dir", str(data_dir), "--json").stdout)[
        "data"
    ]
    return rows


def stored(data_dir: Path, table: str) -> dict[str, Any]:
    columns = "* except ts_store" if table not in ("bars",) else "*"
    (row,) = ask(data_dir, f"select count() n, groupBitXor(cityHash64({columns})) hash from {table}")
    return row


def engine_at_rest(data_dir: Path) -> Engine:
    found = checkpoint.load(Places(data_dir).engine_state)
    assert found is not None
    engine = Engine(feeds.by_venue, EngineConfig())
    engine.restore(found[1])
    return engine


@pytest.mark.timeout(max(300, KILLS * 60))
def test_a_hundred_kills_lose_nothing_double_nothing_and_change_nothing(house: House, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    house.start()
    wait_for("the first stored rows", lambda: (house.status()["server"] or {}).get("store_written", 0) > 100)
    watcher = Watcher(house.places.journal)
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.1, 3.0))
        victims = chance.choice(VICTIMS)
        names = list(house.processes()) if victims == ["ALL"] else victims
        print(f"kill {kill + 1}: {' '.join(names)} at offset {len(watcher.seen)}")
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

    replayed = tmp_path / "replayed"
    again = json.loads(
        breadboard(
            "replay", str(house.data_dir), "--format", "breadboard", "--data-dir", str(replayed), "--json"
        ).stdout
    )
    engine = engine_at_rest(house.data_dir)
    assert engine.position == len(durable)
    assert engine.digest() == again["digest"]
    for table in TABLES:
        assert stored(house.data_dir, table) == stored(replayed, table), table
    for table in ("trades", "quotes", "book_deltas"):
        (row,) = ask(house.data_dir, f"select count() n, uniqExact(offset, index) rows from {table}")
        assert row["n"] == row["rows"] > 0
    restarts = ask(house.data_dir, "select reason, count() n from gaps group by reason order by reason")
    print(f"{len(durable)} frames, gaps: {restarts}")
