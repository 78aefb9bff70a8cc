"""Arbitrage by the command and the SQL that a person writes: three recordings of the same minutes in one journal."""

import json
from pathlib import Path
from typing import Any

import pytest

import three_venues
from breadboard.cli import run
from breadboard.journal import Writer
from breadboard.model.kinds import Provenance, RecordKind
from journals import epoch_frame
from recordings import recording
from typed import ask

CONFIG = """
[engine.groups]
BTC = ["BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM", "BTCUSD_PERP.BINANCE_COINM"]

[engine.arbitrage]
suspect_clock = true
fees = { BINANCE = 0, BINANCE_USDM = 0, BINANCE_COINM = 0 }
paper = { latency_ms = { BINANCE = 20 }, default_latency_ms = 50 }

[engine.arbitrage.rates.USD-USDT]
rate = "1"
as_of = 2024-08-08T23:50:00Z
max_age_s = 3600
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a journal of the first minute and a half."""
    directory = tmp_path_factory.mktemp("three") / "journal"
    frames = three_venues.frames().take(slice(0, 50_000))
    with_bodies = list(
        zip(frames.source.tolist(), frames.kind.tolist(), frames.ts_recv.tolist(), frames.frames(), strict=True)
    )
    writer = Writer.open(directory)
    for source, feed in enumerate(three_venues.PATHS):
        venue = feed.upper().replace("-", "_")
        epoch = epoch_frame(source, 1, venue=venue, provenance=Provenance.REPLAY)
        writer.append(RecordKind.EPOCH, source, 1, [epoch], [with_bodies[0][2]], 0)
    for source, kind, ts_recv, body in with_bodies:
        end = writer.append(RecordKind(kind), source, 1, [body], [ts_recv], 0)
    writer.sync(end, 60)
    writer.close()
    return directory


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = run(["replay", *words, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)
    return result


def test_opportunities_are_counted_stored_and_the_same_in_other_batches(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "breadboard.toml"
    file.write_text(CONFIG, encoding="utf-8")
    words = (str(recorded), "--config", str(file))
    results = [
        replayed(capsys, *words, "--data-dir", str(tmp_path / name), "--batch", batch, *more)
        for name, batch, more in (
            ("a", "0", []),
            ("b", "777", ["--arbitrage", "BTC"]),
            ("c", "50000", ["--arbitrage", "all"]),
        )
    ]
    assert len({result["digest"] for result in results}) == 1
    assert results[0]["opportunities"] > 2_000
    tables = "select (select count() from opportunities) o, (select count() from paper_fills) p"
    counted = {"o": results[0]["opportunities"], "p": results[0]["paper_fills"]}
    assert ask(capsys, tmp_path / "a", tables) == [counted]
    states = (
        "select state, cause, count() n, min(net) > 0 as earns from opportunities group by state, cause order by state"
    )
    found = {(row["state"], row["cause"]): row for row in ask(capsys, tmp_path / "a", states)}
    assert set(found) == {("opened", ""), ("updated", ""), ("closed", "gone")}
    assert all(row["earns"] for row in found.values())
    joined = (
        "select count() n, countIf(o.net = p.expected) same from paper_fills p join opportunities o"
        " on o.id = p.opportunity and o.state = 'opened' where p.settled = 1"
    )
    (row,) = ask(capsys, tmp_path / "a", joined)
    assert row["n"] == row["same"] > 20


def test_three_recordings_are_replayed_as_they_were_received(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every opportunity that the engine finds in the three, taken together frame by frame, none is missing."""
    file = tmp_path / "breadboard.toml"
    file.write_text(CONFIG, encoding="utf-8")
    paths = [str(recording(path)) for path in three_venues.PATHS.values()]
    venues = ",".join(three_venues.PATHS)
    words = (*paths, "--venue", venues, "--format", "hftbacktest", "--config", str(file))
    result = replayed(capsys, *words, "--data-dir", str(tmp_path / "a"))
    engine = three_venues.engine(three_venues.GROUPS, arbitrage=three_venues.ARBITRAGE)
    outputs = engine.process(three_venues.frames())
    assert result["data"] == engine.summary()["data"]
    assert result["opportunities"] == len(outputs.streams["opportunities"]) > 5_000
    code = run(["replay", *paths, "--venue", "binance,binance-usdm", "--format", "hftbacktest"])
    assert code == 2
    assert "2 venues for 3 recordings" in capsys.readouterr().err


def test_nobody_who_does_not_ask_has_any(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = replayed(capsys, str(recorded), "--data-dir", str(tmp_path))
    assert (result["opportunities"], result["paper_fills"], result["nbbo"]) == (0, 0, 0)


def test_a_mistake_is_told_before_a_data_directory_is_made(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data_dir = tmp_path / "breadboard.toml", tmp_path / "data"
    for text, words, said in (
        (CONFIG.partition("[engine.arbitrage.rates")[0], (), "quoted in USD and USDT"),
        (CONFIG, ("--arbitrage", "LTC"), "names group 'LTC'"),
        (CONFIG.replace("suspect_clock", "suspicious_clock"), (), "suspicious_clock"),
    ):
        file.write_text(text, encoding="utf-8")
        code = run(["replay", str(recorded), "--config", str(file), "--data-dir", str(data_dir), *words])
        error = capsys.readouterr().err
        assert code == 2, error
        assert said in error
        assert "hint:" in error
        assert not data_dir.exists()
    code = run(["replay", str(recorded), "--arbitrage", "BTC", "--data-dir", str(data_dir)])
    assert code == 2, "and without a file there are no groups"
    assert "[engine.groups]" in capsys.readouterr().err


def test_one_venue_alone_is_replayed_with_a_configuration_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its groups, and what else the options do not say; without legs of other venues nothing opens."""
    file = tmp_path / "breadboard.toml"
    file.write_text(CONFIG, encoding="utf-8")
    path = str(recording("binance/btcusdt_20240808.gz"))
    words = (path, "--venue", "binance", "--format", "hftbacktest", "--config", str(file))
    result = replayed(capsys, *words, "--data-dir", str(tmp_path / "data"), "--features", "mid")
    assert (result["opportunities"], result["nbbo"] > 1_000, result["features"] > 100) == (0, True, True)
