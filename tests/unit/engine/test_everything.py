"""Equal to the byte for other hash seeds, batch sizes and numbers of partitions, with every stage switched on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import everything
from recordings import recording

TESTS = Path(everything.__file__).parent
WORDS = {
    "0": ["1:2", "all:3", "1000:1:3"],
    "1": ["7:3", "1000:1", "all:2", "100:2:1"],
    "random": ["1000:2", "1000:3", "all:1", "1000:3:2"],
}
"""Batch size and partitions, by hash seed: each size and each number more than once, and each with another seed.

A third number: a restart half way, and so many partitions after it.
"""
FOUND = {
    *("activity_bars", "bars", "features", "gaps", "nbbo", "price", "trade_id"),
    *("alerts", "anomalies", "depth", "opportunities", "paper_fills"),
}


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    for path in ("binance/btcusdt_20240808.gz", "kraken/KRAKEN.ws.48.0", "okx/OKX.ws.1.0"):
        recording(path)
    return everything.concluded(1000, 1)


def test_something_came_of_every_stage(expected: dict[str, str]) -> None:
    assert expected.keys() >= FOUND


@pytest.mark.parametrize("seed", WORDS)
def test_nothing_depends_on_hash_seed_batch_size_or_partitions(seed: str, expected: dict[str, str]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(TESTS / "everything.py"), *WORDS[seed]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [expected] * len(WORDS[seed])
