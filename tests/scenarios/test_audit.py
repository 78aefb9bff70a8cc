"""A store that lost something: found at the start and by the command, and built again from the journal."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breadboard import journal
from breadboard.app import client
from breadboard.app.house import build, open_store
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.errors import NotRunning
from breadboard.store.audit import audit
from scenarios.house import free_port, wait_for

START = 1_723_161_255_000
TABLES = ("trades", "quotes", "bars", "gaps", "instruments")


def market_frames(count: int) -> list[str]:
    """Trades and quotes in turn, a tenth of a second apart."""
    lines = []
    for number in range(count):
        ms = START + number * 100
        price = 60_000 + number % 50
        trade = f'"e":"trade","E":{ms},"s":"BTCUSDT","t":{number},"p":"{price}.5","q":"0.25","T":{ms},"m":true,"M":true'
        quote = f'"u":{number},"s":"BTCUSDT","b":"{price}","B":"1","a":"{price + 1}","A":"2"'
        for stream, data in (("trade", trade), ("bookTicker", quote)):
            lines.append(f'{ms * 1_000_000 + 5_000_000} {{"stream":"btcusdt@{stream}","data":{{{data}}}}}')
    return lines


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = run([*arguments, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


@pytest.fixture
def data_dir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A data directory with 2,000 trades and 2,000 quotes in it."""
    recording = tmp_path / "market.txt"
    recording.write_text("\n".join(market_frames(2_000)) + "\n")
    data = tmp_path / "data"
    options = ("--venue", "binance", "--format", "hftbacktest", "--data-dir", str(data))
    assert command(capsys, "replay", str(recording), *options)[0] == 0
    return data


def rows(capsys: pytest.CaptureFixture[str], data: Path) -> list[Any]:
    """Every table as a count and a hash over all columns but the time of storing."""
    found = []
    for table in TABLES:
        query = f"select count() n, groupBitXor(cityHash64(* except ts_store)) h from {table}"
        query = query.replace("* except ts_store", "*") if table == "bars" else query
        code, answer, _ = command(capsys, "sql", query, "--data-dir", str(data))
        assert code == 0
        found.append(answer["data"])
    return found


