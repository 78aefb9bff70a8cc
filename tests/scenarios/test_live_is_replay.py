"""A recording played through real sockets, captured and served live: the same as the recording, and as its replay."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patient import PATIENCE_S
from recordings import recording
from scenarios.house import House, Simulator, ask, engine_at_rest, replayed, stored, wait_for

BTC = "binance/btcusdt_20240808.gz"
COINBASE = "coinbase/COINBASE.ws.28.0"
TABLES = ("trades", "quotes", "book_deltas", "bars", "gaps", "instruments")
PROVENANCE = ("trades", "quotes", "book_deltas", "bars", "latest")
MINUTE_NS = 60_000_000_000


@contextmanager
def recorded_live(root: Path, venue: str, path: Path, form: str, speed: str, symbols: list[str]) -> Iterator[House]:
    """Play a recording to a house until it is over, and leave the house at rest."""
    options = ("--from-recording", str(path), "--format", form, "--speed", speed)
    simulator = Simulator(root / "sim.log", venue, *options)
    configuration = root / "breadboard.toml"
    configuration.write_text(simulator.feed(symbols))
    house = House(root / "data", "--config", str(configuration))
    try:
        house.start()
        wait_for("the recording to begin", lambda: simulator.process.poll() is not None or simulator.sent())
        assert simulator.process.wait(PATIENCE_S) == 0
        wait_for("capture to hang up", lambda: not house.capture()["sources"][0]["connected"])
        house.caught_up()
        for book in house.books():
            assert (book["state"], book["bids"], book["asks"]) == ("stale", [], []), "a dead feed's book is not served"
        house.down()
        yield house
    finally:
        house.stop_anyhow()
        simulator.stop()


def held_against_replay(house: House, target: Path) -> dict[str, Any]:
    """Replay what the house recorded: it must be all that the house itself concluded. Returns what replay says."""
    live = engine_at_rest(house.data_dir)
    again = replayed(house.data_dir, target)
    told = json.loads(json.dumps(live.summary()))
    assert {key: value for key, value in again.items() if key not in ("seconds", "events_per_s")} == told
    assert live.digest() == again["digest"]
    for table in TABLES:
        assert stored(house.data_dir, table) == stored(target, table), table
    for data_dir in (house.data_dir, target):
        for table in PROVENANCE:
            (row,) = ask(data_dir, f"select count() n, groupUniqArray(provenance) provenance from {table}")
            assert (row["n"] > 0, row["provenance"]) == (True, ["replay"]), table
    sequence_gaps = "select count() n from gaps where reason in ('sequence', 'trade_id', 'quarantine')"
    assert ask(target, sequence_gaps) == [{"n": 0}]
    return again


def events(trade: int, quote: int, book_delta: int, book_snapshot: int) -> dict[str, int]:
    return {"trade": trade, "quote": quote, "book_delta": book_delta, "book_snapshot": book_snapshot, "status": 0}


def compare_with_recording(found: dict[str, Any], path: Path, venue: str, form: str, target: Path) -> None:
    """Hold what was captured against a replay of the recording itself: all the venue said, and how books ended."""
    expected = replayed(path, target, "--venue", venue, form=form)
    for key in ("frames", "data", "control", "quarantined", "ignored", "events", "duplicates", "checksums"):
        assert found[key] == expected[key], key
    ended = {name: {**book, "state": "stale"} for name, book in expected["books"].items()}
    assert found["books"] == ended


def test_a_recorded_market_captured_live_is_the_recording_and_its_own_replay(tmp_path: Path) -> None:
    path = recording(BTC)
    with recorded_live(tmp_path, "binance", path, "hftbacktest", "max", ["BTCUSDT"]) as house:
        again = held_against_replay(house, tmp_path / "again")
    assert again["events"] == events(9_757, 28_040, 3_451, 1)
    assert (again["frames"], again["control"], again["quarantined"], again["duplicates"]) == (41_249, 0, 0, 0)
    assert again["books"] == {
        "BTCUSDT.BINANCE": {
            "bid": "61685.99",
            "ask": "61686.00",
            "bid_size": "1.0087",
            "ask_size": "2.29327",
            "levels": [1209, 2196],
            "sequence": 50093421584,
            "state": "stale",  # the feed has ended: this is what it held then
        }
    }


def test_a_recorded_minute_at_twenty_times_its_pace_is_what_its_lines_say(tmp_path: Path) -> None:
    lines = gzip.decompress(recording(BTC).read_bytes()).splitlines(keepends=True)
    stamps = [int(line.split(b" ", 1)[0]) for line in lines]
    minute = [line for line, stamp in zip(lines, stamps, strict=True) if stamp < stamps[0] + MINUTE_NS]
    path = tmp_path / "minute.gz"
    path.write_bytes(gzip.compress(b"".join(minute), 1))
    with recorded_live(tmp_path, "binance", path, "hftbacktest", "20", ["BTCUSDT"]) as house:
        again = held_against_replay(house, tmp_path / "again")
    names = {"trade": b'"e":"trade"', "quote": b"@bookTicker", "book_delta": b'"e":"depthUpdate"'}
    counts = {name: sum(word in line for line in minute) for name, word in names.items()}
    assert again["events"] == events(**counts, book_snapshot=1)
    compare_with_recording(again, path, "binance", "hftbacktest", tmp_path / "direct")


def test_ten_coinbase_products_captured_live_are_the_recording_and_their_own_replay(tmp_path: Path) -> None:
    path = recording(COINBASE)
    products = sorted({name.decode() for name in re.findall(rb'"product_id":"([A-Z0-9-]+)"', path.read_bytes())})
    assert len(products) == 10
    with recorded_live(tmp_path, "coinbase", path, "cryptofeed", "max", products) as house:
        again = held_against_replay(house, tmp_path / "again")
    assert again["events"] == events(107, 107, 9_719, 10)
    assert (again["frames"], again["control"], again["quarantined"], again["duplicates"]) == (9_946, 3, 0, 0)
    compare_with_recording(again, path, "coinbase", "cryptofeed", tmp_path / "direct")