def truncate_a_part_of(data: Path, table: str) -> None:
    """Cut the largest data file of a table in half, as a disk that lied about a sync does."""
    metadata = next((data / "store").glob(f"**/{table}.sql")).read_text()
    uuid = metadata.split("UUID '")[1][:36]
    files = [path for path in (data / "store").glob(f"**/{uuid}/*_*/*.packed") if "detached" not in path.parts]
    largest = max(files, key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`breadboard serve` on a data directory."""
    config = data.parent / "serve.toml"
    port = free_port()
    config.write_text(f"[api]\nport = {port}\n[engine]\ncheckpoint_s = 0.1\n[store]\nflush_ms = 50\n")
    with (data.parent / "serve.log").open("ab") as log:
        arguments = ["serve", "--data-dir", str(data), "--config", str(config)]
        process = subprocess.Popen([sys.executable, "-m", "breadboard", *arguments], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        try:
            return client.get(address, "/health")[0] == 200
        except NotRunning:
            assert process.poll() is None, (data.parent / "serve.log").read_text()
            return False

    try:
        wait_for("the server", healthy)
        yield address, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_truncated_part_is_found_and_the_store_built_again_from_the_journal(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data-dir", str(data_dir))
    before = rows(capsys, data_dir)
    code, whole, _ = command(capsys, "audit", *where, "--deep")
    assert (code, whole["ok"], whole["findings"]) == (0, True, [])
    truncate_a_part_of(data_dir, "trades")
    with serving(data_dir) as (address, _):
        reasons = wait_for("the audit at start", lambda: client.get_json(address, "/api/v1/status")["reasons"])
        assert any(re.search(r"table trades has [\d,]+ of 2,000 rows written", reason) for reason in reasons), reasons
        told = client.get_json(address, "/api/v1/audit")
        assert not told["ok"]
    assert "breadboard audit --repair" in (data_dir.parent / "serve.log").read_text()
    code, found, _ = command(capsys, "audit", *where)
    assert code == 3
    ((table, wrote, left),) = found["mismatches"]
    assert (table, wrote) == ("trades", 2_000)
    assert left < 2_000
    assert [part[0] for part in found["detached"]] == ["trades"]
    code, repaired, _ = command(capsys, "audit", "--repair", *where)
    assert (code, repaired["ok"], repaired["findings"]) == (0, True, [])
    assert repaired["repaired"]["findings"] == found["findings"]
    assert Path(repaired["repaired"]["kept"]).is_dir()
    assert rows(capsys, data_dir) == before
    assert command(capsys, "audit", "--repair", *where)[1]["repaired"] is None


@pytest.mark.parametrize("table", ["alerts", "features", "anomalies", "statuses", "depth_snapshots", "opportunities"])
@pytest.mark.parametrize("stored", [0, 2])
def test_a_conclusion_that_is_missing_or_stored_twice_is_found(tmp_path: Path, table: str, stored: int) -> None:
    """``stored`` rows where the ledger has one."""
    config = Config(data_dir=str(tmp_path))
    with open_store(config, Places(tmp_path).made()) as store:
        store.command(
            "INSERT INTO batches (first, end, generation, ts_engine, ts_written, tables, rows) "
            f"VALUES (0, 10, 0, now64(9), now64(9), ['{table}'], [1])"
        )
        for _ in range(stored):
            store.command(f"INSERT INTO {table} (venue, symbol, ts_recv, offset) VALUES ('V', 'S', now64(9), 5)")
        assert audit(store).mismatches == ((table, 1, stored),)


def test_a_store_is_kept_when_the_journal_no_longer_reaches_back(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    truncate_a_part_of(data_dir, "quotes")
    real = journal.verify
    monkeypatch.setattr(journal, "verify", lambda directory: msgspec.structs.replace(real(directory), first=17))
    code, nothing, error = command(capsys, "audit", "--repair", "--data-dir", str(data_dir))
    assert (code, nothing) == (1, None)
    assert "begins at offset 17" in error
    assert not list(data_dir.glob("*.damaged.*"))
    assert (data_dir / "checkpoint" / "engine").is_file()


def test_a_killed_server_tells_the_same_last_trade_quote_and_day_after_its_restart(data_dir: Path) -> None:
    fields = ("trade", "quote", "day", "provenance", "price", "bid", "ask", "ts_event")
    with serving(data_dir) as (address, process):
        old = client.get_json(address, "/api/v1/stocks/BTCUSDT")
        process.kill()
        process.wait()
    with serving(data_dir) as (address, _):
        new = client.get_json(address, "/api/v1/stocks/BTCUSDT")
        assert client.get(address, "/ready")[0] == 503
    for stock in (old, new):
        assert (stock["day"]["trades"], stock["day"]["volume"], stock["day"]["open"]) == (2_000, "500", "60000.50")
        assert (stock["provenance"], stock["state"], stock["feed"]) == ("replay", "stale", None)
        assert stock["age_ms"] > 3_600_000
    assert {name: new[name] for name in fields} == {name: old[name] for name in fields}


def test_damage_in_the_middle_of_the_journal_is_stored_as_a_gap_and_the_rest_is_whole(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places, config = Places(data_dir), Config(data_dir=str(data_dir))
    (segment,) = places.journal.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(segment.stat().st_size // 2)
        file.write(bytes(64))
    truncate_a_part_of(data_dir, "trades")
    code, _, error = command(capsys, "audit", "--repair", "--data-dir", str(data_dir))
    assert code == 1, "the old store may hold what the journal lost"
    assert "damaged itself" in error
    for folder in (places.store, places.checkpoint):
        shutil.rmtree(folder)
    durable = journal.info(places.journal).durable
    with open_store(config, places.made()) as store:
        for _ in range(2):  # the second time from the checkpoint
            house = build(config, places, store, SystemClock(), live=False)
            house.catch_up(durable)
            house.pipeline.hand_over(checkpoint=True)
            house.close()
            assert store.written() == durable
        assert audit(store).ok
        damage = store.query("SELECT offset, provenance, detail FROM gaps WHERE reason = 'damage'").to_pylist()
        (counted,) = store.query("SELECT (SELECT count() FROM trades) + (SELECT count() FROM quotes) AS n").to_pylist()
    (gap,) = damage
    lost = int(re.search(r"\d+", gap["detail"])[0])  # type: ignore[index] # a detail without a number fails, as it should
    assert gap["provenance"] == "replay"
    assert counted["n"] == 4_000 - lost
